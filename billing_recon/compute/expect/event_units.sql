-- The units that each ask is metered to. `late_quantity`, `superseded_quantity`: what late events add to them, and what
-- they would be more without corrections; empty where units are sums, of which the roll-up knows.
-- inputs: event_asks, metered_events, asked_events
-- rows from: event_asks
WITH summed AS (
    SELECT item_id, sum(quantity) AS quantity, count(*) FILTER (WHERE quantity <> 0) AS parts
    FROM metered_events GROUP BY item_id
),
changed AS (
    SELECT ask, bool_or(is_late AND counts) AS has_late, bool_or(NOT counts OR corrects IS NOT NULL) AS has_corrections
    FROM asked_events WHERE side = 'period' AND NOT (by_event AND aggregation IN ('sum', 'count')) GROUP BY ask
)
SELECT
    ask.ask, ask.subscription_id, ask.period_start, ask.period_end, ask.run_no, ask.side, ask.adjusted_start,
    ask.charge_id,
    CAST(CASE WHEN ask.model = 'flat' AND ask.by_event THEN
            coalesce(metered.parts, 0) ELSE coalesce(
                metered.quantity, 0
            )
    END AS quantity) AS quantity,
    CAST(CASE WHEN changed.has_late THEN metered.quantity - coalesce(in_time.quantity, 0)
        WHEN NOT (ask.by_event AND ask.aggregation IN ('sum', 'count')) THEN 0
    END AS quantity) AS late_quantity,
    CAST(CASE WHEN changed.has_corrections THEN coalesce(stated.quantity, 0) - coalesce(metered.quantity, 0)
        WHEN NOT (ask.by_event AND ask.aggregation IN ('sum', 'count')) THEN 0
    END AS quantity) AS superseded_quantity
FROM event_asks AS ask
LEFT JOIN summed AS metered ON metered.item_id = ask.ask
LEFT JOIN changed ON changed.ask = ask.ask
LEFT JOIN summed AS in_time ON in_time.item_id = ask.ask || 'late'
LEFT JOIN summed AS stated ON stated.item_id = ask.ask || 'stated'
