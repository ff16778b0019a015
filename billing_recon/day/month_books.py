"""The books of a month, computed from what is landed up to its cut-off. What ties is decided in core.month_books."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import TypeVar

import duckdb

from billing_recon.compute import close
from billing_recon.compute.engine import build, scratch
from billing_recon.compute.registration import register
from billing_recon.compute.terms import register_terms
from billing_recon.core.month_books import (
    Account,
    BookDifference,
    BookSum,
    DifferenceSum,
    MonthBooks,
    Unbalanced,
    roll_forwards,
)
from billing_recon.core.period import days_of_month
from billing_recon.core.reason import Disposition, Pair
from billing_recon.core.schema import BREAKS, INVOICE_LINES, KEY_MAP, LEDGER_ENTRIES, PAYMENTS
from billing_recon.core.schema.parameters import CLOSE_ACCEPTED, CLOSE_PARAMS, PAIRS_COMPARED, RUN_PARAMS
from billing_recon.day.history import opening_day
from billing_recon.day.home import Home
from billing_recon.day.parameters import run_params
from billing_recon.day.session import register_landed

READ = (INVOICE_LINES, PAYMENTS, LEDGER_ENTRIES, KEY_MAP)
"""The landed tables that the books are added up from."""
_LEDGER_PAIRS = (Pair.BILLED_BOOKED, Pair.RENDERED_BOOKED, Pair.PAID_BOOKED)

SHOWN = 20
"""The most journals and items of a kind that a close lists; all of them are counted and added up."""
DIFFERENCE_SUMS = (
    "SELECT measure, currency, why, CAST(sum(delta) AS amount) AS delta, count(*) AS items FROM close_differences "
    "GROUP BY measure, currency, why"
)

T = TypeVar("T")


def cut_off_days(home: Home) -> int:
    """For how many days after its end a month's postings, documents and usage may still arrive."""
    windows = home.policy.windows
    return max(
        *(windows.ledger_lag_days, windows.cash_lag_days, windows.render_lag_days),
        *(windows.issue_grace_days, windows.late_window_days),
    )


def cut_off(home: Home, month: str) -> date:
    """The last day whose files still count for a month: some days after its end, or the company's last day."""
    day = days_of_month(month)[-1] + timedelta(days=cut_off_days(home))
    return min(day, date.fromisoformat(home.company.last_day)) if home.company.last_day else day


def month_books(home: Home, month: str) -> MonthBooks:
    """The trial balance of a month, and receivables, revenue and tax against the ledger, as known at the cut-off."""
    with computed_books(home, month) as con:
        return MonthBooks(
            accounts=_rows(con, Account, "trial_balance", "currency, account"),
            unbalanced=_rows(con, Unbalanced, "unbalanced_journals", f"journal_id, currency LIMIT {SHOWN}"),
            unbalanced_journals=_count(con, "unbalanced_journals"),
            roll_forwards=roll_forwards(
                _rows(con, BookSum, "close_sums", "ALL"),
                _rows(con, DifferenceSum, f"({DIFFERENCE_SUMS})", "ALL"),
                _rows(
                    con,
                    BookDifference,
                    "close_differences WHERE why = 'unexplained'",
                    f"abs(delta) DESC, measure, kind, item, currency LIMIT {SHOWN}",
                ),
            ),
            books_cash=_books_cash(con, home),
        )


@contextmanager
def computed_books(home: Home, month: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session with the books' inputs, and every relation of compute.close over them.

    Everything that was landed from the first day on is read, since receivables are a balance.
    """
    days, known_by = days_of_month(month), cut_off(home, month)
    start = opening_day(home) or days[0]
    with scratch(home.limits(home.landed_rows(days[-1]) * len(days))) as con:
        register_terms(con, home.catalog, home.company)
        register(con, RUN_PARAMS, [run_params(home, known_by).row()])
        register(con, CLOSE_PARAMS, [(start, days[0], days[-1])])
        back = (known_by - start).days + home.policy.windows.lookback_days
        for table in READ:
            register_landed(con, home, table, known_by, back)
        compared = [Pair.BILLED_BOOKED, *([Pair.PAID_BOOKED] if _books_cash(con, home) else [])]
        register(con, PAIRS_COMPARED, [(pair,) for pair in compared])
        con.execute(f"CREATE TABLE {CLOSE_ACCEPTED.name} AS {_accepted(home, start, known_by)}")
        build(con, close.RELATIONS)
        yield con


def _books_cash(con: duckdb.DuckDBPyConnection, home: Home) -> bool:
    shown = con.execute("SELECT 1 FROM ledger_entries WHERE role = 'cash' LIMIT 1").fetchall()
    return "cash" in home.company.roles.values() or bool(shown)


def _accepted(home: Home, first: date, last: date) -> str:
    """SQL for the invoices and payments whose break in the ledger no longer counts against a gate."""
    settled = ", ".join(f"'{d.value}'" for d in Disposition if not d.counts_against_gate)
    pairs = ", ".join(f"'{pair.value}'" for pair in _LEDGER_PAIRS)
    return (
        "SELECT DISTINCT CASE WHEN pair = 'paid_booked' THEN 'money' ELSE 'invoice' END AS kind, "
        "CASE WHEN pair = 'paid_booked' THEN json_extract_string(evidence, '$.payment') ELSE invoice_id END AS item "
        f"FROM ({home.warehouse.scan(BREAKS, first, last)}) WHERE pair IN ({pairs}) AND disposition IN ({settled}) "
        "AND CASE WHEN pair = 'paid_booked' THEN json_extract_string(evidence, '$.payment') ELSE invoice_id END IS NOT NULL"
    )


def _count(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    return int(con.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0])


def _rows(con: duckdb.DuckDBPyConnection, kind: type[T], relation: str, order: str) -> tuple[T, ...]:
    names = tuple(kind.__dataclass_fields__)  # type: ignore[attr-defined]
    rows = con.execute(f"SELECT {', '.join(names)} FROM {relation} ORDER BY {order}").fetchall()
    return tuple(kind(*row) for row in rows)
