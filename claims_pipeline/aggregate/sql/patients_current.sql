-- One row per patient whom a claim names, as they were on the greatest day.
with latest as (
    select patient_id, max(day) as day from lake.patients group by patient_id
)

select
    patient_id,
    first_name,
    last_name,
    gender,
    birth_date,
    address_line,
    city,
    state,
    zip_code,
    day as as_of_date
from lake.patients
join latest using (patient_id, day)
order by patient_id
