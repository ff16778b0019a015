"""Sentences about usage that the billing engine metered differently, in units."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain.facts import Sentence, words

_METERED = (
    "The billing engine metered {billed:units} {meter} for {subscription_id} on {usage_day} where {expected:units} were "
    "used: {delta:size} too "
)

SENTENCES: Mapping[str, Sentence] = {
    "metered_too_few": words(_METERED + "few."),
    "metered_too_many": words(_METERED + "many."),
    "metered_without_late": words(_METERED + "few, the quantity that arrived late."),
    "metered_with_duplicates": words(_METERED + "many, the quantity of the duplicate events."),
    "metered_without_corrections": words(_METERED + "many, the quantity that corrections took out."),
}
