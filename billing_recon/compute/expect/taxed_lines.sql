-- Every line but credits, with its tax settled on its own taxable amount, or taken out of its price. What a kind of
-- line does not state is 0, and its quantity 1.
-- inputs: charge_lines, minimum_lines, late_lines, correction_lines, coupon_lines, run_params, term_profile
WITH lines AS (
    SELECT * FROM charge_lines UNION ALL BY NAME SELECT * FROM minimum_lines UNION ALL BY NAME SELECT * FROM late_lines
    UNION ALL BY NAME SELECT * FROM correction_lines UNION ALL BY NAME SELECT * FROM coupon_lines
),
rated AS (
    SELECT
        line.* EXCLUDE (tax_rate), line.tax_rate AS region_rate, params.rounding, profile.tax_included,
        CAST(line.gross - line.discount AS amount) AS net,
        CASE WHEN params.tax_point = 'invoice' THEN CAST(0 AS rate) ELSE line.tax_rate END AS tax_rate
    FROM lines AS line
    CROSS JOIN run_params AS params
    CROSS JOIN term_profile AS profile
),
taxed AS (
    SELECT *, CASE WHEN tax_included THEN tax_within(net, tax_rate) ELSE apply_rate(net, tax_rate) END AS tax_raw
    FROM rated
),
settled AS (
    SELECT *, settle(tax_raw, decimals, rounding) AS tax FROM taxed
)
SELECT
    subscription_id, known_on, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region,
    customer_id, segment, decimals, tax_rate, region_rate, charge_id, position, kind, meter, line_start, line_end,
    coalesce(quantity, CAST(1 AS quantity)) AS quantity, unit_price,
    coalesce(gross_raw, CAST(0 AS raw)) AS gross_raw, gross,
    coalesce(discount_rate, CAST(0 AS rate)) AS discount_rate, discount_raw, discount,
    coalesce(late_quantity, CAST(0 AS quantity)) AS late_quantity,
    coalesce(duplicate_quantity, CAST(0 AS quantity)) AS duplicate_quantity,
    coalesce(superseded_quantity, CAST(0 AS quantity)) AS superseded_quantity, working, CAST(0 AS amount) AS credit,
    CAST(CASE WHEN tax_included THEN net - tax ELSE net END AS amount) AS taxable, tax_raw, tax,
    CAST(CASE WHEN tax_included THEN net ELSE net + tax END AS amount) AS total
FROM settled
