-- One row per service line of a claim's current version.
with lines as (
    select
        current.claim_id,
        current.claim_number,
        current.patient_number,
        current.claim_status,
        current.received_date,
        current.patient_id,
        unnest(versions.lines) as line
    from lake.claims as versions
    join claims_current as current
        on current.claim_id = versions.claim_id and current.as_of_date = versions.day
)

select
    claim_id,
    claim_status,
    received_date,
    patient_id,
    line.claim_line_number,
    line.hcpcs_code,
    coalesce(procedures.category, 'other') as procedure_category,
    line.modifiers,
    line.diagnosis_pointers,
    line.line_service_date,
    line.place_of_service_code,
    line.unit_count,
    line.unit_charge_amount,
    line.charge_amount,
    claim_number,
    patient_number
from lines
left join reference.procedures as procedures on procedures.hcpcs_code = line.hcpcs_code
order by received_date, claim_number, line.claim_line_number
