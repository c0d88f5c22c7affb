-- One row per claim id: its version with the greatest day.
with latest as (
    select claim_id, max(day) as day from lake.claims group by claim_id
)

select
    claim_id,
    claim_status,
    version_number,
    received_date,
    claim_start_date,
    claim_end_date,
    patient_id,
    patient_name,
    coverage_id,
    payer_id,
    organization_id,
    billing_npi,
    practitioner_id,
    rendering_npi,
    location_id,
    facility_city,
    facility_state,
    place_of_service_code,
    diagnosis_codes,
    total_charge_amount,
    len(lines) as line_count,
    list_transform(lines, lambda line: line.hcpcs_code) as hcpcs_codes,
    day as as_of_date
from lake.claims
join latest using (claim_id, day)
order by received_date, claim_id
