"""Matching, classifying and explaining: which layers part, where first, and by how much. One module a pair or a step.

Inputs: the tables of docs/tables.md and `expected_lines`. Results: `assessments`, from which compute.totals makes the
control totals, and `reported`: the breaks with their cohort and variant, as facts. `explain` puts these into words, and
EXPLAINED makes `breaks` (core.schema.BREAKS) of both.
"""

from __future__ import annotations

from billing_recon.compute import breaks
from billing_recon.compute.codes import CODES, RERATING
from billing_recon.compute.match import BILLS, CASH, ENGINE_OUTPUT, LATEST, LINES, MISPLACED, PAYOUTS, SUMMARY_POSTINGS
from billing_recon.compute.pairs import BOOKED, CASH_BOOKED, EXPECTED_BILLED, METERED, PAID, RENDERED
from billing_recon.compute.relation import Relation
from billing_recon.compute.rollout import EXPOSURE

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

__all__ = ["EXPLAINED", "RELATIONS"]
