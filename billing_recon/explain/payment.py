"""Sentences about the money received for invoices."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain.facts import IN_DOUBT, Sentence, words

_BILLED = "{invoice_id} is billed at {billed:money}"
_PAYMENT = "Payment {payment_id} of {paid:money}"

SENTENCES: Mapping[str, Sentence] = {
    "paid_in_another_currency": words(_BILLED + " and paid in another currency."),
    "billed_in_another_currency": words("{invoice_id} is paid with {paid:money} and billed in another currency."),
    "payment_quarantined": words(_BILLED + " and paid with {paid:money}; some of its payment rows are in quarantine."),
    "payment_missing": words(
        "{invoice_id} over {billed:money}, issued on {issued_on}, was never collected: "
        "no payment attempt in {terms_days:count day}."
    ),
    "payment_by_another_customer": words(
        "Customer {other_customer} paid {paid:money} for {invoice_id}, which bills {billed:money} to customer {customer_id}."
    ),
    "payment_without_invoice": words(_PAYMENT + " names no invoice."),
    "payment_in_doubt": words(_PAYMENT + " names no invoice" + IN_DOUBT),
    "payment_for_unknown_invoice": words(_PAYMENT + " is for {invoice_id}, which the billing engine does not have."),
    "payment_for_void_invoice": words("{invoice_id} is void, but {paid:money} paid for it was not returned."),
    "payment_returned": words(
        _BILLED + " and only {paid:money} of what was paid is left: {returned:money} was refunded or charged back."
    ),
    "payment_duplicate": words(_BILLED + " and was paid {payments} times, {paid:money} in total: {delta:signed}."),
    "payment_unit": words(
        _BILLED + " and paid with {paid:money}, a hundred or a thousand times too much or too little: {delta:signed}. "
        "The payment is not in the currency's unit."
    ),
    "payment_amount": words(_BILLED + " and paid with {paid:money}: {delta:signed}."),
}
