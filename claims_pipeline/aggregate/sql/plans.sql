-- One row per plan with a member or a claim: its member months, and the claims of its coverages in numbers.
with claims as (
    select
        payer_name,
        plan_name,
        plan_type,
        count(*) as claim_count,
        count(distinct patient_number) as patient_count,
        coalesce(sum(total_charge_amount) filter (where claim_status = 'active'), 0)::decimal(18, 2)
            as active_charge_amount
    from claims_current
    group by payer_name, plan_name, plan_type
),

members as (
    select
        payer_name,
        plan_name,
        plan_type,
        sum(member_count)::bigint as member_month_count
    from member_months
    group by payer_name, plan_name, plan_type
)

select
    payer_name,
    plan_name,
    plan_type,
    coalesce(member_month_count, 0) as member_month_count,
    coalesce(claim_count, 0) as claim_count,
    coalesce(patient_count, 0) as patient_count,
    coalesce(active_charge_amount, 0)::decimal(18, 2) as active_charge_amount
from claims
full join members using (payer_name, plan_name, plan_type)
order by payer_name, plan_name, plan_type
