"""Notices that a customer has used 50, 90 or 100% of what a period includes: one each, by the outbox that pages go through."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from shlex import quote
from typing import Any

from billing_recon.control.pages import ENTITLEMENT, TRIGGER, Desk, Page, stamp
from billing_recon.core.operations import Channel
from billing_recon.core.schema import ENTITLEMENT_SIGNALS
from billing_recon.core.severity import Severity
from billing_recon.day.home import Home
from billing_recon.report.day_tables import highest_reached
from billing_recon.report.stored_rows import entitlements

DAYS, AT_ONCE = 35, 1000
"""How many days back a rerun may still bring a notice, and the most notices that one tick makes."""
SEEN = "entitlements seen"
_LEVELS = (50, 90, 100)

Row = Mapping[str, Any]


def notify(home: Home, channels: Iterable[Channel], now: datetime) -> list[str]:
    """Put the notices of days that were computed anew into the outbox; return what was added.

    What was reached before a channel takes notices is not told. A threshold that is reached again is not told again.
    """
    takers = [channel for channel in channels if channel.entitlements]
    known = home.control.pages.mark(SEEN)
    states = _states(home)
    if not takers or not known:
        begin = json.dumps(states) if takers else ""
        if known != begin:
            with home.control.pages.desk() as desk:
                desk.set_mark(SEEN, begin)
        return []
    seen: dict[str, str] = json.loads(known)
    added: list[str] = []
    for day in (day for day in states if seen.get(day) != states[day]):
        signals = entitlements(home, date.fromisoformat(day), date.fromisoformat(day))
        with home.control.pages.desk() as desk:
            fresh = _not_told(desk, highest_reached(signals))
            for row in fresh[: AT_ONCE - len(added)]:
                added.append(_enqueue(desk, home, row, day, takers, now))
            if len(added) >= AT_ONCE:
                return added  # the day is not marked as seen, so the next tick goes on with it
            seen = {one: digest for one, digest in seen.items() if one in states} | {day: states[day]}
            desk.set_mark(SEEN, json.dumps(seen))
    return added


def _states(home: Home) -> dict[str, str]:
    """The newest days with signals, and a digest of each."""
    days = home.warehouse.days(ENTITLEMENT_SIGNALS.name)
    if not days:
        return {}
    found = home.control.partition_states((ENTITLEMENT_SIGNALS.name,), days[-1] - timedelta(days=DAYS), days[-1])
    return {str(state.day): state.digest for state in found if state.complete}


def _key(row: Row, percent: int) -> str:
    return f"{ENTITLEMENT}/{row['subscription_id']}/{row['charge_id']}/{row['period_start']}/{percent}"


def _not_told(desk: Desk, signals: Sequence[Row]) -> list[Row]:
    """Those of which neither this threshold nor a higher one was told."""
    higher = {id(row): [_key(row, level) for level in _LEVELS if level >= row["percent"]] for row in signals}
    told = desk.known_pages(key for keys in higher.values() for key in keys)
    return [row for row in signals if told.isdisjoint(higher[id(row)])]


def _enqueue(desk: Desk, home: Home, row: Row, day: str, takers: Sequence[Channel], now: datetime) -> str:
    notice = {
        "company": home.company.name,
        "cause": ENTITLEMENT,
        "day": day,
        "title": f"{row['customer_id']}: {row['sentence']}",
        "gate": "",
        "why": [],
        "money": {},
        "codes": [],
        "owner": "",
        "taken_by": "",
        "next_step": f"billing-recon preview {quote(row['customer_id'])}",
        "link": "",
        "customer_id": row["customer_id"],
        "subscription_id": row["subscription_id"],
        "meter": row["meter"],
        "percent": row["percent"],
        "period_start": str(row["period_start"]),
        "period_end": str(row["period_end"]),
        "included": f"{row['included'].normalize():f}",
        "used": f"{row['used'].normalize():f}",
    }
    key = _key(row, row["percent"])
    for channel in takers:
        desk.enqueue(Page(key, channel.name, TRIGGER, Severity.INFO, notice, stamp(now)))
    return f"notice {key}"
