"""What a price needs of an item's single events: which are free, what each costs within its bounds, where each lies in tiers."""

from __future__ import annotations

from billing_recon.compute.money import QUANTITY, RAW
from billing_recon.compute.rating.model import Sources
from billing_recon.compute.relation import Relation

_PRORATED = ("term_charges WHERE prorated AND model = 'graduated'",)


def summed(at: Sources, events: str) -> tuple[Relation, ...]:
    """The events of the items in at.terms that are priced by event, and what is summed of them: at.paid and at.weighed."""
    return (_events(at, events), _paid(at), _paths(at), _weighed(at))


def _events(at: Sources, events: str) -> Relation:
    return Relation(
        name=at.events,
        inputs=(events,),
        kept=False,
        doc="The events of the items that are priced by event.",
        sql=f"""
SELECT item_id, event_no, CAST(value AS {QUANTITY}) AS value, CAST(prorated AS {QUANTITY}) AS prorated FROM {events}""",
    )


def _paid(at: Sources) -> Relation:
    """For percentages: what the free events and units leave to pay, and the sum of the bounded events where there are bounds.

    `run` is the metered amount up to an event, `reached` the most that it came to before it: units are used up once.
    """
    return Relation(
        name=at.paid,
        inputs=(at.terms, at.events),
        rows_from=("term_charges WHERE model = 'percentage' AND priced_by_event",),
        doc="What is left to pay of the events of percentage charges.",
        sql=f"""
WITH running AS (
    SELECT item_id, event_no, value, coalesce(sum(value) OVER (
            PARTITION BY item_id ORDER BY event_no ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS run_before
    FROM {at.events}
),
ordered AS (
    SELECT item.part_id, item.free_events, item.free_units, item.total, item.rate, item.event_fee, item.event_minimum,
        item.event_maximum, event.value, row_number() OVER priced AS place, sum(event.value) OVER priced AS run,
        greatest(coalesce(max(event.run_before) OVER priced, 0), 0) AS reached
    FROM running AS event
    JOIN {at.terms} AS item ON item.part_id = event.item_id
    WHERE item.model = 'percentage'
    WINDOW priced AS (PARTITION BY item.part_id ORDER BY event.event_no ROWS UNBOUNDED PRECEDING)
),
priced AS (
    SELECT part_id, free_events, free_units, total, event_minimum, event_maximum, value, place, run, reached,
        CASE WHEN free_units > 0 THEN reached < free_units AND run < free_units ELSE place <= free_events END AS exempt,
        CAST(extend(CASE WHEN free_units > 0 AND reached < free_units THEN run - free_units ELSE value END, rate)
            + CAST(event_fee AS {RAW}) AS {RAW}) AS cost
    FROM ordered
),
summed AS (
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
    FROM priced
    GROUP BY part_id
)
SELECT part_id, events,
    greatest(total - CASE WHEN free_events > 0 AND free_units > 0 THEN least(first_units, free_units)
        WHEN free_events > 0 THEN first_units WHEN free_units > 0 AND most > free_units THEN free_units
        WHEN free_units > 0 THEN total ELSE 0 END, 0) AS paid_units,
    greatest(events - CASE WHEN free_events > 0 AND under > 0 THEN least(free_events, under)
        WHEN free_events > 0 THEN free_events ELSE under END, 0) AS paid_events,
    bounded
FROM summed""",
    )


def _weighed(at: Sources) -> Relation:
    """For prorated graduated charges: the prorated units priced where their events lie in the tiers, and the fees reached.

    `ends` is the full units in the end, `most` the most at any time, `shared` the sum of the shares.
    """
    return Relation(
        name=at.weighed,
        inputs=(at.terms, at.paths, "term_tiers"),
        rows_from=_PRORATED,
        doc="Prorated units in the tiers in which their events lie.",
        sql=f"""
WITH walked AS (
    SELECT item_id, max(ends) AS ends, max(most) AS most, max(shared) AS shared FROM {at.paths} GROUP BY item_id
),
moved AS (
    SELECT path.item_id, rejoined(sum(split_of(extend(path.prorated, tier.unit), least(path.top, coalesce(tier.upper, path.top))
        - greatest(path.bottom, CASE WHEN tier.tier_no = 1 THEN path.bottom ELSE tier.lower END),
        path.top - path.bottom))) AS moved
    FROM {at.paths} AS path
    JOIN {at.terms} AS item ON item.part_id = path.item_id
    JOIN term_tiers AS tier ON tier.term_no = item.term_no AND (tier.lower < path.top OR tier.tier_no = 1)
        AND (tier.upper IS NULL OR tier.upper > path.bottom)
    WHERE path.top > path.bottom
    GROUP BY path.item_id
),
fees AS (
    SELECT item.part_id, sum(CASE WHEN tier.tier_no = 1 OR tier.lower < walked.most THEN tier.flat ELSE 0 END) AS fees,
        sum(CASE WHEN tier.tier_no = 1 THEN tier.flat ELSE 0 END) AS first_fee
    FROM {at.terms} AS item
    JOIN term_tiers AS tier ON tier.term_no = item.term_no
    LEFT JOIN walked ON walked.item_id = item.part_id
    WHERE item.model = 'prorated_graduated'
    GROUP BY item.part_id
)
SELECT item.part_id, coalesce(walked.ends, 0) AS ends, coalesce(walked.most, 0) AS most, coalesce(walked.shared, 0) AS shared,
    coalesce(moved.moved, 0) AS moved, CAST(fees.fees AS {RAW}) AS fees, CAST(fees.first_fee AS {RAW}) AS first_fee
FROM {at.terms} AS item
LEFT JOIN walked ON walked.item_id = item.part_id
LEFT JOIN moved ON moved.item_id = item.part_id
JOIN fees ON fees.part_id = item.part_id
WHERE item.model = 'prorated_graduated'""",
    )


_MOVE = "struct_pack(starts := {starts}, ends := {ends}, prorated := {prorated})"
_NONE = f"CAST(0 AS {QUANTITY})"
_FIRST = _MOVE.format(starts=_NONE, ends=_NONE, prorated=_NONE)
_OWN = _MOVE.format(starts=_NONE, ends="value", prorated="prorated")
_MOVED = _MOVE.format(
    starts="walked.at", ends=f"CAST(walked.at + event.at AS {QUANTITY})", prorated="event.moves[1].prorated"
)
_PASSED_OVER = "walked.at + event.at < 0 AND event.at < 0 AND event.moves[1].prorated = 0"


def _paths(at: Sources) -> Relation:
    """For prorated graduated charges: events laid end to end, each with the units that it covers, `bottom` to `top`."""
    return Relation(
        name=at.paths,
        inputs=(at.events, at.terms),
        rows_from=_PRORATED,
        doc="Which units each event covers, and the whole's end, most and prorated sum.",
        sql=f"""
WITH folded AS (
    SELECT item_id, sum(prorated) AS shared,
        list_reduce(list(struct_pack(at := value, moves := [{_OWN}]) ORDER BY event_no),
            lambda walked, event: CASE WHEN {_PASSED_OVER} THEN walked ELSE struct_pack(
                at := CAST(walked.at + event.at AS {QUANTITY}), moves := list_append(walked.moves, {_MOVED})) END,
            struct_pack(at := {_NONE}, moves := [{_FIRST}])) AS walked
    FROM {at.events} AS event
    SEMI JOIN {at.terms} AS item ON item.part_id = event.item_id AND item.model = 'prorated_graduated'
    WHERE NOT (prorated = 0 AND value > 0)
    GROUP BY item_id
),
listed AS (
    SELECT item_id, walked.at AS ends, shared, unnest(walked.moves) AS move FROM folded
)
SELECT item_id, least(move.starts, move.ends) AS bottom, greatest(move.starts, move.ends) AS top, move.prorated AS prorated,
    ends, shared, greatest(max(move.ends) OVER (PARTITION BY item_id), 0) AS most
FROM listed""",
    )
