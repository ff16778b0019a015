-- The new engine's lines as they are compared, with those of contracts that are carried over, of which each line is a
-- charge of its own.
-- inputs: billed_lines, carried_contracts, all_lines, run_params
SELECT
    line.invoice_id || chr(31) || line.line_id AS line_key, line.invoice_id, line.line_id, line.customer_id,
    line.subscription_id, line.subscription_id AS sub, line.plan_id, line.plan_version, line.kind, line.meter,
    coalesce(line.meter, '') AS meter_key, line.period_start, line.period_end, line.quantity, line.unit_price,
    CAST(line.gross AS amount) AS gross, CAST(coalesce(line.discount, 0) AS amount) AS discount,
    CAST(coalesce(line.credit, 0) AS amount) AS credit, CAST(line.taxable AS amount) AS taxable,
    CASE WHEN run.tax_point = 'line' OR line.tax <> 0 THEN line.tax_rate END AS tax_rate,
    CAST(line.tax AS amount) AS tax, CAST(line.total AS amount) AS total, line.currency, line.calculated_at,
    coalesce(line.invoice_kind, 'invoice') AS invoice_kind, 'control' AS variant,
    in_group(coalesce(line.cohort, 'all'), coalesce(line.variant, 'control')) AS cohort, line.observed_on,
    line.observed_on BETWEEN run.since AND run.day AS fresh, line.source_file, line.source_row,
    line.kind <> 'adjustment' AND line.gross < 0 AS back, 1 AS parts, line.line_id AS line_ids
FROM all_lines AS line
SEMI JOIN carried_contracts AS carried ON carried.sub = line.subscription_id
CROSS JOIN run_params AS run
UNION ALL BY NAME
SELECT * FROM billed_lines
