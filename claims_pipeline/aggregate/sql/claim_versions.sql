-- One row per version of a claim, as the payer received it.
select
    claim_id,
    version_number,
    claim_status,
    day as as_of_date,
    total_charge_amount
from lake.claims
order by claim_id, version_number
