-- How each of them is metered.
-- inputs: event_asks
-- rows from: asked_events
-- kept: no
SELECT ask.ask || metered.variant AS item_id, ask.aggregation, ask.bucket, ask.begins, ask.ends, ask.seconds
FROM event_asks AS ask
CROSS JOIN (SELECT unnest(['', 'late', 'stated']) AS variant) AS metered
WHERE metered.variant = '' OR (ask.side = 'period' AND NOT (ask.by_event AND ask.aggregation IN ('sum', 'count')))
