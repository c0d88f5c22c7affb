-- One row per month of service and number of months until receipt in which claims of it were received.
-- It is the run-out triangle: a month is complete when the amounts "until then" no longer grow.
with received as (
    select
        date_trunc('month', claim_start_date)::date as service_month,
        date_diff('month', claim_start_date, received_date) as month_count,
        count(*) as claim_count,
        coalesce(sum(total_charge_amount) filter (where claim_status = 'active'), 0)::decimal(18, 2)
            as active_charge_amount
    from claims_current
    group by all
)

select
    service_month,
    month_count,
    claim_count,
    active_charge_amount,
    (sum(claim_count) over until_then)::bigint as claim_count_until_then,
    (sum(active_charge_amount) over until_then)::decimal(18, 2) as active_charge_amount_until_then
from received
window until_then as (partition by service_month order by month_count)
order by service_month, month_count
