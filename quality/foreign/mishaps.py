"""What goes wrong after a bill: which invoice has which fault in its document, its journal or its money."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from quality.foreign.books import Company, Invoice, name_lines

Form = str
DOCUMENT_FORMS = ("no_document", "two_documents", "old_total", "line_amount", "tax_not_shown")
LEDGER_FORMS = (
    "not_booked", "booked_twice", "transposed", "booked_net", "wrong_account", "tax_as_revenue", "other_customer", "next_month",
    "void_booked",
)  # fmt: skip
PAYMENT_FORMS = (
    "never_asked",
    "paid_twice",
    "paid_short",
    "paid_over",
    "paid_by_other",
    "refunded",
    "charged_back",
    "void_paid",
)


def layer_forms(company: Company, invoices: list[Invoice]) -> dict[str, Form]:
    world, found = company.world, {}
    for form in (*DOCUMENT_FORMS, *LEDGER_FORMS, *PAYMENT_FORMS):
        fits = [
            i for i in invoices if i.subscription_id not in company.used and i.total > 20 and _open_to(company, i, form)
        ]
        if not fits:
            continue
        invoice = world.rng.choice(fits)
        company.used.add(invoice.subscription_id)
        found[invoice.invoice_id] = form
    return found


def voids(company: Company, invoices: list[Invoice], extra: list[Invoice], forms: dict[str, Form]) -> None:
    """Invoices that the engine voided and reissued at once; one of them without any fault."""
    free = [i for i in invoices if i.subscription_id not in company.used and not batched(company, i)]
    chosen = [i for i in invoices if forms.get(i.invoice_id, "").startswith("void")] + free[:1]
    for invoice in chosen:
        company.used.add(invoice.subscription_id)
        again = replace(
            invoice, invoice_id=company.number(invoice.sub), lines=[replace(line) for line in invoice.lines]
        )
        name_lines(company, again)
        extra.append(again)
        invoice.status = "void"


def _open_to(company: Company, invoice: Invoice, form: Form) -> bool:
    world = company.world
    wait = world.windows["payment_terms_days"] if form in PAYMENT_FORMS else 8
    if invoice.issued + timedelta(days=wait + 1) > world.last or (batched(company, invoice) and form in LEDGER_FORMS):
        return False
    if form in ("tax_as_revenue", "booked_net", "tax_not_shown"):
        return any(line.tax for line in invoice.lines)
    if form == "transposed":
        return transposed(invoice.total) != invoice.total
    return True


def transposed(amount: Decimal) -> Decimal:
    """Two neighbouring digits the wrong way round."""
    text = list(str(amount))
    for place in range(len(text) - 1):
        if text[place] != text[place + 1] and "." not in text[place : place + 2]:
            text[place], text[place + 1] = text[place + 1], text[place]
            return Decimal("".join(text))
    return amount


def later(company: Company, invoice: Invoice, low: int, high: int) -> date:
    return invoice.issued + timedelta(days=company.world.rng.randint(low, high))


def batched(company: Company, invoice: Invoice) -> bool:
    return company.world.seed % 4 == 2 and invoice.currency == company.world.currencies[0]
