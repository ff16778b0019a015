"""Sentences about the documents that customers see."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain.facts import Sentence, words

_ASKS = "Document {document_id} asks for {rendered:money} where {invoice_id} bills {billed:money}"
_ADDRESSED = "Document {document_id} addresses {invoice_id} to customer {other_customer}, not to {customer_id}"
_OFF_THE_BILL = " off what is billed; the amount payable, {rendered:money}, is right."


def _line(difference: str) -> Sentence:
    """A line's difference, and what it does to the amount payable."""
    included = words(f"{difference}: {{delta:signed}} in the amount payable.")
    ignored = words(f"{difference}: the document's totals do not include the difference.")
    return lambda facts: (included if facts.number("delta") else ignored)(facts)


SENTENCES: Mapping[str, Sentence] = {
    "document_in_other_currency": words(
        "{invoice_id} is billed in {amount:money}, but its document is in another currency."
    ),
    "document_in_unbilled_currency": words(
        "Document {document_id} shows {invoice_id} with {amount:money}, but the invoice is billed in another currency."
    ),
    "document_missing": words("{invoice_id} for {amount:money} has no document within {lag_days:count day} of issue."),
    "document_quarantined": words("{invoice_id} for {amount:money} has no document: its row is in quarantine."),
    "document_unmapped": words(
        "Document {document_id} for {amount:money} is of {invoice_id}, which the billing engine does not have."
    ),
    "document_duplicate": words(
        "Document {document_id} shows {invoice_id} again, with {rendered:money}; {original} shows it already."
    ),
    "document_line_missing": _line(
        "Document {document_id} lacks line {line_id} of {invoice_id}, {billed_net:money} before tax"
    ),
    "document_line_unknown": _line(
        "Document {document_id} shows line {line_id} with {rendered_net:money} before tax, which {invoice_id} does not have"
    ),
    "document_line_tax": _line(
        "Document {document_id} shows line {line_id} of {invoice_id} with a tax {tax_delta:signed} off what is billed"
    ),
    "document_line_amount": _line(
        "Document {document_id} shows line {line_id} of {invoice_id} with {rendered_net:money} before tax where "
        "{billed_net:money} is billed"
    ),
    "document_customer": words(_ADDRESSED + "."),
    "document_customer_and_amount": words(
        _ADDRESSED + ", and asks for {rendered:money} where {billed:money} is billed: {delta:signed}."
    ),
    "document_rest": words(_ASKS + "; its lines leave {delta:signed} unexplained."),
    "document_payable": words(_ASKS + ": {delta:signed}."),
    "document_total": words(
        "Document {document_id} has a total of {rendered_total:money} where {invoice_id} adds up to "
        "{billed_total:money}: {delta:signed}. The amount payable is right."
    ),
    "document_tax": words("Document {document_id} has a tax for {invoice_id} {tax_delta:signed}" + _OFF_THE_BILL),
    "document_subtotal": words(
        "Document {document_id} has a subtotal for {invoice_id} {subtotal_delta:signed}" + _OFF_THE_BILL
    ),
    "document_discount": words(
        "Document {document_id} has a discount for {invoice_id} {discount_delta:signed}" + _OFF_THE_BILL
    ),
}
