"""A month's close for people: its checklist, roll-forwards, trial balance, and what a restatement changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from billing_recon.core.figures import amount, count, delta, listed
from billing_recon.core.month_books import MonthBooks, RollForward
from billing_recon.core.month_tasks import EXPLAINED, ChecklistLine
from billing_recon.report.terminal import Col, Screen, Table

if TYPE_CHECKING:
    from billing_recon.day.home import Home
    from billing_recon.day.month_close import MonthRestated

TITLE = {"ar": "Receivables", "revenue": "Revenue of the month", "tax": "Tax of the month"}
WORDS = {
    "invoiced": "invoiced",
    "credited": "credit notes",
    "received": "received",
    "refunded": "refunded and charged back",
    "written_off": "written off (ledger)",
    "credit_applied": "customers' credit applied (ledger)",
    "kept_as_credit": "received as customers' credit (ledger)",
    "against_sales": "refunds booked against sales (ledger)",
}
"""Lines of a roll-forward (core.month_books.LINES) for a reader."""


def checklist_table(lines: Iterable[ChecklistLine]) -> Table:
    """One row per task."""
    table = Table(
        [Col("task"), Col("state"), Col("owner"), Col("due"), Col("why", wrap=True)], title="Checklist of the close"
    )
    for line in lines:
        state = line.condition.verdict.value if line.condition.blocking else "n/a"
        table.add(line.task.value, state, line.owner, str(line.due), line.condition.sentence)
    return table


def roll_forward_table(measure: str, found: Sequence[RollForward]) -> Table:
    """The roll-forwards of one measure, a column per currency; lines without a figure in any currency are left out."""
    table = Table([Col(TITLE[measure]), *(Col(one.currency, right=True) for one in found)])

    def add(words: str, figures: Sequence[Decimal | None], shown: bool = True, *, signed: bool = False) -> None:
        if shown and any(figure is not None for figure in figures):
            write = delta if signed else amount
            table.add(words, *(write(figure, one.currency) for figure, one in zip(figures, found, strict=True)))

    add("opening", [one.opening for one in found], measure == "ar")
    for line, words in WORDS.items():
        add(words, [next((f for name, f, _ in one.lines if name == line), None) for one in found], signed=True)
    add("closing, by our layers", [one.closing for one in found])
    for why, words in EXPLAINED.items():
        add(words, [dict(one.explained).get(why) for one in found], signed=True)
    add("unexplained", [one.unexplained for one in found], any(one.unexplained for one in found), signed=True)
    add("closing, by the ledger", [one.booked for one in found])
    return table


def trial_balance_table(books: MonthBooks) -> Table:
    """The ledger's accounts; debit balances are positive."""
    table = Table(
        [
            Col("account"),
            Col("role"),
            Col("currency"),
            *(Col(name, right=True) for name in ("opening", "debit", "credit", "closing")),
        ],
        title="Trial balance",
    )
    for one in books.accounts:
        figures = (one.opening, one.debit, one.credit, one.closing)
        table.add(one.account, one.role, one.currency, *(amount(figure, one.currency) for figure in figures))
    return table


def show_close(screen: Screen, home: Home, month: str) -> bool:
    """Show where a month's close stands; return whether nothing holds it open."""
    from billing_recon.day.month_books import month_books
    from billing_recon.day.month_close import checklist_in_force, days_to_close, month_days, restatement

    books = month_books(home, month) if month_days(home, month) else MonthBooks()
    lines = checklist_in_force(home, month, books)
    state, left = home.control.month_state(month), sum(not line.done for line in lines)
    screen.say(
        f"{home.company.name}, {month}: {state.value}; {count(len(lines) - left, 'task')} of {len(lines)} done",
        style="bold",
    )
    took = days_to_close(home, month)
    if took is not None:
        screen.say(f"closed {count(took, 'day')} after the month's end")
    screen.say()
    screen.table(checklist_table(lines))
    for measure in TITLE:
        if found := books.of(measure):
            screen.table(roll_forward_table(measure, found))
    if books.accounts:
        screen.table(trial_balance_table(books))
    changed = restatement(home, month)
    if changed is not None:
        show_restatement(screen, changed)
    return left == 0


def show_restatement(screen: Screen, found: MonthRestated) -> None:
    """What changed since the close before: why it was reopened, figures side by side, breaks that came and went."""
    table = Table(
        [Col("figure"), Col("currency"), *(Col(name, right=True) for name in ("as closed", "now", "change"))],
        title=f"Restated since the close of {found.before.decided_at}",
    )
    for one in found.differences.figures:
        code = one.currency
        before, after = (amount(_decimal(figure), code) for figure in (one.before, one.after))
        table.add(one.what, code, before, after, delta(one.change, code))
    for reason in found.reasons:
        screen.say(reason)
    if not found.differences:
        screen.say("nothing has changed since")
        return
    if table.rows:
        screen.table(table)
    differences = found.differences
    for words, breaks in (("came", differences.came), ("went", differences.went), ("changed", differences.changed)):
        if breaks:
            screen.say(f"breaks that {words}: {count(len(breaks), 'break')}: {listed(breaks, 5)}")
    if not differences.complete:
        screen.say(
            "only the largest breaks were kept of a close with more than 10,000, so smaller ones are not compared"
        )


def as_json(lines: Iterable[ChecklistLine]) -> str:
    """One object per task."""
    return "".join(
        json.dumps(
            {
                "task": line.task.value,
                "state": line.condition.verdict.value,
                "applies": line.condition.blocking,
                "owner": line.owner,
                "due": str(line.due),
                "why": line.condition.sentence,
            },
            ensure_ascii=False,
        )
        + "\n"
        for line in lines
    )


def _decimal(text: str) -> Decimal | None:
    return Decimal(text) if text else None
