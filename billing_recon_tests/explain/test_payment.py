"""Every sentence about payments, with its figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing_recon.explain.facts import Facts
from billing_recon.explain.payment import SENTENCES

COLUMNS: dict[str, Any] = {
    "invoice_id": "INV-1",
    "customer_id": "C-1",
    "currency": "USD",
    "billed": Decimal("119"),
    "paid": Decimal("1100.5"),
    "delta": Decimal("981.50"),
    "returned": Decimal("59.50"),
    "payment_id": "P1",
    "payments": 2,
    "other_customer": "C-9",
    "issued_on": "2026-02-01",
    "terms_days": 30,
    "money": [
        {"payment_id": "P1", "kind": "payment", "amount": Decimal("1000"), "customer_id": "C-1"},
        {"payment_id": "P2", "kind": "payment", "amount": Decimal("100.5"), "customer_id": "C-9"},
    ],
}
MONEY = "(payment P1 of USD 1,000.00, payment P2 of USD 100.50 by customer C-9)"
WORDS = {
    "paid_in_another_currency": "INV-1 is billed at USD 119.00 and paid in another currency.",
    "billed_in_another_currency": f"INV-1 is paid with USD 1,100.50 {MONEY} and billed in another currency.",
    "payment_quarantined": (
        f"INV-1 is billed at USD 119.00 and paid with USD 1,100.50 {MONEY}; some of its payment rows are in quarantine."
    ),
    "payment_missing": (
        "INV-1 for USD 119.00 to customer C-1, issued on 2026-02-01, was never collected: no payment attempt in 30 days."
    ),
    "payment_by_another_customer": (
        f"Customer C-9 paid USD 1,100.50 {MONEY} for INV-1, which bills USD 119.00 to customer C-1."
    ),
    "payment_without_invoice": "Payment P1 of USD 1,100.50 by customer C-1 names no invoice.",
    "payment_in_doubt": "Payment P1 of USD 1,100.50 by customer C-1 names no invoice; more than one match fits, so none is made.",
    "payment_for_unknown_invoice": (
        "Payment P1 of USD 1,100.50 by customer C-1 is for INV-1, which the billing engine does not have."
    ),
    "refund_without_invoice": (
        f"USD 59.50 went back to customer C-1 {MONEY}: no invoice is named, and no credit note or payment of theirs is of "
        "that amount."
    ),
    "refund_for_unknown_invoice": (
        f"USD 59.50 went back to customer C-1 {MONEY} for INV-1, which the billing engine does not have and nobody paid."
    ),
    "payment_for_void_invoice": f"INV-1 is void, but USD 1,100.50 {MONEY} paid for it was not returned.",
    "payment_returned": (
        "INV-1 is billed at USD 119.00 and only USD 1,100.50 of what was paid is left: USD 59.50 was refunded or "
        f"charged back {MONEY}."
    ),
    "payment_duplicate": (
        f"INV-1 is billed at USD 119.00 and was paid 2 times, USD 1,100.50 in total {MONEY}: USD +981.50."
    ),
    "payment_unit": (
        f"INV-1 is billed at USD 119.00 and paid with USD 1,100.50 {MONEY}, a hundred or a thousand times too much or "
        "too little: USD +981.50. The payment is not in the currency's unit."
    ),
    "payment_amount": f"INV-1 is billed at USD 119.00 and paid with USD 1,100.50 {MONEY}: USD +981.50.",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(SENTENCES))
def test_a_payment_sentence_names_what_where_and_how_much(name: str) -> None:
    assert SENTENCES[name](Facts(COLUMNS, {"USD": 2})) == WORDS[name]


def test_one_payment_of_the_customer_needs_no_amount_and_no_payer() -> None:
    facts = Facts(
        {**COLUMNS, "money": COLUMNS["money"][:1], "paid": Decimal("118.69"), "delta": Decimal("-0.31")}, {"USD": 2}
    )
    assert SENTENCES["payment_amount"](facts) == (
        "INV-1 is billed at USD 119.00 and paid with USD 118.69 (payment P1): USD -0.31."
    )


def test_the_two_ends_of_a_misapplied_payment_name_each_other() -> None:
    applied = {"stray_payment": "P7", "stray_amount": COLUMNS["billed"], "stray_invoice": "INV-9"}
    stray = Facts({**COLUMNS, **applied}, {"USD": 2})
    assert SENTENCES["payment_missing"](stray).endswith(
        " Payment P7 by this customer, over the same amount, is applied to INV-9."
    )
    own = Facts({**COLUMNS, "open_invoice": "INV-9", "open_amount": COLUMNS["paid"]}, {"USD": 2})
    assert SENTENCES["payment_by_another_customer"](own).endswith(
        " INV-9 bills the same amount to customer C-9, who has not paid it."
    )
