-- One row per member and span of coverage that counts for at least one month.
-- A member counts in each month with a covered day, once: a month of two spans belongs to the later one. So the member
-- months of a period are the sum, over the spans, of the months that they share with it.
-- What pays second beside another coverage adds no months.
-- The state of a member whom the claims name is that of patients_current, so that claims and members are of one state;
-- that of others is the state on the first day of the span.
-- From the month of the earliest service to the last day that the lake has a claim for.
with period as (
    select
        date_trunc('month', min(claim_start_date))::date as first_month,
        max(as_of_date) as last_day
    from claims_current
),

spans as (
    select patient_id, gender, birth_date, unnest(spans) as span from lake.enrollment
),

months as (
    select
        patient_id,
        gender,
        birth_date,
        span,
        greatest(date_trunc('month', span.coverage_start_date)::date, first_month) as first_month,
        least(
            date_trunc('month', span.coverage_end_date)::date,
            date_trunc('month', last_day)::date,
            coalesce(
                (lead(date_trunc('month', span.coverage_start_date)::date) over (
                    partition by patient_id order by span.coverage_start_date
                ) - interval 1 month)::date,
                date_trunc('month', last_day)::date
            )
        ) as last_month
    from spans, period
    where span.coverage_start_date <= last_day and span.coverage_order = 1
)

select
    patient_id,
    coalesce(months.gender, 'unknown') as gender,
    months.birth_date,
    coalesce(patients_current.state, span.state) as patient_state,
    span.coverage_id,
    span.plan_id,
    coalesce(plan_name, 'unknown') as plan_name,
    coalesce(plan_type, 'unknown') as plan_type,
    plans.payer_id,
    coalesce(payer_name, plans.payer_id) as payer_name,
    first_month,
    last_month,
    date_diff('month', first_month, last_month) + 1 as month_count
from months
left join lake.plans on plans.plan_id = span.plan_id
left join lake.payers on payers.payer_id = plans.payer_id
left join patients_current using (patient_id)
where first_month <= last_month
order by patient_id, first_month
