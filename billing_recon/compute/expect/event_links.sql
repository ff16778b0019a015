-- The corrections of chains that an event asked about is part of, as known by each date that an ask names; `source`
-- carries that date, so that chains of two dates are never mixed.
-- inputs: event_corrections, event_roots, single_events, event_asks
-- rows from: event_corrections
WITH touched AS (
    SELECT root.source, root.root
    FROM event_roots AS root
    SEMI JOIN single_events AS event ON event.source = root.source AND event.event_id = root.event_id
    UNION
    SELECT root.source, root.root
    FROM event_roots AS root
    SEMI JOIN single_events AS event ON event.source = root.source AND event.event_id = root.root
)
SELECT
    CAST(ask.known_by AS VARCHAR) || chr(31) || correction.source AS source, ask.known_by, correction.source AS sent_by,
    correction.event_id, correction.corrects, correction.received_at, correction.observed_on
FROM event_corrections AS correction
JOIN event_roots AS root ON root.source = correction.source AND root.event_id = correction.event_id
SEMI JOIN touched ON touched.source = root.source AND touched.root = root.root
JOIN (SELECT DISTINCT known_by FROM event_asks) AS ask ON correction.observed_on <= ask.known_by
