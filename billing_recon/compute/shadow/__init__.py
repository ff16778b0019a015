"""Shadow billing: each line's four corners, the parts of its difference, what the invoices are examples of, and causes.

Inputs of the last steps: `expected_old`, `expected_new`, `billed_old`, `billed_new`, `corner_old` and `corner_new`, which
the relations of compute.expect, match and codes make under the old and under the new terms.
"""

from __future__ import annotations

from billing_recon.compute.codes import CODES, RERATING
from billing_recon.compute.match import BILLS, ENGINE_OUTPUT, LINES
from billing_recon.compute.pairs import EXPECTED_BILLED
from billing_recon.compute.relation import Relation, load

CONTRACTS: tuple[Relation, ...] = load(__package__, "mapped_contracts")
"""The contracts as the candidate has them."""

CORNER: tuple[Relation, ...] = (
    *ENGINE_OUTPUT,
    *BILLS,
    *LINES,
    *RERATING,
    *CODES,
    *EXPECTED_BILLED,
    *load(__package__, "corner"),
)
"""One engine against our rating of its terms."""

CARRIED: tuple[Relation, ...] = load(__package__, "moved_contracts", "carried_contracts")
"""Contracts whose new corner is the old one, by their inputs. After the contracts, both ratings and the old corner."""

CARRIED_OVER: tuple[Relation, ...] = load(__package__, "engine_billed", "engine_corner")
"""The new corner with these contracts' part of the old one. After CORNER of all others."""

MEANT_ITEMS: tuple[Relation, ...] = load(__package__, "meant_items")
"""Lines of the old and of the new terms in pairs. To the codes they are `line_items`."""

MEANT_BILLED: tuple[Relation, ...] = load(__package__, "meant_billed")
"""The new rating as if it were billed. To the codes it is `billed_lines`."""

MEANT: tuple[Relation, ...] = (*RERATING, *CODES, *load(__package__, "meant_codes"))
"""What the change of terms changes: the new rating as the bill, the old one as what was expected."""

RATED_CORNER: tuple[Relation, ...] = load(__package__, "rated_corner")
"""The new corner of a candidate without an engine."""

FOUR_CORNERS: tuple[Relation, ...] = load(
    __package__,
    *("chains", "shadow_rows", "bill_siblings", "agreed_lines", "compared_lines", "shadow_lines"),
)
"""One row per line. Contracts that are carried over take part from `shadow_lines` on."""

REVIEW: tuple[Relation, ...] = load(
    __package__, "shadow_scenarios", "shadow_invoices", "shadow_accounts", "shadow_causes"
)
"""What is read of them: examples, invoices, accounts, causes."""

STORED: dict[str, str] = {
    "shadow_lines": "invoice_id, line_id, currency, subscription_id, period_start, kind, expected_old_line, expected_new_line",
    "line_texts": "ALL",
    "invoice_texts": "ALL",
    "shadow_scenarios": "ALL",
    "shadow_invoices": "invoice_id, subscription_id, currency, due_on",
    "shadow_accounts": "customer_id, currency",
    "shadow_causes": "gross DESC, cause_id",
}
"""The tables of a review, each with the order in which it is stored."""
