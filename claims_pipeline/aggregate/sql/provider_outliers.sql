-- One row per provider whose active charges per patient are far from those of the specialty.
-- The score is the robust z of the logarithm: 0.6745 (ln x - median) / MAD over the peers of the same specialty, where
-- MAD is the median distance from the median. Beyond 3.5 a value is an outlier (Iglewicz and Hoaglin, How to Detect and
-- Handle Outliers, 1993). Left out are specialties with fewer than 8 peers or peers all alike, and providers with fewer
-- than 10 claims, of whom one expensive patient would make an outlier.
with compared as materialized (
    select
        providers.practitioner_id,
        providers.practitioner_name,
        providers.specialty,
        active.amount,
        active.claim_count
    from (
        select
            practitioner_number,
            (sum(total_charge_amount) / count(distinct patient_number))::double as amount,
            count(*) as claim_count
        from claims_current
        where claim_status = 'active' and total_charge_amount > 0
        group by practitioner_number
        having count(*) >= 10
    ) as active
    join providers using (practitioner_number)
),

-- include outlier_scores

select
    practitioner_id,
    practitioner_name,
    specialty,
    amount,
    claim_count,
    peer_amount,
    peer_count,
    score
from outliers
order by practitioner_id
