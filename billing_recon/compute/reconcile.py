"""Matching, classifying and explaining: which layers part, where first, and by how much. One module a pair or a step.

Inputs: the tables of docs/tables.md and `expected_lines`. Results: `assessments`, from which compute.totals makes the
control totals, and `reported`: the breaks with their cohort and variant, as facts. `explain` puts these into words, and
EXPLAINED makes `breaks` (core.schema.BREAKS) of both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from billing_recon.compute import breaks
from billing_recon.compute.codes import CODES, RERATING
from billing_recon.compute.match import BILLS, CASH, ENGINE_OUTPUT, LATEST, LINES, MISPLACED, PAYOUTS, SUMMARY_POSTINGS
from billing_recon.compute.pairs import BOOKED, CASH_BOOKED, EXPECTED_BILLED, METERED, PAID, RENDERED
from billing_recon.compute.relation import Relation
from billing_recon.compute.rollout import EXPOSURE
from billing_recon.core.reason import Pair

RELATIONS: tuple[Relation, ...] = (
    *ENGINE_OUTPUT,
    *LATEST,
    *BILLS,
    *LINES,
    *RERATING,
    *CODES,
    *EXPECTED_BILLED,
    *RENDERED,
    *PAYOUTS,
    *MISPLACED,
    *SUMMARY_POSTINGS,
    *BOOKED,
    *PAID,
    *CASH,
    *CASH_BOOKED,
    *METERED,
    *EXPOSURE,
    *breaks.RELATIONS,
)
"""Every step in order, up to `reported`: what each break states, not yet in words."""

EXPLAINED: tuple[Relation, ...] = breaks.EXPLAINED
"""What follows when `explain` has put `reported` into words."""

COMPARES: dict[Pair, frozenset[str]] = {
    Pair.EXPECTED_BILLED: frozenset({"subscriptions"}),
    Pair.BILLED_RENDERED: frozenset({"invoice_lines", "rendered_invoices"}),
    Pair.BILLED_BOOKED: frozenset({"invoice_lines", "ledger_entries"}),
    Pair.RENDERED_BOOKED: frozenset({"rendered_invoices", "ledger_entries"}),
    Pair.BILLED_PAID: frozenset({"invoice_lines", "payments"}),
    Pair.PAID_BOOKED: frozenset({"payments", "ledger_entries"}),
}
"""The layers without which a pair has nothing to compare. Metered usage without a layer has no rows of itself."""


READS: dict[Pair, frozenset[str]] = COMPARES | {
    Pair.EXPECTED_BILLED: frozenset({"subscriptions", "usage_events", "invoice_lines"}),
    Pair.METERED_USED: frozenset({"usage_events", "metered_usage"}),
}
"""The layers whose files of the day a pair depends on: what is in a file that could not be read is not missing."""


def layers_of(pairs: Iterable[Pair]) -> frozenset[str]:
    """The layers that the breaks of some pairs rest on."""
    chosen = tuple(pairs)
    lines = {"rendered_lines"} if Pair.BILLED_RENDERED in chosen else set()
    return frozenset({"key_map", *lines}).union(*(READS[pair] for pair in chosen))


def pairs_compared(
    absent: Collection[str], unread: Collection[str] = (), *, books_cash: bool = True
) -> tuple[Pair, ...]:
    """The pairs that can be compared if the company has none of the `absent` layers and `unread` files could not be read.

    `books_cash`: the ledger has accounts of role cash. One that books sales only has nothing to compare payments with.

    Against a layer that does not exist everything would be missing, and none of that would be true. The same holds for a
    file of the day that was refused: the day is INCONCLUSIVE, and is run again once the file is corrected.
    """
    return tuple(
        pair
        for pair, layers in READS.items()
        if not COMPARES.get(pair, frozenset()) & set(absent)
        and not layers & set(unread)
        and (books_cash or pair is not Pair.PAID_BOOKED)
    )


__all__ = ["COMPARES", "EXPLAINED", "READS", "RELATIONS", "pairs_compared"]
