"""How events become units: by sum, number, distinct values, maximum, latest value, or the time that each unit was there."""

from __future__ import annotations

from billing_recon.compute.money import QUANTITY
from billing_recon.compute.relation import Relation


def meter(items: str, events: str, into: str, *, seconds: str | None = None) -> tuple[Relation, ...]:
    """Relations that meter the events of `items`, ending in `into`.

    `items`: item_id, aggregation (core.catalog.Aggregation), bucket ('hour', 'day' or empty), begins and ends TIMESTAMP (the
    period's, on the subscription's own clock). `events`: item_id, event_no (their order), event_time TIMESTAMP on the same clock,
    value QUANTITY, counted (the dimension whose distinct values are counted; may be empty) and cell (a matrix's; may be
    empty). `into`: item_id, bucket TIMESTAMP (empty without buckets), cell, quantity QUANTITY, events BIGINT. An item without
    events has no row.

    `seconds` names a column of `items` with the seconds of the whole period, where an item is but part of one; without it, they
    are those from begins to ends.

    The latest value is the one of the last event in the order given. time_weighted takes each value as a change that holds
    until the period ends: value x seconds left / the period's seconds, kept at the ten decimals of a quantity.
    """
    whole = f"item.{seconds}" if seconds else "datediff('second', item.begins, item.ends)"
    return (
        Relation(
            name=into,
            inputs=(items, events),
            rows_from=(events,),
            doc="Units and number of events, per item, bucket and cell.",
            sql=f"""
WITH placed AS (
    SELECT item.item_id, item.aggregation, event.event_no, event.counted, event.cell, CAST(event.value AS {QUANTITY}) AS value,
        CASE item.bucket WHEN 'hour' THEN date_trunc('hour', event.event_time)
            WHEN 'day' THEN CAST(date_trunc('day', event.event_time) AS TIMESTAMP) END AS bucket,
        CASE WHEN item.aggregation = 'time_weighted' THEN share(event.value,
            datediff('second', greatest(event.event_time, item.begins), item.ends), {whole}) END AS weighted
    FROM {events} AS event
    JOIN {items} AS item ON item.item_id = event.item_id
)
SELECT item_id, bucket, cell,
    CAST(CASE max(aggregation) WHEN 'count' THEN count(*) WHEN 'unique_count' THEN count(DISTINCT counted)
        WHEN 'max' THEN max(value) WHEN 'latest' THEN arg_max(value, event_no) WHEN 'time_weighted' THEN sum(weighted)
        ELSE sum(value) END AS {QUANTITY}) AS quantity,
    count(*) AS events
FROM placed
GROUP BY item_id, bucket, cell""",
        ),
    )
