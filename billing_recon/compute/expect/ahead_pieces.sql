-- The pieces of a period that are billed ahead, of periods of which something is due within the grace for issuing,
-- ahead or in arrears, or was billed: all that was billed ahead for one is computed together. Where changes wait for
-- the next period, a piece that changes nothing is left out and the one before lasts until the next that does, or to
-- the end. Without an end (9999-12-31) there is nothing to share: a one-off charge, billed on its first day.
-- inputs: run_pieces, ahead_level_items, ahead_level_prices, term_profile, run_params
-- rows from: run_pieces WHERE ahead
WITH due_from AS (
    SELECT
        CAST(day - issue_after_days - issue_grace_days AS DATE) AS begins,
        CAST(day - issue_after_days AS DATE) AS ends
    FROM run_params
),
levels AS (
    SELECT item.subscription_id, item.period_start, item.period_end, item.starts_at, sum(priced.gross_raw) AS level
    FROM ahead_level_items AS item
    JOIN ahead_level_prices AS priced ON priced.item_id = item.item_id
    GROUP BY item.subscription_id, item.period_start, item.period_end, item.starts_at
),
live AS (
    SELECT piece.subscription_id, piece.period_start, piece.period_end
    FROM run_pieces AS piece
    CROSS JOIN due_from
    WHERE piece.ahead AND (
            piece.wanted
            OR piece.ahead_asked
            OR piece.corrected
            OR piece.from_day BETWEEN due_from.begins AND due_from.ends
            OR piece.to_day BETWEEN due_from.begins AND due_from.ends
        )
),
placed AS (
    SELECT
        piece.* EXCLUDE (run_no, seat_no, ahead_asked), piece.run_no AS own_run, piece.ahead_asked
        OR piece.wanted AS ahead_asked,
        CASE WHEN params.proration = 'none' OR piece.period_end = DATE '9999-12-31' THEN 'none'
            ELSE profile.on_change
        END AS on_change,
        row_number() OVER period AS place, coalesce(levels.level, 0) AS level,
        max(coalesce(levels.level, 0)) OVER (
            PARTITION BY piece.subscription_id, piece.period_start, piece.period_end, piece.currency
            ORDER BY piece.from_day, piece.starts_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS billed_level
    FROM run_pieces AS piece
    SEMI JOIN live
        ON live.subscription_id = piece.subscription_id AND live.period_start = piece.period_start
            AND live.period_end = piece.period_end
    CROSS JOIN term_profile AS profile
    CROSS JOIN run_params AS params
    LEFT JOIN levels
        ON levels.subscription_id = piece.subscription_id AND levels.period_start = piece.period_start
            AND levels.period_end = piece.period_end AND levels.starts_at = piece.starts_at
    WHERE piece.ahead AND piece.has_days
    WINDOW period AS (
        PARTITION BY piece.subscription_id, piece.period_start, piece.period_end
        ORDER BY piece.from_day, piece.starts_at
    )
),
kept AS (
    SELECT * FROM placed
    WHERE on_change = 'prorate' OR place = 1 OR (on_change = 'at_period_end' AND coalesce(level > billed_level, true))
),
lasting AS (
    SELECT
        * EXCLUDE (to_day, ends_at),
        CASE WHEN on_change = 'prorate' THEN to_day ELSE coalesce(lead(from_day) OVER period, period_end) END AS to_day,
        CASE WHEN on_change = 'prorate' THEN ends_at ELSE lead(starts_at) OVER period END AS ends_at
    FROM kept
    WINDOW period AS (PARTITION BY subscription_id, period_start, period_end ORDER BY from_day, starts_at)
),
broken AS (
    SELECT
        *,
        CASE WHEN lag(to_day) OVER period = from_day AND lag(plan_id) OVER period = plan_id
                AND lag(plan_version) OVER period = plan_version AND lag(currency) OVER period = currency
                AND lag(tax_region) OVER period = tax_region THEN 0
            ELSE 1
        END AS new_run,
        CASE WHEN lag(quantity) OVER period = quantity THEN 0 ELSE 1 END AS new_seats,
        period_end = DATE '9999-12-31' AS is_endless
    FROM lasting
    WINDOW period AS (PARTITION BY subscription_id, period_start, period_end ORDER BY from_day, starts_at)
)
SELECT
    subscription_id, corrected, CASE WHEN is_endless THEN from_day ELSE period_start END AS period_start,
    CASE WHEN is_endless THEN from_day + 1 ELSE period_end END AS period_end, ahead_asked, customer_id, plan_id,
    plan_version, quantity, currency, tax_region, segment, contract, timezone, starts_at, ends_at, own_run, from_day,
    CASE WHEN is_endless THEN from_day + 1 ELSE to_day END AS to_day, sum(new_run) OVER period AS run_no,
    sum(greatest(new_run, new_seats)) OVER period AS seat_no
FROM broken
WINDOW period AS (
    PARTITION BY subscription_id, period_start, period_end ORDER BY from_day, starts_at ROWS UNBOUNDED PRECEDING
)
