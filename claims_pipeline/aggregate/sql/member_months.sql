-- One row per month, plan, gender, age band and state: how many members it has.
-- A member counts once a month, in the plan of the span that the month belongs to; the age is that on its first day.
with months as (
    select
        *,
        unnest(generate_series(first_month, last_month, interval 1 month))::date as month_start
    from member_spans
)

select
    month_start,
    payer_name,
    plan_name,
    plan_type,
    gender,
    case
        when birth_date is null then 'unknown'
        when date_sub('year', birth_date, month_start) < 18 then '0-17'
        when date_sub('year', birth_date, month_start) < 35 then '18-34'
        when date_sub('year', birth_date, month_start) < 50 then '35-49'
        when date_sub('year', birth_date, month_start) < 65 then '50-64'
        when date_sub('year', birth_date, month_start) < 75 then '65-74'
        else '75+'
    end as age_band,
    patient_state,
    count(*) as member_count
from months
group by all
order by all
