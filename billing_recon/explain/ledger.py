"""Sentences about what the ledger books."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from billing_recon.explain.facts import IN_DOUBT, Facts, Sentence, words

_JOURNAL = "Journal {journal_id} books {booked:money}"
IN_A_POSTING: Mapping[str, str] = {
    "left_out": "left out",
    "twice": "booked twice",
    "also": "booked here as well",
    "reversed": "reversed here as well",
    "opposite": "booked with the wrong sign",
    "times_10": "booked at {amount}",
    "times_100": "booked at {amount}",
    "times_1000": "booked at {amount}",
    "a_tenth": "booked at {amount}",
    "a_hundredth": "booked at {amount}",
    "a_thousandth": "booked at {amount}",
    "untaxed": "booked without its tax",
    "uncredited": "booked without its credit",
    "tax_as_revenue": "its tax booked as revenue",
    "revenue_as_tax": "its revenue booked as tax",
    "revenue_elsewhere": "its revenue on another account",
    "tax_elsewhere": "its tax on another account",
    "credit_elsewhere": "its credit on another account",
}
"""What may be wrong with an invoice in a summary posting (compute.match.share_changes)."""


def _batch(facts: Facts) -> str:
    """Which invoices a summary posting is over: how many, of which days, and their sum."""
    if not facts.has("invoices"):
        return "several invoices at once"
    first, last = facts["first_day"], facts["last_day"]
    days = f"of {first}" if first == last else f"of {first} to {last}"
    return f"{facts['invoices']:,} invoices {days} ({facts.money('invoices_total')}) at once"


def _candidates(facts: Facts) -> str:
    """What would make the posting equal to the cent."""
    ways = facts.get("ways") or 0
    if not ways:
        return " No invoice left out, doubled or booked otherwise explains it alone."
    sets: dict[int, list[str]] = {}
    for one in facts["candidates"]:
        kind = IN_A_POSTING[one["kind"]].format(amount=facts.figure(Decimal(one["amount"])))
        sets.setdefault(one["way"], []).append(f"{one['invoice_id']} {kind}")
    listed = "; ".join(" and ".join(parts) for parts in sets.values())
    more = f"; and {ways - len(sets):,} more" if ways > len(sets) else ""
    return f" {ways:,} explanations fit it to the cent, so none is chosen: {listed}{more}."


def _batch_rest(facts: Facts) -> str:
    return f"Journal {facts['journal_id']} books {_batch(facts)} and is {facts.signed('delta')} off." + _candidates(
        facts
    )


def _batch_accounts(facts: Facts) -> str:
    return (
        f"Journal {facts['journal_id']} books {_batch(facts)} at the right amount, but revenue is "
        f"{facts.signed('revenue')}, tax payable {facts.signed('booked_tax')} and credits used "
        f"{facts.signed('booked_credits')} off." + _candidates(facts)
    )


def _left_out(facts: Facts) -> str:
    return (
        f"{facts['invoice_id']} for {facts.money('billed')}, issued on {facts['issued_on']}, is left out of journal "
        f"{facts['journal_id']}, which books {_batch(facts)}."
    )


_RIGHT = "{invoice_id} is booked at the right amount, {booked:money}, but "

SENTENCES: Mapping[str, Sentence] = {
    "booked_in_other_currency": words("{invoice_id} is billed in {billed:money}, but booked in another currency."),
    "booked_in_unbilled_currency": words("{invoice_id} is booked in {booked:money}, but billed in another currency."),
    "invoice_not_booked": words(
        "{invoice_id} for {billed:money}, issued on {issued_on}, is not booked within {lag_days:count day}."
    ),
    "journal_without_invoice": words(_JOURNAL + " and names no invoice."),
    "journal_in_doubt": words(_JOURNAL + " and names no invoice" + IN_DOUBT),
    "journal_unmapped": words(_JOURNAL + " for {invoice_id}, which the billing engine does not have."),
    "entries_quarantined": words(
        "{invoice_id} is billed at {billed:money} and booked at {booked:money}; some of its ledger rows are in quarantine."
    ),
    "credit_not_booked": words("{invoice_id} gives back {delta:money}, but the ledger books no reversal."),
    "void_booked": words("{invoice_id} is void, but {booked:money} of it is still booked."),
    "booked_twice": words(
        "{invoice_id} for {billed:money} is booked by {journals:count journal}, {booked:money} in all: {delta:signed}."
    ),
    "left_out_of_batch": _left_out,
    "batch_rest": _batch_rest,
    "batch_accounts": _batch_accounts,
    "batch_repeated": words("Journal {journal_id} books {booked:money} again, which journal {repeats} books already."),
    "booked_amount": words("{invoice_id} is booked at {booked:money} where {billed:money} is billed: {delta:signed}."),
    "journal_unbalanced": words(
        "A journal of {invoice_id} does not balance: debits and credits are {unbalanced:money} apart."
    ),
    "booked_customer": words(_RIGHT + "the receivable is on customer {other_customer}, not on {customer_id}."),
    "booked_revenue": words(_RIGHT + "revenue is {revenue:money} where {net:money} is earned."),
    "booked_tax": words(_RIGHT + "tax payable is {booked_tax:money} where {tax:money} is owed."),
    "booked_credits": words(_RIGHT + "credits used are {booked_credits:money} where {credit:money} is billed."),
    "booked_period": words(
        "{invoice_id} for {booked:money} was issued on {issued_on} but booked on {posted_on}, in another month."
    ),
    "unbilled_in_other_currency": words(
        "Document {document_id} of {invoice_id} asks for {rendered:money}, but the invoice is booked in {booked_currency}."
    ),
    "unbilled_amount": words(
        "{invoice_id}, which the billing engine does not have, is booked at {booked:money} where document {document_id} "
        "asks for {rendered:money}: {delta:signed}."
    ),
}
