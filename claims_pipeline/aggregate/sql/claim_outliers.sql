-- One row per active claim whose charges are far from those of its specialty.
-- The score and its limits are those of provider_outliers; the peers are the claims of the specialty.
with compared as materialized (
    select
        claim_id,
        patient_name,
        specialty,
        total_charge_amount::double as amount
    from claims_current
    where claim_status = 'active' and total_charge_amount > 0
),

logs as (
    select *, ln(amount) as log_amount from compared
),

peers as (
    select
        specialty,
        median(log_amount) as center,
        mad(log_amount) as spread,
        count(*) as peer_count
    from logs
    group by specialty
),

scored as (
    select *, 0.6745 * (log_amount - center) / spread as score
    from logs
    join peers using (specialty)
    where peer_count >= 8 and spread > 1e-9
)

select
    claim_id,
    patient_name,
    specialty,
    amount,
    exp(center) as peer_amount,
    peer_count,
    score
from scored
where abs(score) > 3.5
order by claim_id
