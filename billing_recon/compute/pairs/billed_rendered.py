"""The engine's invoice against the document that the customer sees: by line where lines are named, else by header."""

from __future__ import annotations

from billing_recon.compute.relation import Relation, load

RELATIONS: tuple[Relation, ...] = load(
    __package__,
    *("documents", "rendered_ties", "rendered_placed", "rendered_differences", "rendered_header_differences"),
    *("billed_rendered_findings", "billed_rendered_assessed"),
)
