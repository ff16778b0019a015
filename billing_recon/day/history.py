"""What a day rests on: the earlier days it reads, which of them are not known, and from what a partition was computed."""

from __future__ import annotations

import hashlib
import os
import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta

from billing_recon.core.feed import Feed
from billing_recon.core.gate import NotKnown, Unknown
from billing_recon.core.landing import LandingStatus
from billing_recon.core.period import days_between
from billing_recon.core.schema import (
    CANONICAL,
    LEDGER_ENTRIES,
    METERED_USAGE,
    PAYMENTS,
    QUARANTINE,
    RENDERED_INVOICES,
    RENDERED_LINES,
    SUBSCRIPTIONS,
    USAGE_DUPLICATES,
    USAGE_EVENTS,
    USAGE_ROLLUP,
)
from billing_recon.day.home import Home
from billing_recon.day.settings import settings
from billing_recon.feeds.landing.delivered_files import bytes_of_day

LANDED: tuple[str, ...] = tuple(spec.name for spec in CANONICAL)
"""Every table that a day lands, in the order of the layers."""

READ_BACK: tuple[str, ...] = (
    *LANDED,
    *(QUARANTINE.of(table).name for table in LANDED),
    USAGE_DUPLICATES.name,
    USAGE_ROLLUP.name,
)
"""Tables whose whole lookback a day reads."""

WITHDRAWN = "withdrawn"
"""What a partition of results was made from that was emptied, since the day's run stopped before it."""
_ROLLED_UP = (USAGE_EVENTS.name, SUBSCRIPTIONS.name)
"""Landed tables that a roll-up reads over the whole lookback."""
_DAY_IN_NAME = re.compile(r"^\d{4}-\d{2}-\d{2}(?=\.)")


def opening_day(home: Home) -> date | None:
    """The company's first day: as declared, else the earliest that was landed or has a file at a default path."""
    if home.first_day:
        return home.first_day
    layers = [table for table in home.policy.gate.required_layers if table not in home.company.feeds]
    days = (day for table in layers for day in file_days(home, table))
    return min([*home.control.landed_days()[:1], *days], default=None)


def file_days(home: Home, table: str, after: date = date.min) -> set[date]:
    """The days for which a table has a file at its default path; of those after a day, if one is given."""
    folder = home.path / "landing" / table
    names = (name for name in (os.listdir(folder) if folder.is_dir() else ()) if name[:10] > str(after))
    found = {match[0] for name in names if (match := _DAY_IN_NAME.match(name))}
    return {date.fromisoformat(day) for day in found if _is_day(day)}


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def not_known(home: Home, day: date) -> tuple[NotKnown, ...]:
    """What `day` rests on and is not known, or may not be: earlier days within its reach.

    The day itself is for other conditions of the gate: on its layers, and on what it was compared from.
    """
    first = max(opening_day(home) or day, day - timedelta(days=home.policy.windows.lookback_days))
    if first > day:
        return ()
    known_by_then = home.control.landing_statuses(first, day)
    status = {place: landed for place, landed in known_by_then.items() if place[1] < day}
    landed_days = {known for _, known in status}
    required = home.policy_on(day).policy.gate.required_layers
    found: dict[tuple[Unknown, str], set[date]] = {}
    left_out = [other for other in days_between(first, day)[:-1] if other not in landed_days]
    delivered = {other for table in LANDED for other in _delivered(home, table, left_out)} if left_out else set()
    found[Unknown.NEVER_LANDED, ""] = delivered
    found[Unknown.LEFT_OUT, ""] = set(left_out) - delivered
    reach = _reach(home, day)
    for table in LANDED:
        mine = {other: landed for (of, other), landed in status.items() if of == table}
        found[Unknown.REFUSED, table] = {d for d, landed in mine.items() if landed is LandingStatus.REFUSED}
        if table in required:
            found[Unknown.NEVER_LANDED, table] = _delivered(home, table, sorted(landed_days - set(mine)))
        if table == USAGE_EVENTS.name and table in required:
            every = {other: landed for (of, other), landed in known_by_then.items() if of == table}
            found[Unknown.NOT_DELIVERED, table] = _interruptions(every) - {day}
    for state in home.control.incomplete_partitions(READ_BACK, first, day - timedelta(days=1)):
        if state.table != USAGE_ROLLUP.name:
            table = state.table.removeprefix(f"{QUARANTINE.name}_").replace(USAGE_DUPLICATES.name, USAGE_EVENTS.name)
            found.setdefault((state.waits_for, table), set()).add(state.day)
    found[Unknown.NOT_ROLLED_UP, USAGE_EVENTS.name] = set(rollups_behind(home, first, day - timedelta(days=1))) - set(
        left_out
    )
    within = {key: sorted(one for one in days if one >= reach.get(key[1], first)) for key, days in found.items()}
    return tuple(NotKnown(why, table, tuple(days)) for (why, table), days in within.items() if days)


def _reach(home: Home, day: date) -> dict[str, date]:
    """The earliest day whose file of a table may hold what `day` finds missing; for tables left out the whole lookback."""
    windows = home.policy.windows
    days = {
        RENDERED_INVOICES.name: windows.render_lag_days,
        RENDERED_LINES.name: windows.render_lag_days,
        LEDGER_ENTRIES.name: windows.ledger_lag_days,
        PAYMENTS.name: max(windows.payment_terms_days, windows.payment_settle_days),
        METERED_USAGE.name: windows.late_window_days,
    }
    return {table: day - timedelta(days=back) for table, back in days.items()}


def _delivered(home: Home, table: str, days: Collection[date]) -> set[date]:
    """Those of `days` for which something of the table was delivered, as far as files show; a database or an object store may hold any day."""
    feed = home.company.feeds.get(table, Feed())
    if not days or feed.is_database or feed.is_remote:
        return set(days)
    if not feed.path and not feed.is_documents:
        return file_days(home, table) & set(days)
    return {day for day in days if bytes_of_day(home.path, home.company, table, day)}


def delivered_on(home: Home, table: str, day: date) -> bool:
    """Whether something of a table was delivered for a day, as far as files show; a database may hold any day."""
    return bool(_delivered(home, table, [day]))


def _interruptions(statuses: Mapping[date, LandingStatus]) -> set[date]:
    """The days without a file between days with one, if files are the rule: more days with than without.

    Where files are rare, their absence is the rule and says nothing.
    """
    there = {day for day, status in statuses.items() if status is not LandingStatus.MISSING}
    between = {day for day in statuses if there and min(there) < day}
    return between - there if len(there) > len(between - there) else set()


def unknown_tables(home: Home, day: date, unknown: Iterable[NotKnown]) -> set[str]:
    """The landed tables of which something that `day` reads is not known."""
    found = {one.table for one in unknown if one.why is not Unknown.LEFT_OUT}
    own = home.control.landing_statuses(day, day)
    refused = {table for (table, _), status in own.items() if status is LandingStatus.REFUSED}
    return set(LANDED) if "" in found else found | refused


def rollups_behind(home: Home, first: date, last: date) -> list[date]:
    """The days whose usage is not rolled up, or was rolled up from other landed rows than there are now.

    Days of closed months are not among them: nothing of them is landed or written again. A roll-up that does not say
    what it was made from was written by an earlier version and is taken as it is.
    """
    landed = home.control.partition_states((USAGE_EVENTS.name, USAGE_DUPLICATES.name), first, last)
    rolled_up = {s.day: s for s in home.control.partition_states((USAGE_ROLLUP.name,), first, last)}
    behind = []
    for day, inputs in rollup_inputs(home, {*rolled_up, *(s.day for s in landed)}).items():
        state = rolled_up.get(day)
        done = state is not None and state.complete and state.made_from in ("", inputs)
        if not done and not home.control.is_closed(day):
            behind.append(day)
    return behind


def rollup_inputs(home: Home, days: Collection[date]) -> dict[date, str]:
    """For each day, the digest of what its roll-up reads: landed rows, as they were last written."""
    if not days:
        return {}
    lookback = timedelta(days=home.policy.windows.lookback_days)
    states = home.control.partition_states((*_ROLLED_UP, USAGE_DUPLICATES.name), min(days) - lookback, max(days))
    read: dict[date, str] = {}
    for s in states:
        if s.table in _ROLLED_UP and s.held:
            read[s.day] = read.get(s.day, "") + f"{s.table}/{s.day}={s.held} "
    own = {s.day: s.held for s in states if s.table == USAGE_DUPLICATES.name}
    known = sorted(read)
    return {
        day: _digest(
            [
                *(read[other] for other in known[bisect_left(known, day - lookback) : bisect_right(known, day)]),
                own.get(day, ""),
            ]
        )
        for day in sorted(days)
    }


def rollups_to_make(home: Home, day: date) -> list[date]:
    """The other days whose usage is rolled up before `day` is computed: those before it that are behind.

    Left out are days of which the landed rows are themselves not complete, and days that were never landed.
    """
    lookback = timedelta(days=home.policy.windows.lookback_days)
    before = day - timedelta(days=1)
    behind = rollups_behind(home, day - lookback, before)
    if not behind:
        return []
    states = home.control.partition_states(_ROLLED_UP, day - lookback - lookback, before)
    open_days = [state.day for state in states if not state.complete]
    return [one for one in behind if not any(one - lookback <= other <= one for other in open_days)]


def later_rollups(home: Home, day: date) -> list[date]:
    """The days of the late window after `day` whose roll-up is made from what is landed now; others say nothing yet."""
    first, last = day + timedelta(days=1), day + timedelta(days=home.policy.windows.late_window_days)
    made = [s.day for s in home.control.partition_states((USAGE_ROLLUP.name,), first, last) if s.complete]
    behind = set(rollups_behind(home, first, last)) if made else set()
    return [one for one in made if one not in behind]


def known_rollups(home: Home, day: date) -> str:
    """SQL for the roll-ups that `day` reads: its own and earlier ones, and those of `later_rollups`."""
    later = "".join(f", DATE '{one}'" for one in later_rollups(home, day))
    return f"(day <= DATE '{day}' OR day IN (NULL{later}))"


def computed_from(home: Home, day: date, unknown: Iterable[NotKnown]) -> str:
    """The digest of everything that a day's computation reads: landed rows, roll-ups, settings, and what is not known."""
    first = day - timedelta(days=home.policy.windows.lookback_days)
    return _digest(
        [
            *(f"{name}={digest}" for name, digest in home.control.partition_digests(READ_BACK, first, day).items()),
            *map(str, unknown),
            *(f"{name}={value}" for name, value in settings(home, day).items()),
        ]
    )


def landed_under(home: Home) -> str:
    """What landed partitions say that they were read by: company.yaml and its templates, as they are now."""
    return f"company {home.company_digest}"


def made_from_with_decisions(home: Home, day: date, made_from: str) -> str:
    """What the breaks of a day were made from, with the last decision that takes effect on them."""
    return f"{made_from} {home.control.resolved_until(day)}".strip()


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
