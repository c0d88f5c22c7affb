-- One row per rendering provider with a claim: their claims in numbers.
select
    any_value(practitioner_id) as practitioner_id,
    any_value(practitioner_name) as practitioner_name,
    any_value(specialty) as specialty,
    count(*) as claim_count,
    count(distinct patient_number) as patient_count,
    coalesce(sum(total_charge_amount) filter (where claim_status = 'active'), 0)::decimal(18, 2)
        as active_charge_amount,
    practitioner_number
from claims_current
group by practitioner_number
order by practitioner_id
