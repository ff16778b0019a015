-- Every correction of the sources of those events, whatever it is about: it may take an event to another meter.
-- inputs: usage_corrections, single_events
-- rows from: single_events
SELECT
    correction.source, correction.event_id, correction.corrects, min(correction.received_at) AS received_at,
    min(correction.observed_on) AS observed_on
FROM usage_corrections AS correction
SEMI JOIN single_events AS event ON event.source = correction.source
GROUP BY correction.source, correction.event_id, correction.corrects
