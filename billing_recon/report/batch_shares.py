"""What a summary posting books for each of its invoices, for `explain`: the faults first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from billing_recon.core.figures import amount, delta
from billing_recon.explain.ledger import IN_A_POSTING
from billing_recon.report.break_sql import leading_to
from billing_recon.report.stored_rows import Row
from billing_recon.report.terminal import Col, Table

if TYPE_CHECKING:
    from billing_recon.day.home import Home

SHOWN = 100
"""Invoices listed; the others are counted and summed."""


def batch_shares(home: Home, row: Row, evidence: dict[str, Any]) -> Table:
    """The invoices of the summary posting behind a break, with what is billed and booked; empty for any other break."""
    if not evidence.get("posting_over"):
        return Table([])
    from billing_recon.compute.engine import build
    from billing_recon.day.history import not_known
    from billing_recon.day.reconciliation import prepared

    with prepared(home, row["day"], not_known(home, row["day"])) as (con, relations):
        build(con, leading_to("journal_shares", relations))
        return shares_of(con, evidence["first_journal"], row["currency"])


def shares_of(con: duckdb.DuckDBPyConnection, journal_id: str, currency: str) -> Table:
    """The same, from a session in which `journal_shares` stands. What no invoice explains is the posting's own row."""
    found = con.execute(
        """
WITH shares AS (
    SELECT invoice_id, kind, ar, is_rest FROM journal_shares WHERE journal_id = $journal AND currency = $currency
    UNION ALL
    SELECT invoice_id, kind, CAST(0 AS amount) AS ar, false AS is_rest
    FROM batch_changes
    WHERE journal_id = $journal AND currency = $currency AND ways = 1 AND kind = 'left_out'
),
invoices AS (
    SELECT
        invoice_id, max(kind) AS kind, sum(ar) AS booked, bool_or(is_rest) AS is_rest, max(billed.issued_on) AS issued_on,
        coalesce(max(billed.total), 0) AS billed
    FROM shares
    LEFT JOIN (SELECT * FROM engine_invoices WHERE currency = $currency) AS billed USING (invoice_id)
    GROUP BY invoice_id
),
listed AS (
    SELECT
        * EXCLUDE (invoice_id, place), least(place, $shown + 1) AS place, CASE WHEN place <= $shown THEN invoice_id END AS named
    FROM (
        SELECT *, row_number() OVER (ORDER BY booked <> billed DESC, kind NULLS LAST, issued_on, invoice_id) AS place
        FROM invoices
    ) AS ranked
)
SELECT
    coalesce(named, CAST(count(*) AS VARCHAR) || ' more'), any_value(issued_on), sum(billed), sum(booked),
    any_value(kind) FILTER (WHERE named IS NOT NULL)
FROM listed
GROUP BY place, named
ORDER BY place""",
        {"journal": journal_id, "currency": currency, "shown": SHOWN},
    ).fetchall()
    columns = [
        Col("invoice"),
        Col("issued"),
        *(Col(name, right=True) for name in ("billed", "booked", "difference")),
        Col(""),
    ]
    table = Table(columns, title=f"What {journal_id} books for each invoice", last_is_total=True)
    for name, issued_on, billed, booked, kind in found:
        said = IN_A_POSTING[kind].format(amount=amount(booked, currency)) if kind else ""
        off = delta(booked - billed, currency) if booked != billed else ""
        table.add(name, str(issued_on or ""), amount(billed, currency), amount(booked, currency), off, said)
    if found:
        billed, booked = (sum(one[n] for one in found) for n in (2, 3))
        table.add("total", "", amount(billed, currency), amount(booked, currency), delta(booked - billed, currency), "")
    return table
