-- One row per patient whom a claim names, or a coverage of one as subscriber, as they were on the greatest day.
with latest as (
    select patient_id, max(day) as day from lake.patients group by patient_id
)

select
    patients.* exclude (day),
    lower(concat_ws(' ', first_name, last_name)) as search_name,
    patient_number,
    day as as_of_date
from lake.patients as patients
join latest using (patient_id, day)
join patient_numbers using (patient_id)
order by patient_id
