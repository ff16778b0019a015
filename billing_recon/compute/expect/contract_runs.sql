-- The runs of a period that are billed in arrears: maximal spans of adjacent active intervals with the same terms.
-- inputs: judged_runs
-- kept: no
SELECT
    subscription_id, period_start, period_end, due_on, wanted, is_open, late, by_seat, run_no, plan_id, plan_version,
    currency, tax_region, run_start, run_end, part, whole, seats, customer_id, segment, contract, discount_rate,
    minimum, decimals, tax_rate, unknown, reason, rateable, corrected, known_by, usage_from, usage_to, zone, cut_days
FROM judged_runs WHERE NOT is_ahead
