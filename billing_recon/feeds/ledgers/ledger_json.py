"""A ledger as JSON for `billing-recon read`: one object, every figure a string."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from billing_recon.core.journal import EXACT, ZERO, Account, Entry, Finding, LedgerFile, Receipt, SalesInvoice

Json = dict[str, object]


def as_json(ledger: LedgerFile) -> Json:
    """Return one object. `debit` and `credit` are the totals of a file in one currency, else null; see `totals`."""
    totals = _totals(ledger)
    only = totals[0] if len(totals) == 1 else None
    days = [entry.posted_on for entry in ledger.entries]
    return {
        "file": ledger.file,
        "format": ledger.format,
        "kind": "ledger",
        "version": ledger.version,
        "company": ledger.company,
        "currency": ledger.currency or (only["currency"] if only else None),
        "from": _day(ledger.period.first or min(days, default=None)),
        "to": _day(ledger.period.last or max(days, default=None)),
        "entries_count": len(ledger.entries),
        "journals_count": len({entry.journal_id for entry in ledger.entries}),
        "debit": only["debit"] if only else None if totals else "0",
        "credit": only["credit"] if only else None if totals else "0",
        "totals": totals,
        "accounts": [_account(account) for account in ledger.accounts],
        "entries": [_entry(entry) for entry in ledger.entries],
        "invoices": [_invoice(invoice) for invoice in ledger.invoices],
        "payments": [_payment(payment) for payment in ledger.payments],
        "findings": [_finding(finding) for finding in ledger.findings],
        "notes": list(ledger.notes),
    }


def _totals(ledger: LedgerFile) -> list[Json]:
    sums: dict[str | None, tuple[Decimal, Decimal]] = {}
    for entry in ledger.entries:
        debit, credit = sums.get(entry.currency, (ZERO, ZERO))
        sums[entry.currency] = EXACT.add(debit, entry.debit), EXACT.add(credit, entry.credit)
    return [
        {"currency": currency, "debit": f"{debit:f}", "credit": f"{credit:f}"}
        for currency, (debit, credit) in sorted(sums.items(), key=lambda item: item[0] or "")
    ]


def _figure(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _account(account: Account) -> Json:
    return {
        "account": account.account,
        "name": account.name,
        "opening": _figure(account.opening),
        "closing": _figure(account.closing),
    }


def _entry(entry: Entry) -> Json:
    shown: Json = {
        "entry_id": entry.entry_id,
        "journal_id": entry.journal_id,
        "posted_on": entry.posted_on.isoformat(),
        "account": entry.account,
        "account_name": entry.account_name,
        "debit": f"{entry.debit:f}",
        "credit": f"{entry.credit:f}",
        "currency": entry.currency,
        "document": entry.document,
        "invoice_id": entry.invoice_id,
        "customer_id": entry.customer_id,
        "memo": entry.memo,
    }
    if entry.document_amount is not None:
        shown["document_amount"] = f"{entry.document_amount:f}"
        shown["document_currency"] = entry.document_currency
    return shown


def _invoice(invoice: SalesInvoice) -> Json:
    return {
        "number": invoice.number,
        "kind": invoice.kind,
        "type": invoice.type,
        "status": invoice.status,
        "issued_on": invoice.issued_on.isoformat(),
        "customer_id": invoice.customer_id,
        "currency": invoice.currency,
        "net": _figure(invoice.net),
        "tax": _figure(invoice.tax),
        "gross": _figure(invoice.gross),
        "lines": [
            {
                "line_no": line.line_no,
                "description": line.description,
                "quantity": _figure(line.quantity),
                "unit_price": _figure(line.unit_price),
                "amount": _figure(line.amount),
                "tax_rate": _figure(line.tax_rate),
                "reference": line.reference,
            }
            for line in invoice.lines
        ],
    }


def _payment(payment: Receipt) -> Json:
    return {
        "number": payment.number,
        "status": payment.status,
        "paid_on": payment.paid_on.isoformat(),
        "customer_id": payment.customer_id,
        "currency": payment.currency,
        "gross": _figure(payment.gross),
        "settles": [{"invoice_id": part.invoice_id, "amount": f"{part.amount:f}"} for part in payment.settles],
    }


def _finding(finding: Finding) -> Json:
    return {
        "code": finding.code.value,
        "where": finding.where,
        "stated": finding.stated,
        "computed": finding.computed,
        "sentence": finding.sentence,
    }
