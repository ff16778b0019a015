-- Where a run's lines come to less than its share of the minimum, in the profile's order: one line for the rest. A
-- profile that raises to the minimum before it takes the discount off takes it off the minimum too.
-- inputs: contract_runs, period_charges, run_params, term_profile
-- rows from: contract_runs WHERE (wanted OR corrected) AND rateable AND NOT by_seat AND minimum > 0
WITH charged AS (
    SELECT subscription_id, own_start, own_end, own_run, sum(gross) AS gross, sum(gross - discount) AS net
    FROM period_charges
    GROUP BY subscription_id, own_start, own_end, own_run
),
due AS (
    SELECT
        run.*, share_owed(run.minimum, run.part, run.whole, profile.ratio_decimals) AS minimum_raw, params.rounding,
        coalesce(CASE WHEN minimum_first(profile.step_order) THEN charged.gross ELSE charged.net END, 0) AS charged,
        CASE WHEN minimum_first(profile.step_order) THEN run.discount_rate ELSE CAST(0 AS rate) END AS line_discount
    FROM contract_runs AS run
    CROSS JOIN run_params AS params
    CROSS JOIN term_profile AS profile
    LEFT JOIN charged
        ON charged.subscription_id = run.subscription_id AND charged.own_start = run.period_start
            AND charged.own_end = run.period_end AND charged.own_run = run.run_no
    WHERE (run.wanted OR run.corrected) AND run.rateable AND NOT run.by_seat AND run.minimum > 0
),
settled AS (
    SELECT *, settle(minimum_raw, decimals, rounding) AS owed FROM due
),
discounted AS (
    SELECT *, apply_rate(owed - charged, line_discount) AS discount_raw FROM settled WHERE owed > charged
)
SELECT
    subscription_id, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region,
    customer_id, segment, decimals, tax_rate, 1000000 AS position, 'minimum' AS kind, run_start AS line_start,
    run_end AS line_end, CAST(minimum_raw - charged AS raw) AS gross_raw, CAST(owed - charged AS amount) AS gross,
    line_discount AS discount_rate, discount_raw, settle(discount_raw, decimals, rounding) AS discount,
    CAST(json_object('minimum', json_object(
        'agreed', say(minimum, decimals), 'owed', say(owed, decimals), 'charged', say(charged, decimals),
        'days', CASE WHEN part <> whole THEN part END, 'of', CASE WHEN part <> whole THEN whole END
    )) AS VARCHAR) AS working, wanted, corrected, known_by, period_start AS own_start, period_end AS own_end
FROM discounted
