"""A rate on what was metered, and a fee for each event; the first events or units free, each event within its bounds."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.money import QUANTITY, RAW

_UNITS = f"CAST(coalesce(sums.paid_units, item.total - item.prior) AS {QUANTITY})"
_EVENTS = "CAST(CASE WHEN item.total = 0 THEN 0 ELSE coalesce(sums.paid_events, item.events, 0) END AS BIGINT)"
_METERED = "coalesce(CAST(coalesce(sums.events, item.events) AS VARCHAR), 'null')"


def _bound(name: str) -> str:
    return f"""',"event_{name}":' || coalesce('"' || plain(item.event_{name}) || '"', 'null')"""


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
        f"CASE WHEN sums.bounded IS NOT NULL THEN sums.bounded "
        f"ELSE CAST(extend({_UNITS}, item.rate) + extend({_EVENTS}, item.event_fee) AS {RAW}) END"
    )
    earlier: None = None
    working: str = f"""'{{"units":"' || say_quantity(item.total) || '","paid_units":"' || say_quantity({_UNITS})
        || '","rate":"' || plain(item.rate) || '","events":' || {_METERED}
        || ',"paid_events":' || CAST({_EVENTS} AS VARCHAR) || ',"event_fee":"' || plain(item.event_fee) || '"'
        || CASE WHEN sums.bounded IS NULL THEN '' ELSE {_bound("minimum")} || {_bound("maximum")} END || '}}'"""

    def steps(self, terms: str) -> None:
        return None
