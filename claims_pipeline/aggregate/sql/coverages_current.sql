-- One row per coverage that a claim names, as it was on the greatest day.
with latest as (
    select coverage_id, max(day) as day from lake.coverages group by coverage_id
)

select
    coverage_id,
    patient_id,
    payer_id,
    plan_id,
    plan_name,
    plan_type,
    member_id,
    coverage_start_date,
    coverage_end_date,
    payer_name,
    day as as_of_date
from lake.coverages
join latest using (coverage_id, day)
left join lake.payers using (payer_id)
order by coverage_id
