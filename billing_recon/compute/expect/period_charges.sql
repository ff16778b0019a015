-- Priced items as lines, those of the day's bills (`wanted`) and those that correct them or count for their minimum,
-- held to the minimum and maximum of their charge, with the contract's discount on those that are discountable; what
-- gives back is negative. `line_start` and `line_end` are the run's, period_* the billing period's, `own_*` the period
-- and run that the line belongs to.
-- inputs: charge_items, item_prices, charge_bounds, tier_discounts, run_params
WITH priced AS (
    SELECT
        item.*, priced.unit_price, priced.working AS rating, bounds.working AS bounds, params.rounding,
        coalesce(bounds.gross_raw, priced.gross_raw) AS owed_raw, coalesce(bounds.gross, priced.gross) AS owed,
        CASE WHEN bounds.gross IS NULL THEN tiered.discount END AS tier_discount,
        bounds.discount_raw AS bounded_discount_raw,
        CASE WHEN item.kind = 'usage' THEN 'usage' WHEN item.part = item.whole THEN 'subscription'
            ELSE 'proration'
        END AS line_kind,
        CASE WHEN item.discountable THEN item.discount_rate ELSE CAST(0 AS rate) END AS line_discount
    FROM charge_items AS item
    JOIN item_prices AS priced ON priced.item_id = item.item_id
    LEFT JOIN charge_bounds AS bounds ON bounds.item_id = item.item_id
    LEFT JOIN tier_discounts AS tiered ON tiered.item_id = item.item_id
    CROSS JOIN run_params AS params
    WHERE item.wanted OR item.corrected OR item.is_ahead
),
directed AS (
    SELECT
        *, CASE WHEN given_back THEN -owed_raw ELSE owed_raw END AS gross_raw,
        CASE WHEN given_back THEN -owed ELSE owed END AS gross,
        CASE WHEN given_back THEN -tier_discount ELSE tier_discount END AS own_discount,
        CASE WHEN given_back THEN -bounded_discount_raw ELSE bounded_discount_raw END AS own_discount_raw
    FROM priced
),
discounted AS (
    SELECT *, coalesce(own_discount_raw, apply_rate(gross, line_discount)) AS discount_raw FROM directed
)
SELECT
    subscription_id, period_start, period_end, due_on, run_no, plan_id, plan_version, currency, tax_region,
    customer_id, segment, decimals, tax_rate, charge_id, position, line_kind AS kind, meter, run_start AS line_start,
    run_end AS line_end, quantity, unit_price, gross_raw, gross, line_discount AS discount_rate, discount_raw,
    coalesce(own_discount, settle(discount_raw, decimals, rounding)) AS discount, late_quantity, duplicate_quantity,
    superseded_quantity,
    CAST(json_object(
        'rating', CAST(rating AS JSON),
        'usage', CASE WHEN line_kind = 'usage' THEN json_object(
                    'observed_by', CAST(cutoff AS VARCHAR), 'included', say_quantity(included), 'late',
                    say_quantity(late_quantity),
                    'duplicates', say_quantity(duplicate_quantity), 'superseded', say_quantity(superseded_quantity)
                )
        END,
        'allowance', CASE WHEN own_allowance + rolled_allowance > 0 THEN json_object(
                    'own', say_quantity(own_allowance), 'rolled', say_quantity(rolled_allowance),
                    'units', say_quantity(own_allowance + rolled_allowance)
                )
        END,
        'bounds', CAST(bounds AS JSON)
    ) AS VARCHAR) AS working, own_start, own_end, own_run, wanted, corrected, known_by, is_ahead, given_back
FROM discounted
