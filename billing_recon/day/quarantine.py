"""Decisions about quarantined rows: try them by landing the partitions again, record them, then replace the partitions.

How landing applies a decision is in feeds.landing.decisions. Here either all decisions asked for take effect, or none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import duckdb

from billing_recon.compute.engine import scratch
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon.core.quarantine import Fate, RowDecision, Status, Verb
from billing_recon.core.schema import BY_NAME, KEY_MAP, METERED_USAGE, QUARANTINE, SUBSCRIPTIONS
from billing_recon.core.signoff import roles_of
from billing_recon.day import reasons
from billing_recon.day.home import Home
from billing_recon.day.landing import open_landing, write_landing
from billing_recon.day.releases import withdraw_after
from billing_recon.feeds.landing.decisions import BY_DECISION, FATES

_SENT_AGAIN = (SUBSCRIPTIONS, METERED_USAGE, KEY_MAP)
"""Tables whose rows are sent again on other days by design; in the others a key belongs to one day."""

_CAME = tuple(name for name in QUARANTINE.names if name not in ("row_id", "table_name", "decision"))


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """One quarantined row, by its id. `row` has the columns of core.schema.QUARANTINE and `day`.

    If its file no longer has the row (LAPSED), `row` is as of the last decision on it.
    """

    row_id: str
    table: str
    day: date
    status: Status
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a decision does to one row. `new` is False if the same decision is in force already."""

    row: QuarantinedRow
    fate: Fate
    says: str = ""
    new: bool = True


@dataclass(frozen=True, slots=True)
class Decided:
    """Decisions as made, or as they would be. `reports` are the row equations of the partitions that they touch."""

    outcomes: tuple[Outcome, ...]
    reports: tuple[LandingReport, ...]
    recorded: bool

    @property
    def refused(self) -> tuple[Outcome, ...]:
        """The rows that prevent all the decisions."""
        return tuple(outcome for outcome in self.outcomes if not outcome.fate.took_effect)


def rows_sql(home: Home, first: date, last: date, tables: Sequence[str] = tuple(BY_NAME)) -> str:
    """SQL for the quarantined rows of some days: day and the columns of core.schema.QUARANTINE."""
    names = ", ".join(c.name for c in QUARANTINE.registered)
    return " UNION ALL ".join(
        f"SELECT {names} FROM ({home.warehouse.scan(QUARANTINE.of(table), first, last)})" for table in tables
    )


def find(home: Home, *row_ids: str) -> list[QuarantinedRow]:
    """Find rows by their ids or the beginnings of ids; ConfigurationError lists every one that fits no row, or several."""
    found: dict[str, dict[str, QuarantinedRow]] = {row_id: {} for row_id in row_ids}
    with scratch() as con:
        cursor = con.execute(
            f"SELECT asked.row_id AS asked, r.* FROM (SELECT unnest(CAST(? AS VARCHAR[])) AS row_id) AS asked "
            f"JOIN ({rows_sql(home, date.min, date.max)}) AS r ON asked.row_id <> '' AND starts_with(r.row_id, asked.row_id)",
            [list(found)],
        )
        names = [column[0] for column in cursor.description or ()]
        for asked, *values in cursor.fetchall():
            row = dict(zip(names[1:], values, strict=True))
            found[asked][row["row_id"]] = _quarantined(row)
    problems: list[str] = []
    rows: dict[str, QuarantinedRow] = {}
    for asked, these in found.items():
        if asked and asked not in these:
            these = {d.row_id: _lapsed(d) for d in home.control.row_decisions(asked)} | these
        chosen = [these[asked]] if asked in these else list(these.values())
        if len(chosen) == 1:
            rows[chosen[0].row_id] = chosen[0]
        elif chosen:
            problems.append(f"'{asked}' matches several row ids ({', '.join(sorted(these))}); give more characters")
        else:
            listing = "list them: billing-recon quarantine list --status all"
            problems.append(f"no row '{asked}' was ever quarantined in {home.path}; {listing}")
    if problems:
        raise ConfigurationError(problems)
    return list(rows.values())


def _quarantined(row: Mapping[str, Any]) -> QuarantinedRow:
    status = Status(row["decision"]) if row["decision"] else Status.OPEN
    return QuarantinedRow(row["row_id"], row["table_name"], row["day"], status, row)


def _lapsed(decision: RowDecision) -> QuarantinedRow:
    row = json.loads(decision.came) | {
        "row_id": decision.row_id,
        "table_name": decision.table,
        "day": decision.day,
        "decision": None,
    }
    return QuarantinedRow(decision.row_id, decision.table, decision.day, Status.LAPSED, row)


def decide(
    home: Home,
    verb: Verb,
    row_ids: Sequence[str],
    *,
    by: str,
    reason: str,
    corrections: Mapping[str, str] | None = None,
    actor: str = "",
    dry_run: bool = False,
) -> Decided:
    """Release or discard rows: all of them, or none if one is refused. The result says which and why.

    Every partition is landed again under the decision: a released row must fulfil its contract and agree with what is
    landed already. Only if every row then goes where its decision says, the decisions are recorded and the partitions
    replaced; a `dry_run` stops before that. The day must then be run again, since its verdict was about other rows.

    ConfigurationError: no such row, no such column, no name or no reason. CloseRefused: a closed month.
    """
    if not dry_run:
        if not (by.strip() and reason.strip()):
            raise ConfigurationError(
                f"to {verb.value} a row takes a name (--as) and a reason (--reason); both are recorded"
            )
        by, reason = reasons.somebody(by), reasons.reason(reason, f"to {verb.value} a row")
    changes = tuple(sorted((corrections or {}).items()))
    rows = find(home, *row_ids)
    _refuse_unknown_columns(rows, changes)
    role = ", ".join(role.value for role in roles_of(by, home.policy.approvers))
    asked = [
        RowDecision(row.row_id, row.table, row.day, verb, reason, by, changes, role, actor or by, _came(row.row))
        for row in rows
    ]
    standing: dict[str, RowDecision] = {}
    fates: dict[str, tuple[Fate, str]] = {}
    with ExitStack() as sessions:
        trials: list[tuple[duckdb.DuckDBPyConnection, LandingReport]] = []
        for table, day in sorted({(d.table, d.day) for d in asked}):
            before = home.control.standing_decisions(table, day)
            mine = [d for d in asked if (d.table, d.day) == (table, day)]
            con, report = sessions.enter_context(open_landing(home, table, day, [*before, *mine]))
            trials.append((con, report))
            fates |= _fates(con, home, report, [d.row_id for d in mine])
            standing |= {d.row_id: d for d in before}
        decided = Decided(
            outcomes=tuple(
                Outcome(row, *fates[row.row_id], new=not decision.same_as(standing.get(row.row_id)))
                for row, decision in zip(rows, asked, strict=True)
            ),
            reports=tuple(report for _, report in trials),
            recorded=False,
        )
        if dry_run or decided.refused:
            return decided
        home.control.decide_rows(asked)
        for con, report in trials:
            write_landing(con, home, report, f"quarantine {verb.value} by {by}")
        for day in {decision.day for decision in asked}:
            withdraw_after(home, day)
    return replace(decided, recorded=True)


def _refuse_unknown_columns(rows: Sequence[QuarantinedRow], changes: Sequence[tuple[str, str]]) -> None:
    problems = [
        f"'{name}' is no column of {table}; it has {', '.join(BY_NAME[table].names)}"
        for table in sorted({row.table for row in rows})
        for name, _ in changes
        if name not in BY_NAME[table].names
    ]
    if problems:
        raise ConfigurationError(problems)


def _came(row: Mapping[str, Any]) -> str:
    """A quarantine row as JSON, amounts as exact text."""
    return json.dumps(
        {name: value if isinstance(value, int | None) else str(value) for name, value in row.items() if name in _CAME},
        ensure_ascii=False,
        sort_keys=True,
    )


def _fates(
    con: duckdb.DuckDBPyConnection, home: Home, report: LandingReport, row_ids: Sequence[str]
) -> dict[str, tuple[Fate, str]]:
    """What the landing in the session did with each row, and why it did not do more."""
    if report.status is LandingStatus.REFUSED:
        return dict.fromkeys(row_ids, (Fate.REFUSED, f"its file cannot be read now: {report.message}"))
    rows = con.execute(f"SELECT row_id, fate, says FROM {FATES} ORDER BY row_id").fetchall()
    fates = {row_id: (Fate(fate), str(says)) for row_id, fate, says in rows if row_id in row_ids}
    landed = [row_id for row_id, (fate, _) in fates.items() if fate is Fate.LANDED]
    for row_id, other in _on_other_days(con, home, report).items() if landed else ():
        if row_id in landed:
            fates[row_id] = (Fate.REFUSED, f"its {other}; discard this row, or nothing would tell the two apart")
    lapsed = "its file no longer has the row as it was sent; run the day again to see what is quarantined now"
    return {row_id: (fate, lapsed if fate is Fate.LAPSED else says) for row_id, (fate, says) in fates.items()}


def _on_other_days(con: duckdb.DuckDBPyConnection, home: Home, report: LandingReport) -> dict[str, str]:
    """Released rows whose key is landed on another day too, so that the row would count twice."""
    spec, back = BY_NAME[report.table], timedelta(days=home.policy.windows.lookback_days)
    if spec in _SENT_AGAIN:
        return {}
    landed = home.warehouse.scan(spec, report.day - back, report.day + back)
    same = " AND ".join(f'o."{name}" = r."{name}"' for name in spec.key)
    found = con.execute(
        f"SELECT r.row_id, min(o.day), min_by(o.source_file, (o.day, o.source_file, o.source_row)), "
        f"min_by(o.source_row, (o.day, o.source_file, o.source_row)) FROM {BY_DECISION} AS r JOIN ({landed}) AS o "
        f"ON {same} WHERE o.day <> DATE '{report.day}' GROUP BY r.row_id ORDER BY r.row_id"
    ).fetchall()
    key = " and ".join(spec.key)
    return {
        row_id: f"{key} was sent again on {day} ({file} row {row}) and counts there" for row_id, day, file, row in found
    }
