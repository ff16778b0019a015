-- Where the profile taxes the invoice rather than its lines: one line per invoice and rate that charges nothing but the
-- tax, on the sum of what is taxable, settled once at the currency's exponent. `several`: the period has more of them,
-- at another rate or in another currency.
-- inputs: taxed_lines, credit_lines, currencies, run_params
-- rows from: run_params WHERE tax_point = 'invoice'
WITH lines AS (
    SELECT * FROM taxed_lines UNION ALL BY NAME SELECT * FROM credit_lines
),
sums AS (
    SELECT
        line.subscription_id, line.period_start, line.period_end, line.due_on, line.currency,
        line.region_rate AS tax_rate, max(line.run_no) AS run_no, arg_max(line.plan_id, line.run_no) AS plan_id,
        arg_max(line.plan_version, line.run_no) AS plan_version, arg_max(line.tax_region, line.run_no) AS tax_region,
        arg_max(line.customer_id, line.run_no) AS customer_id, arg_max(line.segment, line.run_no) AS segment,
        CAST(sum(line.taxable) AS amount) AS base, min(params.rounding) AS rounding
    FROM lines AS line
    CROSS JOIN run_params AS params
    WHERE params.tax_point = 'invoice'
    GROUP BY line.subscription_id, line.period_start, line.period_end, line.due_on, line.currency, line.region_rate
),
taxed AS (
    SELECT sums.*, money.exponent AS decimals, apply_rate(sums.base, sums.tax_rate) AS tax_raw
    FROM sums
    JOIN currencies AS money ON money.currency = sums.currency
),
settled AS (
    SELECT
        *, settle(tax_raw, decimals, rounding) AS tax,
        count(*) OVER (
            PARTITION BY split_part(subscription_id, chr(31), 1), period_start, period_end, plan_id
        ) > 1 AS several
    FROM taxed
)
SELECT
    subscription_id, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region,
    customer_id, segment, decimals, tax_rate, 4000000 AS position, 'adjustment' AS kind, 'tax' AS meter,
    period_start AS line_start, period_end AS line_end,
    CAST(json_object('tax', json_object('base', say(base, decimals))) AS VARCHAR) AS working, tax_raw, tax,
    tax AS total, several
FROM settled
