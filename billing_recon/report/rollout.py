"""A rollout in tables and lines of JSON: checklist, cohorts, status, log, flags and history."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from billing_recon.core.currency import exponent
from billing_recon.core.figures import count
from billing_recon.report.terminal import Col, Table, table_of

if TYPE_CHECKING:
    from billing_recon.day.rollout.checklist import Item
    from billing_recon.day.rollout.cohorts import Cohorts
    from billing_recon.day.rollout.progress import Progress


def status(found: Progress) -> dict[str, Any]:
    """The status as `--format json` prints it. Money is what the new path billed (or collected), by currency."""
    state = found.state
    return {
        "rollout": state.name,
        "status": state.status.value,
        "stage": state.stage,
        "percentage": str(state.percentage),
        "verdict": found.verdict or None,
        "waiting_for": found.waiting_for,
        "exposed": state.exposed_customers,
        "breaks": found.breaks,
        "money": _said(found.money),
        "money_is": "billed" if found.attempts is None else "collected",
        "attempts": found.attempts.count if found.attempts else None,
        "retries": found.attempts.retries if found.attempts else None,
        "retried_money": _said(found.attempts.retried) if found.attempts else None,
        "break_money": _said(found.break_money),
        "corrections_open": found.uncorrected.count,
        "corrections_money": _said(found.uncorrected.money),
        "corrections_mark": found.uncorrected.mark or None,
        "last_new_path": str(found.last_new_path) if found.last_new_path else None,
        "invoices_after_rollback": found.invoices_after,
        "minutes_to_last_new_path": found.minutes_to_last_bill,
        "roll_back_within_minutes": state.plan.authority.roll_back_within_minutes,
        "plan": state.version.digest,
        "version": state.version.number,
    }


def _listed(money: Mapping[str, str]) -> str:
    return ", ".join(f"{amount} {currency}" for currency, amount in money.items())


def _said(money: Mapping[str, Decimal]) -> dict[str, str]:
    """Amounts as text, with the decimals of their currency."""
    return {currency: f"{amount:.{exponent(currency)}f}" for currency, amount in money.items()}


def status_lines(shown: dict[str, Any]) -> Iterator[str]:
    """The status in words."""
    stage = shown["stage"] or "nobody is exposed"
    yield f"{shown['rollout']}: {shown['status'].replace('_', ' ')}, stage {stage}, {shown['percentage']}% of customers ({shown['exposed']:,})"
    off = f" ({listed} gross)" if (listed := _listed(shown["break_money"])) else ""
    money = _listed(shown["money"]) or "nothing"
    if shown["money_is"] == "collected":
        yield f"collected by the new path: {money}; {count(shown['attempts'], 'attempt')}, {shown['retries']:,} of them after the first"
        if shown["retried_money"]:
            yield f"collected by attempts after the first: {_listed(shown['retried_money'])}"
        yield f"open breaks of its customers' payments: {shown['breaks']}{off}"
        if shown["last_new_path"]:
            yield f"last attempt of the new path: {shown['last_new_path']}"
    else:
        yield f"billed by the new path: {money}; open breaks of its customers: {shown['breaks']}{off}"
    if shown["last_new_path"] and shown["money_is"] == "billed":
        after = shown["invoices_after_rollback"]
        yield f"last bill of the new path: {shown['last_new_path']}" + (
            f"; {after} after it was switched off" if after else ""
        )
    if shown["minutes_to_last_new_path"] is not None:
        yield (
            f"from the switch back to the last line of the new path: {shown['minutes_to_last_new_path']:,} minutes; the plan allows "
            f"{shown['roll_back_within_minutes']}"
        )
    for sentence in shown["waiting_for"]:
        yield f"waits for {sentence}"


def checklist(items: Sequence[Item]) -> Table:
    """The launch checklist."""
    columns = (
        Col("item", lambda item: item.name),
        Col("", lambda item: "done" if item.done else "MISSING" if item.blocks else "look"),
        Col("says", lambda item: item.says, wrap=True),
    )
    return table_of(items, columns)


def cohorts(found: Cohorts) -> Table:
    """What each stage would add."""
    return table_of(
        cohort_rows(found),
        (
            Col("stage", lambda row: row["stage"]),
            Col("customers", lambda row: f"{row['customers']:,}", right=True),
            Col("largest", lambda row: f"{row['largest']:,}", right=True),
            Col("complex", lambda row: f"{row['complex']:,}", right=True),
            Col(
                "billed in the lookback", lambda row: ", ".join(f"{a} {c}" for c, a in row["money"].items()), right=True
            ),
            Col("covers", lambda row: ", ".join(row["covers"]), wrap=True),
            Col("misses", lambda row: ", ".join(row["misses"]), wrap=True),
            Col("", lambda row: "written down" if row["written"] else "proposed"),
        ),
    )


def cohort_rows(found: Cohorts) -> list[dict[str, Any]]:
    """The same as rows."""
    return [
        {
            "stage": one.stage,
            "customers": one.customers,
            "of": found.customers,
            "largest": one.largest,
            "complex": one.complex,
            "money": _said(one.money),
            "covers": one.covers,
            "misses": list(one.misses),
            "written": one.written,
        }
        for one in found.stages
    ]


def rows_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Rows as they are, a column per key."""
    return table_of(rows, tuple(_column(name) for name in (rows[0] if rows else ())))


def _column(name: str) -> Col:
    return Col(name, lambda row: str(row[name]), wrap=name in ("reason", "why"))


def json_lines(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """One object per line."""
    return (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
