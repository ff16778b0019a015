"""Credit notes of corrected bills, read back as any document: they lower what is owed by what was billed, and add up."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from billing_recon.core.document import Document, DocumentKind
from billing_recon.feeds.file_reader import read_file
from billing_recon.report.credit_note_file import CreditedLine, CreditNote, credit_note_file

LINES = (
    CreditedLine("INV-1/1", "Base fee", Decimal("40.00"), Decimal("0.19"), Decimal("7.60")),
    CreditedLine("INV-1/2", "Calls & more", Decimal("10.00"), Decimal("0.07"), Decimal("0.70")),
    CreditedLine("INV-1/3", "Given back", Decimal("-5.00"), Decimal("0.19"), Decimal("-0.95")),
)


@pytest.mark.parametrize("total", ["52.35", "50.00"])
def test_a_credit_note_takes_back_what_was_billed_and_adds_up(tmp_path: Path, total: str) -> None:
    note = CreditNote(
        "INV-1", date(2026, 3, 9), date(2026, 3, 2), "Acme", "C-1", "DE", "EUR", Decimal(total), LINES
    )  # fmt: skip
    path = tmp_path / "note.xml"
    path.write_bytes(credit_note_file(note))
    (read,) = read_file(path, ())
    assert isinstance(read, Document)
    assert read.findings == ()
    assert (read.number, read.kind, read.payable, read.currency) == ("INV-1-CN", DocumentKind.CREDIT_NOTE, total, "EUR")
    assert "INV-1" in read.references
