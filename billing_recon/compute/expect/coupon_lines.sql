-- One line per coupon, and one for what is above the cap: a discount without a gross, never more than what is left of
-- the invoice. Used in their order, of their own charges where they name some (`bound`), and all together of the
-- invoice (`pool`). What is above a cap is known before the discount (then less its share of that) or after it, as the
-- profile says.
-- inputs: contract_adjustments, charge_lines, minimum_lines, late_lines, correction_lines, run_params, term_profile
-- rows from: contract_adjustments WHERE kind = 'discount'
WITH lines AS (
    SELECT * FROM charge_lines UNION ALL BY NAME SELECT * FROM minimum_lines UNION ALL BY NAME SELECT * FROM late_lines
    UNION ALL BY NAME SELECT * FROM correction_lines
),
sums AS (
    SELECT
        subscription_id, period_start, period_end, currency, sum(gross - discount) AS pool, sum(gross) AS gross,
        list(struct_pack(charge_id := charge_id, net := gross - discount))
        FILTER (WHERE charge_id IS NOT NULL) AS charges
    FROM lines
    GROUP BY subscription_id, period_start, period_end, currency
),
agreed AS (
    SELECT
        adjustment.*, sums.pool, sums.charges AS charged, params.rounding, profile.step_order,
        settle(adjustment.amount, adjustment.decimals, params.rounding) AS settled,
        coalesce(array_to_string(adjustment.charges, chr(31)), '') AS of_charges,
        greatest(sums.gross - settle(adjustment.amount, adjustment.decimals, params.rounding), 0) AS gross_above
    FROM contract_adjustments AS adjustment
    CROSS JOIN run_params AS params
    CROSS JOIN term_profile AS profile
    JOIN sums
        ON sums.subscription_id = adjustment.subscription_id AND sums.period_start = adjustment.period_start
            AND sums.period_end = adjustment.period_end AND sums.currency = adjustment.currency
    WHERE adjustment.kind = 'discount'
),
bounded AS (
    SELECT
        *, CAST(CASE
            WHEN number = 0 AND position('maximum' IN step_order) < position('discount' IN step_order)
                THEN gross_above - settle(apply_rate(gross_above, discount_rate), decimals, rounding)
            WHEN number = 0 THEN greatest(pool - settled, 0)
            WHEN len(
                    charges
                ) > 0
                THEN greatest(coalesce(list_sum(list_transform(
                        list_filter(charged, LAMBDA one: list_contains(charges, one.charge_id)), LAMBDA one: one.net
                    )), 0), 0)
            ELSE pool
        END AS amount) AS bound
    FROM agreed
),
offered AS (
    SELECT
        *, CASE WHEN number = 0 THEN bound ELSE least(settled, greatest(
                    bound - coalesce(sum(CASE WHEN number = 0 THEN bound ELSE settled END) OVER (
                        PARTITION BY subscription_id, period_start, period_end, of_charges ORDER BY number
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                    ), 0), 0
                ))
        END AS wanted
    FROM bounded
),
granted AS (
    SELECT
        *, least(wanted, greatest(pool - coalesce(sum(wanted) OVER (
            PARTITION BY subscription_id, period_start, period_end ORDER BY number
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0), 0)) AS used
    FROM offered
)
SELECT
    subscription_id, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region,
    customer_id, segment, decimals, tax_rate, 2000000 + number AS position, 'discount' AS kind, id AS meter,
    run_start AS line_start, run_end AS line_end, CAST(0 AS amount) AS gross, CAST(used AS raw) AS discount_raw,
    CAST(used AS amount) AS discount,
    CAST(json_object('coupon', json_object('agreed', say(
        amount, decimals), 'used', say(
        used, decimals
    ))) AS VARCHAR) AS working
FROM granted WHERE used > 0
