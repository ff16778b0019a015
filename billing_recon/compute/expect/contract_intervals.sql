-- Each subscription's history as half-open local dates: the latest landed row per valid_from, cut where the next
-- begins. By date, the day of a change belongs to the new interval; `from_at` and `to_at` are the instants between
-- which the terms hold for usage, and `last_day` is the last day with such an instant. An active interval within one
-- day that no other active interval holds or ends on has that day; others have no day (`end_day` = `start_day`) and
-- only usage. `starts_at` and `ends_at` are its instants as landed. `cut_days`: the subscription's days within which
-- terms change. 9999-12-31 stands for an open end.
-- inputs: known_subscriptions, term_profile
WITH newest AS (
    SELECT subscription_id, valid_from, max(day) AS day FROM known_subscriptions GROUP BY subscription_id, valid_from
),
ranked AS (
    SELECT
        subscription.*, row_number() OVER (
            PARTITION BY subscription.subscription_id, subscription.valid_from
            ORDER BY subscription.source_file DESC, subscription.source_row DESC
        ) AS place
    FROM known_subscriptions AS subscription
    JOIN newest ON newest.subscription_id = subscription.subscription_id AND newest.valid_from = subscription.valid_from
        AND newest.day = subscription.day
),
dated AS (
    SELECT
        *, timezone(ranked.timezone, ranked.valid_from) AS local_start, CAST(local_start AS DATE) AS start_day,
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
placed AS (
    SELECT
        cut.*, profile.changes_take_effect = 'instant' AS by_instant, timezone(cut.timezone, cut.ends_at) AS local_end,
        coalesce(cut.start_day >= cut.end_day AND cut.starts_at < cut.ends_at AND cut.status = 'active', false)
            AS is_brief
    FROM cut
    CROSS JOIN term_profile AS profile
),
alone AS (
    SELECT brief.subscription_id, max(brief.starts_at) AS starts_at
    FROM placed AS brief
    ANTI JOIN placed AS other
        ON other.subscription_id = brief.subscription_id AND other.status = 'active'
            AND other.start_day < other.end_day AND other.start_day <= brief.start_day
            AND brief.start_day <= other.end_day
    WHERE brief.is_brief
    GROUP BY brief.subscription_id, brief.start_day
),
lasting AS (
    SELECT
        placed.* REPLACE (
            CASE WHEN alone.starts_at IS NOT NULL THEN CAST(placed.start_day + 1 AS DATE)
                ELSE greatest(placed.end_day, placed.start_day)
            END AS end_day
        ),
        placed.by_instant AND placed.status = 'active' AND placed.local_start > placed.start_day AS starts_inside,
        coalesce(
            placed.by_instant AND placed.status = 'active' AND placed.local_end > CAST(placed.local_end AS DATE), false
        ) AS ends_inside
    FROM placed
    LEFT JOIN alone ON alone.subscription_id = placed.subscription_id AND alone.starts_at = placed.starts_at
),
split AS (
    SELECT
        *, list(start_day) FILTER (WHERE starts_inside) OVER subscription AS start_cuts,
        list(CAST(local_end AS DATE)) FILTER (WHERE ends_inside) OVER subscription AS end_cuts
    FROM lasting
    WINDOW subscription AS (PARTITION BY subscription_id)
)
SELECT
    subscription_id, customer_id, plan_id, plan_version, status, quantity, currency, timezone, tax_region, segment,
    billing_anchor, billing_interval, contract, start_day, end_day, starts_at, ends_at,
    CASE WHEN ends_inside THEN CAST(local_end AS DATE) ELSE CAST(end_day - 1 AS DATE) END AS last_day,
    CASE WHEN by_instant THEN starts_at END AS from_at, CASE WHEN by_instant THEN ends_at END AS to_at,
    CASE WHEN start_cuts IS NOT NULL OR end_cuts IS NOT NULL
            THEN list_distinct(coalesce(start_cuts, []) || coalesce(end_cuts, []))
    END AS cut_days,
    min(start_day) FILTER (WHERE billing_interval = 'once') OVER (PARTITION BY subscription_id) AS once_start,
    max(end_day) FILTER (WHERE billing_interval = 'once') OVER (PARTITION BY subscription_id) AS once_end
FROM split WHERE start_day < end_day OR (by_instant AND is_brief)
