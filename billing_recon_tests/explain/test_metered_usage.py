"""Every sentence about metered usage, with its units."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing_recon.explain.facts import Facts
from billing_recon.explain.metered_usage import SENTENCES


@pytest.mark.parametrize(
    ("name", "metered", "ending"),
    [
        ("metered_too_few", "900", "100 too few."),
        ("metered_too_many", "1100.5", "100.5 too many."),
        ("metered_without_late", "900", "100 too few, the quantity that arrived late."),
        ("metered_with_duplicates", "1100", "100 too many, the quantity of the duplicate events."),
        ("metered_without_corrections", "1100", "100 too many, the quantity that corrections took out."),
    ],
)
def test_a_metering_sentence_names_both_quantities_and_their_difference(name: str, metered: str, ending: str) -> None:
    facts = {
        "subscription_id": "S1",
        "meter": "api_calls",
        "expected": Decimal(1000),
        "billed": Decimal(metered),
        "delta": Decimal(metered) - 1000,
        "usage_day": "2026-03-01",
    }
    shown = f"{Decimal(metered):,}"
    assert SENTENCES[name](Facts(facts, {})) == (
        f"The billing engine metered {shown} api_calls for S1 on 2026-03-01 where 1,000 were used: {ending}"
    )
