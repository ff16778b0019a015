"""The tables of a day: what is not compared says so."""

from __future__ import annotations

from decimal import Decimal

from billing_recon.report import day_tables
from billing_recon.report.stored_rows import Row


def row(pair: str, **more: object) -> Row:
    figures = ("left_amount", "right_amount", "delta", "break_net", "break_gross")
    return {"pair": pair, "currency": "USD", "meter": None, "cohort": "all", "variant": "control"} | {
        **dict.fromkeys(figures, Decimal(0)),
        "breaks": 0,
        "pending": 0,
        **more,
    }


def test_payments_that_no_ledger_cash_was_compared_with_say_so() -> None:
    shown = day_tables.totals([row("billed_paid")])
    assert [cells[:2] for cells in shown.rows] == [("billed_paid", "USD"), ("paid_booked", "not compared")]
    both = day_tables.totals([row("billed_paid"), row("paid_booked")])
    assert [cells[1] for cells in both.rows] == ["USD", "USD"]


def test_a_column_of_currencies_and_meters_is_called_so() -> None:
    units = row("metered_used", currency=None, meter="api_calls")
    assert day_tables.totals([units]).columns[1].name == "currency or meter"
    assert day_tables.totals([row("billed_paid")]).columns[1].name == "currency"
