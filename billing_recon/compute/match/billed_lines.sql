-- Issued lines with the parts of one charge as one line, which has the sums of its parts and the id of the first.
-- inputs: issued_lines, charge_parts
SELECT
    line_key, invoice_id, line_id, customer_id, subscription_id, sub, plan_id, plan_version, kind, meter, meter_key,
    period_start, period_end, quantity, unit_price, gross, discount, credit, taxable, tax_rate, tax, total, currency,
    calculated_at, invoice_kind, variant, cohort, observed_on, fresh, source_file, source_row, back, 1 AS parts,
    line_id AS line_ids
FROM issued_lines
ANTI JOIN charge_parts USING (line_key)
UNION ALL
SELECT
    part.lead AS line_key, first.invoice_id, first.line_id, first.customer_id, first.subscription_id, first.sub,
    arg_min(line.plan_id, line.line_key) AS plan_id, arg_min(line.plan_version, line.line_key) AS plan_version,
    any_value(part.kind) AS kind, first.meter, first.meter_key, any_value(part.period_start) AS period_start,
    any_value(part.period_end) AS period_end, CAST(any_value(part.quantity) AS quantity) AS quantity,
    CASE WHEN min(line.unit_price) = max(line.unit_price) THEN max(line.unit_price) END AS unit_price,
    CAST(sum(line.gross) AS amount) AS gross, CAST(sum(line.discount) AS amount) AS discount,
    CAST(sum(line.credit) AS amount) AS credit, CAST(sum(line.taxable) AS amount) AS taxable,
    CASE WHEN min(line.tax_rate) = max(line.tax_rate) THEN max(line.tax_rate) END AS tax_rate,
    CAST(sum(line.tax) AS amount) AS tax, CAST(sum(line.total) AS amount) AS total, first.currency, first.calculated_at,
    first.invoice_kind, first.variant, first.cohort, first.observed_on, bool_or(line.fresh) AS fresh,
    first.source_file, first.source_row, first.back, count(*) AS parts,
    string_agg(line.line_id, ', ' ORDER BY line.line_key) AS line_ids
FROM charge_parts AS part
JOIN issued_lines AS line ON line.line_key = part.line_key
JOIN issued_lines AS first ON first.line_key = part.lead
GROUP BY ALL
