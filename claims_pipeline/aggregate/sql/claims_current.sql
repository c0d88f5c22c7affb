-- One row per claim id: its version with the greatest day, with what claims are broken down by.
-- Patient (with the state), coverage and practitioner are as they are now. The age is that on the first day of service.
-- Numbers are those of this file. Chapters are those of ICD-10-CM, of the principal diagnosis.
with latest as (
    select
        claim_id,
        max(day) as day,
        row_number() over (order by claim_id)::integer as claim_number
    from lake.claims
    group by claim_id
),

versions as (
    select * from lake.claims join latest using (claim_id, day)
),

practitioner_numbers as (
    select
        practitioner_id,
        row_number() over (order by practitioner_id)::integer as practitioner_number
    from (select distinct practitioner_id from lake.claims)
)

select
    versions.claim_id,
    versions.claim_status,
    versions.version_number,
    versions.claim_frequency_code,
    versions.replaced_claim_id,
    versions.received_date,
    versions.claim_start_date,
    versions.claim_end_date,
    versions.patient_id,
    versions.patient_name,
    coalesce(patients_current.gender, 'unknown') as gender,
    case
        when patients_current.birth_date is null then 'unknown'
        when date_sub('year', patients_current.birth_date, versions.claim_start_date) < 18 then '0-17'
        when date_sub('year', patients_current.birth_date, versions.claim_start_date) < 35 then '18-34'
        when date_sub('year', patients_current.birth_date, versions.claim_start_date) < 50 then '35-49'
        when date_sub('year', patients_current.birth_date, versions.claim_start_date) < 65 then '50-64'
        when date_sub('year', patients_current.birth_date, versions.claim_start_date) < 75 then '65-74'
        else '75+'
    end as age_band,
    coalesce(patients_current.state, 'unknown') as patient_state,
    versions.coverage_id,
    versions.payer_id,
    coalesce(coverages_current.payer_name, versions.payer_id) as payer_name,
    coalesce(coverages_current.plan_name, 'unknown') as plan_name,
    coalesce(coverages_current.plan_type, 'unknown') as plan_type,
    versions.organization_id,
    coalesce(organizations.organization_name, versions.organization_id) as organization_name,
    versions.billing_npi,
    versions.practitioner_id,
    versions.rendering_npi,
    coalesce(concat_ws(' ', practitioners.first_name, practitioners.last_name), 'unknown') as practitioner_name,
    coalesce(practitioners.specialty, 'unknown') as specialty,
    versions.location_id,
    coalesce(locations.location_name, versions.location_id) as location_name,
    versions.facility_city,
    versions.facility_state,
    versions.place_of_service_code,
    versions.diagnosis_codes,
    coalesce(versions.diagnosis_codes[1], 'none') as principal_diagnosis_code,
    case
        when versions.diagnosis_codes[1] is null then 'none'
        when versions.diagnosis_codes[1] < 'C' then 'Infections'
        when versions.diagnosis_codes[1] < 'D50' then 'Neoplasms'
        when versions.diagnosis_codes[1] < 'E' then 'Blood and immunity'
        when versions.diagnosis_codes[1] < 'F' then 'Endocrine and metabolic'
        when versions.diagnosis_codes[1] < 'G' then 'Mental and behavioral'
        when versions.diagnosis_codes[1] < 'H' then 'Nervous system'
        when versions.diagnosis_codes[1] < 'H60' then 'Eye'
        when versions.diagnosis_codes[1] < 'I' then 'Ear'
        when versions.diagnosis_codes[1] < 'J' then 'Circulatory system'
        when versions.diagnosis_codes[1] < 'K' then 'Respiratory system'
        when versions.diagnosis_codes[1] < 'L' then 'Digestive system'
        when versions.diagnosis_codes[1] < 'M' then 'Skin'
        when versions.diagnosis_codes[1] < 'N' then 'Musculoskeletal system'
        when versions.diagnosis_codes[1] < 'O' then 'Genitourinary system'
        when versions.diagnosis_codes[1] < 'P' then 'Pregnancy and childbirth'
        when versions.diagnosis_codes[1] < 'Q' then 'Perinatal period'
        when versions.diagnosis_codes[1] < 'R' then 'Congenital'
        when versions.diagnosis_codes[1] < 'S' then 'Symptoms and findings'
        when versions.diagnosis_codes[1] < 'U' then 'Injury and poisoning'
        when versions.diagnosis_codes[1] < 'V' then 'Special purposes'
        when versions.diagnosis_codes[1] < 'Z' then 'External causes'
        else 'Health status and contact'
    end as diagnosis_chapter,
    versions.total_charge_amount,
    len(versions.lines) as line_count,
    list_transform(versions.lines, lambda line: line.hcpcs_code) as hcpcs_codes,
    coalesce(versions.lines[1].hcpcs_code, 'none') as first_hcpcs_code,
    claim_number,
    patient_numbers.patient_number,
    practitioner_number,
    versions.day as as_of_date
from versions
join patient_numbers using (patient_id)
left join practitioner_numbers using (practitioner_id)
left join patients_current using (patient_id)
left join coverages_current using (coverage_id)
left join lake.practitioners as practitioners using (practitioner_id)
left join lake.organizations as organizations on organizations.organization_id = versions.organization_id
left join lake.locations as locations on locations.location_id = versions.location_id
order by versions.received_date, claim_number
