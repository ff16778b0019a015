"""The leak report as tables and exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing_recon.core.figures import NO_DATA
from billing_recon.report.day_tables import money
from billing_recon.report.terminal import Col, Table, table_of

if TYPE_CHECKING:
    from billing_recon.day.leaks import Leaks, Row

COLUMNS = (
    *("month", "currency", "pair", "code", "plan_id", "breaks"),
    *("found", "lost", "overcharged", "recovered", "accepted", "open"),
)
CAPTURED = ("month", "currency", "expected", "lost", "recovered", "capture_rate", "target", "reached")


def captured(found: Leaks) -> list[Row]:
    """The capture rates, each with the target and whether it is reached."""
    return [
        {
            **row,
            "target": found.target,
            "reached": NO_DATA if row["capture_rate"] is None else _word(row["capture_rate"] >= found.target),
        }
        for row in found.captured
    ]


def _word(holds: bool) -> str:
    return "yes" if holds else "no"


def capture_table(found: Leaks) -> Table:
    """Per month and currency, the share of what was expected that was billed or recovered."""

    def rate(row: Row) -> str:
        return NO_DATA if row["capture_rate"] is None else f"{row['capture_rate'] * 100:.2f}%"

    columns = (
        Col("month", "month"),
        Col("currency", "currency"),
        *(Col(name, money(name), right=True) for name in ("expected", "lost", "recovered")),
        Col("captured", rate, right=True),
        Col(f"{(found.target * 100).normalize():f}% reached", "reached"),
    )
    return table_of(captured(found), columns, "Captured: billed or recovered, of what was expected")


def cause_table(found: Leaks) -> Table:
    """What was found, by cause, layer and plan; it foots as lost + overcharged and as recovered + accepted + open."""
    columns = (
        *(Col(name, name) for name in ("month", "currency", "pair", "code")),
        Col("plan", "plan_id"),
        Col("breaks", "breaks", right=True),
        *(Col(name, money(name), right=True) for name in COLUMNS[6:]),
    )
    return table_of(found.by_cause, columns, "Found, lost and overcharged, and what became of it")
