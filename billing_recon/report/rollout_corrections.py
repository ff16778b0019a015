"""The worklist of a rollout's wrong bills: totals per currency and way, the list, exports, and credit notes as files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing_recon.core.figures import amount
from billing_recon.day.home import Home
from billing_recon.day.rollout.corrections import OPEN, Correction, original_lines
from billing_recon.day.rollout.state import State
from billing_recon.report.credit_note_file import CreditedLine, CreditNote, credit_note_file
from billing_recon.report.exports import rows_csv, rows_json
from billing_recon.report.terminal import Col, Table, table_of

COLUMNS = (
    "customer_id", "currency", "invoice_id", "issued_on", "billed", "owed", "billed_minus_owed", "paid", "way", "credit",
    "invoice", "adjustment", "refund", "state", "missing_layers", "reasons", "explanation", "wording", "item",
)  # fmt: skip


def rows(found: Iterable[Correction]) -> list[dict[str, Any]]:
    """The list as rows; several words in a cell are separated by spaces."""
    return [
        asdict(one) | {"missing_layers": " ".join(one.missing_layers), "reasons": " ".join(one.reasons)}
        for one in found
    ]


EXPORTS: dict[str, Callable[[Sequence[Correction]], str]] = {
    "csv": lambda found: rows_csv(rows(found), COLUMNS),
    "json": lambda found: rows_json(rows(found), COLUMNS),
}


def totals(found: Iterable[Correction]) -> Table:
    """Bills and exact money per currency, way and state; currencies are never added."""
    figures = ("billed_minus_owed", "credit", "invoice", "adjustment", "refund")
    sums: dict[tuple[str, str, str], list[Decimal]] = {}
    counts: dict[tuple[str, str, str], int] = {}
    for one in found:
        key = (one.currency, one.way, one.state)
        counts[key] = counts.get(key, 0) + 1
        held = sums.setdefault(key, [Decimal(0)] * len(figures))
        sums[key] = [total + getattr(one, name) for total, name in zip(held, figures, strict=True)]
    table = Table(
        [
            Col("currency"), Col("correction"), Col("state"), Col("bills", right=True), Col("billed - owed", right=True),
            Col("credit", right=True), Col("bill again", right=True), Col("next bill", right=True), Col("refund", right=True),
        ],
        title="Corrections of issued bills",
    )  # fmt: skip
    for key in sorted(sums):
        table.add(*key, f"{counts[key]:,}", *(amount(figure, key[0]) for figure in sums[key]))
    return table


def open_items(found: Sequence[Correction], limit: int) -> Table:
    """The corrections that are not done, the largest difference first."""
    columns = (
        Col("customer", lambda one: one.customer_id),
        Col("invoice", lambda one: one.invoice_id or "not billed"),
        Col("billed", lambda one: amount(one.billed, one.currency), right=True),
        Col("owed", lambda one: f"{amount(one.owed, one.currency)} {one.currency}", right=True),
        Col("correction", lambda one: one.way.replace("_", " ")),
        Col("waits for", lambda one: ", ".join(one.missing_layers)),
    )
    left = [one for one in found if one.state in OPEN]
    left.sort(key=lambda one: (one.currency, -abs(one.billed_minus_owed), one.item))
    return table_of(left[:limit], columns, "Not done yet")


def write_credit_notes(home: Home, state: State, found: Iterable[Correction], folder: Path, day: date) -> int:
    """A UBL file per invoice that is to be credited, named after it; return how many."""
    credited = [one for one in found if one.way == "credit_note_and_invoice" and one.invoice_id and one.credit]
    lines = original_lines(home, state, [one.invoice_id or "" for one in credited])
    folder.mkdir(parents=True, exist_ok=True)
    for one in credited:
        billed = lines[one.invoice_id or ""]
        note = CreditNote(
            invoice_id=one.invoice_id or "",
            issued_on=day,
            invoice_issued_on=one.issued_on,
            seller=home.company.name,
            customer_id=one.customer_id,
            country=billed[0]["tax_region"][:2] if billed else "",
            currency=one.currency,
            total=one.credit,
            lines=[
                CreditedLine(
                    line["line_id"], line["meter"] or line["kind"], line["taxable"], line["tax_rate"], line["tax"]
                )
                for line in billed
            ],
        )
        name = "".join(c if c.isalnum() or c in "-_." else "_" for c in note.invoice_id)
        (folder / f"{name}-CN.xml").write_bytes(credit_note_file(note))
    return len(credited)
