-- Events that count no more by a date: another correction of their chain outranks them (compute.rollup says how).
-- inputs: event_links, event_chains
-- rows from: event_links
WITH ranked AS (
    SELECT
        link.known_by, link.sent_by, link.event_id, chain.root, row_number() OVER (
            PARTITION BY link.source, chain.root ORDER BY link.received_at DESC, link.event_id DESC, link.observed_on
        ) AS place
    FROM event_links AS link
    JOIN event_chains AS chain ON chain.source = link.source AND chain.event_id = link.event_id
)
SELECT known_by, sent_by AS source, event_id FROM ranked WHERE place > 1
UNION
SELECT ranked.known_by, ranked.sent_by AS source, ranked.root AS event_id
FROM ranked
ANTI JOIN event_links AS link ON link.known_by = ranked.known_by AND link.sent_by = ranked.sent_by
    AND link.event_id = ranked.root
