"""What is wrong with a home now: days judged not PASS, days that cannot be judged, parallel runs that stray, a disk that fills.

Cheap after any history: a day is read again only if it was judged again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from shlex import quote
from zoneinfo import ZoneInfo

from billing_recon.control import VerdictRecord
from billing_recon.control.pages import Incident
from billing_recon.control.rollout_records import Verb
from billing_recon.core.break_decision import assignees
from billing_recon.core.figures import listed
from billing_recon.core.operations import Cause, Operations
from billing_recon.core.period import days_between, parse_day
from billing_recon.core.reason import Code
from billing_recon.core.schema import BREAKS
from billing_recon.core.severity import Severity
from billing_recon.core.verdict import Verdict
from billing_recon.day.gate import DAY_GATE
from billing_recon.day.history import delivered_on, opening_day
from billing_recon.day.home import Home
from billing_recon.day.rollout.state import TRIGGER, Status, states
from billing_recon.day.shadow.parallel import candidates, straying
from billing_recon.paging.trouble import Trouble
from billing_recon.report.stored_rows import COUNTING, rows_of, scan

WATCHED = (Cause.DIFFERENCES, Cause.DATA, Cause.STORAGE, Cause.LAUNCH, Cause.ROLLOUT)
_FEEDS_FOR_DAYS = 3
"""A feed is asked for on so many days; what is late for longer is a day that did not run."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is new or changed, and the keys of incidents that are as they were."""

    troubles: tuple[Trouble, ...]
    holding: frozenset[str]


def watch(home: Home, operations: Operations, now: datetime, crashed: Iterable[str] = ()) -> Seen:
    """Look at every day up to now. `crashed` are days whose run crashed, which is another incident."""
    known = home.control.pages.open_incidents(*(cause.value for cause in WATCHED))
    answers = home.control.pages.verdict_ids(DAY_GATE)
    late = {trouble.key: trouble for trouble in _late(home, operations, now, set(answers) | set(crashed))}
    red = {day: (number, said) for day, (number, said) in answers.items() if said != Verdict.PASS.value}
    keys = {day: f"{_cause(said, day, known).value}/{day}" for day, (_, said) in red.items()}
    changed = [day for day in red if not _as_it_was(known.get(keys[day]), f"verdict {red[day][0]}")]
    troubles = [
        *_judged(home, operations, changed, red, known),
        *late.values(),
        *_launches(home),
        *_rollouts(home),
        *_disk(home, operations),
        *_database(home, operations),
    ]
    return Seen(
        tuple(t for t in troubles if not _as_it_was(known.get(t.key), t.version)),
        frozenset({*keys.values(), *(t.key for t in troubles)}),
    )


def _as_it_was(known: Incident | None, version: str) -> bool:
    return known is not None and known.version == version


def _cause(said: str, day: str, known: Mapping[str, Incident]) -> Cause:
    """What a red day is paged as. Differences that were paged are not over because the day can no longer be judged."""
    differs = said == Verdict.FAIL.value or f"{Cause.DIFFERENCES.value}/{day}" in known
    return Cause.DIFFERENCES if differs else Cause.DATA


def _judged(
    home: Home,
    operations: Operations,
    days: Sequence[str],
    red: Mapping[str, tuple[int, str]],
    known: Mapping[str, Incident],
) -> Iterator[Trouble]:
    """The judged days that are not PASS."""
    if days:
        records = home.control.verdicts(DAY_GATE, list(days))
        yield from _described(home, operations, days, records, red, known)


def _described(
    home: Home,
    operations: Operations,
    days: Sequence[str],
    records: Mapping[str, VerdictRecord],
    red: Mapping[str, tuple[int, str]],
    known: Mapping[str, Incident],
) -> Iterator[Trouble]:
    """Red days with their open money."""
    sums = _open_sums(home, days)
    who = taken_by(home, days)
    for day in days:
        rows = sums.get(day, [])
        money: dict[str, Decimal] = {}
        for _, currency, gross in rows:
            if currency is not None:
                money[currency] = money.get(currency, Decimal(0)) + gross
        codes = tuple(dict.fromkeys(code for code, _, _ in rows))
        yield _verdict(home, operations, records[day], red[day][0], codes, money, who.get(day, ""), known)


def _verdict(
    home: Home,
    operations: Operations,
    record: VerdictRecord,
    number: int,
    codes: tuple[str, ...],
    money: dict[str, Decimal],
    who: str,
    known: Mapping[str, Incident],
) -> Trouble:
    failed = record.verdict is Verdict.FAIL
    by_rows = not codes and any(condition.name == "quarantine" for condition in record.held_back_by)
    causes = (Code.RECORD_QUARANTINED,) if by_rows else tuple(map(Code, codes))
    owner = home.policy.owner_of(causes[0]) if failed and causes else home.policy.default_owner
    look = ("quarantine list" if by_rows else "breaks" if codes else "status") if failed else "status"
    return Trouble(
        cause=_cause(record.verdict.value, record.partition, known),
        day=record.partition,
        gate=record.gate,
        title=f"{record.partition} is {record.verdict.value}",
        version=f"verdict {number}",
        why=tuple(condition.sentence for condition in record.held_back_by),
        codes=codes,
        money=money,
        owner=owner,
        taken_by=who,
        next_step=f"billing-recon {look} --day {record.partition}; after the fix: billing-recon run --day {record.partition}",
        link=report_link(home, operations, record.partition),
    )


def red_day(home: Home, operations: Operations, record: VerdictRecord) -> Trouble:
    """What is known about one day that is not PASS: its money at risk, codes, owner, who has it, and the next step."""
    day = record.partition
    return next(_described(home, operations, [day], {day: record}, {day: (0, record.verdict.value)}, {}))


def _open_sums(home: Home, days: Sequence[str]) -> dict[str, list[tuple[str, str | None, Decimal]]]:
    """Per day, the open money by code and currency, the largest first."""
    first, last = parse_day(min(days)), parse_day(max(days))
    listed_days = ", ".join(f"DATE '{parse_day(day)}'" for day in days)
    rows = rows_of(
        f"SELECT day, code, currency, sum(abs(delta)) AS gross FROM ({scan(home, BREAKS, first, last)}) "
        f"WHERE day IN ({listed_days}) AND disposition IN ({COUNTING}) GROUP BY day, code, currency "
        "ORDER BY day, gross DESC, code, currency NULLS LAST"
    )
    found: dict[str, list[tuple[str, str | None, Decimal]]] = {}
    for row in rows:
        found.setdefault(str(row["day"]), []).append((row["code"], row["currency"], row["gross"]))
    return found


def taken_by(home: Home, days: Sequence[str]) -> dict[str, str]:
    """Who is assigned to breaks of some days."""
    if not days:
        return {}
    decisions = home.control.break_decisions(parse_day(min(days)), parse_day(max(days)))
    standing = assignees(decisions)
    found: dict[str, dict[str, None]] = {}
    for decision in decisions:
        if decision.break_id in standing:
            found.setdefault(str(decision.day), {})[standing[decision.break_id]] = None
    return {day: listed(names, 3) for day, names in found.items()}


def report_link(home: Home, operations: Operations, day: str) -> str:
    """Where the day's page is: its URL, if the reports are served, else its file; empty if it was not written."""
    path = home.state / "reports" / day / "day_pack.html"
    if operations.paging.report_url:
        return f"{operations.paging.report_url.rstrip('/')}/{day}/day_pack.html"
    return str(path.absolute()) if path.is_file() else ""


def due(home: Home, day: date, at: str, hours: int = 0) -> datetime:
    """The instant at a time of the day after `day`, in the company's time zone, and some hours later."""
    wall = datetime.combine(day + timedelta(days=1), time.fromisoformat(at), ZoneInfo(home.company.timezone))
    return wall + timedelta(hours=hours)


def _late(home: Home, operations: Operations, now: datetime, done: set[str]) -> Iterator[Trouble]:
    """Days that should have a verdict and have none, or for which a required feed is late."""
    first = opening_day(home)
    if first is None:
        return
    schedule = operations.schedule
    yesterday = now.astimezone(ZoneInfo(home.company.timezone)).date() - timedelta(days=1)
    last = min(yesterday, parse_day(home.company.last_day)) if home.company.last_day else yesterday
    closed: dict[str, bool] = {}
    for day in days_between(first, last) if first <= last else []:
        month = f"{day:%Y-%m}"
        if str(day) in done or closed.setdefault(month, home.control.is_closed(day)):
            continue
        waiting = _feeds_missing(home, operations, day, now) if (last - day).days < _FEEDS_FOR_DAYS else []
        overdue = now >= due(home, day, schedule.daily_at, schedule.late_after_hours)
        if not waiting and not overdue:
            continue
        if waiting:
            title = f"{day} waits for {listed(waiting, 3)}"
            why = tuple(
                f"No file of {table} for {day}; it was due at {schedule.due_at(table)} of the next day."
                for table in waiting
            )
            step = f"ask the source of {waiting[0]}; then: billing-recon run --day {day}"
        else:
            title, step = f"{day} did not run", f"billing-recon run --day {day}"
            why = (f"It was due at {schedule.daily_at} of the next day, and has no verdict.",)
        yield Trouble(
            cause=Cause.DATA,
            day=str(day),
            gate=DAY_GATE,
            title=title,
            version=f"late {','.join(waiting)} {overdue}",
            why=why,
            owner=home.policy.default_owner,
            next_step=step,
            link=report_link(home, operations, str(day)),
            severity=None if overdue else Severity.WARNING,
        )


def _feeds_missing(home: Home, operations: Operations, day: date, now: datetime) -> list[str]:
    """The required tables whose file of a day is due and not there."""
    return [
        table
        for table in home.policy.gate.required_layers
        if now >= due(home, day, operations.schedule.due_at(table)) and not delivered_on(home, table, day)
    ]


def _launches(home: Home) -> Iterator[Trouble]:
    """Days of parallel runs that left the accepted pattern, or of which nothing is known."""
    for name in candidates(home):
        for day in straying(home, name):
            money = {currency: Decimal(one["unmeant"]) for currency, one in day.figures.items()}
            yield Trouble(
                cause=Cause.LAUNCH,
                day="",
                about=f"{name}/{day.day}",
                gate="parallel run",
                title=f"candidate {name} is {day.verdict} beside live billing on {day.day}",
                version=f"{day.verdict} {'; '.join(day.says)}",
                why=day.says,
                money={currency: amount for currency, amount in money.items() if amount},
                owner=day.owner,
                next_step=f"billing-recon shadow parallel {name}; after the fix: billing-recon shadow parallel {name} --day {day.day}",
            )


def _rollouts(home: Home) -> Iterator[Trouble]:
    """Rollouts that no person, but a trigger or the stage gate switched back or holds, until somebody resumes them."""
    for state in states(home):
        held = state.last(Verb.SWITCHED, Verb.PAUSED)
        if state.status in (Status.PAUSED, Status.ROLLED_BACK) and held and held.decided_by == TRIGGER:
            back = state.status is Status.ROLLED_BACK
            yield Trouble(
                cause=Cause.ROLLOUT,
                day="",
                about=state.name,
                gate="stage gate",
                title=f"rollout {state.name} {f'was rolled back: the old path bills from {held.day} on' if back else 'is held'}",
                version=f"event {held.id}",
                why=(held.reason, f"Call {', '.join(state.plan.escalation)}."),
                owner=state.plan.owners.engineering,
                next_step=f"billing-recon rollout status {state.name}"
                + (f"; wrong bills: billing-recon rollout corrections {state.name}" if back else ""),
                severity=Severity.CRITICAL if back else None,
            )


def _disk(home: Home, operations: Operations) -> Iterator[Trouble]:
    disk = shutil.disk_usage(home.state)
    if disk.free * 100 < disk.total * operations.paging.disk_free_percent:
        yield Trouble(
            cause=Cause.STORAGE,
            day="",
            about="disk",
            title=f"the disk of {home.state} has {disk.free * 100 // disk.total}% free",
            version="full",
            why=(f"{disk.free // 2**20:,} MiB of {disk.total // 2**20:,} MiB are free.",),
            owner="operations",
            next_step=f"make room, or move the state: BILLING_RECON_STATE; its folders: du -sh {quote(str(home.state))}/*",
        )


def _database(home: Home, operations: Operations) -> Iterator[Trouble]:
    held, limit = home.control.pages.database_bytes(), operations.paging.database_gib
    if held > limit * 2**30:
        yield Trouble(
            cause=Cause.STORAGE,
            day="",
            about="database",
            title=f"the control database holds more than {limit} GiB",
            version="large",
            why=(f"It holds {held // 2**20:,} MiB.",),
            owner="operations",
            next_step="billing-recon state forget-runs --older-than 400, or give it more room and raise paging.database_gib",
        )
