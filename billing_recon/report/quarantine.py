"""Quarantined rows as tables and exports. Decisions on them are made in day.quarantine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from billing_recon.core.figures import amount, count, per_currency
from billing_recon.core.quarantine import RowDecision, Status, standing
from billing_recon.core.schema import BY_NAME
from billing_recon.report.exports import rows_csv, rows_json
from billing_recon.report.stored_rows import Row, rows_of
from billing_recon.report.terminal import Col, Screen, Table, table_of

if TYPE_CHECKING:
    from billing_recon.day.home import Home
    from billing_recon.day.quarantine import QuarantinedRow

LISTED: tuple[str, ...] = (
    "row_id",
    "day",
    "table_name",
    "status",
    "reason",
    "owner",
    "money_at_risk",
    "currency",
    "source_file",
    "source_row",
    "field",
    "value",
    "message",
    "decision",
    "decided_by",
    "decision_reason",
    "decided_at",
    "faults",
    "reading",
    "payload",
)
"""The columns of exports, in order. `decision` is the verb; faults, reading and payload are JSON."""

_JSON = ("faults", "reading", "payload")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows are listed; an empty field does not restrict. Both days are included."""

    first: date = date.min
    last: date = date.max
    table: str | None = None
    reason: str | None = None
    owner: str | None = None
    status: Status | None = None


def listing(home: Home, wanted: Filter) -> list[Row]:
    """The rows with the columns of LISTED, by day, table, file and row."""
    from billing_recon.day.quarantine import rows_sql

    decisions = standing(home.control.row_decisions(""))
    tables = [wanted.table] if wanted.table else list(BY_NAME)
    rows = rows_sql(home, wanted.first, wanted.last, tables)
    found: list[Row] = []
    if wanted.status is not Status.LAPSED:
        found = rows_of(
            f"SELECT *, coalesce(decision, '{Status.OPEN}') AS status FROM ({rows}) "
            "WHERE (? IS NULL OR reason = ?) AND (? IS NULL OR owner = ?) "
            f"AND (? IS NULL OR coalesce(decision, '{Status.OPEN}') = ?)",
            [x for value in (wanted.reason, wanted.owner, wanted.status) for x in (value, value)],
        )
    if decisions and wanted.status in (None, Status.LAPSED):
        there = {
            row["row_id"]
            for row in rows_of(f"SELECT row_id FROM ({rows}) WHERE list_contains(?, row_id)", [list(decisions)])
        }
        found += [row for d in decisions.values() if d.row_id not in there and _wanted(row := _lapsed(d), wanted)]
    found.sort(key=lambda r: (r["day"], r["table_name"], r["source_file"], r["source_row"], r["row_id"]))
    return [_with_decision(row, decisions.get(row["row_id"])) for row in found]


def _lapsed(decision: RowDecision) -> Row:
    return {
        **json.loads(decision.came),
        "row_id": decision.row_id,
        "day": decision.day,
        "table_name": decision.table,
        "status": Status.LAPSED.value,
    }


def _wanted(row: Row, wanted: Filter) -> bool:
    return (
        wanted.first <= row["day"] <= wanted.last
        and wanted.table in (None, row["table_name"])
        and wanted.reason in (None, row["reason"])
        and wanted.owner in (None, row["owner"])
    )


def _with_decision(row: Row, decision: RowDecision | None) -> Row:
    money = row["money_at_risk"]
    given = {
        "money_at_risk": None if money is None else Decimal(money),
        "decision": decision.verb.value if decision else None,
        "decided_by": decision.decided_by if decision else None,
        "decision_reason": decision.reason if decision else None,
        "decided_at": decision.decided_at if decision else None,
    }
    return {name: given.get(name, row.get(name)) for name in LISTED}


def at_risk(rows: Iterable[Row]) -> dict[str | None, Decimal]:
    """Money at risk per currency; rows without a known amount are left out.

    Amounts of unknown currency are under None.
    """
    sums: dict[str | None, Decimal] = {}
    for row in rows:
        if row["money_at_risk"] is not None:
            sums[row["currency"]] = sums.get(row["currency"], Decimal(0)) + row["money_at_risk"]
    return dict(sorted(sums.items(), key=lambda item: item[0] or ""))


def risk_sentence(rows: list[Row]) -> str:
    """The money at risk per currency, and how many rows have no amount."""
    sums: dict[str | None, Decimal] = {c or "of unknown currency": money for c, money in at_risk(rows).items()}
    unknown = sum(row["money_at_risk"] is None for row in rows)
    text = f"money at risk: {per_currency(sums) if sums else 'none known'}"
    return text + (f"; {count(unknown, 'row')} without an amount" if unknown else "")


def listed_table(rows: Iterable[Row], *, with_decision: bool) -> Table:
    """Rows for looking at; exports have every column."""

    def message(row: Row) -> str:
        decided = f"; {row['decision']} by {row['decided_by']}: {row['decision_reason']}" if row["decision"] else ""
        return str(row["message"]) + decided

    columns = (
        Col("row id", "row_id"),
        Col("day", "day"),
        Col("table", "table_name"),
        *((Col("status", "status"),) if with_decision else ()),
        Col("reason", "reason"),
        Col("owner", "owner"),
        Col("at risk", lambda row: amount(row["money_at_risk"], row["currency"]), right=True),
        Col("currency", "currency"),
        Col("what is wrong and what to do", message, wrap=True),
    )
    return table_of(rows, columns)


def as_csv(rows: Iterable[Row]) -> str:
    """Rows with every listed column."""
    return rows_csv(rows, LISTED)


def as_json(rows: Iterable[Row]) -> str:
    """One object per line, every figure a string; faults, reading and payload are objects."""
    return rows_json(rows, LISTED, _JSON, parse_int=str, ensure_ascii=False)


EXPORTS: dict[str, Callable[[Iterable[Row]], str]] = {"csv": as_csv, "json": as_json}


def show_row(screen: Screen, row: QuarantinedRow, decisions: Iterable[RowDecision], hint: str) -> None:
    """Everything about one row: its source, what is wrong, its owner, decisions, and what to do next."""
    kept = row.row
    screen.say(f"{row.row_id}  {row.status.value}: {kept['reason']}", style="bold")
    screen.say(f"{row.table} of {row.day}, {kept['source_file']} row {kept['source_row']}; {kept['owner']} owns it")
    money = None if kept["money_at_risk"] is None else Decimal(kept["money_at_risk"])
    screen.say(risk_sentence([{"money_at_risk": money, "currency": kept["currency"]}]))
    screen.say()
    wrong = Table([Col("field"), Col("value"), Col("reason"), Col("what is wrong", wrap=True)], title="What is wrong")
    for fault in json.loads(kept["faults"]):
        wrong.add(fault["field"] or "the row", fault["value"] or "", fault["reason"], fault["says"])
    screen.table(wrong)
    arrived, read = json.loads(kept["payload"]), json.loads(kept["reading"] or "{}")
    screen.table(_fields("The row as it arrived", arrived))
    other = {name: value for name, value in read.items() if value is not None and arrived.get(name) != value}
    if other:
        screen.table(_fields("Values that were read differently", other))
    table = Table(
        [Col("when"), Col("decision"), Col("by"), Col("typed by"), Col("with", wrap=True), Col("reason", wrap=True)],
        title="Decisions",
    )
    for decision in decisions:
        changed = ", ".join(f"{name}={value}" for name, value in decision.corrections)
        by = decision.decided_by + (f" ({decision.role})" if decision.role else "")
        table.add(decision.decided_at, decision.verb.value, by, decision.actor, changed, decision.reason)
    if table.rows:
        screen.table(table)
    screen.say(_next(row, hint))


def _fields(title: str, values: Mapping[str, Any] | str) -> Table:
    table = Table([Col("column"), Col("value", wrap=True)], title=title)
    for name, value in (values if isinstance(values, Mapping) else {"line": values}).items():
        table.add(str(name), "" if value is None else value if isinstance(value, str) else json.dumps(value))
    return table


def _next(row: QuarantinedRow, hint: str) -> str:
    match row.status:
        case Status.OPEN:
            return (
                f"next: billing-recon quarantine release{hint} {row.row_id} --set FIELD=VALUE --as NAME --reason TEXT   "
                "(or discard; or fix it at the source and run the day again)"
            )
        case Status.LAPSED:
            return f"its file no longer contains this row: billing-recon quarantine list{hint} --day {row.day}"
        case Status.RELEASED:
            return "it is landed in its day; discarding it would remove it again"
        case Status.DISCARDED:
            return "it does not count; releasing it would land it"
