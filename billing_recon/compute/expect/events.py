"""Which single events count for a charge that needs them, what they are metered to, and what they cost. Rule 5 of ARCHITECTURE 2.

Most charges are priced by the sums of the roll-up. Those with `by_event` ask here: each run, charge and date by which usage
must have been known is an ask. Its events are those of the run's local days that were observed by then, the last correction
of each, in the order of their times. Nothing here is planned for a catalog without such charges.
"""

from __future__ import annotations

from dataclasses import replace

from billing_recon.compute.expect.charges import OWN_PRICE
from billing_recon.compute.money import QUANTITY
from billing_recon.compute.rating import rate
from billing_recon.compute.rating.metering import meter
from billing_recon.compute.relation import Relation
from billing_recon.compute.rollup import OUTRANKS, ZONES, chain_roots

_BY_EVENT = ("term_charges WHERE by_event",)
_EVENT = (
    "source, event_id, subscription_id, meter, quantity, event_time, received_at, corrects, dimensions, observed_on"
)

SINGLE = Relation(
    name="single_events",
    inputs=("usage_events", "subscriptions", "term_charges"),
    rows_from=_BY_EVENT,
    doc=(
        "The events of subscriptions and meters that a plan of theirs charges by event, each once: the row that came first. They "
        "are picked before anything else is done, since they may be few of many."
    ),
    sql=f"""
WITH charged AS (
    SELECT DISTINCT s.subscription_id, c.meter
    FROM subscriptions AS s
    JOIN term_charges AS c ON c.plan_id = s.plan_id AND c.plan_version = s.plan_version AND c.currency = s.currency AND c.by_event
),
ranked AS (
    SELECT {", ".join(f"e.{name}" for name in _EVENT.split(", "))},
        row_number() OVER (PARTITION BY e.source, e.event_id ORDER BY e.observed_on, e.source_file, e.source_row) AS came
    FROM usage_events AS e
    SEMI JOIN charged AS c ON c.subscription_id = e.subscription_id AND c.meter = e.meter
)
SELECT {_EVENT} FROM ranked WHERE came = 1""",
)

CORRECTIONS = Relation(
    name="event_corrections",
    inputs=("usage_corrections", "single_events"),
    rows_from=("single_events",),
    doc="Every correction of the sources of those events, whatever it is about: it may take an event to another meter.",
    sql="""
SELECT u.source, u.event_id, u.corrects, min(u.received_at) AS received_at, min(u.observed_on) AS observed_on
FROM usage_corrections AS u
SEMI JOIN (SELECT DISTINCT source FROM single_events) AS s ON s.source = u.source
GROUP BY u.source, u.event_id, u.corrects""",
)

EVENT_ZONES = replace(ZONES, name="event_zones", rows_from=("single_events",))

PLACED = Relation(
    name="placed_events",
    inputs=("single_events", "event_zones", "run_params"),
    rows_from=("single_events",),
    doc=(
        "Each event on its subscription's own clock. `is_late`: it was received or arrived after its own day, as in the roll-up; of "
        "the opening load only where it was received so."
    ),
    sql="""
WITH zoned AS (
    SELECT e.source, e.event_id, e.subscription_id, e.meter, e.quantity, e.event_time, e.received_at, e.corrects, e.dimensions,
        e.observed_on, timezone(coalesce(z.timezone, p.company_timezone), e.event_time) AS local_time,
        CAST(timezone(p.company_timezone, e.event_time) AS DATE) AS company_day, p.company_timezone, p.first_day
    FROM single_events AS e
    CROSS JOIN run_params AS p
    LEFT JOIN event_zones AS z ON z.subscription_id = e.subscription_id AND e.observed_on >= z.since AND e.observed_on < z.until
)
SELECT source, event_id, subscription_id, meter, quantity, timezone('UTC', event_time) AS utc_time, received_at, corrects,
    dimensions, observed_on, local_time, CAST(local_time AS DATE) AS usage_day,
    coalesce(received_at >= timezone(company_timezone, CAST(company_day + 1 AS TIMESTAMP))
        OR (observed_on > company_day AND observed_on > first_day), false) AS is_late
FROM zoned""",
)


def _utc(day: str) -> str:
    """SQL for the instant at which a local day begins, as a UTC timestamp."""
    return f"timezone('UTC', timezone(i.timezone, CAST({day} AS TIMESTAMP)))"


ASKS = Relation(
    name="event_asks",
    inputs=("contract_runs", "contract_intervals", "term_charges", "late_arrivals", "run_params"),
    rows_from=_BY_EVENT,
    doc=(
        "One row a run, charge priced by event, and state of knowledge. `side`: period (what counts for the bill or the open "
        "period), or before and after (with and without what came late, per adjusting period). `known_by` is the last day whose "
        "arrivals count; begins and ends are the run's, in UTC, `seconds` the whole period's."
    ),
    sql=f"""
WITH spans AS (
    SELECT subscription_id, own_start, own_end, adjusted_start, min(arrived) AS first_arrived, max(arrived) AS last_arrived
    FROM late_arrivals
    WHERE wanted OR is_open
    GROUP BY subscription_id, own_start, own_end, adjusted_start
),
sides AS (
    SELECT r.subscription_id, r.period_start, r.period_end, r.run_start, 'period' AS side, CAST(NULL AS DATE) AS adjusted_start,
        CAST(least(greatest(CAST(r.period_end + p.late_window_days AS DATE), p.first_day),
            CASE WHEN r.wanted THEN CAST(p.day + p.late_window_days AS DATE) ELSE p.day END) AS DATE) AS known_by
    FROM contract_runs AS r
    CROSS JOIN run_params AS p
    WHERE r.rateable AND NOT r.by_seat AND (r.wanted OR r.is_open)
    UNION ALL
    SELECT r.subscription_id, r.period_start, r.period_end, r.run_start, t.side, s.adjusted_start,
        CASE t.side WHEN 'before' THEN CAST(s.first_arrived - 1 AS DATE) ELSE s.last_arrived END AS known_by
    FROM spans AS s
    JOIN contract_runs AS r ON r.subscription_id = s.subscription_id AND r.period_start = s.own_start
        AND r.period_end = s.own_end AND r.rateable AND NOT r.by_seat
    CROSS JOIN (SELECT unnest(['before', 'after']) AS side) AS t
)
SELECT s.side || lpad(CAST(row_number() OVER (
        ORDER BY s.subscription_id, s.period_start, s.period_end, s.run_start, c.position, s.side, s.adjusted_start
    ) AS VARCHAR), 9, '0') AS ask,
    s.subscription_id, s.period_start, s.period_end, s.run_start, r.run_end, s.side, s.adjusted_start, s.known_by,
    r.plan_id, r.plan_version, r.currency, c.charge_id, c.meter, c.model, c.aggregation, c.unique_dimension, c.bucket,
    c.dimensions, c.prorated, c.priced_by_event, {OWN_PRICE}, {_utc("s.run_start")} AS begins,
    {_utc("r.run_end")} AS ends, datediff('second', {_utc("s.period_start")}, {_utc("s.period_end")}) AS seconds
FROM sides AS s
JOIN contract_runs AS r ON r.subscription_id = s.subscription_id AND r.period_start = s.period_start
    AND r.period_end = s.period_end AND r.run_start = s.run_start AND NOT r.by_seat
JOIN term_charges AS c ON c.plan_id = r.plan_id AND c.plan_version = r.plan_version AND c.currency = r.currency
    AND c.kind = 'usage' AND c.by_event
JOIN contract_intervals AS i ON i.subscription_id = s.subscription_id AND i.start_day <= s.run_start AND s.run_start < i.end_day""",
)

ROOTS = Relation(
    name="event_roots",
    inputs=("event_corrections",),
    rows_from=("event_corrections",),
    doc="Each of those corrections with the root of its chain, as it is known now.",
    sql=chain_roots("event_corrections"),
)

LINKS = Relation(
    name="event_links",
    inputs=("event_corrections", "event_roots", "single_events", "event_asks"),
    rows_from=("event_corrections",),
    doc=(
        "The corrections of chains that an event asked about is part of, as known by each date that an ask names; `source` carries "
        "that date, so that chains of two dates are never mixed."
    ),
    sql="""
WITH touched AS (
    SELECT r.source, r.root
    FROM event_roots AS r
    SEMI JOIN single_events AS e ON e.source = r.source AND e.event_id = r.event_id
    UNION
    SELECT r.source, r.root
    FROM event_roots AS r
    SEMI JOIN single_events AS e ON e.source = r.source AND e.event_id = r.root
)
SELECT CAST(a.known_by AS VARCHAR) || chr(31) || c.source AS source, a.known_by, c.source AS sent_by, c.event_id, c.corrects,
    c.received_at, c.observed_on
FROM event_corrections AS c
JOIN event_roots AS r ON r.source = c.source AND r.event_id = c.event_id
SEMI JOIN touched AS t ON t.source = r.source AND t.root = r.root
JOIN (SELECT DISTINCT known_by FROM event_asks) AS a ON c.observed_on <= a.known_by""",
)

CHAINS = Relation(
    name="event_chains",
    inputs=("event_links",),
    rows_from=("event_links",),
    doc="The root of each of them as it was known by the date.",
    sql=chain_roots("event_links"),
)

OUTDONE = Relation(
    name="outdone_events",
    inputs=("event_links", "event_chains"),
    rows_from=("event_links",),
    doc="Events that count no more by a date: another correction of their chain outranks them (compute.rollup says how).",
    sql=f"""
WITH ranked AS (
    SELECT known_by, sent_by, event_id, root, row_number() OVER (PARTITION BY source, root ORDER BY {OUTRANKS}) AS place
    FROM event_links JOIN event_chains USING (source, event_id)
)
SELECT known_by, sent_by AS source, event_id FROM ranked WHERE place > 1
UNION
SELECT r.known_by, r.sent_by AS source, r.root AS event_id
FROM ranked AS r
ANTI JOIN event_links AS l ON l.known_by = r.known_by AND l.sent_by = r.sent_by AND l.event_id = r.root""",
)

_CELL = """array_to_string(list_transform(CAST(json_extract_string(a.dimensions, '$[*]') AS VARCHAR[]),
            lambda one: coalesce(json_extract_string(e.dimensions, '$."' || one || '"'), '')), '|')"""
_LEFT = """CASE p.proration WHEN 'by_second' THEN share(worth, datediff('second', greatest(utc_time, begins), ends), seconds)
        WHEN 'by_day' THEN share(worth, run_end - usage_day, period_end - period_start) ELSE worth END"""

ASKED = Relation(
    name="asked_events",
    inputs=("event_asks", "placed_events", "outdone_events", "run_params"),
    rows_from=("single_events",),
    doc=(
        "The events of each ask in their order. `counts`: nothing corrects it by the date; `worth`: what it adds to the charge's "
        "units (1 of a count, 1 of the first of each distinct value); `prorated`: its share from then to the run's end, of the "
        "period, as the profile counts it. `at_time` is in UTC, or on the clock by which buckets begin."
    ),
    sql=f"""
WITH asked AS (
    SELECT a.ask, a.side, a.known_by, a.aggregation, a.bucket, a.prorated AS is_prorated, a.priced_by_event, a.run_end, a.period_start, a.period_end,
        a.begins, a.ends, a.seconds, e.source, e.event_id, e.quantity, e.utc_time, e.usage_day, e.received_at, e.corrects,
        e.is_late, o.event_id IS NULL AS counts,
        CASE a.bucket WHEN 'day' THEN e.local_time WHEN 'hour' THEN e.utc_time - (e.local_time - date_trunc('hour', e.local_time))
            ELSE e.utc_time END AS at_time,
        CASE WHEN a.unique_dimension IS NOT NULL THEN json_extract_string(e.dimensions, '$."' || a.unique_dimension || '"') END
            AS counted,
        CASE WHEN a.dimensions IS NOT NULL THEN {_CELL} END AS cell
    FROM event_asks AS a
    CROSS JOIN run_params AS p
    JOIN placed_events AS e ON e.subscription_id = a.subscription_id AND e.meter = a.meter AND e.usage_day >= a.run_start
        AND e.usage_day < a.run_end AND e.observed_on <= a.known_by AND (e.observed_on <= p.day OR e.usage_day <= p.day)
    LEFT JOIN outdone_events AS o ON o.known_by = a.known_by AND o.source = e.source AND o.event_id = e.event_id
),
parted AS (
    SELECT ask, side, aggregation, is_prorated, priced_by_event, run_end, period_start, period_end, begins, ends, seconds,
        source, event_id, quantity, utc_time, usage_day, received_at, corrects, is_late, counts, at_time, counted, cell,
        CASE bucket WHEN 'day' THEN CAST(date_trunc('day', at_time) AS TIMESTAMP) WHEN 'hour' THEN date_trunc('hour', at_time) END
            AS bucket
    FROM asked
),
numbered AS (
    SELECT ask, side, aggregation, is_prorated, priced_by_event, run_end, period_start, period_end, begins, ends, seconds,
        quantity, utc_time, usage_day, corrects, is_late, counts, at_time, counted, cell, bucket,
        row_number() OVER (PARTITION BY ask ORDER BY utc_time, received_at, source, event_id) AS event_no,
        row_number() OVER (PARTITION BY ask, counts, bucket, cell, counted ORDER BY utc_time, received_at, source, event_id) AS seen
    FROM parted
),
valued AS (
    SELECT ask, side, aggregation, is_prorated, priced_by_event, run_end, period_start, period_end, begins, ends, seconds,
        quantity, utc_time, usage_day, corrects, is_late, counts, at_time, counted, cell, bucket, event_no,
        CAST(CASE aggregation WHEN 'count' THEN 1
            WHEN 'unique_count' THEN CASE WHEN counted IS NOT NULL AND seen = 1 THEN 1 ELSE 0 END ELSE quantity END AS {QUANTITY}) AS worth
    FROM numbered
)
SELECT ask, side, aggregation, priced_by_event, quantity, corrects, is_late, counts, at_time, counted, cell, bucket, event_no,
    worth, CAST(CASE WHEN is_prorated THEN {_LEFT} ELSE worth END AS {QUANTITY}) AS prorated
FROM valued
CROSS JOIN run_params AS p""",
)

_NOT_SUMMED = "side = 'period' AND aggregation NOT IN ('sum', 'count')"
_TO_METER = "event_no, at_time AS event_time, quantity AS value, counted, cell"

TO_METER = Relation(
    name="events_to_meter",
    inputs=("asked_events",),
    rows_from=("asked_events",),
    kept=False,
    doc=(
        "What is metered: the events that count; and, where units are no sums, those of them that came on their own day (`late`), "
        "and those that no correction had changed (`stated`), so that a bill of either can be told."
    ),
    sql=f"""
SELECT ask AS item_id, {_TO_METER} FROM asked_events WHERE counts
UNION ALL
SELECT ask || 'late' AS item_id, {_TO_METER} FROM asked_events WHERE counts AND NOT is_late AND {_NOT_SUMMED}
UNION ALL
SELECT ask || 'stated' AS item_id, {_TO_METER} FROM asked_events WHERE corrects IS NULL AND {_NOT_SUMMED}""",
)

METERS = Relation(
    name="event_meters",
    inputs=("event_asks",),
    rows_from=("asked_events",),
    kept=False,
    doc="How each of them is metered.",
    sql=f"""
SELECT ask || variant AS item_id, aggregation, bucket, begins, ends, seconds
FROM event_asks
CROSS JOIN (SELECT unnest(['', 'late', 'stated']) AS variant) AS v
WHERE variant = '' OR ({_NOT_SUMMED})""",
)

UNITS = Relation(
    name="event_units",
    inputs=("event_asks", "metered_events", "asked_events"),
    rows_from=_BY_EVENT,
    doc=(
        "The units that each ask is metered to. `late_quantity`, `superseded_quantity`: what late events add to them, and what they "
        "would be more without corrections; empty where units are sums, of which the roll-up knows."
    ),
    sql=f"""
WITH summed AS (
    SELECT item_id, sum(quantity) AS quantity, count(*) FILTER (WHERE quantity <> 0) AS parts FROM metered_events GROUP BY item_id
),
told AS (
    SELECT ask, bool_or(is_late AND counts) AS has_late, bool_or(NOT counts OR corrects IS NOT NULL) AS has_corrections
    FROM asked_events WHERE {_NOT_SUMMED} GROUP BY ask
)
SELECT a.ask, a.subscription_id, a.period_start, a.period_end, a.run_start, a.side, a.adjusted_start, a.charge_id,
    CAST(CASE WHEN a.model = 'flat' THEN coalesce(m.parts, 0) ELSE coalesce(m.quantity, 0) END AS {QUANTITY}) AS quantity,
    CAST(CASE WHEN t.has_late THEN m.quantity - coalesce(l.quantity, 0) WHEN a.aggregation NOT IN ('sum', 'count') THEN 0 END
        AS {QUANTITY}) AS late_quantity,
    CAST(CASE WHEN t.has_corrections THEN coalesce(s.quantity, 0) - coalesce(m.quantity, 0)
        WHEN a.aggregation NOT IN ('sum', 'count') THEN 0 END AS {QUANTITY}) AS superseded_quantity
FROM event_asks AS a
LEFT JOIN summed AS m ON m.item_id = a.ask
LEFT JOIN told AS t ON t.ask = a.ask
LEFT JOIN summed AS l ON l.item_id = a.ask || 'late'
LEFT JOIN summed AS s ON s.item_id = a.ask || 'stated'""",
)

PARTS = Relation(
    name="event_parts",
    inputs=("event_asks", "metered_events", "asked_events"),
    rows_from=("term_charges WHERE priced_by_event",),
    doc=(
        "What asks are priced by whose units alone do not tell the price: one part for each bucket and cell, and one for no "
        "usage at all. Prorated units are priced, full ones choose the tier."
    ),
    sql=f"""
WITH shares AS (
    SELECT ask, bucket, cell, sum(prorated) AS prorated
    FROM asked_events WHERE counts AND priced_by_event GROUP BY ask, bucket, cell
)
SELECT a.ask || lpad(CAST(row_number() OVER (PARTITION BY a.ask ORDER BY m.bucket, m.cell) AS VARCHAR), 6, '0') AS item_id,
    a.ask AS line_id, a.plan_id, a.plan_version, a.currency, a.charge_id, m.bucket, m.cell, a.own_price,
    CAST(CASE WHEN a.prorated THEN coalesce(s.prorated, 0)
        WHEN a.model = 'flat' THEN CASE WHEN coalesce(m.quantity, 0) = 0 THEN 0 ELSE 1 END
        ELSE coalesce(m.quantity, 0) END AS {QUANTITY}) AS quantity,
    CAST(CASE WHEN a.prorated THEN coalesce(m.quantity, 0) END AS {QUANTITY}) AS tier_units,
    coalesce(m.events, 0) AS events, CAST(1 AS INTEGER) AS part, CAST(1 AS INTEGER) AS whole,
    a.bucket IS NOT NULL AND m.item_id IS NOT NULL AS in_bucket
FROM event_asks AS a
LEFT JOIN metered_events AS m ON m.item_id = a.ask
LEFT JOIN shares AS s ON s.ask = a.ask AND s.bucket IS NOT DISTINCT FROM m.bucket AND s.cell IS NOT DISTINCT FROM m.cell
WHERE a.priced_by_event""",
)

PART_EVENTS = Relation(
    name="part_events",
    inputs=("event_parts", "asked_events"),
    rows_from=("event_parts",),
    doc="The events of each part, as rating reads them.",
    sql="""
SELECT q.item_id, e.event_no, e.worth AS value, e.prorated
FROM asked_events AS e
JOIN event_parts AS q ON q.line_id = e.ask AND q.bucket IS NOT DISTINCT FROM e.bucket AND q.cell IS NOT DISTINCT FROM e.cell
WHERE e.counts""",
)

METERED: tuple[Relation, ...] = (
    SINGLE,
    CORRECTIONS,
    EVENT_ZONES,
    PLACED,
    ASKS,
    ROOTS,
    LINKS,
    CHAINS,
    OUTDONE,
    ASKED,
    TO_METER,
    METERS,
    *meter("event_meters", "events_to_meter", "metered_events", seconds="seconds"),
    UNITS,
    PARTS,
    PART_EVENTS,
    *rate(
        "event_parts",
        "event_rates",
        given=("line_id", "tier_units", "events", "cell", "in_bucket", "own_price"),
        events="part_events",
    ),
)
"""After the contract's runs and late_arrivals. Results: event_units, and event_rates by ask of what units alone do not price."""
