-- What each item costs: by its units, or by its single events.
-- inputs: rated_items, unit_rates, event_rates
-- kept: no
SELECT item_id, unit_price, gross_raw, gross, tier_amounts, working FROM unit_rates
UNION ALL
SELECT
    item.item_id, rated.unit_price, rated.gross_raw, rated.gross, rated.tier_amounts, rated.working
FROM event_rates AS rated
JOIN rated_items AS item ON item.ask = rated.item_id
