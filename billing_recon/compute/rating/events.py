"""What a price needs of an item's single events: which are free, what each costs within its bounds, where each lies in tiers."""

from __future__ import annotations

from billing_recon.compute.money import QUANTITY, RAW
from billing_recon.compute.rating.model import Sources
from billing_recon.compute.relation import Relation


def paid(at: Sources) -> Relation:
    """For percentages: what the free events and units leave to pay, and the sum of the bounded events where there are bounds.

    `run` is the metered amount up to an event, `reached` the most that it came to before it: units are used up once.
    """
    return Relation(
        name=at.paid,
        inputs=(at.terms, at.events),
        rows_from=("term_charges WHERE model = 'percentage' AND priced_by_event",),
        doc="What is left to pay of the events of percentage charges.",
        sql=f"""
SELECT part_id, events,
    greatest(total - CASE WHEN free_events > 0 AND free_units > 0 THEN least(first_units, free_units)
        WHEN free_events > 0 THEN first_units WHEN free_units > 0 AND most > free_units THEN free_units
        WHEN free_units > 0 THEN total ELSE 0 END, 0) AS paid_units,
    greatest(events - CASE WHEN free_events > 0 AND under > 0 THEN least(free_events, under)
        WHEN free_events > 0 THEN free_events ELSE under END, 0) AS paid_events,
    bounded
FROM (
    SELECT part_id, max(free_events) AS free_events, max(free_units) AS free_units, max(total) AS total,
        count(*) AS events, max(run) AS most,
        coalesce(sum(value) FILTER (WHERE place <= free_events), 0) AS first_units,
        count(*) FILTER (WHERE run < free_units AND reached <= free_units
            AND (free_events = 0 OR place <= free_events)) AS under,
        CAST(CASE WHEN bool_or(event_minimum IS NOT NULL OR event_maximum IS NOT NULL) THEN
            coalesce(sum(CASE WHEN exempt THEN CAST(0 AS {RAW}) ELSE
                CASE WHEN cost < event_minimum THEN event_minimum
                    WHEN cost > event_maximum THEN event_maximum ELSE cost END END), 0)
            END AS {RAW}) AS bounded
    FROM (
        SELECT part_id, free_events, free_units, total, event_minimum, event_maximum, value, place, run, reached,
            CASE WHEN free_units > 0 THEN reached < free_units AND run < free_units ELSE place <= free_events END AS exempt,
            CAST(extend(CASE WHEN free_units > 0 AND reached < free_units THEN run - free_units ELSE value END, rate)
                + CAST(event_fee AS {RAW}) AS {RAW}) AS cost
        FROM (
            SELECT t.part_id, t.free_events, t.free_units, t.total, t.rate, t.event_fee, t.event_minimum, t.event_maximum,
                e.value, row_number() OVER priced AS place, sum(e.value) OVER priced AS run,
                greatest(coalesce(max(e.run_before) OVER priced, 0), 0) AS reached
            FROM (
                SELECT item_id, event_no, value, coalesce(sum(value) OVER (
                    PARTITION BY item_id ORDER BY event_no ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ), 0) AS run_before
                FROM {at.events}
            ) AS e
            JOIN {at.terms} AS t ON t.part_id = e.item_id
            WHERE t.model = 'percentage'
            WINDOW priced AS (PARTITION BY t.part_id ORDER BY e.event_no ROWS UNBOUNDED PRECEDING)
        ) AS ordered
    ) AS each_event
    GROUP BY part_id
) AS summed""",
    )


def weighed(at: Sources) -> Relation:
    """For prorated graduated charges: the prorated units priced where their events lie in the tiers, and the fees reached.

    `ends` is the full units in the end, `most` the most at any time, `shared` the sum of the shares.
    """
    return Relation(
        name=at.weighed,
        inputs=(at.terms, at.paths, "term_tiers"),
        rows_from=("term_charges WHERE prorated AND model = 'graduated'",),
        doc="Prorated units in the tiers in which their events lie.",
        sql=f"""
SELECT t.part_id, coalesce(p.ends, 0) AS ends, coalesce(p.most, 0) AS most,
    coalesce(p.shared, 0) AS shared, coalesce(m.moved, 0) AS moved, CAST(f.fees AS {RAW}) AS fees, CAST(f.first_fee AS {RAW}) AS first_fee
FROM {at.terms} AS t
LEFT JOIN (
    SELECT item_id, max(ends) AS ends, max(most) AS most, max(shared) AS shared
    FROM {at.paths} GROUP BY item_id
) AS p ON p.item_id = t.part_id
LEFT JOIN (
    SELECT w.item_id, rejoined(sum(split_of(extend(w.prorated, s.unit), least(w.top, coalesce(s.upper, w.top))
        - greatest(w.bottom, CASE WHEN s.tier_no = 1 THEN w.bottom ELSE s.lower END), w.top - w.bottom))) AS moved
    FROM {at.paths} AS w
    JOIN {at.terms} AS t ON t.part_id = w.item_id
    JOIN term_tiers AS s ON s.term_no = t.term_no AND (s.lower < w.top OR s.tier_no = 1)
        AND (s.upper IS NULL OR s.upper > w.bottom)
    WHERE w.top > w.bottom
    GROUP BY w.item_id
) AS m ON m.item_id = t.part_id
JOIN (
    SELECT t.part_id, sum(CASE WHEN s.tier_no = 1 OR s.lower < p.most THEN s.flat ELSE 0 END) AS fees,
        sum(CASE WHEN s.tier_no = 1 THEN s.flat ELSE 0 END) AS first_fee
    FROM {at.terms} AS t
    JOIN term_tiers AS s ON s.term_no = t.term_no
    LEFT JOIN (SELECT item_id, max(most) AS most FROM {at.paths} GROUP BY item_id) AS p ON p.item_id = t.part_id
    WHERE t.model = 'prorated_graduated'
    GROUP BY t.part_id
) AS f ON f.part_id = t.part_id
WHERE t.model = 'prorated_graduated'""",
    )


_MOVE = "struct_pack(starts := {starts}, ends := {ends}, prorated := {prorated})"


def paths(at: Sources) -> Relation:
    """For prorated graduated charges: events laid end to end, each with the units that it covers, `bottom` to `top`."""
    none = f"CAST(0 AS {QUANTITY})"
    first = _MOVE.format(starts=none, ends=none, prorated=none)
    step = _MOVE.format(starts=none, ends="value", prorated="prorated")
    passed = "walked.at + event.at < 0 AND event.at < 0 AND event.moves[1].prorated = 0"
    moved = _MOVE.format(
        starts="walked.at", ends=f"CAST(walked.at + event.at AS {QUANTITY})", prorated="event.moves[1].prorated"
    )
    return Relation(
        name=at.paths,
        inputs=(at.events, at.terms),
        rows_from=("term_charges WHERE prorated AND model = 'graduated'",),
        doc="Which units each event covers, and the whole's end, most and prorated sum.",
        sql=f"""
SELECT item_id, least(move.starts, move.ends) AS bottom, greatest(move.starts, move.ends) AS top, move.prorated AS prorated,
    ends, shared, greatest(max(move.ends) OVER (PARTITION BY item_id), 0) AS most
FROM (
    SELECT item_id, walked.at AS ends, shared, unnest(walked.moves) AS move
    FROM (
        SELECT item_id, sum(prorated) AS shared,
            list_reduce(list(struct_pack(at := value, moves := [{step}]) ORDER BY event_no),
                lambda walked, event: CASE WHEN {passed} THEN walked ELSE struct_pack(
                    at := CAST(walked.at + event.at AS {QUANTITY}), moves := list_append(walked.moves, {moved})) END,
                struct_pack(at := {none}, moves := [{first}])) AS walked
        FROM {at.events} AS e
        SEMI JOIN {at.terms} AS t ON t.part_id = e.item_id AND t.model = 'prorated_graduated'
        WHERE NOT (prorated = 0 AND value > 0)
        GROUP BY item_id
    ) AS folded
) AS listed""",
    )
