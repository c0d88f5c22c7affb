-- One row per active claim whose charges are far from those of its specialty.
-- The score and its limits are those of provider_outliers; the peers are the claims of the specialty.
with compared as materialized (
    select
        claim_number,
        specialty,
        total_charge_amount::double as amount
    from claims_current
    where claim_status = 'active' and total_charge_amount > 0
),

-- include outlier_scores

select
    claims_current.claim_id,
    claims_current.patient_name,
    outliers.specialty,
    outliers.amount,
    outliers.peer_amount,
    outliers.peer_count,
    outliers.score
from outliers
join claims_current using (claim_number)
order by claim_id
