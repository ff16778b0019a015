"""What the detectors found, in words, with the figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing_recon.explain.detections import DETECTIONS
from billing_recon.explain.facts import Facts

COLUMNS: dict[str, Any] = {
    "invoice_id": "INV-2",
    "customer_id": "C-1",
    "payment_id": "P1",
    "currency": "USD",
    "amount": Decimal("1190"),
}
FOUND: dict[str, tuple[dict[str, Any], str]] = {
    "zero_invoice": (
        {"gross": Decimal(0), "amount": Decimal(0)},
        "Invoice INV-2 to C-1 totals USD 0.00 from a gross of USD 0.00; neither a credit nor the contract explains it.",
    ),
    "negative_invoice": (
        {"amount": Decimal("-5")}, "Invoice INV-2 to C-1 totals USD -5.00 but is not a credit note."
    ),
    "missing_tax": (
        {"taxable": Decimal("1000"), "lines": 1, "tax_region": "DE", "rate": Decimal("0.19")},
        "Invoice INV-2 to C-1 has no tax on USD 1,000.00 in 1 line; DE is taxed at 19%.",
    ),
    "discount_above_policy": (
        {"gross": Decimal("2380"), "share": Decimal("0.5"), "max_discount": Decimal("0.3")},
        "Invoice INV-2 to C-1 gives a discount of USD 1,190.00 on USD 2,380.00, 50%; the policy allows 30%.",
    ),
    "discount_above_plan": (
        {"gross": Decimal("2380"), "share": Decimal("0.5"), "plan": "api", "invoices": 6, "median": Decimal("0.05"),
         "bound": Decimal("0.15")},
        "Invoice INV-2 to C-1 gives a discount of USD 1,190.00 on USD 2,380.00, 50%; the median of 6 earlier invoices of "
        "plan api is 5%, and up to 15% is usual.",
    ),
    "discount_above_customer": (
        {"gross": Decimal("2380"), "share": Decimal("0.5"), "invoices": 1, "median": Decimal("0.05"), "bound": Decimal("0.15")},
        "Invoice INV-2 to C-1 gives a discount of USD 1,190.00 on USD 2,380.00, 50%; the median of 1 earlier invoice of "
        "this customer is 5%, and up to 15% is usual.",
    ),
    "duplicate_charge": (
        {"other_invoice": "INV-1", "lines": 2, "first_day": "2026-02-01", "last_day": "2026-03-01"},
        "Customer C-1 is charged twice for 2026-02-01 to 2026-03-01: USD 1,190.00 on invoice INV-2 is also on INV-1 "
        "(2 lines).",
    ),
    "number_gap": (
        {"missing": 1, "earlier": "INV-0"}, "The series skips 1 number between invoices INV-0 and INV-2."
    ),
    "number_of_several_customers": (
        {"customers": 3, "other_customer": "C-9"},
        "Invoice number INV-2 is used for 3 customers, including C-1 and C-9.",
    ),
    "number_of_several_dates": ({"issue_dates": 2}, "Invoice number INV-2 is used for 2 issue dates."),
    "number_in_two_spellings": (
        {"other_id": "INV-02"}, "Invoice numbers INV-02 and INV-2 are one number in two spellings."
    ),
    "payment_of_nothing": (
        {"amount": Decimal(0)}, "Payment P1 from C-1 succeeded, but its amount is USD 0.00."
    ),
    "payment_in_cash": (
        {"status": "failed"}, "Payment P1 of USD 1,190.00 from C-1 is failed, but its money is in the ledger's cash."
    ),
    "returned_more_than_paid": (
        {"amount": Decimal("-30")}, "More was returned for invoice INV-2 than was ever paid for it: USD -30.00."
    ),
    "variant_missing": (
        {"lines": 2, "customers": 1, "rollout": "new", "flag": "candidate"},
        "The path is not stated on 2 lines of 1 customer to whom rollout new gives candidate: USD 1,190.00, INV-2 among them.",
    ),
    "money_kept": ({"state": "void"}, "Invoice INV-2 is void, but USD 1,190.00 paid for it was kept."),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(DETECTIONS))
def test_a_detection_says_what_was_found_and_what_to_do_next(name: str) -> None:
    facts, words = FOUND[name]
    assert DETECTIONS[name].finding(Facts(COLUMNS | facts, {"USD": 2})) == words
    assert DETECTIONS[name].next_step.endswith(".")
