-- One row per day of receipt, status, patient's gender, state of the site of care and of the patient.
select
    received_date,
    claim_status,
    gender,
    facility_state,
    patient_state,
    count(*) as claim_count,
    sum(total_charge_amount)::decimal(18, 2) as charge_amount
from claims_current
group by all
order by received_date, claim_status, gender, facility_state, patient_state
