"""What became of late usage: the days that it re-opened, the bills that still wait for it, and the fate of each event.

What it costs is in compute.expect.late, and which day it belongs to in compute.rollup; here nothing is rated.
"""

from __future__ import annotations

from billing_recon.compute.money import QUANTITY
from billing_recon.compute.relation import Relation

AWAITED = Relation(
    name="usage_awaited",
    inputs=("contract_periods", "run_params"),
    doc=(
        "Periods that the day decides about while their late window is open: usage of days up to today that arrives by `until` "
        "re-opens the day."
    ),
    sql="""
SELECT c.subscription_id, c.period_end, CAST(least(c.period_end, p.day) + p.late_window_days AS DATE) AS until
FROM contract_periods AS c
CROSS JOIN run_params AS p
WHERE c.wanted AND CAST(c.period_end + p.late_window_days AS DATE) > p.day""",
)

TOO_LATE = Relation(
    name="late_usage",
    inputs=("late_arrivals", "run_params"),
    rows_from=("late_arrivals",),
    doc=(
        "What came after the late window of its own period, on the day it arrived and on each day whose bills or unbilled usage "
        "it is part of; with the period that bills it. `fate` is never empty: nothing is lost (see late_arrivals)."
    ),
    sql=f"""
SELECT a.arrived AS arrived_on, a.usage_day, a.subscription_id, a.meter, CAST(a.quantity AS {QUANTITY}) AS quantity, a.fate,
    a.own_start, a.own_end, a.adjusted_start, a.adjusted_end, a.due_on
FROM late_arrivals AS a
CROSS JOIN run_params AS p
WHERE a.fate <> 'in_time' AND (a.arrived = p.day OR a.wanted OR a.is_open)""",
)

RELATIONS: tuple[Relation, ...] = (AWAITED, TOO_LATE)
"""After compute.expect, in its session."""

SINCE = Relation(
    name="usage_since",
    inputs=("usage_awaited", "later_usage", "run_params"),
    doc=(
        "Usage that arrived after a day and re-opens it: changes to bills that the day decided about. `later_usage` is the "
        "roll-up of the days after it."
    ),
    sql="""
SELECT u.day AS arrived_on, u.usage_day, u.subscription_id, u.meter, u.quantity, u.events
FROM later_usage AS u
CROSS JOIN run_params AS p
SEMI JOIN usage_awaited AS a ON a.subscription_id = u.subscription_id AND u.usage_day < a.period_end AND u.day <= a.until
WHERE u.usage_day <= p.day AND u.day > p.day AND u.quantity <> 0""",
)

FRESHNESS = Relation(
    name="usage_freshness",
    inputs=("usage_rollup", "run_params"),
    doc=(
        "How final a usage day is, per meter, as of the day: what was known at its own end, what came within the late window and "
        "what after it, when last; `final` once its window is over. Units of two meters are never added."
    ),
    sql=f"""
SELECT u.usage_day, u.meter, CAST(sum(u.quantity) AS {QUANTITY}) AS quantity,
    CAST(coalesce(sum(u.quantity) FILTER (WHERE u.day <= u.usage_day), 0) AS {QUANTITY}) AS on_the_day,
    CAST(coalesce(sum(u.quantity) FILTER (
        WHERE u.day > u.usage_day AND u.day <= CAST(u.usage_day + p.late_window_days AS DATE)), 0) AS {QUANTITY}) AS within_window,
    CAST(coalesce(sum(u.quantity) FILTER (WHERE u.day > CAST(u.usage_day + p.late_window_days AS DATE)), 0) AS {QUANTITY})
        AS after_window,
    CAST(sum(u.late_events) AS BIGINT) AS late_events, max(u.day) AS last_arrival,
    CAST(u.usage_day + p.late_window_days AS DATE) AS window_ends,
    p.day >= CAST(u.usage_day + p.late_window_days AS DATE) AS final
FROM usage_rollup AS u
CROSS JOIN run_params AS p
WHERE u.day <= p.day
GROUP BY u.usage_day, u.meter, p.day, p.late_window_days
ORDER BY u.usage_day, u.meter""",
)

FATES = Relation(
    name="event_fates",
    inputs=(
        "new_events",
        "rollup_repeated",
        "rollup_touched",
        "rollup_zones",
        "rollup_quarters",
        "late_arrivals",
        "run_params",
    ),
    doc=(
        "What became of each landed event, exactly one of: duplicate, superseded (a correction outranks it), adjusted (billed with "
        "a later period), no_contract, before_first_day or no_period (late and of no bill), counted. In a session whose "
        "roll-up was built from all events as arrivals."
    ),
    sql="""
WITH placed AS (
    SELECT e.source, e.event_id, e.subscription_id, e.meter, e.observed_on, q.usage_day
    FROM new_events AS e
    CROSS JOIN run_params AS p
    LEFT JOIN rollup_zones AS z ON z.subscription_id = e.subscription_id AND e.observed_on >= z.since AND e.observed_on < z.until
    JOIN rollup_quarters AS q ON q.quarter = epoch_us(e.event_time) - epoch_us(e.event_time) % 900000000
        AND q.timezone = coalesce(z.timezone, p.company_timezone)
)
SELECT e.source, e.event_id, e.observed_on, e.usage_day, CASE
        WHEN r.event_id IS NOT NULL THEN 'duplicate'
        WHEN NOT t.counts THEN 'superseded'
        WHEN l.fate <> 'in_time' THEN l.fate
        ELSE 'counted'
    END AS fate
FROM placed AS e
LEFT JOIN rollup_repeated AS r ON r.source = e.source AND r.event_id = e.event_id
LEFT JOIN rollup_touched AS t ON t.source = e.source AND t.event_id = e.event_id
LEFT JOIN late_arrivals AS l ON l.subscription_id = e.subscription_id AND l.meter = e.meter AND l.usage_day = e.usage_day
    AND l.arrived = e.observed_on""",
)

DUPLICATES = Relation(
    name="duplicates_report",
    inputs=("usage_duplicates", "set_aside_duplicates"),
    doc=(
        "What came more than once, per day of arrival, source, customer and meter: rows that were collapsed with their quantity and "
        "the first row kept, and rows set aside because their content contradicts another of the same id."
    ),
    sql=f"""
WITH collapsed AS (
    SELECT day, source, customer_id, meter, count(*) AS rows, count(DISTINCT event_id) AS events,
        CAST(coalesce(sum(quantity), 0) AS {QUANTITY}) AS quantity,
        min(struct_pack(day := kept_on, file := kept_file, place := kept_row, event := event_id)) AS kept
    FROM usage_duplicates
    GROUP BY day, source, customer_id, meter
),
contradicting AS (
    SELECT day, source, customer_id, meter, count(*) AS rows, count(DISTINCT event_id) AS events,
        min(struct_pack(file := source_file, place := source_row, event := event_id)) AS came
    FROM set_aside_duplicates
    GROUP BY day, source, customer_id, meter
)
SELECT coalesce(c.day, x.day) AS day, coalesce(c.source, x.source) AS source,
    coalesce(c.customer_id, x.customer_id) AS customer_id, coalesce(c.meter, x.meter) AS meter,
    coalesce(c.rows, 0) AS collapsed_rows, coalesce(c.events, 0) AS collapsed_events,
    CAST(coalesce(c.quantity, 0) AS {QUANTITY}) AS collapsed_quantity,
    c.kept.event AS first_event, c.kept.day AS kept_on, c.kept.file AS kept_file, c.kept.place AS kept_row,
    coalesce(x.rows, 0) AS conflict_rows, coalesce(x.events, 0) AS conflict_events, x.came.event AS first_conflict,
    x.came.file AS conflict_file, x.came.place AS conflict_row
FROM collapsed AS c
FULL JOIN contradicting AS x ON x.day = c.day AND x.source IS NOT DISTINCT FROM c.source
    AND x.customer_id IS NOT DISTINCT FROM c.customer_id AND x.meter IS NOT DISTINCT FROM c.meter
ORDER BY day, source, customer_id, meter""",
)
