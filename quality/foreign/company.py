"""A foreign company made: bills by its engine, what is wrong with them, and every layer that follows."""

from __future__ import annotations

from datetime import timedelta

from quality.foreign.books import Company, Invoice, name_lines
from quality.foreign.documents import documents
from quality.foreign.engine import utc
from quality.foreign.engine_faults import engine_faults
from quality.foreign.exports import contracts, usage
from quality.foreign.ledger import journals
from quality.foreign.mishaps import Form, layer_forms, voids
from quality.foreign.payments import payments
from quality.foreign.world import World


def make(world: World, faulty: bool) -> Company:
    company = Company(world)
    invoices = _bills(company)
    extra: list[Invoice] = []
    forms: dict[str, Form] = {}
    if faulty:
        engine_faults(company, invoices, extra)
        forms = layer_forms(company, invoices)
    voids(company, invoices, extra, forms)
    for invoice in [*invoices, *extra]:
        _write_lines(company, invoice)
    documents(company, [*invoices, *extra], forms)
    journals(company, [*invoices, *extra], forms)
    payments(company, [*invoices, *extra], forms)
    usage(company)
    contracts(company)
    return company


def _bills(company: Company) -> list[Invoice]:
    world, engine = company.world, company.world.engine()
    found = []
    for sub in world.subscriptions:
        for number in range(200):
            start, end = sub.period(number)
            due = end + timedelta(days=world.conventions.issue_after)
            if due > world.last:
                break
            if due < world.first or not (lines := engine.bill(sub, start, end)):
                continue
            issued = min(due + timedelta(days=world.rng.choice((0, 0, 0, 1))), world.last)
            found.append(Invoice("", sub, start, end, issued, lines, subscription_id=sub.subscription_id))
    found.sort(key=lambda i: (i.issued, i.subscription_id, i.start))
    for invoice in found:
        invoice.invoice_id = company.number(invoice.sub)
        name_lines(company, invoice)
    return found


def _write_lines(company: Company, invoice: Invoice) -> None:
    world = company.world
    at = utc(invoice.issued, world.timezone, 3, world.rng.randint(0, 59))
    for line in invoice.lines:
        row = {
            "invoice_id": invoice.invoice_id, "line_id": line.line_id, "customer_id": invoice.sub.customer_id,
            "subscription_id": invoice.subscription_id, "plan_id": line.plan_id, "plan_version": line.version, "kind": line.kind,
            "meter": line.meter, "period_start": line.start, "period_end": line.end, "quantity": line.quantity,
            "unit_price": line.unit_price, "gross": line.gross, "discount": line.discount, "credit": line.credit,
            "taxable": line.taxable, "tax_rate": line.rate, "tax": line.tax, "total": line.total, "currency": line.currency,
            "issued_on": invoice.issued, "calculated_at": at, "status": invoice.status,
        }  # fmt: skip
        if line.spoilt:
            row["total"] = f"{line.total}O"
        company.put("invoice_lines", invoice.issued, row)
