"""The books of a month: the ledger's accounts, and receivables, revenue and tax against what was billed and what moved.

Nothing is judged here. core.month_books adds the sums up and says what ties.
"""

from __future__ import annotations

from billing_recon.compute.match import CASH, ENGINE_OUTPUT, LATEST, MISPLACED, PAYOUTS, SUMMARY_POSTINGS
from billing_recon.compute.pairs import BOOKED
from billing_recon.compute.relation import Relation, load

_BILLED = tuple(relation for relation in ENGINE_OUTPUT if relation.name != "set_aside")
_VERSIONS = tuple(relation for relation in LATEST if "document" not in relation.name)
_POSTED = tuple(relation for relation in BOOKED if relation.name in ("booked_ties", "booked_tied", "invoice_journals"))

ACCOUNTS: tuple[Relation, ...] = load(__package__, "close_entries", "trial_balance", "unbalanced_journals")
TIES: tuple[Relation, ...] = load(__package__, "close_items", "close_sums", "close_differences")

CHANGES: tuple[Relation, ...] = (
    *(relation for relation in _BILLED if relation.name != "engine_invoices"),
    *load(__package__, "contract_changes", "invoice_changes"),
)
"""Changes of contracts and invoices in the month. Inputs: subscriptions, invoice_lines, key_map, close_params."""

SAMPLE: tuple[Relation, ...] = (
    *(relation for relation in _BILLED if relation.name != "engine_invoices"),
    *load(__package__, "spot_sample"),
)
"""Lines to check by hand. Inputs: invoice_lines, key_map, spot_params and spot_breaks."""

RELATIONS: tuple[Relation, ...] = (
    *_BILLED,
    *_VERSIONS,
    *PAYOUTS,
    *MISPLACED,
    *SUMMARY_POSTINGS,
    *_POSTED,
    *CASH,
    *ACCOUNTS,
    *TIES,
)
"""Inputs: landed tables as known at the cut-off, currencies, pairs_compared, run_params, close_params and close_accepted."""
