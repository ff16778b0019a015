"""A rollout as a workbook: where it stands, the stage's clauses and days, how it is collected, wrong bills, and its log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from billing_recon.core.errors import ConfigurationError
from billing_recon.day.home import Home
from billing_recon.day.rollout import dunning
from billing_recon.day.rollout.corrections import corrections
from billing_recon.day.rollout.progress import progress
from billing_recon.day.rollout.review import log
from billing_recon.day.rollout.state import last_answer, state_of
from billing_recon.report import rollout_corrections, rollout_gate
from billing_recon.report.rollout import status
from billing_recon.report.workbook import Column, Sheets, new_workbook

_STATUS = (Column("What", "what", width=28), Column("Figure", "figure", width=100))
_CLAUSES = (
    Column("Kind", "kind", width=12),
    Column("Clause", "name", width=28),
    Column("Verdict", "verdict"),
    Column("Decides", "decides"),
    Column("Why", "says", width=110),
)
_DAYS = (
    Column("Day", "day", width=12),
    *(Column(name, field, "count") for name, field in (
        ("Bills", "cohort_invoices"), ("Breaks", "cohort"), ("Control: bills", "control_invoices"), ("Control: breaks", "control")
    )),
)  # fmt: skip
_RETRIES = (
    *(Column(name, field) for name, field in (("Group", "group"), ("When", "phase"), ("Currency", "currency"))),
    *(Column(name, name.lower(), "count") for name in ("Attempt", "Attempts", "Succeeded")),
    *(Column(name, name.lower(), "money", 16) for name in ("Asked", "Collected")),
)
_RECOVERY = (
    *_RETRIES[:3],
    Column("Failed first", "failed_first", "count"),
    Column("Recovered", "recovered", "count"),
    Column("Money recovered", "recovered_money", "money", 16),
    Column("In its cycle", "in_cycle", "money", 16),
    Column("Money left", "money_left", "money", 16),
)
_MONEY = ("billed", "owed", "billed_minus_owed", "paid", "credit", "invoice", "adjustment", "refund")
_CORRECTIONS = tuple(
    Column(name.replace("_", " ").capitalize(), name, "money" if name in _MONEY else "day" if name == "issued_on" else "text", 16)
    for name in rollout_corrections.COLUMNS
)  # fmt: skip
_LOG = tuple(Column(name.capitalize(), name, width=60 if name == "reason" else 18) for name in ("at", "event", "stage", "day", "by", "reason", "plan"))  # fmt: skip


def write_rollout_workbook(home: Home, name: str, path: Path) -> Path:
    """Write the workbook of a rollout to `path`, and return it."""
    state = state_of(home, name)
    found = progress(home, state)
    answer = found.answer.verdict or last_answer(home, state)
    try:
        wrong = rollout_corrections.rows(corrections(home, state))
    except ConfigurationError:  # nothing was billed by the new path yet
        wrong = []
    with new_workbook(path) as made:
        sheets = Sheets(made)
        sheets.add(
            "Status",
            _STATUS,
            [{"what": what, "figure": _text(one)} for what, one in status(found).items()],
            state.plan.purpose,
        )
        clauses = rollout_gate.clause_rows(answer) if answer else []
        as_of = f"Stage {answer.stage} as of {answer.day}: {answer.verdict.value}." if answer else "Not judged yet."
        sheets.add(
            "Clauses", _CLAUSES, [one | {"decides": "yes" if one["decides"] else "no"} for one in clauses], as_of
        )
        sheets.add(
            "Days",
            _DAYS,
            list(answer.figures.get("plotted", ())) if answer else [],
            "Open breaks of the stage, by day.",
        )
        retried = dunning.retries(home, state, answer.day) if answer else []
        sheets.add("Attempts", _RETRIES, retried, "Attempts to collect, by their number.")
        recovered = dunning.recovery(home, state, answer.day) if answer else []
        sheets.add("Recovery", _RECOVERY, recovered, "Invoices whose first attempt failed, and what retries recovered.")
        sheets.add("Corrections", _CORRECTIONS, wrong, "Wrong bills of the new path, and how each is corrected.")
        sheets.add("Log", _LOG, log(home, name), "Every decision and verdict, in order.")
    return path


def _text(figure: Any) -> str:
    match figure:
        case None:
            return ""
        case dict():
            return ", ".join(f"{amount} {currency}" for currency, amount in figure.items())
        case list():
            return "; ".join(str(one) for one in figure)
    return str(figure)
