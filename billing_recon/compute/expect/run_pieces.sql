-- Active intervals clipped to their own periods and numbered by run: `run_no` while they touch and share plan, version,
-- currency and tax region; `seat_no` while they share the seats too. `from_at` and `to_at`: between which usage belongs
-- to a piece, for subscriptions with days that are cut. A piece without a day of its own (`has_days` is false) only has
-- usage: it is part of the run with its terms that it touches, or else of one that is numbered below zero. By the
-- second, pieces within a period have their seconds, and a run ends where there is a gap.
-- inputs: contract_intervals, contract_periods, run_params
WITH bounded AS (
    SELECT
        period.*, term.* EXCLUDE (subscription_id), period_of(
            term.billing_anchor, term.billing_interval, term.once_start, term.once_end, period.period_start
        ) AS own
    FROM contract_periods AS period
    JOIN contract_intervals AS term
        ON term.subscription_id = period.subscription_id
            AND term.start_day < period.period_end AND term.last_day >= period.period_start
    WHERE term.status = 'active'
),
pieces AS (
    SELECT
        bounded.* EXCLUDE (from_at, to_at), greatest(start_day, period_start) AS from_day,
        greatest(least(end_day, period_end), greatest(start_day, period_start)) AS to_day,
        params.proration = 'by_second' AS by_second,
        CASE WHEN cut_days IS NULL THEN NULL
            WHEN start_day < period_start THEN midnight(period_start, timezone)
            ELSE from_at
        END AS from_at,
        CASE WHEN cut_days IS NULL THEN NULL
            WHEN billing_interval = 'once' THEN coalesce(to_at, midnight(period_end, timezone))
            ELSE coalesce(least(to_at, midnight(period_end, timezone)), midnight(period_end, timezone))
        END AS to_at
    FROM bounded
    CROSS JOIN run_params AS params
    WHERE own.starts = period_start AND own.ends = period_end
),
judged AS (
    SELECT *, from_day < to_day OR (by_second AND from_day > period_start) AS has_days
    FROM pieces WHERE from_day < to_day OR from_at < to_at
),
broken AS (
    SELECT
        *,
        CASE WHEN lag(to_day) OVER period = from_day AND lag(plan_id) OVER period = plan_id
                AND lag(plan_version) OVER period = plan_version AND lag(currency) OVER period = currency
                AND lag(tax_region) OVER period = tax_region
                AND (NOT by_second OR lag(ends_at) OVER period = starts_at) THEN 0
            ELSE 1
        END AS new_run,
        CASE WHEN lag(quantity) OVER period = quantity THEN 0 ELSE 1 END AS new_seats
    FROM judged WHERE has_days
    WINDOW period AS (PARTITION BY subscription_id, period_start, period_end ORDER BY from_day, starts_at)
),
numbered AS (
    SELECT
        * EXCLUDE (new_run, new_seats), sum(new_run) OVER period AS run_no,
        sum(greatest(new_run, new_seats)) OVER period AS seat_no
    FROM broken
    WINDOW period AS (
        PARTITION BY subscription_id, period_start, period_end ORDER BY from_day, starts_at
        ROWS UNBOUNDED PRECEDING
    )
),
dayless AS (
    SELECT
        *, -dense_rank() OVER (
            PARTITION BY subscription_id, period_start, period_end
            ORDER BY from_day, plan_id, plan_version, currency, tax_region
        ) AS own_no
    FROM judged WHERE NOT has_days
),
touching AS (
    SELECT
        piece.subscription_id, piece.starts_at, piece.period_start, piece.period_end,
        arg_min(run.run_no, run.from_day) AS run_no
    FROM dayless AS piece
    JOIN numbered AS run
        ON run.subscription_id = piece.subscription_id AND run.period_start = piece.period_start
            AND run.period_end = piece.period_end AND run.plan_id = piece.plan_id
            AND run.plan_version = piece.plan_version AND run.currency = piece.currency
            AND run.tax_region = piece.tax_region
            AND (run.to_day = piece.from_day OR run.from_day = piece.from_day)
    GROUP BY piece.subscription_id, piece.starts_at, piece.period_start, piece.period_end
),
placed AS (
    SELECT * FROM numbered
    UNION ALL BY NAME
    SELECT piece.* EXCLUDE (own_no), coalesce(touching.run_no, piece.own_no) AS run_no
    FROM dayless AS piece
    LEFT JOIN touching
        ON touching.subscription_id = piece.subscription_id AND touching.starts_at = piece.starts_at
            AND touching.period_start = piece.period_start AND touching.period_end = piece.period_end
)
SELECT
    subscription_id, period_start, period_end, due_on, wanted, is_open, late, ahead, ahead_asked, corrected,
    known_by, customer_id, plan_id, plan_version, quantity, currency, tax_region, segment, contract, timezone,
    starts_at, ends_at, cut_days, from_day, to_day, from_at, to_at, has_days, run_no, seat_no
FROM placed
