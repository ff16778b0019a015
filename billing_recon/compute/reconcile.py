"""Matching, classifying and explaining: which layers part, where first, and by how much. One module a pair or a step.

Inputs: the tables of ARCHITECTURE 4 and `expected_lines`. Results: `assessments`, from which compute.totals makes the
control totals, and `reported`: the breaks with their cohort and variant, as facts. `explain` puts these into words, and
EXPLAINED makes `breaks` (core.schema.BREAKS) of both.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from billing_recon.compute.breaks import breaks
from billing_recon.compute.codes import CODES, RERATING
from billing_recon.compute.match import BILLS, ENGINE_OUTPUT, LATEST, LINES, payouts, summary_postings
from billing_recon.compute.pairs import EXPECTED_BILLED, billed_booked, billed_paid, billed_rendered, metered_used
from billing_recon.compute.pairs.shape import ASSESSED, FINDING
from billing_recon.compute.relation import Relation
from billing_recon.core.reason import Pair

RELATIONS: tuple[Relation, ...] = (
    *ENGINE_OUTPUT,
    *LATEST,
    metered_used.METERED_DAYS,
    *BILLS,
    *LINES,
    *RERATING,
    *CODES,
    *EXPECTED_BILLED,
    *billed_rendered.RELATIONS,
    *summary_postings.RELATIONS,
    *billed_booked.RELATIONS,
    *payouts.RELATIONS,
    *billed_paid.RELATIONS,
    *metered_used.RELATIONS,
    *breaks.RELATIONS,
)
"""Every step in order, up to `reported`: what each break states, not yet in words."""

EXPLAINED: tuple[Relation, ...] = (breaks.BREAKS_EXPLAINED,)
"""What follows when `explain` has put `reported` into words."""

COMPARES: dict[Pair, frozenset[str]] = {
    Pair.EXPECTED_BILLED: frozenset({"subscriptions"}),
    Pair.BILLED_RENDERED: frozenset({"invoice_lines", "rendered_invoices"}),
    Pair.BILLED_BOOKED: frozenset({"invoice_lines", "ledger_entries"}),
    Pair.RENDERED_BOOKED: frozenset({"rendered_invoices", "ledger_entries"}),
    Pair.BILLED_PAID: frozenset({"invoice_lines", "payments"}),
}
"""The layers without which a pair has nothing to compare. Metered usage without a layer has no rows of itself."""


READS: dict[Pair, frozenset[str]] = COMPARES | {
    Pair.EXPECTED_BILLED: frozenset({"subscriptions", "usage_events", "invoice_lines"}),
    Pair.METERED_USED: frozenset({"usage_events", "metered_usage"}),
}
"""The layers whose files of the day a pair's answer rests on: what is in a file that could not be read is not missing."""


def relations(absent: Collection[str], unread: Collection[str] = ()) -> tuple[Relation, ...]:
    """Every step, where the company has none of the `absent` layers: a pair of one of them has no data, hence no difference.

    Against a layer that does not exist everything would be missing, and none of that would be true. Nor is it against a file
    of the day that came and could not be read (`unread`): the day is INCONCLUSIVE, and is run again when the file is mended.
    """
    without = sorted(
        pair.value
        for pair, layers in READS.items()
        if COMPARES.get(pair, frozenset()) & set(absent) or layers & set(unread)
    )
    if not without:
        return RELATIONS
    names = ", ".join(f"'{pair}'" for pair in without)
    shapes = dict.fromkeys(breaks.FOUND_IN, FINDING) | dict.fromkeys(breaks.ASSESSED_IN, ASSESSED)
    return tuple(
        replace(
            relation,
            sql=f"SELECT {', '.join(shapes[relation.name])} FROM ({relation.sql}) AS found WHERE pair NOT IN ({names})",
        )
        if relation.name in shapes
        else relation
        for relation in RELATIONS
    )


__all__ = ["COMPARES", "EXPLAINED", "READS", "RELATIONS", "relations"]
