-- The events of each part, as rating reads them.
-- inputs: event_parts, asked_events
-- rows from: event_parts
SELECT part.item_id, event.event_no, event.worth AS value, event.prorated
FROM asked_events AS event
JOIN event_parts AS part
    ON part.line_id = event.ask AND part.bucket IS NOT DISTINCT FROM event.bucket
        AND part.cell IS NOT DISTINCT FROM event.cell
WHERE event.counts
