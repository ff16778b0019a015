-- The events of every chain that an arrival of today belongs to, and whether each counts before and after today. In a
-- chain the corrections outrank the original; among them the last received_at wins, then the greatest event_id.
-- inputs: new_events, known_events, rollup_repeated, rollup_chains
-- rows from: rollup_chains
WITH roots AS (SELECT DISTINCT source, root AS event_id FROM rollup_chains),
members AS (
    SELECT source, event_id, root, root_before, true AS corrects_one FROM rollup_chains
    UNION ALL
    SELECT source, event_id, event_id AS root, event_id AS root_before, false AS corrects_one
    FROM roots
    ANTI JOIN rollup_chains AS chain ON chain.source = roots.source AND chain.event_id = roots.event_id
),
arriving AS (
    SELECT
        event.source, event.event_id, event.customer_id, event.subscription_id, event.meter, event.quantity,
        event.event_time, event.received_at, event.observed_on, members.root, members.root_before, members.corrects_one,
        true AS arrived
    FROM new_events AS event
    JOIN members ON members.source = event.source AND members.event_id = event.event_id
    ANTI JOIN rollup_repeated AS repeated ON repeated.source = event.source AND repeated.event_id = event.event_id
),
wanted AS (
    SELECT members.source, members.event_id, members.root, members.root_before, members.corrects_one
    FROM members
    SEMI JOIN arriving ON arriving.source = members.source AND arriving.root = members.root
),
touched AS (
    SELECT
        source, event_id, customer_id, subscription_id, meter, quantity, event_time, received_at, observed_on, root,
        root_before, corrects_one, arrived
    FROM arriving
    UNION ALL
    SELECT
        event.source, event.event_id, event.customer_id, event.subscription_id, event.meter, event.quantity,
        event.event_time, event.received_at, event.observed_on, wanted.root, wanted.root_before, wanted.corrects_one,
        false AS arrived
    FROM known_events AS event
    JOIN wanted ON wanted.source = event.source AND wanted.event_id = event.event_id
)
SELECT
    source, event_id, customer_id, subscription_id, meter, CAST(quantity AS quantity) AS quantity, event_time,
    received_at, observed_on, arrived,
    row_number() OVER (
        PARTITION BY source, root ORDER BY corrects_one DESC, received_at DESC, event_id DESC, observed_on
    ) = 1 AS counts,
    NOT arrived AND row_number() OVER (
        PARTITION BY source, root_before, arrived
        ORDER BY corrects_one DESC, received_at DESC, event_id DESC, observed_on
    ) = 1 AS counted
FROM touched
