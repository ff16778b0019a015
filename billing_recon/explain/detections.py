"""What the detectors found in words, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from billing_recon.explain.facts import Facts, Sentence, words
from billing_recon.explain.texts import decimals_of, rows_of, write_texts


@dataclass(frozen=True, slots=True)
class Detection:
    """The words of one kind of finding."""

    finding: Sentence
    next_step: str


_INVOICE = "Invoice {invoice_id} to {customer_id} "
_DISCOUNT = _INVOICE + "gives a discount of {amount:money} on {gross:money}, {share:percent}; "
_USUAL = " is {median:percent}, and up to {bound:percent} is usual."
_CONTRACT = "Ask who granted it; if it is agreed, add it to the contract, otherwise correct the invoice."
_PROVIDER = "Ask the payment provider what happened; correct the status there or the posting in the ledger."
_TREASURY = "Ask treasury whether a refund is under way or a payment is booked to the wrong invoice."
_OWN_NUMBER = "Ask billing to give each its own number; documents, postings and payments cannot tell them apart."

DETECTIONS: Mapping[str, Detection] = {
    "zero_invoice": Detection(
        words(
            _INVOICE + "totals {amount:money} from a gross of {gross:money}; "
            "neither a credit nor the contract explains it."
        ),
        "Ask billing why nothing is charged; usage or a price may be missing.",
    ),
    "negative_invoice": Detection(
        words(_INVOICE + "totals {amount:money} but is not a credit note."),
        "Ask billing whether it should be a credit note; if so, void and reissue it.",
    ),
    "missing_tax": Detection(
        words(
            _INVOICE + "has no tax on {taxable:money} in {lines:count line}; {tax_region} is taxed at {rate:percent}."
        ),
        "Ask tax whether the customer is exempt; if not, correct the tax region or rate in the engine and reissue it.",
    ),
    "discount_above_policy": Detection(words(_DISCOUNT + "the policy allows {max_discount:percent}."), _CONTRACT),
    "discount_above_customer": Detection(
        words(_DISCOUNT + "the median of {invoices:count earlier invoice} of this customer" + _USUAL), _CONTRACT
    ),
    "discount_above_plan": Detection(
        words(_DISCOUNT + "the median of {invoices:count earlier invoice} of plan {plan}" + _USUAL), _CONTRACT
    ),
    "duplicate_charge": Detection(
        words(
            "Customer {customer_id} is charged twice for {first_day} to {last_day}: {amount:money} on invoice "
            "{invoice_id} is also on {other_invoice} ({lines:count line})."
        ),
        "Ask billing which of the two is right; credit or void the other before it is collected.",
    ),
    "number_gap": Detection(
        words("The series skips {missing:count number} between invoices {earlier} and {invoice_id}."),
        "Ask billing whether they were never issued, voided or lost in transfer; a missing invoice is missing revenue, "
        "and auditors ask for every number.",
    ),
    "number_of_several_customers": Detection(
        words(
            "Invoice number {invoice_id} is used for {customers:count customer}, including {customer_id} and "
            "{other_customer}."
        ),
        _OWN_NUMBER,
    ),
    "number_of_several_dates": Detection(
        words("Invoice number {invoice_id} is used for {issue_dates:count issue date}."), _OWN_NUMBER
    ),
    "number_in_two_spellings": Detection(
        words("Invoice numbers {other_id} and {invoice_id} are one number in two spellings."),
        "Ask billing whether one invoice was issued twice.",
    ),
    "payment_of_nothing": Detection(
        words("Payment {payment_id} from {customer_id} succeeded, but its amount is {amount:money}."), _PROVIDER
    ),
    "payment_in_cash": Detection(
        words(
            "Payment {payment_id} of {amount:money} from {customer_id} is {status}, but its money is in the ledger's cash."
        ),
        _PROVIDER,
    ),
    "returned_more_than_paid": Detection(
        words("More was returned for invoice {invoice_id} than was ever paid for it: {amount:money}."), _TREASURY
    ),
    "money_kept": Detection(
        words("Invoice {invoice_id} is {state}, but {amount:money} paid for it was kept."), _TREASURY
    ),
    "variant_missing": Detection(
        words(
            "The path is not stated on {lines:count line} of {customers:count customer} to whom rollout {rollout} gives "
            "{flag}: {amount:money}, {invoice_id} among them."
        ),
        "Have the engine deliver invoice_lines.variant (control or candidate); without it nobody can tell whether the flag is "
        "followed.",
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
