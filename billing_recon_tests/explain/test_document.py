"""Each sentence about a document in full, from facts as SQL states them."""

from __future__ import annotations

from billing_recon.explain.document import SENTENCES
from billing_recon.explain.facts import Facts

HEADER = (
    '"invoice_id": "INV-1", "document_id": "D1", "customer_id": "C-1", "billed": 1119.000000000000, '
    '"rendered": 1120.50, "billed_total": 1119.00, "rendered_total": 1121.00, "delta": 1.500000000000'
)
LINE = (
    '"invoice_id": "INV-1", "document_id": "D1", "line_id": "7", "billed_net": 100.00, "rendered_net": 90.00, '
    '"tax_delta": -1.90, "delta": -11.90'
)
ALONE = '"invoice_id": "INV-1", "document_id": "D1", "amount": 119.00, "lag_days": 1'

WORDS = (
    ("document_in_other_currency", ALONE, "INV-1 is billed in USD 119.00, but its document is in another currency."),
    (
        "document_in_unbilled_currency",
        ALONE,
        "Document D1 shows INV-1 with USD 119.00, but the invoice is billed in another currency.",
    ),
    (
        "document_missing",
        ALONE,
        "INV-1 for USD 119.00 has no document within 1 day of issue.",
    ),
    (
        "document_missing",
        ALONE.replace('"lag_days": 1', '"lag_days": 2'),
        "INV-1 for USD 119.00 has no document within 2 days of issue.",
    ),
    ("document_quarantined", ALONE, "INV-1 for USD 119.00 has no document: its row is in quarantine."),
    (
        "document_unmapped",
        ALONE,
        "Document D1 for USD 119.00 is of INV-1, which the billing engine does not have.",
    ),
    (
        "document_duplicate",
        ALONE + ', "rendered": 119.00, "original": "D0"',
        "Document D1 shows INV-1 again, with USD 119.00; D0 shows it already.",
    ),
    (
        "document_line_missing",
        LINE,
        "Document D1 lacks line 7 of INV-1, USD 100.00 before tax: USD -11.90 in the amount payable.",
    ),
    (
        "document_line_unknown",
        LINE,
        "Document D1 shows line 7 with USD 90.00 before tax, which INV-1 does not have: USD -11.90 in the amount payable.",
    ),
    (
        "document_line_tax",
        LINE,
        "Document D1 shows line 7 of INV-1 with a tax USD -1.90 off what is billed: USD -11.90 in the amount payable.",
    ),
    (
        "document_line_amount",
        LINE.replace("-11.90", "0"),
        "Document D1 shows line 7 of INV-1 with USD 90.00 before tax where USD 100.00 is billed: "
        "the document's totals do not include the difference.",
    ),
    (
        "document_customer_and_amount",
        HEADER + ', "other_customer": "C-9"',
        "Document D1 addresses INV-1 to customer C-9, not to C-1, and asks for USD 1,120.50 where USD 1,119.00 is billed: "
        "USD +1.50.",
    ),
    (
        "document_customer",
        HEADER.replace("1.500000000000", "0") + ', "other_customer": "C-9"',
        "Document D1 addresses INV-1 to customer C-9, not to C-1.",
    ),
    (
        "document_rest",
        HEADER,
        "Document D1 asks for USD 1,120.50 where INV-1 bills USD 1,119.00; its lines leave USD +1.50 unexplained.",
    ),
    ("document_payable", HEADER, "Document D1 asks for USD 1,120.50 where INV-1 bills USD 1,119.00: USD +1.50."),
    (
        "document_total",
        HEADER,
        "Document D1 has a total of USD 1,121.00 where INV-1 adds up to USD 1,119.00: USD +1.50. The amount payable is right.",
    ),
    (
        "document_tax",
        HEADER + ', "tax_delta": -1.00',
        "Document D1 has a tax for INV-1 USD -1.00 off what is billed; the amount payable, USD 1,120.50, is right.",
    ),
    (
        "document_subtotal",
        HEADER + ', "subtotal_delta": 2.00',
        "Document D1 has a subtotal for INV-1 USD +2.00 off what is billed; the amount payable, USD 1,120.50, is right.",
    ),
    (
        "document_discount",
        HEADER + ', "discount_delta": -2.00',
        "Document D1 has a discount for INV-1 USD -2.00 off what is billed; the amount payable, USD 1,120.50, is right.",
    ),
)


def test_every_sentence_says_what_where_and_how_much() -> None:
    found = [
        (name, SENTENCES[name](Facts.read({"currency": "USD"}, f"{{{facts}}}", {"USD": 2}))) for name, facts, _ in WORDS
    ]
    assert found == [(name, words) for name, _, words in WORDS]
    assert {name for name, _, _ in WORDS} == set(SENTENCES)
