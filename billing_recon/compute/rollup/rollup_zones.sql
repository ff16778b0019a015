-- The time zone of each subscription by the day on which an event is observed, from the latest row landed by then. So
-- an event that is taken out later leaves the usage day into which it was counted.
-- inputs: subscriptions
WITH settled AS (
    SELECT subscription_id, min(timezone) AS timezone, max(timezone) AS other, min(day) AS since
    FROM subscriptions GROUP BY subscription_id
),
moved AS (
    SELECT
        landed.subscription_id, landed.day, landed.timezone, row_number() OVER (
            PARTITION BY landed.subscription_id, landed.day ORDER BY landed.valid_from DESC, landed.source_row DESC
        ) AS newest
    FROM subscriptions AS landed
    JOIN settled ON settled.subscription_id = landed.subscription_id AND settled.timezone <> settled.other
),
dated AS (
    SELECT subscription_id, timezone, day AS since, lead(day) OVER (PARTITION BY subscription_id ORDER BY day) AS until
    FROM moved WHERE newest = 1
)
SELECT subscription_id, timezone, since, DATE '9999-12-31' AS until FROM settled WHERE timezone = other
UNION ALL
SELECT subscription_id, timezone, since, coalesce(until, DATE '9999-12-31') AS until FROM dated
