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

outliers as (
    select
        *,
        exp(center) as peer_amount,
        0.6745 * (log_amount - center) / spread as score
    from logs
    join peers using (specialty)
    where peer_count >= 8 and spread > 1e-9 and abs(score) > 3.5
)
