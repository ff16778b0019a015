-- The lines of charges that the day's bills have.
-- inputs: period_charges
-- kept: no
SELECT
    subscription_id, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region,
    customer_id, segment, decimals, tax_rate, charge_id, position, kind, meter, line_start, line_end, quantity,
    unit_price, gross_raw, gross, discount_rate, discount_raw, discount, late_quantity, duplicate_quantity,
    superseded_quantity, working, own_start, own_end, own_run
FROM period_charges WHERE wanted
