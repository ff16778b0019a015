"""Every sentence about money and its journals, with its figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing_recon.explain.cash import SENTENCES
from billing_recon.explain.facts import Facts

COLUMNS: dict[str, Any] = {
    "invoice_id": "INV-1",
    "customer_id": "C-1",
    "currency": "USD",
    "payment_id": "P1",
    "kind": "payment",
    "journals": "J1",
    "amount": Decimal("119"),
    "booked": Decimal("110"),
    "delta": Decimal("-9"),
    "paid_on": "2026-02-28",
    "posted_on": "2026-03-03",
    "lag_days": 3,
    "failed": "failed",
    "booked_customer": "C-9",
    "owed": Decimal("100"),
    "money": Decimal("0"),
    "accounts": "4000",
    "unbalanced": Decimal("-9"),
    "payments": 1,
    "kept": Decimal("2.9"),
    "booked_fee": Decimal("11.9"),
}
WORDS = {
    "money_in_other_currency": "Payment P1 of USD 119.00 for INV-1 is booked in another currency.",
    "booking_in_other_currency": "Journal J1 books USD 110.00 for money that moved in another currency.",
    "money_quarantined": (
        "Payment P1 of USD 119.00 for INV-1 is booked at USD 110.00; some of its ledger rows are in quarantine."
    ),
    "money_not_booked": "Payment P1 of USD 119.00 for INV-1, moved on 2026-02-28, is not booked within 3 days.",
    "money_booked_twice": "Payment P1 of USD 119.00 for INV-1 is booked again by journal J1: USD -9.00.",
    "failed_payment_booked": (
        "Journal J1 books USD 110.00 in cash for INV-1 on 2026-03-03, but its payment is failed: no money moved."
    ),
    "booked_without_money": (
        "Journal J1 books USD 110.00 in cash for INV-1 on 2026-03-03, but no payment, refund or chargeback moved it."
    ),
    "deposit_rest": "Journal J1 books several payments at once and is USD -9.00 off their sum.",
    "money_period": (
        "Payment P1 of USD 119.00 for INV-1 moved on 2026-02-28 but is booked on 2026-03-03 by journal J1, in another month."
    ),
    "money_amount": "Payment P1 of USD 119.00 for INV-1 is booked at USD 110.00 by journal J1: USD -9.00.",
    "money_unbalanced": (
        "Payment P1 of USD 119.00 for INV-1 is booked by journal J1, whose debits and credits are USD -9.00 apart."
    ),
    "money_not_receivable": (
        "Payment P1 of USD 119.00 for INV-1 is booked by journal J1 at the right amount, but receivables change by "
        "USD 100.00; the rest is on 4000."
    ),
    "money_not_cash": (
        "Payment P1 of USD 119.00 for INV-1 is booked by journal J1 at the right amount, but cash changes by USD 0.00; "
        "the rest is on 4000."
    ),
    "money_customer": (
        "Payment P1 of USD 119.00 for INV-1 is booked by journal J1 on customer C-9, who did not pay it."
    ),
    "fee_account": (
        "The provider kept USD 2.90 of payment P1; journal J1 books it on another account than fees."
    ),
    "fee_missing": "The provider kept USD 2.90 of payment P1; journal J1 books no fee: USD -9.00.",
    "fee_amount": "The provider kept USD 2.90 of payment P1; journal J1 books USD 11.90: USD -9.00.",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(SENTENCES))
def test_a_sentence_about_cash_names_what_where_and_how_much(name: str) -> None:
    assert SENTENCES[name](Facts(COLUMNS, {"USD": 2})) == WORDS[name]
