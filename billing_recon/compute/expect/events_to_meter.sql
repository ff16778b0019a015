-- The events that are metered: those that count; and, where the roll-up does not know it, the ones of them that arrived
-- on their own day (`late`) and those that no correction had changed (`stated`), so that a bill of either can be
-- recognised.
-- inputs: asked_events
-- rows from: asked_events
-- kept: no
SELECT ask AS item_id, event_no, at_time AS event_time, quantity AS value, counted, cell FROM asked_events WHERE counts
UNION ALL
SELECT ask || 'late' AS item_id, event_no, at_time AS event_time, quantity AS value, counted, cell
FROM asked_events
WHERE counts AND NOT is_late AND side = 'period' AND NOT (by_event AND aggregation IN ('sum', 'count'))
UNION ALL
SELECT ask || 'stated' AS item_id, event_no, at_time AS event_time, quantity AS value, counted, cell
FROM asked_events WHERE corrects IS NULL AND side = 'period' AND NOT (by_event AND aggregation IN ('sum', 'count'))
