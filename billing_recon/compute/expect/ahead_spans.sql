-- What is billed ahead: each run from its first day to the period's end, and (`given_back`) from the day after its last
-- to the period's end. Contract, segment and customer are those of the run's first piece: what is billed ahead cannot
-- know the rest. `moment`: the day on which it can be billed.
-- inputs: ahead_pieces, term_profile, run_params
-- rows from: ahead_pieces
WITH gathered AS (
    SELECT
        piece.subscription_id, piece.period_start, piece.period_end, piece.ahead_asked, piece.corrected,
        charged.by_seat,
        max(piece.run_no) AS run_no, min(piece.own_run) AS own_run, piece.plan_id, piece.plan_version, piece.currency,
        piece.tax_region, max(piece.quantity) AS seats, min(piece.from_day) AS begins, max(piece.to_day) AS stops,
        min(piece.starts_at) AS starts_at, max(piece.ends_at) AS ends_at,
        arg_min(struct_pack(
            customer_id := piece.customer_id, segment := piece.segment, contract := piece.contract,
            timezone := piece.timezone, ends_at := piece.ends_at
        ),
        piece.starts_at) AS agreed
    FROM ahead_pieces AS piece
    CROSS JOIN (SELECT unnest([false, true]) AS by_seat) AS charged
    GROUP BY
        piece.subscription_id, piece.period_start, piece.period_end, piece.ahead_asked, piece.corrected,
        charged.by_seat, piece.plan_id,
        piece.plan_version, piece.currency, piece.tax_region, CASE WHEN charged.by_seat THEN piece.seat_no
            ELSE piece.run_no
        END
),
following AS (
    SELECT
        *, coalesce(lag(stops) OVER (
            PARTITION BY subscription_id, period_start, period_end, by_seat ORDER BY begins, starts_at
        ) = begins, false) AS is_change
    FROM gathered
),
spans AS (
    SELECT * EXCLUDE (is_change), false AS given_back, is_change, begins AS run_start, starts_at AS begins_at
    FROM following
    UNION ALL
    SELECT * EXCLUDE (is_change), true AS given_back, true AS is_change, stops AS run_start, ends_at AS begins_at
    FROM following WHERE stops < period_end
)
SELECT
    span.subscription_id, span.period_start, span.period_end, span.ahead_asked, span.by_seat, span.run_no, span.own_run,
    span.plan_id, span.plan_version, span.currency, span.tax_region, span.seats, span.given_back, span.run_start,
    span.begins AS taxed_on, span.begins_at AS starts_at, span.agreed, params.issue_after_days,
    span.corrected,
    CASE WHEN profile.changes_due = 'next_invoice' AND span.is_change THEN span.period_end ELSE span.run_start END
        AS moment
FROM spans AS span
CROSS JOIN run_params AS params
CROSS JOIN term_profile AS profile
