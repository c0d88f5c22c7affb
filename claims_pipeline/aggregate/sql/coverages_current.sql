-- One row per coverage that a claim names, or that pays second beside such a one, as it was on the greatest day.
with latest as (
    select coverage_id, max(day) as day from lake.coverages group by coverage_id
)

select
    coverages.* exclude (day),
    payer_name,
    day as as_of_date
from lake.coverages as coverages
join latest using (coverage_id, day)
left join lake.payers using (payer_id)
order by coverage_id
