"""Sentences of billed_booked and rendered_booked: what the ledger lacks, repeats, or books other than it is billed."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain.facts import IN_DOUBT, Facts, Sentence, count


def in_other_currency(facts: Facts) -> str:
    return f"{facts['invoice_id']} is billed in {facts.money('billed')}, but booked in another currency."


def in_unbilled_currency(facts: Facts) -> str:
    return f"{facts['invoice_id']} is booked in {facts.money('booked')}, but billed in another currency."


def not_booked(facts: Facts) -> str:
    allowed = count(facts["lag_days"], "day")
    return (
        f"{facts['invoice_id']} for {facts.money('billed')}, issued on {facts['issued_on']}, is not booked; "
        f"{allowed} {'is' if facts['lag_days'] == 1 else 'are'} allowed."
    )


def without_invoice(facts: Facts) -> str:
    end = IN_DOUBT if facts.has("in_doubt") else "."
    return f"Journal {facts['journal_id']} books {facts.money('booked')} and names no invoice{end}"


def unmapped(facts: Facts) -> str:
    return (
        f"Journal {facts['journal_id']} books {facts.money('booked')} for {facts['invoice_id']}, "
        "which the billing engine does not have."
    )


def quarantined(facts: Facts) -> str:
    return (
        f"{facts['invoice_id']}: {facts.money('billed')} is billed and {facts.money('booked')} is booked, "
        "while ledger rows of it are in quarantine."
    )


def credit_not_booked(facts: Facts) -> str:
    return f"{facts['invoice_id']} gives back {facts.money('delta')}, but the ledger books no reversal."


def void_booked(facts: Facts) -> str:
    return f"{facts['invoice_id']} is void, but {facts.money('booked')} of it is still booked."


def booked_twice(facts: Facts) -> str:
    return (
        f"{facts['invoice_id']} for {facts.money('billed')} is booked by {count(facts['journals'], 'journal')}, "
        f"{facts.money('booked')} in all: {facts.signed('delta')}."
    )


def batch_rest(facts: Facts) -> str:
    return f"Journal {facts['journal_id']} books several invoices at once and is {facts.signed('delta')} off their sum."


def amount(facts: Facts) -> str:
    return (
        f"{facts['invoice_id']} is booked at {facts.money('booked')} where {facts.money('billed')} is billed: "
        f"{facts.signed('delta')}."
    )


def unbalanced(facts: Facts) -> str:
    return (
        f"A journal of {facts['invoice_id']} does not balance: "
        f"debits and credits are {facts.money('unbalanced')} apart."
    )


def customer(facts: Facts) -> str:
    return f"{_right(facts)} the receivable is on customer {facts['other_customer']}, not on {facts['customer_id']}."


def revenue(facts: Facts) -> str:
    return f"{_right(facts)} revenue is {facts.money('revenue')} where {facts.money('net')} is earned."


def tax(facts: Facts) -> str:
    return f"{_right(facts)} tax payable is {facts.money('booked_tax')} where {facts.money('tax')} is owed."


def credits(facts: Facts) -> str:
    return f"{_right(facts)} credits used are {facts.money('booked_credits')} where {facts.money('credit')} is billed."


def _right(facts: Facts) -> str:
    return f"{facts['invoice_id']} is booked at the right amount, {facts.money('booked')}, but"


def period(facts: Facts) -> str:
    return (
        f"{facts['invoice_id']} for {facts.money('booked')} was issued on {facts['issued_on']} but booked on "
        f"{facts['posted_on']}, in another month."
    )


def unbilled_in_other_currency(facts: Facts) -> str:
    return (
        f"Document {facts['document_id']} of {facts['invoice_id']} asks for {facts.money('rendered')}, "
        f"but the invoice is booked in {facts['booked_currency']}."
    )


def unbilled_amount(facts: Facts) -> str:
    return (
        f"{facts['invoice_id']}, which the billing engine does not have, is booked at {facts.money('booked')} where "
        f"document {facts['document_id']} asks for {facts.money('rendered')}: {facts.signed('delta')}."
    )


SENTENCES: Mapping[str, Sentence] = {
    "booked_in_other_currency": in_other_currency,
    "booked_in_unbilled_currency": in_unbilled_currency,
    "invoice_not_booked": not_booked,
    "journal_without_invoice": without_invoice,
    "journal_unmapped": unmapped,
    "entries_quarantined": quarantined,
    "credit_not_booked": credit_not_booked,
    "void_booked": void_booked,
    "booked_twice": booked_twice,
    "batch_rest": batch_rest,
    "booked_amount": amount,
    "journal_unbalanced": unbalanced,
    "booked_customer": customer,
    "booked_revenue": revenue,
    "booked_tax": tax,
    "booked_credits": credits,
    "booked_period": period,
    "unbilled_in_other_currency": unbilled_in_other_currency,
    "unbilled_amount": unbilled_amount,
}
