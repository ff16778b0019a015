"""Every charge model in bulk against the rules in plain fractions: 200,000 cases under five engines' profiles, ties forced."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest

from billing_recon.core.profile import Profile
from billing_recon_tests.compute.rating.cases import cases, opened, plans, rated
from billing_recon_tests.compute.rating.oracle import amount, settled, steps

pytestmark = pytest.mark.long

CASES = 34_000
STEPPED = ("graduated", "graduated_percentage", "volume", "graduated_blocks")
BOUND = Fraction(1, 10**9)

PROFILES = {
    "none": {"rounding": "half_even"},
    "lago": {"engine": "lago"},
    "openmeter": {"engine": "openmeter"},
    "flexprice": {"engine": "flexprice", "rounding": "down"},
    "killbill": {"engine": "killbill"},
    "lago, tiers settled by themselves": {"engine": "lago", "rounding_point": "tier", "rounding": "up"},
}


@pytest.mark.parametrize("name", PROFILES)
def test_every_price_is_what_the_rules_say(name: str) -> None:
    random = Random(name)
    profile = Profile.model_validate(PROFILES[name])
    known = plans(random, 60)
    asked = list(cases(random, known, CASES))
    found = rated(opened(known, profile), asked)
    ties = edges = 0
    for case, (raw, gross) in zip(asked, found, strict=True):
        owed = amount(case.asked, profile)
        assert abs(Fraction(raw) - owed) <= BOUND, (case, raw, owed)
        charge = case.asked.charge
        if not charge.prorated:
            assert Fraction(raw) == owed, (case, raw, owed)
        tiered = charge.model in STEPPED and not charge.prorated
        if profile.rounding_point == "tier" and tiered:
            expected = sum(
                (settled(s, case.decimals, profile.rounding.value) for s in steps(case.asked, profile)), Fraction(0)
            )
        else:
            expected = settled(Fraction(raw), case.decimals, profile.rounding.value)
        assert Fraction(gross) == expected, (case, gross, expected)
        scaled = owed * 10**case.decimals
        ties += scaled.denominator == 2
        edges += any(case.asked.units == tier.up_to for tier in charge.tiers)
    assert ties > 100, "the sample must hold exact ties, or it does not test the rounding"
    assert edges > 500, "the sample must hold units that end exactly at a tier"
