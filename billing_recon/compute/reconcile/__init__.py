"""Matching, classifying and explaining: which layers part, where first, and by how much. One module a pair or a step.

Inputs: the tables of ARCHITECTURE 4 and `expected_lines`. Results: `breaks` (core.results.BREAKS) and `assessments`, from
which compute.totals makes the control totals; `reported` is the breaks with their cohort and variant.
"""

from __future__ import annotations

from billing_recon.compute.reconcile import (
    billed_booked,
    billed_paid,
    billed_rendered,
    bills,
    breaks,
    codes,
    engine_output,
    expected_billed,
    matching,
    metered_used,
    payouts,
    rerating,
    stages,
    summary_postings,
)
from billing_recon.compute.relation import Relation

RELATIONS: tuple[Relation, ...] = (
    *engine_output.RELATIONS,
    metered_used.METERED_DAYS,
    *bills.RELATIONS,
    *matching.RELATIONS,
    *rerating.RELATIONS,
    *stages.RELATIONS,
    *codes.RELATIONS,
    *expected_billed.RELATIONS,
    *billed_rendered.RELATIONS,
    *summary_postings.RELATIONS,
    *billed_booked.RELATIONS,
    *payouts.RELATIONS,
    *billed_paid.RELATIONS,
    *metered_used.RELATIONS,
    *breaks.RELATIONS,
)
"""Every step in order."""

__all__ = ["RELATIONS"]
