"""Sentences about what the ledger books."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain.facts import IN_DOUBT, Sentence, words

_JOURNAL = "Journal {journal_id} books {booked:money}"
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
    "batch_rest": words("Journal {journal_id} books several invoices at once and is {delta:signed} off their sum."),
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
