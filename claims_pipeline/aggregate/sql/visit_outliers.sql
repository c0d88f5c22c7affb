-- One row per provider whose established office visits are of other levels than those of the specialty.
-- The amount is the average level, 1 of 99211 to 5 of 99215, of the active claims. The score and its limits are those of
-- provider_outliers. Left out are providers with fewer than 30 such visits, whose average one visit moves far, and
-- averages from 0.8 to 1.25 times the median: those of many visits are close together.
with compared as materialized (
    select
        practitioner_id,
        any_value(practitioner_name) as practitioner_name,
        any_value(specialty) as specialty,
        avg(right(hcpcs_code, 1)::tinyint) as amount,
        count(*) as claim_count
    from claim_lines
    join claims_current using (claim_number)
    where claims_current.claim_status = 'active'
        and hcpcs_code in ('99211', '99212', '99213', '99214', '99215')
    group by practitioner_id
    having count(*) >= 30
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
where abs(ln(amount / peer_amount)) > ln(1.25)
order by practitioner_id
