-- One row per patient: their claims in numbers.
select
    any_value(patient_id) as patient_id,
    count(*) as claim_count,
    coalesce(sum(total_charge_amount) filter (where claim_status = 'active'), 0)::decimal(18, 2)
        as active_charge_amount,
    min(received_date) as first_received_date,
    max(received_date) as last_received_date,
    patient_number
from claims_current
group by patient_number
order by patient_id
