-- One line per credit. After tax it takes from the invoice's total. Before tax it takes from the taxable amount and its
-- tax with it, so it is bounded by what is left of the taxable amount and the total cannot fall below zero.
-- inputs: contract_adjustments, taxed_lines, run_params
-- rows from: contract_adjustments WHERE kind = 'credit'
WITH sums AS (
    SELECT
        line.subscription_id, line.period_start, line.period_end, line.currency,
        sum(CASE WHEN params.credit_policy = 'before_tax' THEN line.taxable ELSE line.total END) AS pool
    FROM taxed_lines AS line
    CROSS JOIN run_params AS params
    GROUP BY line.subscription_id, line.period_start, line.period_end, line.currency
),
agreed AS (
    SELECT
        adjustment.* EXCLUDE (tax_rate), adjustment.tax_rate AS region_rate, sums.pool, params.rounding,
        params.credit_policy = 'before_tax'
            AS before_tax, settle(
            adjustment.amount, adjustment.decimals, params.rounding
        ) AS settled,
        CASE WHEN params.tax_point = 'invoice' THEN CAST(0 AS rate) ELSE adjustment.tax_rate END AS tax_rate
    FROM contract_adjustments AS adjustment
    CROSS JOIN run_params AS params
    JOIN sums
        ON sums.subscription_id = adjustment.subscription_id AND sums.period_start = adjustment.period_start
            AND sums.period_end = adjustment.period_end AND sums.currency = adjustment.currency
    WHERE adjustment.kind = 'credit'
),
granted AS (
    SELECT
        *, least(settled, greatest(pool - coalesce(sum(settled) OVER (
            PARTITION BY subscription_id, period_start, period_end ORDER BY number
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0), 0)) AS used
    FROM agreed
),
taxed AS (
    SELECT
        *, CAST(CASE WHEN before_tax THEN -used ELSE 0 END AS amount) AS taxable,
        apply_rate(CASE WHEN before_tax THEN -used ELSE 0 END, tax_rate) AS tax_raw
    FROM granted WHERE used > 0
),
settled AS (
    SELECT *, settle(tax_raw, decimals, rounding) AS tax FROM taxed
)
SELECT
    subscription_id, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region,
    customer_id, segment, decimals, tax_rate, region_rate, 3000000 + number AS position, 'credit' AS kind,
    id AS meter, run_start AS line_start, run_end AS line_end,
    CAST(json_object('credit', json_object('agreed', say(
        amount, decimals), 'used', say(
        used, decimals
    ))) AS VARCHAR) AS working,
    CAST(used AS amount) AS credit, taxable, tax_raw, tax,
    CAST(CASE WHEN before_tax THEN taxable + tax ELSE -used END AS amount) AS total
FROM settled
