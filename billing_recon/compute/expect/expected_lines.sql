-- What should have been billed (core.schema.EXPECTED_LINES): identity, figures and working. What a kind of line does
-- not state is 0, and its quantity 1. A coupon on a subscription's first bill in advance and one on the bill that
-- closes that period are of the same days.
-- inputs: taxed_lines, credit_lines, tax_lines
WITH stated AS (
    SELECT * FROM taxed_lines UNION ALL BY NAME SELECT * FROM credit_lines UNION ALL BY NAME SELECT * FROM tax_lines
),
lines AS (
    SELECT
        * REPLACE (
            CAST(coalesce(quantity, 1) AS quantity) AS quantity, CAST(coalesce(gross_raw, 0) AS raw) AS gross_raw,
            CAST(coalesce(gross, 0) AS amount) AS gross, CAST(coalesce(discount_rate, 0) AS rate) AS discount_rate,
            CAST(coalesce(discount_raw, 0) AS raw) AS discount_raw, CAST(coalesce(discount, 0) AS amount) AS discount,
            CAST(coalesce(credit, 0) AS amount) AS credit, CAST(coalesce(taxable, 0) AS amount) AS taxable,
            CAST(coalesce(late_quantity, 0) AS quantity) AS late_quantity,
            CAST(coalesce(duplicate_quantity, 0) AS quantity) AS duplicate_quantity,
            CAST(coalesce(superseded_quantity, 0) AS quantity) AS superseded_quantity
        )
    FROM stated
)
SELECT
    split_part(subscription_id, chr(31), 1) || '|' || kind || '|' || coalesce(meter, '') || '|'
    || CAST(line_start AS VARCHAR) || '|' || CAST(line_end AS VARCHAR) || '|' || plan_id || CASE
        WHEN known_on IS NOT NULL
            THEN '|' || plan_version || '|' || coalesce(charge_id, 'minimum') || '|' || tax_region || '|learnt '
                || CAST(known_on AS VARCHAR)
        WHEN kind = 'adjustment' AND position < 2000000
            THEN '|' || json_extract_string(working, '$.adjusts.charge')
                || '|'
                || json_extract_string(working, '$.adjusts.from')
        WHEN several THEN '|' || currency || '|' || plain(tax_rate)
        WHEN run_no < 0 THEN '|' || plan_version || '|' || tax_region
        ELSE ''
    END || CASE
        WHEN kind IN ('subscription', 'proration') AND position > 500000 THEN '|given back'
        WHEN kind IN ('discount', 'credit') AND lines.period_end <= line_start THEN '|first bill'
        ELSE ''
    END AS expected_line_id,
    split_part(subscription_id, chr(31), 1) AS subscription_id, customer_id, plan_id, plan_version, charge_id, kind,
    meter, line_start AS period_start, line_end AS period_end, due_on, currency,
    CAST(decimals AS BIGINT) AS decimals, segment, tax_region, quantity, CAST(unit_price AS price) AS unit_price,
    gross_raw, gross, discount_rate, discount_raw, discount, credit, taxable, CAST(tax_rate AS rate) AS tax_rate,
    CAST(tax_raw AS raw) AS tax_raw, CAST(tax AS amount) AS tax, CAST(total AS amount) AS total, late_quantity,
    duplicate_quantity, superseded_quantity,
    CAST(json_object(
        'plan', plan_id, 'plan_version', plan_version, 'charge_id', charge_id,
        'billing_period', json_array(CAST(lines.period_start AS VARCHAR), CAST(lines.period_end AS VARCHAR)),
        'steps', CAST(working AS JSON), 'gross_unrounded', plain(gross_raw), 'discount_rate', plain(discount_rate),
        'tax_region', tax_region, 'tax_rate', plain(tax_rate), 'tax_unrounded', plain(tax_raw)
    ) AS VARCHAR) AS working
FROM lines
