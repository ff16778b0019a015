"""Sentences about usage that the billing engine metered differently, in units."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain.facts import Facts, Sentence, units


def _metered(ending: str) -> Sentence:
    def sentence(facts: Facts) -> str:
        off = facts.number("delta")
        return (
            f"The billing engine metered {facts.units('billed')} {facts['meter']} for {facts['subscription_id']} on "
            f"{facts['usage_day']} where {facts.units('expected')} were used: {units(abs(off))} too "
            f"{'few' if off < 0 else 'many'}{ending}."
        )

    return sentence


SENTENCES: Mapping[str, Sentence] = {
    "metered_too_few": _metered(""),
    "metered_too_many": _metered(""),
    "metered_without_late": _metered(", the quantity that arrived late"),
    "metered_with_duplicates": _metered(", the quantity of the duplicate events"),
    "metered_without_corrections": _metered(", the quantity that corrections took out"),
}
