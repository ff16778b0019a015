-- Issued lines of the subscriptions that the day is about: those with an expected line, or with a line observed today
-- (`fresh`). `sub` and `meter_key` are the ids with empty for NULL; `their_sub` is the engine's own subscription,
-- where key_map maps several to one. `back`: the line gives back, so it is not the one that charges the same days.
-- Both engines of a rollout issue real bills, so lines are matched whichever engine billed them: `variant` is constant,
-- and `cohort` carries cohort and engine (in_group). Where an invoice is taxed as a whole, the rate on a line without
-- tax is information: it is the tax line's that counts.
-- inputs: engine_lines, expected_lines, run_params
WITH asked AS (
    SELECT subscription_id AS sub FROM expected_lines
    UNION
    SELECT coalesce(line.subscription_id, '') AS sub
    FROM engine_lines AS line
    JOIN run_params AS run ON line.observed_on BETWEEN run.since AND run.day
    WHERE line.status = 'issued'
)
SELECT
    line.line_key, line.invoice_id, line.line_id, line.customer_id, line.subscription_id,
    coalesce(line.subscription_id, '') AS sub, line.plan_id, line.plan_version, line.kind, line.meter,
    coalesce(line.meter, '') AS meter_key, line.period_start, line.period_end, line.quantity, line.unit_price,
    line.gross, line.discount, line.credit, line.taxable,
    CASE WHEN run.tax_point = 'line' OR line.tax <> 0 THEN line.tax_rate END AS tax_rate, line.tax, line.total,
    line.currency, line.calculated_at, line.invoice_kind, 'control' AS variant,
    in_group(line.cohort, line.variant) AS cohort, line.observed_on,
    line.observed_on BETWEEN run.since AND run.day AS fresh, line.issued_on, line.source_file, line.source_row,
    line.their_sub, line.kind <> 'adjustment' AND line.gross < 0 AS back
FROM engine_lines AS line
SEMI JOIN asked ON asked.sub = coalesce(line.subscription_id, '')
CROSS JOIN run_params AS run
WHERE line.status = 'issued'
