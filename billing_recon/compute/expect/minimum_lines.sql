-- The lines of minimums that the day's bills have.
-- inputs: period_minimums
-- kept: no
SELECT
    subscription_id, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region,
    customer_id, segment, decimals, tax_rate, position, kind, line_start, line_end, gross_raw, gross,
    discount_rate, discount_raw, discount, working
FROM period_minimums WHERE wanted
