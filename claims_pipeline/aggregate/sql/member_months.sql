-- One row per member and month with at least one covered day.
-- The plan is that of the last covered day, so that a change within a month does not count the member twice.
-- From the month of the earliest service to the last day that the lake has a claim for.
with period as (
    select date_trunc('month', min(claim_start_date)) as first_month, max(as_of_date) as last_day
    from claims_current
),

spans as (
    select patient_id, unnest(spans) as span from lake.enrollment
),

months as (
    select
        patient_id,
        span,
        unnest(
            generate_series(
                greatest(date_trunc('month', span.coverage_start_date), first_month),
                least(span.coverage_end_date, last_day),
                interval 1 month
            )
        )::date as coverage_month
    from spans, period
    where first_month is not null
),

last_of_month as (
    select patient_id, coverage_month, max_by(span, span.coverage_start_date) as span
    from months
    group by patient_id, coverage_month
)

select
    patient_id,
    coverage_month,
    span.coverage_id,
    span.plan_id,
    plan_type,
    payer_id
from last_of_month
left join lake.plans on plans.plan_id = span.plan_id
order by patient_id, coverage_month
