-- The items of the day's bills and of late usage, as rating reads them: both are rated in one pass.
-- inputs: charge_items, late_items
-- kept: no
SELECT
    item_id, plan_id, plan_version, currency, charge_id, quantity, part, whole, own_price, allowance, ask, decimals,
    discountable, discount_rate, charge_minimum, charge_maximum, run_part, run_whole
FROM charge_items
UNION ALL
SELECT
    item_id, plan_id, plan_version, currency, charge_id, quantity, part, whole, own_price, allowance, ask, decimals,
    discountable, discount_rate, charge_minimum, charge_maximum, run_part, run_whole
FROM late_items
