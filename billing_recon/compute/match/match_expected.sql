-- Expected lines of billed periods, once per variant that billed them. `back`: the line gives back what was billed
-- ahead. An adjustment belongs to its bill, whatever period it names, so its due day stands for its period.
-- inputs: expected_lines, expected_ahead, billed_periods
SELECT
    expected.expected_line_id, period.variant, expected.subscription_id AS sub, expected.kind,
    coalesce(expected.meter, '') AS meter_key,
    CASE WHEN expected.kind = 'adjustment' THEN expected.due_on ELSE expected.period_start END AS period_start,
    CASE WHEN expected.kind = 'adjustment' THEN expected.due_on ELSE expected.period_end END AS period_end,
    expected.plan_id, expected.due_on, expected.customer_id, expected.currency, expected.total, expected.gross,
    expected.quantity, expected.unit_price, expected.kind <> 'adjustment' AND expected.gross < 0 AS back, period.fresh,
    period.cohort, period.invoice_id
FROM expected_lines AS expected
LEFT JOIN expected_ahead AS ahead ON ahead.expected_line_id = expected.expected_line_id
JOIN billed_periods AS period
    ON period.sub = expected.subscription_id AND period.due_on = expected.due_on
        AND period.ahead = (ahead.expected_line_id IS NOT NULL)
