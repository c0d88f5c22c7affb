-- One row per patient id: its number in this file, which joins and counts faster than the id.
with ids as (
    select patient_id from lake.claims
    union
    select patient_id from lake.patients
)

select
    patient_id,
    row_number() over (order by patient_id)::integer as patient_number
from ids
order by patient_id
