-- What late usage changes: one row per charge whose price it changes, and one per run whose minimum then tops up less
-- (meter `minimum`). Grosses and discounts are differences of settled figures.
-- inputs: late_items, item_prices, charge_bounds, tier_discounts, run_params, term_profile
-- rows from: late_items
WITH priced AS (
    SELECT
        item.*, priced.unit_price, params.rounding, profile.ratio_decimals, profile.step_order,
        coalesce(bounds.gross_raw, priced.gross_raw) AS gross_raw, coalesce(bounds.gross, priced.gross) AS gross,
        CASE WHEN bounds.gross IS NULL THEN tiered.discount END AS tier_discount,
        bounds.discount_raw AS bounded_discount_raw,
        CASE WHEN item.discountable THEN item.discount_rate ELSE CAST(0 AS rate) END AS line_discount
    FROM late_items AS item
    JOIN item_prices AS priced ON priced.item_id = item.item_id
    LEFT JOIN charge_bounds AS bounds ON bounds.item_id = item.item_id
    LEFT JOIN tier_discounts AS tiered ON tiered.item_id = item.item_id
    CROSS JOIN run_params AS params
    CROSS JOIN term_profile AS profile
),
discounted AS (
    SELECT *, coalesce(bounded_discount_raw, apply_rate(gross, line_discount)) AS discount_raw FROM priced
),
settled AS (
    SELECT *, coalesce(tier_discount, settle(discount_raw, decimals, rounding)) AS discount FROM discounted
),
charges AS (
    SELECT
        after.* EXCLUDE (quantity, gross_raw, gross, discount_raw, discount),
        after.used - before.used AS quantity, after.gross_raw - before.gross_raw AS gross_raw,
        after.gross - before.gross AS gross, after.discount_raw - before.discount_raw AS discount_raw,
        after.discount - before.discount AS discount, before.used AS used_before, after.used AS used_after,
        before.gross AS gross_before, after.gross AS gross_after
    FROM settled AS after
    JOIN settled AS before ON before.number = after.number AND before.side = 'before'
    WHERE after.side = 'after' AND after.kind = 'usage'
),
nets AS (
    SELECT
        subscription_id, period_start, period_end, run_no, adjusted_start, side, min(run_start) AS run_start,
        max(run_end) AS run_end, max(minimum) FILTER (WHERE kind = 'usage') AS minimum, min(decimals) AS decimals,
        min(rounding) AS rounding, min(ratio_decimals) AS ratio_decimals, max(run_part)
        FILTER (WHERE kind = 'usage') AS part,
        max(run_whole) FILTER (WHERE kind = 'usage') AS whole,
        sum(CASE WHEN minimum_first(step_order) THEN gross ELSE gross - discount END) AS net
    FROM settled
    GROUP BY subscription_id, period_start, period_end, run_no, adjusted_start, side
),
topped AS (
    SELECT
        *, greatest(
            settle(share_owed(minimum, part, whole, ratio_decimals), decimals, rounding) - net, 0
        ) AS topped_up
    FROM nets WHERE minimum > 0
),
minimums AS (
    SELECT
        after.subscription_id, after.period_start, after.period_end, after.run_no, after.adjusted_start,
        before.topped_up AS gross_before, after.topped_up AS gross_after
    FROM topped AS after
    JOIN topped AS before
        ON before.subscription_id = after.subscription_id AND before.period_start = after.period_start
            AND before.period_end = after.period_end AND before.run_no = after.run_no
            AND before.adjusted_start = after.adjusted_start AND before.side = 'before'
    WHERE after.side = 'after' AND after.topped_up <> before.topped_up
),
of_runs AS (
    SELECT DISTINCT
        subscription_id, period_start, period_end, run_no, plan_id, plan_version, currency, tax_region, run_start,
        run_end, customer_id, segment, decimals, tax_rate, adjusted_start, adjusted_end, adjusted_due, adjusts,
        is_late_open, rounding,
        CASE WHEN minimum_first(step_order) THEN discount_rate ELSE CAST(0 AS rate) END AS line_discount
    FROM charges
),
discounted_minimums AS (
    SELECT
        run.*, minimum.gross_before, minimum.gross_after, apply_rate(
            minimum.gross_before, run.line_discount
        ) AS raw_before,
        apply_rate(minimum.gross_after, run.line_discount) AS raw_after
    FROM minimums AS minimum
    JOIN of_runs AS run ON run.subscription_id = minimum.subscription_id AND run.period_start = minimum.period_start
        AND run.period_end = minimum.period_end AND run.run_no = minimum.run_no
        AND run.adjusted_start = minimum.adjusted_start
)
SELECT
    subscription_id, period_start, period_end, run_no, plan_id, plan_version, currency, tax_region, run_start,
    run_end, customer_id, segment, decimals, tax_rate, adjusted_start, adjusted_end, adjusted_due, adjusts,
    is_late_open, charge_id, position, kind, meter, CAST(quantity AS quantity) AS quantity, unit_price,
    CAST(gross_raw AS raw) AS gross_raw, CAST(gross AS amount) AS gross, line_discount,
    CAST(discount_raw AS raw) AS discount_raw, CAST(discount AS amount) AS discount, used_before, used_after,
    gross_before, gross_after
FROM charges WHERE gross <> 0 OR discount <> 0
UNION ALL
SELECT
    subscription_id, period_start, period_end, run_no, plan_id, plan_version, currency, tax_region, run_start,
    run_end, customer_id, segment, decimals, tax_rate, adjusted_start, adjusted_end, adjusted_due, adjusts,
    is_late_open, NULL AS charge_id, 1000000 AS position, 'minimum' AS kind, 'minimum' AS meter,
    CAST(1 AS quantity) AS quantity, NULL AS unit_price, CAST(gross_after - gross_before AS raw) AS gross_raw,
    CAST(gross_after - gross_before AS amount) AS gross, line_discount,
    CAST(raw_after - raw_before AS raw) AS discount_raw,
    CAST(settle(raw_after, decimals, rounding) - settle(raw_before, decimals, rounding) AS amount) AS discount,
    NULL AS used_before, NULL AS used_after, gross_before, gross_after
FROM discounted_minimums
