"""A rate on what was metered, and a fee for each event; the first events or units free, each event within its bounds."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.money import QUANTITY, RAW
from billing_recon.compute.rating.model import Sources, said_price, said_units, text

_UNITS = f"CAST(coalesce(e.paid_units, t.total - t.prior) AS {QUANTITY})"
_EVENTS = "CAST(CASE WHEN t.total = 0 THEN 0 ELSE coalesce(e.paid_events, t.events, 0) END AS BIGINT)"
_PERCENT = text("apply_rate(100, rate)")


@dataclass(frozen=True, slots=True)
class Percentage:
    """(units - free units) x rate + (events - free events) x event_fee; with bounds, event by event.

    Free are the units of the first free_events events, or the first free_units units, or what both allow. Where both are
    given, an event is free of its fee while it is among the first and the units before the next are still free.
    """

    name: str = "percentage"
    doc: str = "paid units x rate + paid events x event_fee, each event within its bounds (docs/rating.md, rule 11)"

    unit_price: None = None
    amount: str = (
        f"CASE WHEN e.bounded IS NOT NULL THEN e.bounded "
        f"ELSE CAST(extend({_UNITS}, t.rate) + extend({_EVENTS}, t.event_fee) AS {RAW}) END"
    )
    earlier: None = None

    def steps(self, at: Sources) -> None:
        return None

    def words(self, at: Sources) -> str:
        return f"""
SELECT part_id,
    '{{"units":"' || say_quantity(total) || '","paid_units":"' || say_quantity(paid_units) || '","rate":"' || {text("rate")}
        || '","events":' || coalesce(CAST(events AS VARCHAR), 'null') || ',"paid_events":' || CAST(paid_events AS VARCHAR)
        || ',"event_fee":"' || {text("event_fee")} || '"' || CASE WHEN bounded IS NULL THEN '' ELSE
            ',"event_minimum":' || coalesce('"' || {text("event_minimum")} || '"', 'null')
            || ',"event_maximum":' || coalesce('"' || {text("event_maximum")} || '"', 'null') END || '}}' AS steps,
    {_PERCENT} || '% of ' || {said_units("paid_units")} || CASE WHEN paid_units = total THEN ' ' || noun
        ELSE ' above the ' || {said_units("total - paid_units")} || ' free ' || noun END
        || CASE WHEN event_fee = 0 OR paid_events = 0 THEN '' ELSE ' plus ' || group_thousands(CAST(paid_events AS VARCHAR))
            || CASE WHEN paid_events = 1 THEN ' event' ELSE ' events' END || ' at ' || {said_price("event_fee")} END
        || CASE WHEN bounded IS NULL THEN '' ELSE ', each' || CASE WHEN event_minimum IS NULL THEN '' ELSE
            ' at least ' || {said_price("event_minimum")} END || CASE WHEN event_maximum IS NULL THEN '' ELSE
            ' at most ' || {said_price("event_maximum")} END END AS phrase
FROM (
    SELECT t.part_id, t.total, t.noun, t.currency, t.decimals, t.rate, t.event_fee, t.event_minimum, t.event_maximum,
        coalesce(e.events, t.events) AS events, e.bounded, {_UNITS} AS paid_units, {_EVENTS} AS paid_events
    FROM {at.terms} AS t
    LEFT JOIN {at.paid} AS e ON e.part_id = t.part_id
    WHERE t.model = '{self.name}'
) AS paid"""
