-- One row per procedure that a line names: its label, its category and its lines in numbers.
with totals as (
    select
        hcpcs_code,
        procedure_category,
        count(distinct claim_number) as claim_count,
        count(distinct patient_number) as patient_count,
        count(*) as line_count,
        sum(unit_count)::bigint as unit_count,
        coalesce(sum(charge_amount) filter (where claim_status = 'active'), 0)::decimal(18, 2) as active_charge_amount
    from claim_lines
    group by hcpcs_code, procedure_category
)

select
    hcpcs_code,
    coalesce(label, '') as label,
    procedure_category,
    claim_count,
    patient_count,
    line_count,
    unit_count,
    active_charge_amount
from totals
left join reference.procedures using (hcpcs_code)
order by hcpcs_code
