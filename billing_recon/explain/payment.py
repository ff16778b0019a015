"""Sentences about the money received for invoices."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain.facts import IN_DOUBT, Facts, Sentence


def _payment_missing(facts: Facts) -> str:
    return (
        f"{facts['invoice_id']} over {facts.money('billed')}, issued on {facts['issued_on']}, was never collected: "
        f"no payment attempt in {facts['terms_days']} days."
    )


def _by_another_customer(facts: Facts) -> str:
    return (
        f"Customer {facts['other_customer']} paid {facts.money('paid')} for {facts['invoice_id']}, "
        f"which bills {facts.money('billed')} to customer {facts['customer_id']}."
    )


def _without_invoice(facts: Facts) -> str:
    end = IN_DOUBT if facts.has("in_doubt") else "."
    return f"Payment {facts['payment_id']} of {facts.money('paid')} names no invoice{end}"


def _for_unknown_invoice(facts: Facts) -> str:
    return (
        f"Payment {facts['payment_id']} of {facts.money('paid')} is for {facts['invoice_id']}, "
        "which the billing engine does not have."
    )


def _returned(facts: Facts) -> str:
    return (
        f"{facts['invoice_id']} is billed at {facts.money('billed')} and only {facts.money('paid')} of what was paid is "
        f"left: {facts.money('returned')} was refunded or charged back."
    )


def _duplicate(facts: Facts) -> str:
    return (
        f"{facts['invoice_id']} is billed at {facts.money('billed')} and was paid {facts['payments']} times, "
        f"{facts.money('paid')} in total: {facts.signed('delta')}."
    )


SENTENCES: Mapping[str, Sentence] = {
    "paid_in_another_currency": lambda facts: (
        f"{facts['invoice_id']} is billed at {facts.money('billed')} and paid in another currency."
    ),
    "billed_in_another_currency": lambda facts: (
        f"{facts['invoice_id']} is paid with {facts.money('paid')} and billed in another currency."
    ),
    "payment_quarantined": lambda facts: (
        f"{facts['invoice_id']} is billed at {facts.money('billed')} and paid with {facts.money('paid')}; "
        "some of its payment rows are in quarantine."
    ),
    "payment_missing": _payment_missing,
    "payment_by_another_customer": _by_another_customer,
    "payment_without_invoice": _without_invoice,
    "payment_for_unknown_invoice": _for_unknown_invoice,
    "payment_for_void_invoice": lambda facts: (
        f"{facts['invoice_id']} is void, but {facts.money('paid')} paid for it was not returned."
    ),
    "payment_returned": _returned,
    "payment_duplicate": _duplicate,
    "payment_amount": lambda facts: (
        f"{facts['invoice_id']} is billed at {facts.money('billed')} and paid with {facts.money('paid')}: "
        f"{facts.signed('delta')}."
    ),
}
