-- Usage of periods still open, at what it would cost today: gross, before discount and tax; and usage that arrived too
-- late for its own period and waits for the open one to end.
-- inputs: charge_items, item_prices, charge_bounds, late_changes
WITH parts AS (
    SELECT
        item.subscription_id, item.customer_id, item.meter, item.currency, item.quantity,
        coalesce(bounds.capped, priced.gross) AS gross
    FROM charge_items AS item
    JOIN item_prices AS priced ON priced.item_id = item.item_id
    LEFT JOIN charge_bounds AS bounds ON bounds.item_id = item.item_id
    WHERE item.is_open AND item.kind = 'usage' AND item.quantity <> 0
    UNION ALL
    SELECT subscription_id, customer_id, meter, currency, quantity, gross FROM late_changes
    WHERE is_late_open AND kind = 'usage'
)
SELECT
    subscription_id, max(customer_id) AS customer_id, meter, currency, CAST(sum(quantity) AS quantity) AS quantity,
    CAST(sum(gross) AS amount) AS amount
FROM parts
GROUP BY subscription_id, meter, currency
