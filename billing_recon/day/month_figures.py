"""The figures of a month's close as JSON: what is kept of it, so that a later close can be compared with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from billing_recon.compute.engine import scratch
from billing_recon.core.money import plain
from billing_recon.core.month_books import MonthBooks
from billing_recon.core.month_tasks import ChecklistLine
from billing_recon.core.schema import BREAKS, CONTROL_TOTALS
from billing_recon.day.home import Home
from billing_recon.day.month_books import cut_off
from billing_recon.day.month_days import month_days

KEPT_BREAKS = 10_000
"""The most breaks that a close keeps one by one; of more it keeps those of the largest amounts."""


def month_figures(home: Home, month: str, books: MonthBooks, lines: Sequence[ChecklistLine]) -> dict[str, Any]:
    """The books, control totals, breaks and checklist of a month, amounts as plain text."""
    days = month_days(home, month)
    with scratch() as con:
        totals = con.execute(
            "SELECT pair, coalesce(currency, meter, 'units'), sum(left_amount), sum(right_amount), sum(breaks), sum(break_gross), "
            f"sum(matched), sum(left_count), sum(right_count) FROM ({home.warehouse.scan(CONTROL_TOTALS, days[0], days[-1])}) "
            "GROUP BY 1, 2 ORDER BY 1, 2"
        ).fetchall()
        scan = home.warehouse.scan(BREAKS, days[0], days[-1])
        (in_all,) = con.execute(f"SELECT count(*) FROM ({scan})").fetchall()[0]
        breaks = con.execute(
            f"SELECT break_id, day, pair, code, disposition, currency, delta FROM ({scan}) "
            f"ORDER BY abs(delta) DESC, break_id LIMIT {KEPT_BREAKS}"
        ).fetchall()
    return {
        "month": month,
        "cut_off": str(cut_off(home, month)),
        "policy_version": home.policy_number,
        "roll_forwards": [
            {
                "measure": one.measure,
                "currency": one.currency,
                "opening": plain(one.opening),
                "lines": {line: plain(figure) for line, figure, _ in one.lines},
                "closing": plain(one.closing),
                "booked": plain(one.booked),
                "explained": {why: plain(figure) for why, figure in one.explained},
                "unexplained": plain(one.unexplained),
            }
            for one in books.roll_forwards
        ],
        "accounts": [
            [a.account, a.role, a.currency, *map(plain, (a.opening, a.debit, a.credit, a.closing))]
            for a in books.accounts
        ],
        "totals": [[_text(value) for value in row] for row in totals],
        "breaks": [[None if value is None else _text(value) for value in row] for row in breaks],
        "breaks_in_all": in_all,
        "checklist": [
            [line.task.value, line.condition.verdict.value, line.condition.sentence, line.owner, str(line.due)]
            for line in lines
        ],
    }


def as_text(figures: dict[str, Any]) -> str:
    """The figures as canonical JSON."""
    return json.dumps(figures, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _text(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)
