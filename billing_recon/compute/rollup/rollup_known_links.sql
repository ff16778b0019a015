-- The corrections known before today.
-- inputs: rollup_links
-- rows from: rollup_links WHERE NOT arrived
-- kept: no
SELECT source, event_id, corrects FROM rollup_links WHERE NOT arrived
