-- The expected lines of the bills that are still to come, up to each subscription's next one, with what they depend on:
-- `so_far`, usage, which may still grow; `to_come`, charges that are due whatever is used; `follows`, what the rest of
-- the bill decides (minimums, coupons, credits, tax lines).
-- inputs: expected_lines, next_bills, run_params
SELECT
    line.expected_line_id, line.subscription_id, line.plan_id, line.plan_version, line.charge_id, line.kind, line.meter,
    line.period_start, line.period_end, line.due_on, line.currency, line.decimals, line.quantity, line.unit_price,
    line.gross,
    line.discount_rate, line.discount, line.credit, line.tax_rate, line.tax, line.total, line.working,
    CASE WHEN line.kind = 'usage' THEN 'so_far' WHEN line.kind IN ('subscription', 'proration') THEN 'to_come'
        ELSE 'follows'
    END AS part
FROM expected_lines AS line
CROSS JOIN run_params AS params
JOIN next_bills AS bill ON bill.subscription_id = line.subscription_id
WHERE line.due_on >= params.since AND line.due_on <= bill.due_on
