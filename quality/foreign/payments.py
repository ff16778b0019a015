"""The money: named or not, split or net of fees, with the attempts that failed before."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

from quality.foreign.books import Company, Invoice
from quality.foreign.engine import ZERO, utc
from quality.foreign.ledger import post
from quality.foreign.mishaps import Form, later


def payments(company: Company, invoices: list[Invoice], forms: dict[str, Form]) -> None:
    world = company.world
    settle_days, terms = world.windows["payment_settle_days"], world.windows["payment_terms_days"]
    alike = Counter((i.sub.customer_id, i.total) for i in invoices)
    for invoice in invoices:
        form = forms.get(invoice.invoice_id, "")
        company.form = form
        sub, number, total = invoice.subscription_id, invoice.invoice_id, invoice.total
        if (invoice.status == "void" and form != "void_paid") or total <= 0:
            continue
        if form == "never_asked":
            day = invoice.issued + timedelta(days=terms)
            company.true("PAYMENT_MISSING", "billed_paid", number, "", sub, day, -total)
            continue
        paid = later(company, invoice, 1, terms - 6)
        known = paid + timedelta(days=settle_days)

        def true(code: str, delta: Decimal, day: date = known, number: str = number, sub: str = sub) -> None:
            if day <= world.last:
                company.true(code, "billed_paid", number, "", sub, day, delta)

        named = bool(form) or alike[invoice.sub.customer_id, total] > 1 or any(line.spoilt for line in invoice.lines)
        style = 0 if named else world.seed % 3
        payer = invoice.sub.customer_id
        amounts = [total]
        match form:
            case "paid_twice":
                amounts = [total, total]
                true("PAYMENT_DUPLICATE", total)
            case "paid_short":
                amounts = [total - 11]
                true("PAYMENT_AMOUNT", Decimal(-11))
            case "paid_over":
                amounts = [total + 5]
                true("PAYMENT_AMOUNT", Decimal(5))
            case "paid_by_other":
                payer = next(s.customer_id for s in reversed(world.subscriptions) if s.customer_id != payer)
                true("PAYMENT_MISAPPLIED", ZERO)
            case "refunded" | "charged_back":
                true("REFUND_DISPUTE", -total)
            case "void_paid":
                true("REVERSAL_NOT_PROPAGATED", total)
        if style == 1 and total > 30 and world.rng.random() < 0.4:
            amounts = [total - 12, Decimal(12)]
        if style != 2 and world.rng.random() < 0.2 and not form:
            _pay(company, invoice, paid - timedelta(days=1), total, "failed", payer, "payment", None, True)
        for place, amount in enumerate(amounts):
            fee = Decimal(1) if style == 2 and world.rng.random() < 0.5 else None
            _pay(
                company,
                invoice,
                paid + timedelta(days=place),
                amount - (fee or 0),
                "succeeded",
                payer,
                "payment",
                fee,
                style != 2,
            )
        if form in ("refunded", "charged_back"):
            kind = "refund" if form == "refunded" else "chargeback"
            _pay(company, invoice, paid + timedelta(days=2), total, "succeeded", payer, kind, None, True)


def _pay(
    company: Company,
    invoice: Invoice,
    day: date,
    amount: Decimal,
    status: str,
    payer: str,
    kind: str,
    fee: Decimal | None,
    named: bool,
) -> None:
    world = company.world
    company.numbers += 1
    payment = f"py_{company.numbers}"
    row = {
        "payment_id": payment, "kind": kind, "customer_id": payer, "invoice_id": invoice.invoice_id if named else None,
        "amount": amount, "currency": invoice.currency, "status": status, "processed_at": utc(day, world.timezone, 12), "fee": fee,
    }  # fmt: skip
    company.put("payments", day, row)
    if status == "succeeded":
        sides = [("cash", amount, ZERO), ("ar", ZERO, amount)]
        if kind != "payment":
            sides = [("ar", amount, ZERO), ("cash", ZERO, amount)]
        post(company, f"CASH-{payment}", day, sides, invoice.currency, invoice.invoice_id, payer)
