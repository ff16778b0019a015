-- Ids of arrivals that an earlier day already has. Landing deduplicates them; one that slips through adds nothing.
-- inputs: new_events, known_events
SELECT DISTINCT known.source, known.event_id
FROM known_events AS known
SEMI JOIN new_events AS arriving ON arriving.source = known.source AND arriving.event_id = known.event_id
