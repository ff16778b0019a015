"""Usage rolled up: the net change that one day's arrivals make, per usage day. What the usage costs is in expect.

The state as of a day is the sum of the changes up to it, whatever the order of arrival. It holds because each change is
`state after - state before`, and a state depends only on the set of events known: an event is superseded when another
event of the same correction chain outranks it. In a chain the corrections outrank the original; among corrections the
last `received_at` wins, then the greatest event_id.
"""

from __future__ import annotations

from billing_recon.compute.money import QUANTITY
from billing_recon.compute.relation import Relation

ZONES = Relation(
    name="rollup_zones",
    inputs=("subscriptions",),
    doc=(
        "The time zone of each subscription by the day on which an event was observed, from the latest row landed by then; "
        "so an event that is taken out later leaves the very usage day into which it was counted."
    ),
    sql="""
WITH settled AS (
    SELECT subscription_id, min(timezone) AS timezone, max(timezone) AS other, min(day) AS since
    FROM subscriptions GROUP BY subscription_id
),
moved AS (
    SELECT s.subscription_id, s.day, s.timezone,
        row_number() OVER (PARTITION BY s.subscription_id, s.day ORDER BY s.valid_from DESC, s.source_row DESC) AS newest
    FROM subscriptions AS s
    JOIN settled AS z ON z.subscription_id = s.subscription_id AND z.timezone <> z.other
),
dated AS (
    SELECT subscription_id, timezone, day AS since, lead(day) OVER (PARTITION BY subscription_id ORDER BY day) AS until
    FROM moved WHERE newest = 1
)
SELECT subscription_id, timezone, since, DATE '9999-12-31' AS until FROM settled WHERE timezone = other
UNION ALL
SELECT subscription_id, timezone, since, coalesce(until, DATE '9999-12-31') AS until FROM dated""",
)

REPEATED = Relation(
    name="rollup_repeated",
    inputs=("new_events", "known_events"),
    doc="Ids of arrivals that an earlier day already has. Landing collapses them; if one slips through it adds nothing.",
    sql="""
SELECT DISTINCT k.source, k.event_id
FROM known_events AS k
SEMI JOIN new_events AS n ON n.source = k.source AND n.event_id = k.event_id""",
)

LINKS = Relation(
    name="rollup_links",
    inputs=("new_events", "known_events", "rollup_repeated"),
    doc="Every correction known: which event it names, and whether it arrived today.",
    sql="""
SELECT source, event_id, corrects, false AS arrived FROM known_events WHERE corrects IS NOT NULL
UNION ALL
SELECT n.source, n.event_id, n.corrects, true AS arrived
FROM new_events AS n
ANTI JOIN rollup_repeated AS r ON r.source = n.source AND r.event_id = n.event_id
WHERE n.corrects IS NOT NULL""",
)

CHAINS = Relation(
    name="rollup_chains",
    inputs=("rollup_links",),
    doc=(
        "Each correction with the root of its chain, now and as known before today (empty if it arrived today). The root is "
        "the id at the end that is itself no correction, whether it has come or not; corrections that name each other in a "
        "circle take the smallest id of the circle."
    ),
    sql="""
WITH RECURSIVE reached AS (
    SELECT source, event_id, corrects AS ancestor, arrived FROM rollup_links
    UNION
    SELECT r.source, r.event_id, l.corrects AS ancestor, r.arrived OR l.arrived AS arrived
    FROM reached AS r
    JOIN rollup_links AS l ON l.source = r.source AND l.event_id = r.ancestor
),
circles AS (
    SELECT source, event_id, bool_and(arrived) AS arrived FROM reached WHERE event_id = ancestor GROUP BY source, event_id
),
ends AS (
    SELECT r.source, r.event_id, r.ancestor, r.arrived, l.event_id IS NULL AS is_end,
        l.event_id IS NULL OR l.arrived AS was_end, c.event_id IS NOT NULL AS circles,
        c.event_id IS NOT NULL AND NOT c.arrived AS circled
    FROM reached AS r
    LEFT JOIN rollup_links AS l ON l.source = r.source AND l.event_id = r.ancestor
    LEFT JOIN circles AS c ON c.source = r.source AND c.event_id = r.ancestor
)
SELECT source, event_id,
    coalesce(min(ancestor) FILTER (WHERE is_end), min(ancestor) FILTER (WHERE circles)) AS root,
    coalesce(
        min(ancestor) FILTER (WHERE was_end AND NOT arrived), min(ancestor) FILTER (WHERE circled AND NOT arrived)
    ) AS root_before
FROM ends GROUP BY source, event_id""",
)

TOUCHED = Relation(
    name="rollup_touched",
    inputs=("new_events", "known_events", "rollup_repeated", "rollup_chains"),
    doc="The events of every chain that an arrival of today belongs to, and whether each counts before and after today.",
    sql=f"""
WITH roots AS (SELECT DISTINCT source, root AS event_id FROM rollup_chains),
members AS (
    SELECT source, event_id, root, root_before, true AS corrects_one FROM rollup_chains
    UNION ALL
    SELECT r.source, r.event_id, r.event_id AS root, r.event_id AS root_before, false AS corrects_one
    FROM roots AS r
    ANTI JOIN rollup_chains AS c ON c.source = r.source AND c.event_id = r.event_id
),
arriving AS (
    SELECT n.source, n.event_id, n.customer_id, n.subscription_id, n.meter, n.quantity, n.event_time, n.received_at,
        n.observed_on, m.root, m.root_before, m.corrects_one, true AS arrived
    FROM new_events AS n
    JOIN members AS m ON m.source = n.source AND m.event_id = n.event_id
    ANTI JOIN rollup_repeated AS r ON r.source = n.source AND r.event_id = n.event_id
),
wanted AS (
    SELECT m.source, m.event_id, m.root, m.root_before, m.corrects_one
    FROM members AS m
    SEMI JOIN arriving AS a ON a.source = m.source AND a.root = m.root
),
touched AS (
    SELECT source, event_id, customer_id, subscription_id, meter, quantity, event_time, received_at,
        observed_on, root, root_before, corrects_one, arrived
    FROM arriving
    UNION ALL
    SELECT k.source, k.event_id, k.customer_id, k.subscription_id, k.meter, k.quantity, k.event_time, k.received_at,
        k.observed_on, w.root, w.root_before, w.corrects_one, false AS arrived
    FROM known_events AS k
    JOIN wanted AS w ON w.source = k.source AND w.event_id = k.event_id
)
SELECT source, event_id, customer_id, subscription_id, meter, CAST(quantity AS {QUANTITY}) AS quantity, event_time,
    received_at, observed_on, arrived,
    row_number() OVER (
        PARTITION BY source, root ORDER BY corrects_one DESC, received_at DESC, event_id DESC, observed_on
    ) = 1 AS counts,
    NOT arrived AND row_number() OVER (
        PARTITION BY source, root_before, arrived
        ORDER BY corrects_one DESC, received_at DESC, event_id DESC, observed_on
    ) = 1 AS counted
FROM touched""",
)

CHANGES = Relation(
    name="rollup_changes",
    inputs=("new_events", "landing_duplicates", "rollup_repeated", "rollup_touched"),
    doc=(
        "What the arrivals change, as signed rows: each arrival in; what today's chains leave uncounted out again; "
        "duplicates on their own account."
    ),
    kept=False,
    sql=f"""
SELECT customer_id, subscription_id, meter, event_time, received_at, observed_on, CAST(quantity AS {QUANTITY}) AS quantity,
    1 AS events, 0 AS duplicates, 0 AS superseded
FROM new_events
UNION ALL
SELECT n.customer_id, n.subscription_id, n.meter, n.event_time, n.received_at, n.observed_on,
    CAST(n.quantity AS {QUANTITY}) AS quantity, -1 AS events, 1 AS duplicates, 0 AS superseded
FROM new_events AS n
SEMI JOIN rollup_repeated AS r ON r.source = n.source AND r.event_id = n.event_id
UNION ALL
SELECT customer_id, subscription_id, meter, event_time, received_at, observed_on, quantity,
    -1 AS events, 0 AS duplicates, 1 AS superseded
FROM rollup_touched WHERE NOT counts AND (arrived OR counted)
UNION ALL
SELECT d.customer_id, d.subscription_id, d.meter, d.event_time, NULL AS received_at, NULL AS observed_on,
    CAST(d.quantity AS {QUANTITY}) AS quantity, 0 AS events, 1 AS duplicates, 0 AS superseded
FROM landing_duplicates AS d
WHERE d.subscription_id IS NOT NULL AND d.meter IS NOT NULL AND d.event_time IS NOT NULL AND d.quantity IS NOT NULL""",
)

ROLLUP_DAY = Relation(
    name="rollup_day",
    inputs=("rollup_changes", "rollup_zones", "run_params"),
    doc="Net change per usage day (local to the subscription; to the company where the subscription is unknown).",
    sql=f"""
WITH placed AS (
    SELECT CAST(timezone(coalesce(z.timezone, p.company_timezone), c.event_time) AS DATE) AS usage_day,
        c.subscription_id, c.customer_id, c.meter, c.events, c.duplicates, c.superseded,
        CASE c.events WHEN 1 THEN c.quantity WHEN -1 THEN -c.quantity ELSE 0 END AS quantity,
        CASE c.duplicates WHEN 1 THEN c.quantity ELSE 0 END AS duplicate_quantity,
        CASE c.superseded WHEN 1 THEN c.quantity ELSE 0 END AS superseded_quantity,
        coalesce(
            CAST(timezone(p.company_timezone, c.received_at) AS DATE) > CAST(timezone(p.company_timezone, c.event_time) AS DATE),
            false
        ) AS late
    FROM rollup_changes AS c
    CROSS JOIN run_params AS p
    LEFT JOIN rollup_zones AS z ON z.subscription_id = c.subscription_id
        AND coalesce(c.observed_on, p.day) >= z.since AND coalesce(c.observed_on, p.day) < z.until
)
SELECT usage_day, subscription_id, min(customer_id) AS customer_id, meter,
    CAST(sum(quantity) AS {QUANTITY}) AS quantity,
    CAST(sum(events) AS BIGINT) AS events,
    CAST(sum(duplicate_quantity) AS {QUANTITY}) AS duplicate_quantity,
    CAST(sum(duplicates) AS BIGINT) AS duplicate_events,
    CAST(coalesce(sum(quantity) FILTER (WHERE late), 0) AS {QUANTITY}) AS late_quantity,
    CAST(coalesce(sum(events) FILTER (WHERE late), 0) AS BIGINT) AS late_events,
    CAST(sum(superseded_quantity) AS {QUANTITY}) AS superseded_quantity,
    CAST(sum(superseded) AS BIGINT) AS superseded_events
FROM placed
GROUP BY usage_day, subscription_id, meter
HAVING sum(quantity) <> 0 OR sum(events) <> 0 OR sum(duplicates) <> 0 OR sum(superseded) <> 0
    OR sum(events) FILTER (WHERE late) <> 0 OR sum(quantity) FILTER (WHERE late) <> 0""",
)

RELATIONS: tuple[Relation, ...] = (ZONES, REPEATED, LINKS, CHAINS, TOUCHED, CHANGES, ROLLUP_DAY)
"""Inputs: new_events, known_events, subscriptions, landing_duplicates, run_params. Result: rollup_day (USAGE_ROLLUP)."""
