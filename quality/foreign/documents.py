"""The documents that customers see, and what is wrong on them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from quality.foreign.books import Company, Invoice, Row
from quality.foreign.engine import ZERO
from quality.foreign.mishaps import Form, later


def documents(company: Company, invoices: Iterable[Invoice], forms: dict[str, Form]) -> None:
    lag = company.world.windows["render_lag_days"]
    for invoice in invoices:
        form = forms.get(invoice.invoice_id, "")
        company.form = form
        if invoice.status == "void" or form in ("void_booked", "void_paid"):
            continue
        shown = later(company, invoice, 0, lag)
        known = invoice.issued + timedelta(days=lag)
        sub, number = invoice.subscription_id, invoice.invoice_id
        if form == "no_document":
            company.true("RENDER_MISSING", "billed_rendered", number, "", sub, known, -invoice.total)
            continue
        for copy in range(2 if form == "two_documents" else 1):
            _document(company, invoice, shown, copy, form)
        if form == "two_documents":
            company.true("RENDER_DUPLICATE", "billed_rendered", number, "", sub, shown, invoice.total)


def _document(company: Company, invoice: Invoice, shown: date, copy: int, form: Form) -> None:
    world = company.world
    document = f"DOC{copy}-{invoice.invoice_id}".replace("/", "_")
    lines = [line for line in invoice.lines if line.net or line.kind not in ("credit",)]
    lines = [line for line in lines if not (line.kind == "adjustment" and line.meter == "tax")]
    if world.seed % 2:
        lines = list(reversed(lines))
    subtotal = sum((line.gross for line in invoice.lines), ZERO)
    discount = sum((line.discount for line in invoice.lines), ZERO)
    tax = sum((line.tax for line in invoice.lines), ZERO)
    payable = invoice.total
    off = ZERO
    sub = invoice.subscription_id
    amounts = [line.net for line in lines]
    if form == "old_total":
        off = Decimal(7)
    if form == "line_amount":
        amounts[0] += Decimal(4)
        subtotal += Decimal(4)
        off = Decimal(4)
        named = lines[0].line_id if world.seed % 3 else ""
        company.true("RENDER_VALUE", "billed_rendered", invoice.invoice_id, named, sub, shown, off)
    if form == "tax_not_shown":
        off = -tax
        tax = ZERO
    if form in ("old_total", "tax_not_shown"):
        company.true("RENDER_VALUE", "billed_rendered", invoice.invoice_id, "", sub, shown, off)
    credits = sum((line.credit for line in invoice.lines), ZERO)
    row = {
        "document_id": document, "invoice_id": invoice.invoice_id, "format": world.rng.choice(("pdf", "html")),
        "issued_on": invoice.issued, "currency": invoice.currency, "customer_id": invoice.sub.customer_id, "subtotal": subtotal,
        "discount": discount, "tax": tax, "total": payable + credits + off, "payable": payable + off,
        "sha256": hashlib.sha256(document.encode()).hexdigest(),
    }  # fmt: skip
    company.put("rendered_invoices", shown, row)
    for place, (line, amount) in enumerate(zip(lines, amounts, strict=True), start=1):
        named: Row = {"line_id": line.line_id} if world.seed % 3 else {}
        company.put(
            "rendered_lines",
            shown,
            {
                "document_id": document, "line_no": place, **named, "description": f"{line.kind} {line.meter or ''}".strip(),
                "quantity": line.quantity, "unit_price": line.unit_price, "amount": amount,
            },
        )  # fmt: skip
