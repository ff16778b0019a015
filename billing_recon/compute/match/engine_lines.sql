-- Invoice lines in the version that holds, optional columns filled. `line_key` identifies a line; `subscription_id` is
-- the contract's, `their_sub` the engine's own (a workspace, for example). `unlabelled`: the line names no variant.
-- inputs: invoice_lines, engine_superseded, mapped_keys
-- kept: no
SELECT
    line.invoice_id || chr(31) || line.line_id AS line_key, line.invoice_id, line.line_id, line.customer_id,
    coalesce(key.our_key, line.subscription_id) AS subscription_id, coalesce(line.subscription_id, '') AS their_sub,
    line.plan_id, line.plan_version, line.kind, line.meter, line.period_start, line.period_end, line.quantity,
    line.unit_price, CAST(line.gross AS amount) AS gross, CAST(coalesce(line.discount, 0) AS amount) AS discount,
    CAST(coalesce(line.credit, 0) AS amount) AS credit, CAST(line.taxable AS amount) AS taxable, line.tax_rate,
    CAST(line.tax AS amount) AS tax, CAST(line.total AS amount) AS total, line.currency, line.issued_on,
    line.calculated_at, coalesce(line.invoice_kind, 'invoice') AS invoice_kind,
    coalesce(line.status, 'issued') AS status, coalesce(line.variant, 'control') AS variant,
    line.variant IS NULL AS unlabelled,
    coalesce(line.cohort, 'all') AS cohort, line.observed_on, line.source_file, line.source_row
FROM invoice_lines AS line
LEFT JOIN mapped_keys AS key ON key.layer = 'invoice_lines' AND key.their_key = line.subscription_id
ANTI JOIN engine_superseded AS superseded
    ON superseded.day = line.day AND superseded.source_file = line.source_file
        AND superseded.source_row = line.source_row
