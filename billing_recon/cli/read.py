"""`read`: documents and ledgers as JSON lines; a file that cannot be read does not stop the next."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billing_recon.cli.options import HomeOption, home_path
from billing_recon.core.errors import BillingReconError, ConfigurationError
from billing_recon.core.shown_text import visible, visible_json

if TYPE_CHECKING:
    from billing_recon.core.document import Document
    from billing_recon.core.journal import LedgerFile

EXAMPLES = """
  billing-recon read invoice.xml
  billing-recon read invoices/ | jq -r 'select(.findings != []) | .file, .findings[].sentence'
  billing-recon read --templates templates/ vendor.pdf
  billing-recon read --text layout vendor.pdf        the text that a template sees"""
TEMPLATES = "templates"
"""The folder of a home that holds templates."""


class Order(StrEnum):
    """The order in which a page's text is shown."""

    CONTENT = "content"
    LAYOUT = "layout"


def read(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Documents, ledgers, or folders of them.")],
    templates: Annotated[
        Path | None,
        typer.Option(
            "--templates", metavar="DIR", help="Templates for PDFs and HTML; default: templates/ in the home."
        ),
    ] = None,
    text: Annotated[
        Order | None,
        typer.Option("--text", help="Show the text of PDFs and HTML as templates see it, in this order."),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Read invoices and ledgers as JSON lines.

    Writes one line per document: header, effect on what is owed, lines, and any arithmetic errors. Reads UBL, CII, ZUGFeRD and Factur-X;
    PDF and HTML by template; Stripe's JSON; SAF-T, DATEV, beancount, hledger, QuickBooks and Xero journals.

    Exits 0 if every file was read, 1 if one could not be (its line then has an error).
    """
    folder = templates or home_path(ctx, home) / TEMPLATES
    if templates is not None and not templates.is_dir():
        raise ConfigurationError(f"--templates {templates}: no such folder")
    if text is not None:
        _show_text(files, text)
        return
    from billing_recon.feeds.documents.template import read_templates
    from billing_recon.feeds.file_reader import files_of, read_file

    known = read_templates(folder) if folder.is_dir() else ()
    failed = False
    for given in files:
        empty = True
        for path in files_of(given):
            empty = False
            try:
                for part in read_file(path, known):
                    _put(_shown(part))
            except BillingReconError as error:
                failed = True
                _put({"file": str(path), "error": " ".join(str(error).split())})
        if empty:
            failed = True
            _put({"file": str(given), "error": "the folder has no files"})
    if failed:
        raise typer.Exit(1)


def _shown(part: Document | LedgerFile) -> dict[str, object]:
    from billing_recon.core.document import Document

    if isinstance(part, Document):
        return document_json(part)
    from billing_recon.feeds.ledgers import as_json

    return as_json(part)


def document_json(document: Document) -> dict[str, object]:
    """A document with the fixed keys in their fixed order. Figures are texts, as stated; a percentage's amount is computed."""
    return {
        "file": document.file,
        "format": document.format,
        "kind": document.kind.value,
        "number": document.number,
        "issued_on": document.issued_on,
        "currency": document.currency,
        "seller": document.seller,
        "buyer": document.buyer,
        "subtotal": document.subtotal,
        "allowances": document.allowances,
        "charges": document.charges,
        "tax_exclusive": document.tax_exclusive,
        "tax": document.tax,
        "tax_inclusive": document.tax_inclusive,
        "prepaid": document.prepaid,
        "rounding": document.rounding,
        "payable": document.payable,
        "lines": [
            {
                "line_no": line.line_no,
                "description": line.description,
                "quantity": line.quantity,
                "base_quantity": line.base_quantity,
                "unit_price": line.unit_price,
                "amount": line.amount,
                "tax_rate": line.tax_rate,
                "tax": line.tax,
                "adjustments": [asdict(part) for part in line.adjustments],
                "summed": line.summed,
                "object_id": line.object_id,
                "period_start": line.period_start,
                "period_end": line.period_end,
            }
            for line in document.lines
        ],
        "findings": [
            {
                "code": finding.code.value,
                "line_no": finding.line_no,
                "stated": finding.stated,
                "computed": finding.computed,
                "sentence": finding.sentence,
            }
            for finding in document.findings
        ],
        "effect": document.effect.value,
        "effect_reason": document.effect_reason,
        "type_code": document.type_code or None,
        "status": document.status,
        "marks": list(document.marks),
        "customer": document.customer,
        "period_start": document.period_start,
        "period_end": document.period_end,
        "withheld": document.withheld,
        "collected": document.collected,
        "adjustments": [asdict(part) for part in document.adjustments],
        "taxes": [asdict(part) for part in document.taxes],
        "references": list(document.references),
        "extra": dict(document.extra),
    }


def _put(line: dict[str, object]) -> None:
    """Write one line and flush. What UTF-8 cannot encode (half a surrogate pair, a file name's) and control characters
    are escaped.
    """
    text = visible_json(json.dumps(line, ensure_ascii=False))
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()


def _show_text(files: list[Path], order: Order) -> None:
    from billing_recon.feeds.file_reader import files_of, shown_text

    for given in files:
        for path in files_of(given):
            shown = visible(shown_text(path, order.value))
            sys.stdout.buffer.write(shown.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()
