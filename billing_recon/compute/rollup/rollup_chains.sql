-- Each correction with the root of its chain, now and as known before today (empty if it arrived today).
-- inputs: rollup_roots, rollup_roots_before
-- rows from: rollup_roots
SELECT now.source, now.event_id, now.root, before.root AS root_before
FROM rollup_roots AS now
LEFT JOIN rollup_roots_before AS before ON before.source = now.source AND before.event_id = now.event_id
