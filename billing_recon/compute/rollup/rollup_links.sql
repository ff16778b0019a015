-- Every correction known: which event it names, and whether it arrived today.
-- inputs: new_events, known_events, rollup_repeated
SELECT source, event_id, corrects, false AS arrived FROM known_events WHERE corrects IS NOT NULL
UNION ALL
SELECT arriving.source, arriving.event_id, arriving.corrects, true AS arrived
FROM new_events AS arriving
ANTI JOIN rollup_repeated AS repeated ON repeated.source = arriving.source AND repeated.event_id = arriving.event_id
WHERE arriving.corrects IS NOT NULL
