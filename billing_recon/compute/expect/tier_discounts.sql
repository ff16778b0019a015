-- What the discount takes off each amount that a line is the sum of, settled one by one (docs/rating.md, rule 16);
-- empty under profiles that settle a line as a whole.
-- inputs: rated_items, item_prices, run_params
-- rows from: term_profile WHERE rounding_point = 'tier'
SELECT
    item.item_id, CAST(coalesce(list_sum(list_transform(
        priced.tier_amounts, LAMBDA one: settle(apply_rate(one, item.discount_rate), item.decimals, params.rounding)
    )), 0) AS amount) AS discount
FROM rated_items AS item
JOIN item_prices AS priced ON priced.item_id = item.item_id
CROSS JOIN run_params AS params
WHERE item.discountable AND priced.tier_amounts IS NOT NULL
