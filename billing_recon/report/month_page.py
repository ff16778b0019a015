"""A month's close as one self-contained page: what holds it open, its days, breaks, roll-forwards and trial balance."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from billing_recon.control import MonthState
from billing_recon.core.figures import count
from billing_recon.core.month_books import MonthBooks
from billing_recon.core.verdict import Verdict
from billing_recon.day.gate import DAY_GATE
from billing_recon.report import day_tables, stored_rows
from billing_recon.report.month_checklist import TITLE, checklist_table, roll_forward_table, trial_balance_table
from billing_recon.report.terminal import Col, Table

if TYPE_CHECKING:
    from datetime import date

    from billing_recon.day.home import Home


def month_page(home: Home, month: str) -> tuple[str, bool]:
    """The page of a month, and whether nothing holds it open."""
    from billing_recon.day.month_books import month_books
    from billing_recon.day.month_close import checklist_in_force, month_days
    from billing_recon.report.day_pack import environment

    days = month_days(home, month)
    books = month_books(home, month) if days else MonthBooks()
    lines = checklist_in_force(home, month, books)
    open_tasks = [line for line in lines if not line.done]
    state = home.control.month_state(month)
    verdict = Verdict.PASS if state is MonthState.CLOSED or not open_tasks else Verdict.INCONCLUSIVE
    if any(line.condition.verdict is Verdict.FAIL for line in open_tasks):
        verdict = Verdict.FAIL
    tables = [roll_forward_table(measure, found) for measure in TITLE if (found := books.of(measure))]
    page = (
        environment()
        .get_template("month.html")
        .render(
            company=home.company.name,
            month=month,
            state=state.value,
            verdict=verdict.value,
            done=f"{count(len(lines) - len(open_tasks), 'task')} of {len(lines)} done",
            open_tasks=open_tasks,
            tasks=checklist_table(lines),
            days=_days(home, days) if days else None,
            breaks=day_tables.break_sums(stored_rows.break_sums(home, days[0], days[-1])) if days else None,
            roll_forwards=[table for table in tables if table.rows],
            accounts=trial_balance_table(books) if books.accounts else None,
        )
    )
    return page, not open_tasks


def _days(home: Home, days: list[date]) -> Table:
    """How many days of the month are a PASS, and those that are not: neighbours with the same answer in one row."""
    answers = home.control.answers(DAY_GATE)
    said = [(day, known.value if (known := answers.get(str(day))) else "never judged") for day in days]
    green = sum(word == Verdict.PASS.value for _, word in said)
    table = Table(
        [Col("days"), Col("verdict")],
        title=f"{count(green, 'day')} of {len(days)} {'is' if green == 1 else 'are'} a PASS",
    )
    for word, run in groupby(said, key=lambda one: one[1]):
        these = [day for day, _ in run]
        if word != Verdict.PASS.value:
            table.add(f"{these[0]}" if len(these) == 1 else f"{these[0]} to {these[-1]}", word)
    return table
