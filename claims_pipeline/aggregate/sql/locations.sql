-- One row per site of care with a claim: its claims in numbers.
select
    location_id,
    any_value(facility_city) as facility_city,
    any_value(facility_state) as facility_state,
    count(*) as claim_count,
    count(distinct patient_number) as patient_count,
    coalesce(sum(total_charge_amount) filter (where claim_status = 'active'), 0)::decimal(18, 2)
        as active_charge_amount
from claims_current
group by location_id
order by location_id
