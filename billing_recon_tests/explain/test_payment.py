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
}
WORDS = {
    "paid_in_another_currency": "INV-1 is billed at USD 119.00 and paid in another currency.",
    "billed_in_another_currency": "INV-1 is paid with USD 1,100.50 and billed in another currency.",
    "payment_quarantined": (
        "INV-1 is billed at USD 119.00 and paid with USD 1,100.50; some of its payment rows are in quarantine."
    ),
    "payment_missing": (
        "INV-1 over USD 119.00, issued on 2026-02-01, was never collected: no payment attempt in 30 days."
    ),
    "payment_by_another_customer": (
        "Customer C-9 paid USD 1,100.50 for INV-1, which bills USD 119.00 to customer C-1."
    ),
    "payment_without_invoice": "Payment P1 of USD 1,100.50 names no invoice.",
    "payment_in_doubt": "Payment P1 of USD 1,100.50 names no invoice; more than one match fits, so none is made.",
    "payment_for_unknown_invoice": (
        "Payment P1 of USD 1,100.50 is for INV-1, which the billing engine does not have."
    ),
    "payment_for_void_invoice": "INV-1 is void, but USD 1,100.50 paid for it was not returned.",
    "payment_returned": (
        "INV-1 is billed at USD 119.00 and only USD 1,100.50 of what was paid is left: USD 59.50 was refunded or "
        "charged back."
    ),
    "payment_duplicate": (
        "INV-1 is billed at USD 119.00 and was paid 2 times, USD 1,100.50 in total: USD +981.50."
    ),
    "payment_amount": "INV-1 is billed at USD 119.00 and paid with USD 1,100.50: USD +981.50.",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(SENTENCES))
def test_a_payment_sentence_names_what_where_and_how_much(name: str) -> None:
    assert SENTENCES[name](Facts(COLUMNS, {"USD": 2})) == WORDS[name]
