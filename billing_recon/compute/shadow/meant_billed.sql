-- Our rating of the new terms as if an engine had billed it, so that the codes of differing lines say what it is that
-- the change of terms changes. An invoice is what is due on one day.
-- inputs: expected_new
-- kept: no
SELECT
    expected_line_id AS line_key, subscription_id || '|' || CAST(due_on AS VARCHAR) AS invoice_id,
    expected_line_id AS line_id, customer_id, subscription_id, subscription_id AS sub, plan_id, plan_version, kind,
    meter, coalesce(meter, '') AS meter_key, period_start, period_end, quantity, unit_price, gross, discount, credit,
    taxable, tax_rate, tax, total, currency, CAST(NULL AS TIMESTAMPTZ) AS calculated_at, 'invoice' AS invoice_kind,
    'control' AS variant, 'all' AS cohort, due_on AS observed_on, true AS fresh, '' AS source_file, 0 AS source_row,
    kind <> 'adjustment' AND gross < 0 AS back, 1 AS parts, expected_line_id AS line_ids
FROM expected_new
