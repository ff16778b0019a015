-- What the arrivals change, as signed rows: each arrival in; what today's chains leave uncounted out again;
-- duplicates on their own account. `known`: it was counted before today. `correcting`: a correction or what it takes
-- out.
-- inputs: new_events, landing_duplicates, rollup_repeated, rollup_touched
-- kept: no
SELECT
    customer_id, subscription_id, meter, event_time, received_at, observed_on, CAST(quantity AS quantity) AS quantity,
    1 AS events, 0 AS duplicates, 0 AS superseded, false AS known, corrects IS NOT NULL AS correcting
FROM new_events
UNION ALL
SELECT
    event.customer_id, event.subscription_id, event.meter, event.event_time, event.received_at, event.observed_on,
    CAST(event.quantity AS quantity) AS quantity, -1 AS events, 1 AS duplicates, 0 AS superseded, false AS known,
    event.corrects IS NOT NULL AS correcting
FROM new_events AS event
SEMI JOIN rollup_repeated AS repeated ON repeated.source = event.source AND repeated.event_id = event.event_id
UNION ALL
SELECT
    customer_id, subscription_id, meter, event_time, received_at, observed_on, quantity, -1 AS events,
    0 AS duplicates, 1 AS superseded, NOT arrived AS known, true AS correcting
FROM rollup_touched WHERE NOT counts AND (arrived OR counted)
UNION ALL
SELECT
    customer_id, subscription_id, meter, event_time, NULL AS received_at, NULL AS observed_on,
    CAST(quantity AS quantity) AS quantity, 0 AS events, 1 AS duplicates, 0 AS superseded, false AS known,
    false AS correcting
FROM landing_duplicates
WHERE subscription_id IS NOT NULL AND meter IS NOT NULL AND event_time IS NOT NULL AND quantity IS NOT NULL
