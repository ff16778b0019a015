"""What the detectors found in words, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from billing_recon.explain.facts import Facts, Sentence, count, percent
from billing_recon.explain.texts import decimals_of, rows_of, write_texts


@dataclass(frozen=True, slots=True)
class Detection:
    """The words of one kind of finding."""

    finding: Sentence
    next_step: str


def _zero_invoice(facts: Facts) -> str:
    return (
        f"Invoice {facts['invoice_id']} to {facts['customer_id']} totals {facts.money('amount')} from a gross of "
        f"{facts.money('gross')}; neither a credit nor the contract explains it."
    )


def _missing_tax(facts: Facts) -> str:
    return (
        f"Invoice {facts['invoice_id']} to {facts['customer_id']} has no tax on {facts.money('taxable')} in "
        f"{count(facts['lines'], 'line')}; {facts['tax_region']} is taxed at {percent(facts.number('rate'))}."
    )


def _discount(facts: Facts) -> str:
    return (
        f"Invoice {facts['invoice_id']} to {facts['customer_id']} gives a discount of {facts.money('amount')} on "
        f"{facts.money('gross')}, {percent(facts.number('share'))}"
    )


def _discount_above_policy(facts: Facts) -> str:
    return f"{_discount(facts)}; the policy allows {percent(facts.number('max_discount'))}."


def _discount_above_history(facts: Facts) -> str:
    owner = f"plan {facts['plan']}" if facts["plan"] else "this customer"
    return (
        f"{_discount(facts)}; the median of {count(facts['invoices'], 'earlier invoice')} of {owner} is "
        f"{percent(facts.number('median'))}, and up to {percent(facts.number('bound'))} is usual."
    )


def _duplicate_charge(facts: Facts) -> str:
    return (
        f"Customer {facts['customer_id']} is charged twice for {facts['first_day']} to {facts['last_day']}: "
        f"{facts.money('amount')} on invoice {facts['invoice_id']} is also on {facts['other_invoice']} "
        f"({count(facts['lines'], 'line')})."
    )


def _number_gap(facts: Facts) -> str:
    missing = facts["missing"]
    return (
        f"{count(missing, 'number')} {'is' if missing == 1 else 'are'} missing between invoices {facts['earlier']} and "
        f"{facts['invoice_id']}."
    )


def _number_of_several_customers(facts: Facts) -> str:
    return (
        f"Invoice number {facts['invoice_id']} is used for {facts['customers']} customers, "
        f"{'among them ' if facts['customers'] > 2 else ''}{facts['customer_id']} and {facts['other_customer']}."
    )


def _payment_in_cash(facts: Facts) -> str:
    return (
        f"Payment {facts['payment_id']} of {facts.money('amount')} from {facts['customer_id']} is {facts['status']}, "
        "but its money is in the ledger's cash."
    )


_PROVIDER = "Ask the payment provider what happened; correct the status there or the posting in the ledger."
_TREASURY = "Ask treasury whether a refund is under way or a payment is booked to the wrong invoice."
_OWN_NUMBER = (
    "Ask billing to give each its own number; otherwise documents, postings and payments cannot be told apart."
)
_DISCOUNT = "Ask who granted it; if it is agreed, add it to the contract, otherwise correct the invoice."

DETECTIONS: Mapping[str, Detection] = {
    "zero_invoice": Detection(_zero_invoice, "Ask billing why nothing is charged; usage or a price may be missing."),
    "negative_invoice": Detection(
        lambda facts: (
            f"Invoice {facts['invoice_id']} to {facts['customer_id']} totals {facts.money('amount')} "
            "but is not a credit note."
        ),
        "Ask billing whether it should be a credit note; if so, void and reissue it.",
    ),
    "missing_tax": Detection(
        _missing_tax,
        "Ask tax whether the customer is exempt; if not, correct the tax region or rate in the engine and reissue it.",
    ),
    "discount_above_policy": Detection(_discount_above_policy, _DISCOUNT),
    "discount_above_history": Detection(_discount_above_history, _DISCOUNT),
    "duplicate_charge": Detection(
        _duplicate_charge, "Ask billing which of the two is right; credit or void the other before it is collected."
    ),
    "number_gap": Detection(
        _number_gap,
        "Ask billing whether they were never issued, voided or lost in transfer; a missing invoice is missing revenue, "
        "and auditors ask for every number.",
    ),
    "number_of_several_customers": Detection(_number_of_several_customers, _OWN_NUMBER),
    "number_of_several_dates": Detection(
        lambda facts: f"Invoice number {facts['invoice_id']} is used for {facts['issue_dates']} issue dates.",
        _OWN_NUMBER,
    ),
    "number_in_two_spellings": Detection(
        lambda facts: f"Invoice numbers {facts['other_id']} and {facts['invoice_id']} are one number in two spellings.",
        "Ask billing whether one invoice was issued twice.",
    ),
    "payment_of_nothing": Detection(
        lambda facts: (
            f"Payment {facts['payment_id']} from {facts['customer_id']} succeeded, but its amount is "
            f"{facts.money('amount')}."
        ),
        _PROVIDER,
    ),
    "payment_in_cash": Detection(_payment_in_cash, _PROVIDER),
    "returned_more_than_paid": Detection(
        lambda facts: (
            f"More was returned for invoice {facts['invoice_id']} than was ever paid for it: {facts.money('amount')}."
        ),
        _TREASURY,
    ),
    "money_kept": Detection(
        lambda facts: (
            f"Invoice {facts['invoice_id']} is {facts['state']}, but {facts.money('amount')} paid for it was kept."
        ),
        _TREASURY,
    ),
}
"""Name -> words, by the name that `detected` states. A test holds the names to those that the relations can state, both ways."""


def write_detections(con: duckdb.DuckDBPyConnection) -> None:
    """Create `detection_texts` (detection_id, finding, next_step) with a row per row of `detected`."""
    rows = rows_of(
        con,
        "SELECT detection_id, customer_id, subscription_id, invoice_id, payment_id, currency, amount, sentence, facts "
        "FROM detected ORDER BY detection_id",
    )
    decimals = decimals_of(con) if rows else {}
    texts = {
        "detection_id": [row["detection_id"] for row in rows],
        "finding": [DETECTIONS[row["sentence"]].finding(Facts.read(row, row["facts"], decimals)) for row in rows],
        "next_step": [DETECTIONS[row["sentence"]].next_step for row in rows],
    }
    write_texts(con, "detection_texts", texts)
