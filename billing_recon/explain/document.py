"""Sentences of billed_rendered: what a document lacks, repeats, or shows other than it is billed."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain.facts import Facts, Sentence, count


def in_other_currency(facts: Facts) -> str:
    return f"{facts['invoice_id']} is billed in {facts.money('amount')}, but its document is in another currency."


def in_unbilled_currency(facts: Facts) -> str:
    return (
        f"Document {facts['document_id']} shows {facts['invoice_id']} with {facts.money('amount')}, "
        "but the invoice is billed in another currency."
    )


def missing(facts: Facts) -> str:
    allowed = count(facts["lag_days"], "day")
    return (
        f"{facts['invoice_id']} for {facts.money('amount')} has no document; "
        f"{allowed} {'is' if facts['lag_days'] == 1 else 'are'} allowed from issue to document."
    )


def quarantined(facts: Facts) -> str:
    return f"{facts['invoice_id']} for {facts.money('amount')} has no document: its row is in quarantine."


def unmapped(facts: Facts) -> str:
    return (
        f"Document {facts['document_id']} for {facts.money('amount')} is of {facts['invoice_id']}, "
        "which the billing engine does not have."
    )


def duplicate(facts: Facts) -> str:
    return (
        f"Document {facts['document_id']} shows {facts['invoice_id']} again, with {facts.money('rendered')}; "
        f"{facts['original']} shows it already."
    )


def line_missing(facts: Facts) -> str:
    return (
        f"Document {facts['document_id']} lacks line {facts['line_id']} of {facts['invoice_id']}, "
        f"{facts.money('billed_net')} before tax: {_payable(facts)}"
    )


def line_unknown(facts: Facts) -> str:
    return (
        f"Document {facts['document_id']} shows line {facts['line_id']} with {facts.money('rendered_net')} before tax, "
        f"which {facts['invoice_id']} does not have: {_payable(facts)}"
    )


def line_tax(facts: Facts) -> str:
    return (
        f"Document {facts['document_id']} shows line {facts['line_id']} of {facts['invoice_id']} with a tax that is "
        f"{facts.signed('tax_delta')} off what is billed: {_payable(facts)}"
    )


def line_amount(facts: Facts) -> str:
    return (
        f"Document {facts['document_id']} shows line {facts['line_id']} of {facts['invoice_id']} with "
        f"{facts.money('rendered_net')} before tax where {facts.money('billed_net')} is billed: {_payable(facts)}"
    )


def _payable(facts: Facts) -> str:
    """What a line's difference does to the document."""
    if facts.number("delta") == 0:
        return "the document's totals do not include the difference."
    return f"{facts.signed('delta')} in the amount payable."


def customer(facts: Facts) -> str:
    addressed = (
        f"Document {facts['document_id']} addresses {facts['invoice_id']} to customer {facts['other_customer']}, "
        f"not to {facts['customer_id']}"
    )
    if facts.number("delta") == 0:
        return f"{addressed}."
    return (
        f"{addressed}, and asks for {facts.money('rendered')} where {facts.money('billed')} is billed: "
        f"{facts.signed('delta')}."
    )


def rest(facts: Facts) -> str:
    return (
        f"Document {facts['document_id']} asks for {facts.money('rendered')} where {facts['invoice_id']} bills "
        f"{facts.money('billed')}; its lines leave {facts.signed('delta')} unexplained."
    )


def payable(facts: Facts) -> str:
    return (
        f"Document {facts['document_id']} asks for {facts.money('rendered')} where {facts['invoice_id']} bills "
        f"{facts.money('billed')}: {facts.signed('delta')}."
    )


def total(facts: Facts) -> str:
    return (
        f"Document {facts['document_id']} has a total of {facts.money('rendered_total')} where {facts['invoice_id']} "
        f"adds up to {facts.money('billed_total')}: {facts.signed('delta')}. The amount payable is right."
    )


def figure(facts: Facts) -> str:
    name = next(name for name in ("tax", "subtotal", "discount") if facts.number(f"{name}_delta") != 0)
    return (
        f"Document {facts['document_id']} has a {name} for {facts['invoice_id']} that is "
        f"{facts.signed(f'{name}_delta')} off what is billed; the amount payable, {facts.money('rendered')}, is right."
    )


SENTENCES: Mapping[str, Sentence] = {
    "document_in_other_currency": in_other_currency,
    "document_in_unbilled_currency": in_unbilled_currency,
    "document_missing": missing,
    "document_quarantined": quarantined,
    "document_unmapped": unmapped,
    "document_duplicate": duplicate,
    "document_line_missing": line_missing,
    "document_line_unknown": line_unknown,
    "document_line_tax": line_tax,
    "document_line_amount": line_amount,
    "document_customer": customer,
    "document_rest": rest,
    "document_payable": payable,
    "document_total": total,
    "document_figure": figure,
}
