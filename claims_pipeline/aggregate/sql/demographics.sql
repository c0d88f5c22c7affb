-- One row per gender and age band: member months, and claims in numbers.
-- The age of a claim is that on its first day of service, of a member that on the first day of the month.
with claims as (
    select
        gender,
        age_band,
        count(*) as claim_count,
        count(distinct patient_number) as patient_count,
        coalesce(sum(total_charge_amount) filter (where claim_status = 'active'), 0)::decimal(18, 2)
            as active_charge_amount
    from claims_current
    group by gender, age_band
),

members as (
    select
        gender,
        age_band,
        sum(member_count)::bigint as member_month_count
    from member_months
    group by gender, age_band
)

select
    gender,
    age_band,
    coalesce(member_month_count, 0) as member_month_count,
    coalesce(claim_count, 0) as claim_count,
    coalesce(patient_count, 0) as patient_count,
    coalesce(active_charge_amount, 0)::decimal(18, 2) as active_charge_amount
from claims
full join members using (gender, age_band)
order by gender, age_band
