"""Journals in the style of the seed: one per invoice, line or day, or with the invoice only in the memo."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from quality.foreign.books import Company, Invoice
from quality.foreign.engine import ZERO, Line
from quality.foreign.mishaps import LEDGER_FORMS, Form, batched, later, transposed

Posting = tuple[str, Decimal, Decimal]


def _postings(lines: Iterable[Line]) -> list[Posting]:
    """Role, debit, credit, for some lines together."""
    lines = list(lines)
    sides = [
        ("ar", sum((li.total for li in lines), ZERO)),
        ("customer_credit", sum((li.credit for li in lines), ZERO)),
        ("revenue", -sum((li.net for li in lines), ZERO)),
        ("tax_payable", -sum((li.tax for li in lines), ZERO)),
    ]
    return [(role, max(value, ZERO), max(-value, ZERO)) for role, value in sides if value]


def journals(company: Company, invoices: list[Invoice], forms: dict[str, Form]) -> None:
    lag = company.world.windows["ledger_lag_days"]
    batches: dict[tuple[date, str], list[Invoice]] = defaultdict(list)
    for invoice in invoices:
        form = forms.get(invoice.invoice_id, "")
        company.form = form
        if (invoice.status == "void" and form != "void_booked") or form == "void_paid":
            continue
        if batched(company, invoice):
            batches[invoice.issued, invoice.currency].append(invoice)
            continue
        posted = _same_month(invoice, later(company, invoice, 0, lag))
        known = invoice.issued + timedelta(days=lag)
        _journal(company, invoice, posted, known, form)
    _batches(company, batches, forms)


def _same_month(invoice: Invoice, day: date) -> date:
    return day if day.month == invoice.issued.month else invoice.issued


def _journal(company: Company, invoice: Invoice, posted: date, known: date, form: Form) -> None:
    world = company.world
    sub, number = invoice.subscription_id, invoice.invoice_id

    def true(code: str, delta: Decimal, day: date) -> None:
        company.true(code, "billed_booked", number, "", sub, day, delta)

    if form == "not_booked":
        true("LEDGER_MISSING", -invoice.total, known)
        return
    groups = [[line] for line in invoice.lines] if world.seed % 4 == 1 else [invoice.lines]
    if form in LEDGER_FORMS:
        groups = [invoice.lines]
    customer = invoice.sub.customer_id
    postings = [_postings(group) for group in groups]
    match form:
        case "transposed":
            off = transposed(invoice.total) - invoice.total
            postings = [
                [(r, d + (off if r == "ar" else 0), c + (off if r == "revenue" else 0)) for r, d, c in p]
                for p in postings
            ]
            true("LEDGER_AMOUNT", off, posted)
        case "booked_net":
            tax = sum((line.tax for line in invoice.lines), ZERO)
            postings = [
                [(r, d - (tax if r == "ar" else 0), c) for r, d, c in p if r != "tax_payable"] for p in postings
            ]
            true("LEDGER_AMOUNT", -tax, posted)
        case "wrong_account":
            postings = [[("other" if r == "revenue" else r, d, c) for r, d, c in p] for p in postings]
            true("LEDGER_ACCOUNT", ZERO, posted)
        case "tax_as_revenue":
            postings = [[("revenue" if r == "tax_payable" else r, d, c) for r, d, c in p] for p in postings]
            true("LEDGER_ACCOUNT", ZERO, posted)
        case "other_customer":
            customer = next(s.customer_id for s in world.subscriptions if s.customer_id != customer)
            true("LEDGER_ACCOUNT", ZERO, posted)
        case "next_month":
            posted = (invoice.issued.replace(day=28) + timedelta(days=4)).replace(day=1)
            posted += timedelta(days=world.windows["ledger_lag_days"])
            if posted > known:
                true("LEDGER_MISSING", -invoice.total, known)
            true("LEDGER_PERIOD", ZERO, posted)
        case "void_booked":
            true("REVERSAL_NOT_PROPAGATED", invoice.total, known)
        case "booked_twice":
            postings *= 2
            true("LEDGER_DUPLICATE", invoice.total, posted)
    for part, group in enumerate(postings):
        post(company, f"J{part}.{number}", posted, group, invoice.currency, number, customer)


def post(
    company: Company,
    journal: str,
    posted: date,
    postings: list[Posting],
    currency: str,
    invoice: str,
    customer: str | None,
) -> None:
    by_memo = company.world.seed % 4 == 3 and not journal.startswith("CASH") and invoice not in company.set_aside
    for place, (role, debit, credit) in enumerate(postings, start=1):
        if debit < 0 or credit < 0:
            debit, credit = max(debit, ZERO) + max(-credit, ZERO), max(credit, ZERO) + max(-debit, ZERO)
        row = {
            "entry_id": f"{journal}/{place}", "journal_id": journal, "posted_on": posted, "role": role, "debit": debit,
            "account": {"ar": "1400", "revenue": "8400", "tax_payable": "3806", "cash": "1800", "customer_credit": "1718"}.get(role, "9999"),
            "credit": credit, "currency": currency, "invoice_id": None if by_memo or not invoice else invoice,
            "customer_id": customer, "memo": f"Billing of {invoice} by interface" if by_memo else None,
        }  # fmt: skip
        company.put("ledger_entries", posted, row)


def _batches(company: Company, batches: dict[tuple[date, str], list[Invoice]], forms: dict[str, Form]) -> None:
    world = company.world
    lag = world.windows["ledger_lag_days"]
    faulty = bool(forms)
    clean = [
        key for key, some in batches.items()
        if len(some) > 1 and not any(i.subscription_id in company.used for i in some) and key[0] < world.last - timedelta(days=8)
    ]  # fmt: skip
    lost = clean[0] if faulty and clean else None
    for (day, currency), some in batches.items():
        if (day, currency) == lost:
            company.form = "batch_lost"
            for invoice in some:
                known = day + timedelta(days=lag)
                company.true(
                    "LEDGER_MISSING",
                    "billed_booked",
                    invoice.invoice_id,
                    "",
                    invoice.subscription_id,
                    known,
                    -invoice.total,
                )
            continue
        postings = _postings([line for invoice in some for line in invoice.lines])
        post(company, f"BATCH-{day}-{currency}", day, postings, currency, "", None)
