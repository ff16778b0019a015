"""Sentences about the money received for invoices: who paid what, with which payment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from billing_recon.core.figures import listed
from billing_recon.explain.facts import IN_DOUBT, Facts, Sentence, words

_BILLED = "{invoice_id} is billed at {billed:money}"
_PAYMENT = "Payment {payment_id} of {paid:money} by customer {customer_id}"


def _moved(facts: Facts) -> str:
    """The payments, refunds and chargebacks of an invoice: amounts where there are several, payers who are not the customer."""
    money = facts.get("money") or []
    return listed(_one(facts, movement, len(money) > 1) for movement in money)


def _one(facts: Facts, movement: Mapping[str, Any], with_amount: bool) -> str:
    amount = f" of {facts.currency} {facts.figure(Decimal(movement['amount']))}" if with_amount else ""
    payer = f" by customer {movement['customer_id']}" if movement["customer_id"] != facts["customer_id"] else ""
    return f"{movement['kind']} {movement['payment_id']}{amount}{payer}"


def _with_money(template: str) -> Sentence:
    """A sentence whose {moved} lists the payments, in brackets; and what credit notes take off. Each is left out if there is none."""

    def sentence(facts: Facts) -> str:
        moved = _moved(facts)
        noted = " Credit notes of {credited:money} are deducted." if facts.get("credited") else ""
        return words(template + noted)(replace(facts, values={**facts.values, "moved": f" ({moved})" if moved else ""}))

    return sentence


def _missing(facts: Facts) -> str:
    end = ""
    if facts.get("stray_payment"):
        applied = f"applied to {facts['stray_invoice']}" if facts.get("stray_invoice") else "applied to no invoice"
        over = (
            "over the same amount" if facts["stray_amount"] == facts["billed"] else words("{stray_amount:money}")(facts)
        )
        end = f" Payment {facts['stray_payment']} by this customer, {over}, is {applied}."
    return (
        words(
            "{invoice_id} for {billed:money} to customer {customer_id}, issued on {issued_on}, was never collected: "
            "no payment attempt in {terms_days:count day}."
        )(facts)
        + end
    )


def _misapplied(template: str) -> Sentence:
    """A sentence about a payment in the wrong place, and the payer's own invoice that it may be meant for."""

    def sentence(facts: Facts) -> str:
        payer = facts.get("other_customer") or facts["customer_id"]
        own = facts.get("open_invoice")
        same = own and facts["open_amount"] == facts["paid"]
        bills = "the same amount" if same or not own else words("{open_amount:money}")(facts)
        end = f" {own} bills {bills} to customer {payer}, who has not paid it." if own else ""
        return _with_money(template)(facts) + end

    return sentence


SENTENCES: Mapping[str, Sentence] = {
    "paid_in_another_currency": words(_BILLED + " and paid in another currency."),
    "billed_in_another_currency": _with_money(
        "{invoice_id} is paid with {paid:money}{moved} and billed in another currency."
    ),
    "payment_quarantined": _with_money(
        _BILLED + " and paid with {paid:money}{moved}; some of its payment rows are in quarantine."
    ),
    "payment_missing": _missing,
    "payment_by_another_customer": _misapplied(
        "Customer {other_customer} paid {paid:money}{moved} for {invoice_id}, which bills {billed:money} to customer "
        "{customer_id}."
    ),
    "payment_without_invoice": _misapplied(_PAYMENT + " names no invoice."),
    "payment_in_doubt": words(_PAYMENT + " names no invoice" + IN_DOUBT),
    "payment_for_unknown_invoice": _misapplied(
        _PAYMENT + " is for {invoice_id}, which the billing engine does not have."
    ),
    "refund_without_invoice": _with_money(
        "{returned:money} went back to customer {customer_id}{moved}: no invoice is named, and no credit note or payment of "
        "theirs is of that amount."
    ),
    "refund_for_unknown_invoice": _with_money(
        "{returned:money} went back to customer {customer_id}{moved} for {invoice_id}, which the billing engine does not have "
        "and nobody paid."
    ),
    "payment_for_void_invoice": _with_money(
        "{invoice_id} is void, but {paid:money}{moved} paid for it was not returned."
    ),
    "payment_returned": _with_money(
        _BILLED
        + " and only {paid:money} of what was paid is left: {returned:money} was refunded or charged back{moved}."
    ),
    "payment_duplicate": _with_money(
        _BILLED + " and was paid {payments} times, {paid:money} in total{moved}: {delta:signed}."
    ),
    "payment_unit": _with_money(
        _BILLED + " and paid with {paid:money}{moved}, a hundred or a thousand times too much or too little: "
        "{delta:signed}. The payment is not in the currency's unit."
    ),
    "payment_amount": _with_money(_BILLED + " and paid with {paid:money}{moved}: {delta:signed}."),
}
