-- Each subscription's history as half-open local dates: the latest landed row per valid_from, cut where the next
-- begins. The day of a change belongs to the new interval; one that lasts less than a day leaves nothing but its day in
-- `brief_days`. `starts_at` and `ends_at` are its instants. 9999-12-31 stands for an open end.
-- inputs: subscriptions
WITH newest AS (
    SELECT subscription_id, valid_from, max(day) AS day FROM subscriptions GROUP BY subscription_id, valid_from
),
ranked AS (
    SELECT
        subscription.*, row_number() OVER (
            PARTITION BY subscription.subscription_id, subscription.valid_from
            ORDER BY subscription.source_file DESC, subscription.source_row DESC
        ) AS place
    FROM subscriptions AS subscription
    JOIN newest ON newest.subscription_id = subscription.subscription_id AND newest.valid_from = subscription.valid_from
        AND newest.day = subscription.day
),
dated AS (
    SELECT
        *, CAST(timezone(ranked.timezone, ranked.valid_from) AS DATE) AS start_day,
        coalesce(CAST(timezone(ranked.timezone, ranked.valid_to) AS DATE), DATE '9999-12-31') AS own_end
    FROM ranked WHERE place = 1
),
followed AS (
    SELECT *, lead(valid_from) OVER later AS next_from, lead(start_day) OVER later AS next_start
    FROM dated
    WINDOW later AS (PARTITION BY subscription_id ORDER BY valid_from)
),
cut AS (
    SELECT
        *, valid_from AS starts_at,
        CASE WHEN next_from <= coalesce(valid_to, next_from) THEN next_from ELSE valid_to END AS ends_at,
        CASE WHEN next_from <= coalesce(valid_to, next_from) THEN next_start
            ELSE least(own_end, coalesce(next_start, DATE '9999-12-31'))
        END AS end_day
    FROM followed
),
lasting AS (
    SELECT
        *, list(start_day) FILTER (WHERE start_day >= end_day AND starts_at < ends_at AND status = 'active')
            OVER (PARTITION BY subscription_id) AS brief_days
    FROM cut
)
SELECT
    subscription_id, customer_id, plan_id, plan_version, status, quantity, currency, timezone, tax_region, segment,
    billing_anchor, billing_interval, contract, start_day, end_day, starts_at, ends_at, brief_days,
    min(start_day) FILTER (WHERE billing_interval = 'once') OVER (PARTITION BY subscription_id) AS once_start,
    max(end_day) FILTER (WHERE billing_interval = 'once') OVER (PARTITION BY subscription_id) AS once_end
FROM lasting WHERE start_day < end_day
