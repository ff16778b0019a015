"""Which rows of two layers belong together: latest versions, bills for periods, lines, journals and payments."""

from __future__ import annotations

from billing_recon.compute.relation import Relation, load

ENGINE_OUTPUT: tuple[Relation, ...] = load(
    __package__, "mapped_keys", "engine_superseded", "engine_lines", "engine_invoices", "set_aside"
)
"""The billing engine's output as known at the end of the day, other layers' names for ours, and quarantined values."""

LATEST: tuple[Relation, ...] = load(
    __package__,
    *("payment_versions", "latest_payments", "entry_versions", "stated_entries", "joined_journals"),
    *("spread_entries", "noted_journals", "latest_entries"),
    *("document_versions", "latest_documents", "document_line_versions", "latest_document_lines"),
)
"""Payments, ledger entries, documents and their lines, each in its latest version. After ENGINE_OUTPUT."""

SUMMARY_POSTINGS: tuple[Relation, ...] = load(
    __package__,
    *("nameless_journals", "journal_references", "unnamed_invoices", "void_invoices", "journal_matches", "day_batches"),
    *("batch_offers", "share_changes", "single_changes", "batches", "batch_changes", "journal_shares"),
)
"""Journals that name no invoice, and the invoices that they book: by reference, by amount, as a sum, or
as a sum but for the fewest faults that make it equal to the cent."""

PAYOUTS: tuple[Relation, ...] = load(__package__, "nameless_payments", "payment_matches", "refund_matches")
"""Payments and refunds that name no invoice, and the invoices that they pay or give back: by amount, split, or paid out together."""

_BY_REFERENCE = load(
    __package__, *("moved_money", "misplaced_receipts", "receipts", "receipt_targets", "money_events", "money_pairs")
)
_EVENTS = load(__package__, "unplaced_money", "customer_events")

MISPLACED: tuple[Relation, ...] = _BY_REFERENCE[:2]
"""Journals of payments that look like journals of invoices. After PAYOUTS, before the invoices' own journals are read."""

CASH: tuple[Relation, ...] = (
    *_BY_REFERENCE[2:],
    *_EVENTS,
    _BY_REFERENCE[-1].over(
        "customer_events", name="customer_pairs", doc="As money_pairs, for money and receipts of one customer."
    ),
    *load(__package__, "open_money", "open_receipts", "deposit_runs", "deposits", "receipt_links"),
)
"""Money that moved, what the ledger books of customers' money, and which belongs to which: by reference, customer, deposit."""

REVERSALS: tuple[Relation, ...] = load(
    __package__, "reversible_lines", "reversal_intervals", "reversals", "credit_coverage"
)
"""Which earlier charge a credit note takes back: same customer, product and unit price, first in first out, each unit once.

No step of the day: they are built on request over all lines known by a day (day.credit_notes).
"""

BILLS: tuple[Relation, ...] = load(
    __package__,
    *("issued_lines", "expected_ahead", "issued_ahead", "bills", "billed_periods"),
    *("charge_parts", "billed_lines", "stray_bills"),
)
"""Which bill answers which expected period, which repeats another, and which lines are one charge."""

LINES: tuple[Relation, ...] = load(__package__, "match_expected", "line_matches", "line_items")
"""Expected and billed lines in pairs. Tolerances are applied later, in breaks."""
