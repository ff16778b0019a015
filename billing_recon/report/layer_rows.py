"""The rows of every layer behind a break, with file and row, so that an auditor can find each in its source."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from billing_recon.core.figures import amount
from billing_recon.core.schema import (
    INVOICE_LINES,
    LEDGER_ENTRIES,
    PAYMENTS,
    RENDERED_INVOICES,
    RENDERED_LINES,
    SUBSCRIPTIONS,
    USAGE_EVENTS,
    TableSpec,
)
from billing_recon.report import stored_rows
from billing_recon.report.stored_rows import Row
from billing_recon.report.terminal import Col, Table

if TYPE_CHECKING:
    from billing_recon.day.home import Home

SHOWN = 40
"""Rows of one layer that are listed; usage is counted per file, since a line may have thousands of events."""

_CONTENT = {
    INVOICE_LINES: "concat_ws(' ', line_id, kind, meter, 'total', total, currency, coalesce(status, ''))",
    RENDERED_INVOICES: "concat_ws(' ', document_id, 'payable', payable, currency)",
    LEDGER_ENTRIES: "concat_ws(' ', entry_id, role, 'debit', coalesce(debit, 0), 'credit', coalesce(credit, 0), currency)",
    PAYMENTS: "concat_ws(' ', payment_id, kind, status, amount, currency)",
}


def layer_rows(home: Home, row: Row) -> Table:
    """Rows of all layers for the break's invoice, and the contract and usage of its subscription."""
    table = Table(
        [Col("layer"), Col("file", wrap=True), Col("row", right=True), Col("content", wrap=True)],
        title="Rows of every layer",
    )
    for spec, content in _CONTENT.items():
        if row["invoice_id"]:
            _add(table, home, spec, row, content, "invoice_id = ?", [row["invoice_id"]])
    if row["invoice_id"]:
        _add_document_lines(table, home, row)
    if row["subscription_id"]:
        content = "concat_ws(' ', plan_id, plan_version, status, quantity, 'seats', tax_region, 'from', valid_from)"
        _add(table, home, SUBSCRIPTIONS, row, content, "subscription_id = ?", [row["subscription_id"]], newest=True)
    if row["subscription_id"] and row["meter"]:
        _add_usage(table, home, row)
    return table


def _window(home: Home, spec: TableSpec, row: Row) -> str:
    first = row["day"] - timedelta(days=home.policy.windows.lookback_days)
    scan = stored_rows.scan(home, spec, first, row["day"])
    return f"SELECT * FROM ({scan}) WHERE observed_on <= DATE '{row['day']}'"


def _add(
    table: Table,
    home: Home,
    spec: TableSpec,
    row: Row,
    content: str,
    where: str,
    params: list[object],
    *,
    newest: bool = False,
) -> None:
    """Add rows of one table; `newest`: only the latest version of a row that every day's file repeats."""
    latest = f"QUALIFY row_number() OVER (PARTITION BY {', '.join(spec.key)} ORDER BY observed_on DESC, source_file DESC) = 1"
    found = stored_rows.rows_of(
        f"SELECT source_file, source_row, {content} AS content FROM ({_window(home, spec, row)}) WHERE {where} "
        f"{latest if newest else ''} ORDER BY source_file, source_row LIMIT {SHOWN + 1}",
        params,
    )
    _show(table, spec, found)


def _show(table: Table, spec: TableSpec, found: list[Row]) -> None:
    for one in found[:SHOWN]:
        table.add(spec.name, one["source_file"], str(one["source_row"]), _plain(one["content"]))
    if len(found) > SHOWN:
        table.add(spec.name, "", "", f"more than {SHOWN} rows; the first {SHOWN} are shown")


def _plain(text: str) -> str:
    """Amounts without trailing zeros.

    >>> _plain("P1 payment succeeded 119.000000000000 USD")
    'P1 payment succeeded 119 USD'
    """
    words = [w.rstrip("0").rstrip(".") if _is_decimal(w) else w for w in text.split(" ") if w]
    return " ".join(words)


def _is_decimal(word: str) -> bool:
    whole, point, rest = word.removeprefix("-").partition(".")
    return bool(point) and whole.isdecimal() and rest.isdecimal()


def _add_document_lines(table: Table, home: Home, row: Row) -> None:
    found = stored_rows.rows_of(
        "SELECT l.source_file, l.source_row, concat_ws(' ', l.document_id, l.line_no, l.line_id, 'amount', l.amount) AS content "
        f"FROM ({_window(home, RENDERED_LINES, row)}) AS l WHERE l.document_id IN (SELECT document_id FROM "
        f"({_window(home, RENDERED_INVOICES, row)}) WHERE invoice_id = ?) AND coalesce(l.line_id = ?, true) "
        f"ORDER BY l.source_file, l.source_row LIMIT {SHOWN + 1}",
        [row["invoice_id"], row["line_id"]],
    )
    _show(table, RENDERED_LINES, found)


def _add_usage(table: Table, home: Home, row: Row) -> None:
    found = stored_rows.rows_of(
        "SELECT source_file, count(*) AS events, sum(quantity) AS quantity, min(source_row) AS first_row, "
        f"max(source_row) AS last_row FROM ({_window(home, USAGE_EVENTS, row)}) WHERE subscription_id = ? AND meter = ? "
        f"GROUP BY source_file ORDER BY source_file LIMIT {SHOWN * 2}",
        [row["subscription_id"], row["meter"]],
    )
    for one in found:
        rows = str(one["first_row"]) if one["events"] == 1 else f"{one['first_row']} to {one['last_row']}"
        events = f"{one['events']} event{'s' if one['events'] > 1 else ''}, {amount(one['quantity'])} {row['meter']}"
        table.add("usage_events", one["source_file"], rows, events)
