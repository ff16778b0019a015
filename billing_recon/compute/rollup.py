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


def chain_roots(links: str) -> str:
    """SELECT of source, event_id and root of each correction in `links` (source, event_id, corrects).

    From the ends that are no correction downwards, so that a long chain is walked once and not once a link. What cannot be
    reached so leads into a circle, whose smallest id stands for it.
    """
    return f"""
WITH RECURSIVE reached AS (
    SELECT l.source, l.event_id, l.corrects AS root
    FROM {links} AS l
    ANTI JOIN {links} AS t ON t.source = l.source AND t.event_id = l.corrects
    UNION
    SELECT l.source, l.event_id, r.root
    FROM reached AS r
    JOIN {links} AS l ON l.source = r.source AND l.corrects = r.event_id
),
endless AS (
    SELECT l.source, l.event_id, l.corrects
    FROM {links} AS l
    ANTI JOIN reached AS r ON r.source = l.source AND r.event_id = l.event_id
),
ahead AS (
    SELECT source, event_id, corrects AS ancestor FROM endless
    UNION
    SELECT a.source, a.event_id, e.corrects AS ancestor
    FROM ahead AS a
    JOIN endless AS e ON e.source = a.source AND e.event_id = a.ancestor
),
circles AS (SELECT source, event_id FROM ahead WHERE event_id = ancestor),
found AS (
    SELECT source, event_id, root FROM reached
    UNION ALL
    SELECT a.source, a.event_id, a.ancestor AS root
    FROM ahead AS a
    JOIN circles AS c ON c.source = a.source AND c.event_id = a.ancestor
)
SELECT source, event_id, min(root) AS root FROM found GROUP BY source, event_id"""


OUTRANKS = "received_at DESC, event_id DESC, observed_on"
"""SQL order of a chain's corrections: the first of them counts, and no other."""

KNOWN_LINKS = Relation(
    name="rollup_known_links",
    inputs=("rollup_links",),
    doc="The corrections that had come before today.",
    kept=False,
    sql="SELECT source, event_id, corrects FROM rollup_links WHERE NOT arrived",
)

ROOTS = Relation(
    name="rollup_roots",
    inputs=("rollup_links",),
    rows_from=("rollup_links",),
    doc=(
        "Each correction with the root of its chain. The root is the id at the end that is itself no correction, whether it has "
        "come or not; corrections that name each other in a circle take the smallest id of the circle."
    ),
    sql=chain_roots("rollup_links"),
)

ROOTS_BEFORE = Relation(
    name="rollup_roots_before",
    inputs=("rollup_known_links",),
    rows_from=("rollup_known_links",),
    doc="The same as it was known before today.",
    sql=chain_roots("rollup_known_links"),
)

CHAINS = Relation(
    name="rollup_chains",
    inputs=("rollup_roots", "rollup_roots_before"),
    rows_from=("rollup_roots",),
    doc="Each correction with the root of its chain, now and as known before today (empty if it arrived today).",
    sql="""
SELECT n.source, n.event_id, n.root, b.root AS root_before
FROM rollup_roots AS n
LEFT JOIN rollup_roots_before AS b ON b.source = n.source AND b.event_id = n.event_id""",
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
        PARTITION BY source, root ORDER BY corrects_one DESC, {OUTRANKS}
    ) = 1 AS counts,
    NOT arrived AND row_number() OVER (
        PARTITION BY source, root_before, arrived
        ORDER BY corrects_one DESC, {OUTRANKS}
    ) = 1 AS counted
FROM touched""",
)

CHANGES = Relation(
    name="rollup_changes",
    inputs=("new_events", "landing_duplicates", "rollup_repeated", "rollup_touched"),
    doc=(
        "What the arrivals change, as signed rows: each arrival in; what today's chains leave uncounted out again; "
        "duplicates on their own account. `known`: it was counted before today. `correcting`: a correction or what it takes out."
    ),
    kept=False,
    sql=f"""
SELECT customer_id, subscription_id, meter, event_time, received_at, observed_on, CAST(quantity AS {QUANTITY}) AS quantity,
    1 AS events, 0 AS duplicates, 0 AS superseded, false AS known, corrects IS NOT NULL AS correcting
FROM new_events
UNION ALL
SELECT n.customer_id, n.subscription_id, n.meter, n.event_time, n.received_at, n.observed_on,
    CAST(n.quantity AS {QUANTITY}) AS quantity, -1 AS events, 1 AS duplicates, 0 AS superseded, false AS known,
    n.corrects IS NOT NULL AS correcting
FROM new_events AS n
SEMI JOIN rollup_repeated AS r ON r.source = n.source AND r.event_id = n.event_id
UNION ALL
SELECT customer_id, subscription_id, meter, event_time, received_at, observed_on, quantity,
    -1 AS events, 0 AS duplicates, 1 AS superseded, NOT arrived AS known, true AS correcting
FROM rollup_touched WHERE NOT counts AND (arrived OR counted)
UNION ALL
SELECT d.customer_id, d.subscription_id, d.meter, d.event_time, NULL AS received_at, NULL AS observed_on,
    CAST(d.quantity AS {QUANTITY}) AS quantity, 0 AS events, 1 AS duplicates, 0 AS superseded, false AS known,
    false AS correcting
FROM landing_duplicates AS d
WHERE d.subscription_id IS NOT NULL AND d.meter IS NOT NULL AND d.event_time IS NOT NULL AND d.quantity IS NOT NULL""",
)

_QUARTER_HOUR = 900_000_000


def _quarter(event_time: str) -> str:
    """The quarter of an hour of an instant, as microseconds since 1970."""
    return f"epoch_us({event_time}) - epoch_us({event_time}) % {_QUARTER_HOUR}"


QUARTERS = Relation(
    name="rollup_quarters",
    inputs=("rollup_changes", "rollup_zones", "run_params"),
    doc=(
        "The local day of each quarter of an hour that has events, in each time zone that is used, with the company's day and "
        "the instant at which that ends. Local days begin on quarters of an hour everywhere; so calendars are asked for "
        "some thousand quarters and not for every event."
    ),
    sql=f"""
WITH quarters AS (SELECT DISTINCT {_quarter("event_time")} AS quarter FROM rollup_changes),
zones AS (
    SELECT timezone FROM rollup_zones
    UNION
    SELECT company_timezone AS timezone FROM run_params
),
instants AS (
    SELECT quarter, TIMESTAMPTZ '1970-01-01 00:00:00+00' + to_microseconds(quarter) AS begins FROM quarters
),
dated AS (
    SELECT i.quarter, z.timezone, CAST(timezone(z.timezone, i.begins) AS DATE) AS usage_day,
        CAST(timezone(p.company_timezone, i.begins) AS DATE) AS company_day, p.company_timezone
    FROM instants AS i
    CROSS JOIN zones AS z
    CROSS JOIN run_params AS p
)
SELECT quarter, timezone, usage_day, company_day,
    timezone(company_timezone, CAST(company_day + 1 AS TIMESTAMP)) AS company_day_ends
FROM dated""",
)

PARTS = Relation(
    name="rollup_parts",
    inputs=("rollup_changes", "rollup_quarters", "rollup_zones", "run_params"),
    doc=(
        "Changes per usage day (local to the subscription; to the company where the subscription is unknown) and customer. An "
        "event is late when it was received or arrived after its own day; the opening load only where it was received so. "
        "`reopened`: what late arrivals add, less what is taken out of what was counted before. The customer is part of the key "
        "and no aggregate, since DuckDB cannot spill the texts that aggregates hold: a hundred million events have more groups "
        "than memory has room for."
    ),
    sql=f"""
WITH placed AS (
    SELECT q.usage_day, c.subscription_id, c.customer_id, c.meter, c.quantity, c.events, c.duplicates, c.superseded,
        CASE c.events WHEN 1 THEN c.quantity WHEN -1 THEN -c.quantity ELSE 0 END AS net, c.known, c.correcting,
        coalesce(c.received_at >= q.company_day_ends OR (c.observed_on > q.company_day AND c.observed_on > p.first_day), false)
            AS late
    FROM rollup_changes AS c
    CROSS JOIN run_params AS p
    LEFT JOIN rollup_zones AS z ON z.subscription_id = c.subscription_id
        AND coalesce(c.observed_on, p.day) >= z.since AND coalesce(c.observed_on, p.day) < z.until
    JOIN rollup_quarters AS q ON q.quarter = {_quarter("c.event_time")}
        AND q.timezone = coalesce(z.timezone, p.company_timezone)
)
SELECT usage_day, subscription_id, customer_id, meter,
    sum(net) AS quantity, count(*) FILTER (WHERE events = 1) - count(*) FILTER (WHERE events = -1) AS events,
    sum(quantity) FILTER (WHERE duplicates = 1) AS duplicate_quantity, count(*) FILTER (WHERE duplicates = 1) AS duplicate_events,
    sum(net) FILTER (WHERE late) AS late_quantity,
    count(*) FILTER (WHERE late AND events = 1) - count(*) FILTER (WHERE late AND events = -1) AS late_events,
    sum(quantity) FILTER (WHERE superseded = 1) AS superseded_quantity, count(*) FILTER (WHERE superseded = 1) AS superseded_events,
    sum(net) FILTER (WHERE correcting) AS corrected_quantity, sum(net) FILTER (WHERE late OR known) AS reopened_quantity,
    count(*) FILTER (WHERE late AND NOT known AND events = 1) AS reopened_by, count(*) FILTER (WHERE known) AS taken_out
FROM placed
GROUP BY usage_day, subscription_id, customer_id, meter""",
)

SHARED = Relation(
    name="rollup_shared",
    inputs=("rollup_parts",),
    doc="Subscriptions whose events of today name more than one customer.",
    sql="""
SELECT subscription_id FROM rollup_parts GROUP BY subscription_id HAVING min(customer_id) <> max(customer_id)""",
)


_FIGURES = [
    "quantity",
    "events",
    "duplicate_quantity",
    "duplicate_events",
    "late_quantity",
    "late_events",
    "superseded_quantity",
    "superseded_events",
    "corrected_quantity",
    "reopened_quantity",
    "reopened_by",
    "taken_out",
]


def _summed(figure: str) -> str:
    """Select list of a usage day's sums; `figure` makes one of a column."""
    return ", ".join(f"{figure.format(name)} AS {name}" for name in _FIGURES)


SUMS = Relation(
    name="rollup_sums",
    inputs=("rollup_parts", "rollup_shared"),
    doc="The parts per usage day, subscription and meter; of several customers the first.",
    kept=False,
    sql=f"""
SELECT p.usage_day, p.subscription_id, p.customer_id, p.meter, {_summed("coalesce(p.{}, 0)")}
FROM rollup_parts AS p
ANTI JOIN rollup_shared AS s ON s.subscription_id = p.subscription_id
UNION ALL
SELECT p.usage_day, p.subscription_id, min(p.customer_id) AS customer_id, p.meter, {_summed("coalesce(sum(p.{}), 0)")}
FROM rollup_parts AS p
SEMI JOIN rollup_shared AS s ON s.subscription_id = p.subscription_id
GROUP BY p.usage_day, p.subscription_id, p.meter""",
)

ROLLUP_DAY = Relation(
    name="rollup_day",
    inputs=("rollup_sums",),
    doc="Net change per usage day, subscription and meter (core.schema.USAGE_ROLLUP).",
    kept=False,
    sql=f"""
SELECT usage_day, subscription_id, customer_id, meter, CAST(quantity AS {QUANTITY}) AS quantity,
    CAST(events AS BIGINT) AS events, CAST(duplicate_quantity AS {QUANTITY}) AS duplicate_quantity,
    CAST(duplicate_events AS BIGINT) AS duplicate_events, CAST(late_quantity AS {QUANTITY}) AS late_quantity,
    CAST(late_events AS BIGINT) AS late_events, CAST(superseded_quantity AS {QUANTITY}) AS superseded_quantity,
    CAST(superseded_events AS BIGINT) AS superseded_events, CAST(corrected_quantity AS {QUANTITY}) AS corrected_quantity
FROM rollup_sums
WHERE quantity <> 0 OR events <> 0 OR duplicate_events <> 0 OR superseded_events <> 0 OR late_events <> 0
    OR late_quantity <> 0""",
)

REOPENED = Relation(
    name="reopened_days",
    inputs=("rollup_sums", "run_params"),
    doc=(
        "The usage days before today that today's arrivals re-opened, per meter (compute.late_usage.REOPENED_DAYS). "
        "`late_window` of the usage day: open or closed."
    ),
    sql=f"""
SELECT s.usage_day, s.meter, CAST(p.day AS DATE) AS arrived_on, CASE WHEN p.day <= CAST(s.usage_day + p.late_window_days AS DATE) THEN 'open' ELSE 'closed' END AS late_window,
    CAST(sum(s.reopened_by) AS BIGINT) AS late_events, CAST(sum(s.taken_out) AS BIGINT) AS taken_out_events,
    CAST(sum(s.reopened_quantity) AS {QUANTITY}) AS quantity, count(DISTINCT s.subscription_id) AS subscriptions
FROM rollup_sums AS s
CROSS JOIN run_params AS p
WHERE s.usage_day < p.day AND s.usage_day >= p.first_day AND (s.reopened_by <> 0 OR s.taken_out <> 0)
GROUP BY s.usage_day, s.meter, p.day, p.late_window_days
ORDER BY s.usage_day, s.meter""",
)

RELATIONS: tuple[Relation, ...] = (
    ZONES,
    REPEATED,
    LINKS,
    KNOWN_LINKS,
    ROOTS,
    ROOTS_BEFORE,
    CHAINS,
    TOUCHED,
    CHANGES,
    QUARTERS,
    PARTS,
    SHARED,
    SUMS,
    ROLLUP_DAY,
    REOPENED,
)
"""Inputs: new_events, known_events, subscriptions, landing_duplicates, run_params. Results: rollup_day (USAGE_ROLLUP) and
reopened_days."""
