"""A company of four days worked out by hand, in a currency of three decimals: two bills on the first day, two on the last.

It starts as `billing-recon init` leaves a home. The plan is a fee of 10.125 KWD and 0.0375 KWD a call; the tax is 5%:

| bill | calls | gross | tax | total |
|---|---:|---:|---:|---:|
| fee | | 10.125 | 0.506 (0.50625) | 10.631 |
| calls of S-1 | 1,003 | 37.613 (37.6125) | 1.881 (1.88065) | 39.494 |
| calls of S-2 | 77 | 2.888 (2.8875) | 0.144 (0.1444) | 3.032 |
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import yaml

from quality.mutations.books import Books, Row

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 4)
CALLS = {"S-1": ("1003", "37.613", "1.881", "39.494"), "S-2": ("77", "2.888", "0.144", "3.032")}
FEE = ("10.125", "0.506", "10.631")
_PLAN = {
    "plan_id": "calls",
    "plan_version": "1",
    "currency": "KWD",
    "name": "Calls",
    "charges": [
        {"charge_id": "fee", "kind": "subscription", "model": "flat", "amount": "10.125"},
        {"charge_id": "calls", "kind": "usage", "model": "per_unit", "meter": "calls", "unit_price": "0.0375"},
    ],
}
_POLICY = {
    "windows": {
        "late_window_days": 0,
        "issue_grace_days": 0,
        "render_lag_days": 0,
        "ledger_lag_days": 0,
        "payment_terms_days": 30,
        "payment_settle_days": 0,
        "lookback_days": 62,
    },
    "owners": {"default": "finance"},
}


def write_by_hand(home: Path) -> Books:
    """The clean company in `home`, which `init` has made or which is empty; its landing files are for `rewrites.write`.

    S-1's month ended on the first day and S-2's on the last, so each is billed on an edge of all that is known.
    """
    for folder in ("catalog", "policies", "landing"):
        (home / folder).mkdir(parents=True, exist_ok=True)
        for path in (home / folder).glob("*.yaml"):
            path.unlink()
    company = {
        "name": "By hand",
        "timezone": "Asia/Kuwait",
        "currencies": ["KWD"],
        "first_day": str(FIRST),
        "profile": {"rounding": "half_up", "issue_after_days": 0},
    }
    for name, content in (
        ("company.yaml", company),
        ("catalog/plans.yaml", {"plans": [_PLAN]}),
        ("catalog/taxes.yaml", {"taxes": [{"tax_region": "KW", "rate": "0.05"}]}),
        ("policies/policy.yaml", _POLICY),
    ):
        (home / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    books = Books(home, 0, FIRST, LAST)
    for sub, ends in (("S-1", FIRST), ("S-2", LAST)):
        _land(books, sub, ends)
    books.columns = {name: [c for c in rows[0] if c != "_day"] for name, rows in books.tables.items() if rows}
    books.bills = books.read_bills()
    books.free = [bill for bill in books.bills if bill.plain]
    return books


def _land(books: Books, sub: str, ends: date) -> None:
    customer, invoice, document = f"C{sub}", f"INV-{sub}", f"DOC-{sub}"
    starts = ends.replace(month=2)
    calls, gross, tax, total = CALLS[sub]
    for number in range((LAST - FIRST).days + 1):
        day = str(FIRST + timedelta(days=number))
        books.tables["subscriptions"].append(
            {
                "subscription_id": sub,
                "customer_id": customer,
                "plan_id": "calls",
                "plan_version": "1",
                "status": "active",
                "quantity": "1",
                "currency": "KWD",
                "timezone": "Asia/Kuwait",
                "tax_region": "KW",
                "segment": "smb",
                "billing_anchor": str(starts),
                "billing_interval": "month",
                "valid_from": f"{starts - timedelta(days=1)}T21:00:00Z",
                "valid_to": "",
                "_day": day,
            }
        )
    used = {"customer_id": customer, "subscription_id": sub, "meter": "calls", "source": "gateway", "_day": str(FIRST)}
    at = f"{starts + timedelta(days=9)}T08:00:00Z"
    books.tables["usage_events"].append(
        {"event_id": f"E-{sub}", **used, "quantity": calls, "event_time": at, "received_at": at}
    )
    of = {"customer_id": customer, "currency": "KWD", "issued_on": str(ends), "_day": str(ends)}
    lines = [
        ("1", "subscription", "", "1", "10.125", *FEE),
        ("2", "usage", "calls", calls, "0.0375", gross, tax, total),
    ]
    for place, kind, meter, quantity, price, line_gross, line_tax, line_total in lines:
        figures = {"gross": line_gross, "discount": "0.000", "credit": "0.000", "taxable": line_gross, "tax": line_tax}
        line: Row = {
            "invoice_id": invoice,
            "line_id": f"{invoice}/{place}",
            "subscription_id": sub,
            "plan_id": "calls",
            "plan_version": "1",
            "kind": kind,
            "meter": meter,
            "period_start": str(starts),
            "period_end": str(ends),
            "quantity": quantity,
            "unit_price": price,
            **figures,
            "total": line_total,
            "tax_rate": "0.05",
            "calculated_at": f"{ends}T05:00:00Z",
            "invoice_kind": "invoice",
            "status": "issued",
            **of,
        }
        books.tables["invoice_lines"].append(line)
        books.tables["rendered_lines"].append(
            {
                "document_id": document,
                "line_no": place,
                "line_id": line["line_id"],
                "description": kind,
                "quantity": quantity,
                "unit_price": price,
                "amount": line_gross,
                "tax_rate": "0.05",
                "tax": line_tax,
                "_day": str(ends),
            }
        )
    net, taxes = Decimal(FEE[0]) + Decimal(gross), Decimal(FEE[1]) + Decimal(tax)
    asked = f"{net + taxes:.3f}"
    header = {"subtotal": f"{net:.3f}", "discount": "0.000", "tax": f"{taxes:.3f}", "total": asked, "payable": asked}
    named = {"document_id": document, "invoice_id": invoice, "format": "pdf", "sha256": "0" * 64}
    books.tables["rendered_invoices"].append({**named, **header, **of, "sent_at": f"{ends}T06:00:00Z"})
    journals = (
        (
            f"J-{sub}",
            (("ar", asked, "0.000"), ("revenue", "0.000", f"{net:.3f}"), ("tax_payable", "0.000", f"{taxes:.3f}")),
        ),
        (f"P-{sub}", (("cash", asked, "0.000"), ("ar", "0.000", asked))),
    )
    for journal, entries in journals:
        for number, (role, debit, credit) in enumerate(entries, 1):
            books.tables["ledger_entries"].append(
                {
                    "entry_id": f"{journal}/{number}",
                    "journal_id": journal,
                    "posted_on": str(ends),
                    "account": role,
                    "role": role,
                    "debit": debit,
                    "credit": credit,
                    "currency": "KWD",
                    "invoice_id": invoice,
                    "customer_id": customer,
                    "memo": "",
                    "_day": str(ends),
                }
            )
    books.tables["payments"].append(
        {
            "payment_id": f"PAY-{sub}",
            "kind": "payment",
            "customer_id": customer,
            "invoice_id": invoice,
            "amount": asked,
            "currency": "KWD",
            "status": "succeeded",
            "processed_at": f"{ends}T07:00:00Z",
            "attempt": "1",
            "fee": "",
            "_day": str(ends),
        }
    )
