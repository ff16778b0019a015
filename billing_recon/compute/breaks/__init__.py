"""Findings become breaks: identity, owner, source, disposition and evidence. Why they exist was decided before, by the pairs.

A break's disposition is decided in this order: a decision that a person made about just this difference, then the registry of
expected changes, then tolerances. Each outcome carries its grounds as JSON (`disposed_by`), for the evidence of the break.
"""

from __future__ import annotations

from billing_recon.compute.relation import Relation, load

RELATIONS: tuple[Relation, ...] = load(
    __package__,
    *("findings", "assessments", "expected_changes_met", "tolerances_met", "dispositions", "reported"),
)
"""From the pairs' findings and items, the policy and people's decisions to `assessments` and `reported`."""

EXPLAINED: tuple[Relation, ...] = load(__package__, "breaks")
"""`breaks`: `reported` with the explanations that `explain` writes of it."""

FOUND_IN, ASSESSED_IN = (
    tuple(name for name in relation.inputs if name.endswith(("_findings", "_assessed"))) for relation in RELATIONS[:2]
)
"""The relations in which the pairs hand in their findings, and their assessed items."""
