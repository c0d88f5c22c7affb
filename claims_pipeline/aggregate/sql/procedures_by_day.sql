-- One row per day of receipt, status and procedure.
select
    received_date,
    claim_status,
    hcpcs_code,
    procedure_category,
    count(*) as line_count,
    sum(unit_count)::bigint as unit_count,
    sum(charge_amount)::decimal(18, 2) as charge_amount
from claim_lines
group by all
order by received_date, claim_status, hcpcs_code
