"""A company that bills base fees and seats in advance, day by day: clean bills agree, and what is wrong with one is found."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from billing_recon.core.company import Profile
from billing_recon.core.reason import Code
from billing_recon.simulate import simulate
from quality.scores import FIRST, score

pytestmark = pytest.mark.long

DAYS = 6
FAULTS = {Code.PRORATION: 1, Code.MINOR_UNIT: 2, Code.SUBSCRIPTION_STATE: 1, Code.INVOICE_MISSING: 1}


@pytest.mark.parametrize(
    ("seed", "customers", "faults", "profile"),
    [
        (2, 40, FAULTS, Profile()),
        (3, 15, {}, Profile(on_change="at_period_end", changes_due="next_invoice", issue_after_days=0)),
    ],
)
def test_every_injected_fault_is_found_and_nothing_else(
    tmp_path: Path, seed: int, customers: int, faults: dict[Code, int], profile: Profile
) -> None:
    out = tmp_path / "home"
    last = FIRST + timedelta(days=DAYS - 1)
    simulate(
        seed=seed, first=FIRST, last=last, customers=customers, faults=faults, out=out, in_advance=True, profile=profile
    )  # fmt: skip
    result = score(out, DAYS)
    assert (result.missed, result.invented, result.unsummed) == ({}, {}, 0), result.details
    assert result.injected.total() == sum(faults.values())
