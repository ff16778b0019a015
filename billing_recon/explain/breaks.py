"""The explanation of each of a day's breaks, from `reported`'s facts. Which sentence applies is decided by the finding."""

from __future__ import annotations

import duckdb

from billing_recon.explain.facts import Facts
from billing_recon.explain.sentences import SENTENCES
from billing_recon.explain.texts import decimals_of, rows_of, write_texts

ODD_ONE_OUT = " This agrees with our own rating: the billing engine is the odd one out."


def _followed(layers: str | None) -> str:
    """Which layers agree with a bill that differs from the contract; empty if none is known.

    >>> _followed("document|ledger|payment")
    ' The document, the ledger and the payment agree with the bill: only the contract says otherwise.'
    >>> _followed("ledger"), _followed(None)
    (' The ledger agrees with the bill.', '')
    """
    if not layers:
        return ""
    *firsts, last = (f"the {layer}" for layer in layers.split("|"))
    if not firsts:
        return f" {last.capitalize()} agrees with the bill."
    end = ": only the contract says otherwise" if len(firsts) == 2 else ""
    return f" {', '.join(firsts).capitalize()} and {last} agree with the bill{end}."


_COLUMNS = (
    "pair, level, code, invoice_id, line_id, customer_id, subscription_id, meter, currency, expected, billed, rendered, "
    "booked, paid, delta"
)


def write_explanations(con: duckdb.DuckDBPyConnection) -> None:
    """Create `explanations` (break_id, explanation) with a row per row of `reported`."""
    rows = rows_of(
        con,
        f"SELECT break_id, {_COLUMNS}, sentence, facts, agrees_with_rating, followed_by FROM reported ORDER BY break_id",
    )
    decimals = decimals_of(con) if rows else {}
    texts = [
        SENTENCES[row["sentence"]](Facts.read(row, row["facts"], decimals))
        + (ODD_ONE_OUT if row["agrees_with_rating"] else _followed(row["followed_by"]))
        for row in rows
    ]
    write_texts(con, "explanations", {"break_id": [row["break_id"] for row in rows], "explanation": texts})
