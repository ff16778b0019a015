"""Incidents and the outbox of their pages. What an incident is, and what a page says, is decided in paging/.

Bookkeeping that survives a killed process; what a power cut takes of it, the next look at the home finds again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, case, func, insert, or_, select, text, update

from billing_recon.control.database import reading, writing
from billing_recon.control.schema import incidents, pages, paging_marks, verdicts
from billing_recon.core.severity import Severity

OPEN, RESOLVED = "open", "resolved"
TRIGGER, RESOLVE = "trigger", "resolve"
PENDING, SENDING, SENT, SUPERSEDED = "pending", "sending", "sent", "superseded"
ENTITLEMENT = "entitlement"
"""What the key of a notice begins with. Notices go through the outbox behind all pages, and belong to no incident."""
_UNFINISHED = (PENDING, SENDING)
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident: a cause on a day. `paged_as` is the key of the page that reports it: its own, or that of its group.

    `version` identifies what was seen, so that nothing is read again that did not change. `step` is the highest money step
    that was paged, `reminded` how many reminders were. Instants are ISO 8601 text in UTC; an empty one has not happened.
    """

    key: str
    cause: str
    day: str
    paged_as: str
    severity: Severity
    version: str
    notice: Mapping[str, Any]
    opened_at: str
    state: str = OPEN
    step: int = 0
    resolved_at: str = ""
    taken_by: str = ""
    taken_at: str = ""
    escalated: bool = False
    reminded: int = 0

    @property
    def paged_alone(self) -> bool:
        """Whether it has a page of its own."""
        return self.paged_as == self.key


@dataclass(frozen=True, slots=True)
class Page:
    """One message to one channel. `notice` is its content, whatever the channel. `id` 0: not stored yet."""

    incident: str
    channel: str
    action: str
    severity: Severity
    notice: Mapping[str, Any]
    created_at: str
    id: int = 0
    state: str = PENDING
    attempts: int = 0
    due_at: str = ""
    error: str = ""
    sent_at: str = ""


def stamp(moment: datetime) -> str:
    """An instant as text; texts of instants sort as they do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


class Desk:
    """Incidents and pages in one transaction that writes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def incidents(self, keys: Iterable[str] | None = None, *, causes: Iterable[str] = ()) -> dict[str, Incident]:
        """The incidents of some keys, or all open ones of some causes, by key."""
        t = incidents
        if keys is None:
            return self._incidents(and_(t.c.state == OPEN, t.c.cause.in_(list(causes))))
        wanted = sorted(set(keys))
        found: dict[str, Incident] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            found |= self._incidents(t.c.key.in_(wanted[start : start + _AT_ONCE]))
        return found

    def _incidents(self, where: Any) -> dict[str, Incident]:
        rows = self._connection.execute(select(incidents).where(where).order_by(incidents.c.key))
        return {row.key: _incident(row) for row in rows}

    def open_of(self, paged_as: str) -> int:
        """How many open incidents a page reports, itself left out."""
        t = incidents
        query = select(func.count()).where(t.c.state == OPEN, t.c.paged_as == paged_as, t.c.key != paged_as)
        return int(self._connection.execute(query).scalar_one())

    def opened_alone(self, since: str) -> int:
        """How many incidents of days got a page of their own since then."""
        t = incidents
        query = select(func.count()).where(t.c.opened_at >= since, t.c.paged_as == t.c.key, t.c.day != "")
        return int(self._connection.execute(query).scalar_one())

    def latest_group(self, cause: str, since: str) -> Incident | None:
        """The open group that was made last, if it was made since then."""
        t = incidents
        where = and_(t.c.state == OPEN, t.c.cause == cause, t.c.opened_at >= since)
        row = self._connection.execute(select(t).where(where).order_by(t.c.opened_at.desc()).limit(1)).first()
        return _incident(row) if row else None

    def put(self, incident: Incident) -> None:
        """Store an incident, new or changed. Who has taken it is left as it is, except for a new episode."""
        row = {
            name: getattr(incident, name)
            for name in incidents.c.keys()  # noqa: SIM118 (a collection of columns, not a dict)
            if name not in ("notice", "severity")
        }
        row |= {"notice": _text(incident.notice), "severity": incident.severity.value}
        known = self._connection.execute(select(incidents.c.state).where(incidents.c.key == incident.key)).first()
        if known is None:
            self._connection.execute(insert(incidents).values(**row))
            return
        if known.state == OPEN:
            del row["taken_by"], row["taken_at"]
        self._connection.execute(update(incidents).where(incidents.c.key == incident.key).values(**row))

    def reached(self, incident: str) -> list[str]:
        """The channels that were told of an incident, or are about to be, and not yet that it is resolved."""
        t = pages
        latest = (
            select(t.c.channel, func.max(t.c.id).label("id"))
            .where(t.c.incident == incident, t.c.state != SUPERSEDED)
            .group_by(t.c.channel)
            .subquery()
        )
        query = select(t.c.channel).join(latest, latest.c.id == t.c.id).where(t.c.action == TRIGGER)
        return sorted(self._connection.execute(query).scalars())

    def known_pages(self, keys: Iterable[str]) -> set[str]:
        """Those of some keys that a page or a notice was made for."""
        wanted, found, t = sorted(set(keys)), set[str](), pages
        for start in range(0, len(wanted), _AT_ONCE):
            these = select(t.c.incident).where(t.c.incident.in_(wanted[start : start + _AT_ONCE])).distinct()
            found |= set(self._connection.execute(these).scalars())
        return found

    def enqueue(self, page: Page) -> None:
        """Add a page to the outbox. A trigger replaces those of the same incident and channel that still wait."""
        if page.action == TRIGGER:
            t = pages
            waiting = and_(t.c.incident == page.incident, t.c.channel == page.channel, t.c.state == PENDING)
            self._connection.execute(update(t).where(waiting, t.c.action == TRIGGER).values(state=SUPERSEDED))
        self._connection.execute(
            insert(pages).values(
                incident=page.incident,
                channel=page.channel,
                action=page.action,
                severity=page.severity.value,
                notice=_text(page.notice),
                state=PENDING,
                attempts=0,
                due_at=page.due_at or page.created_at,
                error="",
                created_at=page.created_at,
                sent_at="",
            )
        )

    def mark(self, name: str) -> str:
        """A remembered value; empty if there is none."""
        found = self._connection.execute(select(paging_marks.c.value).where(paging_marks.c.name == name)).scalar()
        return str(found or "")

    def set_mark(self, name: str, value: str) -> None:
        """Remember a value."""
        t = paging_marks
        if not self._connection.execute(update(t).where(t.c.name == name).values(value=value)).rowcount:
            self._connection.execute(insert(t).values(name=name, value=value))


class PageStore:
    """The incidents and pages of one control database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """One transaction: either all of what is decided in it is stored, with its pages, or nothing."""
        with writing(self._engine, durable=False) as connection:
            yield Desk(connection)

    def open_incidents(self, *causes: str) -> dict[str, Incident]:
        """The open incidents of some causes, by key; of all causes if none is given."""
        t = incidents
        where = [t.c.state == OPEN, *([t.c.cause.in_(causes)] if causes else [])]
        with reading(self._engine) as connection:
            rows = connection.execute(select(t).where(*where).order_by(t.c.opened_at, t.c.key)).all()
        return {row.key: _incident(row) for row in rows}

    def mark(self, name: str) -> str:
        """A remembered value; empty if there is none."""
        with reading(self._engine) as connection:
            return Desk(connection).mark(name)

    def take(self, incident: str, by: str, at: datetime) -> bool:
        """Record who works on an open incident; False if there is no such incident."""
        t = incidents
        with writing(self._engine, durable=False) as connection:
            done = connection.execute(
                update(t).where(t.c.key == incident, t.c.state == OPEN).values(taken_by=by, taken_at=stamp(at))
            )
        return bool(done.rowcount)

    def unfinished(self, limit: int = 1000) -> list[Page]:
        """Pages that are not delivered yet, in the order in which they were made; notices after all of them."""
        is_notice = case((pages.c.incident.startswith(f"{ENTITLEMENT}/"), 1), else_=0)
        return self._pages(pages.c.state.in_(_UNFINISHED), (is_notice, pages.c.id), limit)

    def recent(self, limit: int) -> list[Page]:
        """The newest pages, whatever became of them."""
        return self._pages(pages.c.id > 0, (pages.c.id.desc(),), limit)

    def _pages(self, where: Any, order: tuple[Any, ...], limit: int) -> list[Page]:
        with reading(self._engine) as connection:
            return [_page(row) for row in connection.execute(select(pages).where(where).order_by(*order).limit(limit))]

    def claim(self, page: Page, now: datetime, lease: timedelta) -> Page | None:
        """Take a page for sending, unless another process has; its sender has until the lease ends to finish it."""
        t = pages
        free = or_(t.c.state == PENDING, and_(t.c.state == SENDING, t.c.due_at <= stamp(now)))
        with writing(self._engine, durable=False) as connection:
            done = connection.execute(
                update(t)
                .where(t.c.id == page.id, t.c.attempts == page.attempts, free)
                .values(state=SENDING, attempts=t.c.attempts + 1, due_at=stamp(now + lease))
            )
        return replace(page, state=SENDING, attempts=page.attempts + 1) if done.rowcount else None

    def finish(self, page: Page, now: datetime) -> None:
        """Record that a claimed page was delivered."""
        self._settle(page, state=SENT, sent_at=stamp(now), error="")

    def give_back(self, page: Page, error: str, due: datetime) -> None:
        """Record why a claimed page was not delivered, and when to try again."""
        self._settle(page, state=PENDING, error=error, due_at=stamp(due))

    def drop(self, page: Page, error: str) -> None:
        """Record that a page has nowhere to go any more."""
        self._settle(page, state=SUPERSEDED, error=error)

    def _settle(self, page: Page, **values: str) -> None:
        # Only the attempt that claimed it: a slow one must not undo what a later one has done.
        with writing(self._engine, durable=False) as connection:
            connection.execute(
                update(pages).where(pages.c.id == page.id, pages.c.attempts == page.attempts).values(**values)
            )

    def verdict_ids(self, gate: str) -> dict[str, tuple[int, str]]:
        """For each partition of a gate: the id of its last verdict, and what it says."""
        t = verdicts
        latest = select(func.max(t.c.id)).where(t.c.gate == gate).group_by(t.c.partition)
        query = select(t.c.partition, t.c.id, t.c.verdict).where(t.c.id.in_(latest)).order_by(t.c.partition)
        with reading(self._engine) as connection:
            return {row.partition: (row.id, row.verdict) for row in connection.execute(query)}

    def database_bytes(self) -> int:
        """How large the whole database is: on PostgreSQL with Dagster's tables, if they are in the same one."""
        postgres = self._engine.dialect.name == "postgresql"
        size = "pg_database_size(current_database())" if postgres else "page_count * page_size"
        tables = "" if postgres else " FROM pragma_page_count(), pragma_page_size()"
        with reading(self._engine) as connection:
            return int(connection.execute(text(f"SELECT {size}{tables}")).scalar_one())

    def judged_by(self, run_ids: Sequence[str]) -> set[str]:
        """Those of some runs that recorded a verdict."""
        found: set[str] = set()
        with reading(self._engine) as connection:
            for start in range(0, len(run_ids), _AT_ONCE):
                some = list(run_ids[start : start + _AT_ONCE])
                found |= set(connection.execute(select(verdicts.c.run_id).where(verdicts.c.run_id.in_(some))).scalars())
        return found


def _text(notice: Mapping[str, Any]) -> str:
    return json.dumps(notice, ensure_ascii=False)


def _incident(row: Row[Any]) -> Incident:
    values = dict(row._mapping)
    return Incident(
        **values | {"notice": json.loads(values["notice"]), "severity": Severity(values["severity"])},
    )


def _page(row: Row[Any]) -> Page:
    values = dict(row._mapping)
    return Page(**values | {"notice": json.loads(values["notice"]), "severity": Severity(values["severity"])})
