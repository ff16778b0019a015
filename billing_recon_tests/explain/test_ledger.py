"""Each sentence about the ledger in full, from facts as SQL states them."""

from __future__ import annotations

from billing_recon.explain.facts import Facts
from billing_recon.explain.ledger import SENTENCES

BOOKED = (
    '"invoice_id": "INV-1", "journal_id": "J1", "journals": 2, "customer_id": "C-1", '
    '"other_customer": "C-9", "issued_on": "2026-03-20", "posted_on": "2026-04-01", "lag_days": 2, '
    '"billed": 1119.000000000000, "booked": 1238.50, "delta": 119.50, "net": 100.00, "revenue": 110.00, "tax": 19.00, '
    '"booked_tax": 9.00, "credit": 5.00, "booked_credits": 4.00, "unbalanced": 10.00'
)
RENDERED = (
    '"invoice_id": "INV-1", "document_id": "D1", "booked_currency": "EUR", "rendered": 119.00, "booked": 110.00, '
    '"delta": -9.00'
)
BATCH = (
    BOOKED
    + ', "invoices": 10, "invoices_total": 11190.00, "first_day": "2026-03-20", "last_day": "2026-03-20", "ways": 2, '
    '"repeats": "J0", "candidates": [{"way": 1, "invoice_id": "INV-2", "kind": "left_out", "amount": "119.50"}, '
    '{"way": 2, "invoice_id": "INV-3", "kind": "times_10", "amount": "1195.00"}]'
)

WORDS = (
    ("booked_in_other_currency", BOOKED, "INV-1 is billed in USD 1,119.00, but booked in another currency."),
    ("booked_in_unbilled_currency", BOOKED, "INV-1 is booked in USD 1,238.50, but billed in another currency."),
    (
        "invoice_not_booked",
        BOOKED,
        "INV-1 for USD 1,119.00, issued on 2026-03-20, is not booked within 2 days.",
    ),
    (
        "invoice_not_booked",
        BOOKED.replace('"lag_days": 2', '"lag_days": 1'),
        "INV-1 for USD 1,119.00, issued on 2026-03-20, is not booked within 1 day.",
    ),
    ("journal_without_invoice", BOOKED, "Journal J1 books USD 1,238.50 and names no invoice."),
    (
        "journal_in_doubt",
        BOOKED,
        "Journal J1 books USD 1,238.50 and names no invoice; more than one match fits, so none is made.",
    ),
    ("journal_unmapped", BOOKED, "Journal J1 books USD 1,238.50 for INV-1, which the billing engine does not have."),
    (
        "entries_quarantined",
        BOOKED,
        "INV-1 is billed at USD 1,119.00 and booked at USD 1,238.50; some of its ledger rows are in quarantine.",
    ),
    ("credit_not_booked", BOOKED, "INV-1 gives back USD 119.50, but the ledger books no reversal."),
    ("void_booked", BOOKED, "INV-1 is void, but USD 1,238.50 of it is still booked."),
    (
        "booked_twice",
        BOOKED,
        "INV-1 for USD 1,119.00 is booked by 2 journals, USD 1,238.50 in all: USD +119.50.",
    ),
    (
        "batch_rest",
        BOOKED,
        "Journal J1 books several invoices at once and is USD +119.50 off. No invoice left out, doubled or booked otherwise "
        "explains it alone.",
    ),
    (
        "batch_accounts",
        BATCH,
        "Journal J1 books 10 invoices of 2026-03-20 (USD 11,190.00) at once at the right amount, but "
        "revenue is USD +110.00, tax payable USD +9.00 and credits used USD +4.00 off. 2 explanations "
        "fit it to the cent, so none is chosen: INV-2 left out; INV-3 booked at 1,195.00.",
    ),
    (
        "batch_repeated",
        BATCH,
        "Journal J1 books USD 1,238.50 again, which journal J0 books already.",
    ),
    (
        "left_out_of_batch",
        BATCH,
        "INV-1 for USD 1,119.00, issued on 2026-03-20, is left out of journal J1, which books 10 "
        "invoices of 2026-03-20 (USD 11,190.00) at once.",
    ),
    ("booked_amount", BOOKED, "INV-1 is booked at USD 1,238.50 where USD 1,119.00 is billed: USD +119.50."),
    (
        "journal_unbalanced",
        BOOKED,
        "A journal of INV-1 does not balance: debits and credits are USD 10.00 apart.",
    ),
    (
        "booked_customer",
        BOOKED,
        "INV-1 is booked at the right amount, USD 1,238.50, but the receivable is on customer C-9, not on C-1.",
    ),
    (
        "booked_revenue",
        BOOKED,
        "INV-1 is booked at the right amount, USD 1,238.50, but revenue is USD 110.00 where USD 100.00 is earned.",
    ),
    (
        "booked_tax",
        BOOKED,
        "INV-1 is booked at the right amount, USD 1,238.50, but tax payable is USD 9.00 where USD 19.00 is owed.",
    ),
    (
        "booked_credits",
        BOOKED,
        "INV-1 is booked at the right amount, USD 1,238.50, but credits used are USD 4.00 where USD 5.00 is billed.",
    ),
    (
        "booked_period",
        BOOKED,
        "INV-1 for USD 1,238.50 was issued on 2026-03-20 but booked on 2026-04-01, in another month.",
    ),
    (
        "unbilled_in_other_currency",
        RENDERED,
        "Document D1 of INV-1 asks for USD 119.00, but the invoice is booked in EUR.",
    ),
    (
        "unbilled_amount",
        RENDERED,
        "INV-1, which the billing engine does not have, is booked at USD 110.00 where document D1 asks for USD 119.00: "
        "USD -9.00.",
    ),
)


def test_every_sentence_says_what_where_and_how_much() -> None:
    found = [
        (name, SENTENCES[name](Facts.read({"currency": "USD"}, f"{{{facts}}}", {"USD": 2}))) for name, facts, _ in WORDS
    ]
    assert found == [(name, words) for name, _, words in WORDS]
    assert {name for name, _, _ in WORDS} == set(SENTENCES)
