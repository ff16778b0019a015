"""Decisions about the id of an earlier version are listed with the break that the same difference has now."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

from billing_recon.core.break_decision import BreakDecision, BreakVerb
from billing_recon.core.reason import Disposition
from billing_recon.day.exceptions import followed

DAY = date(2026, 3, 2)


def decision(break_id: str, delta: str) -> BreakDecision:
    return BreakDecision(break_id, DAY, BreakVerb.RESOLVE, "ana", Decimal(delta), "EUR", Disposition.TIMING)


def test_only_a_decision_about_the_same_day_and_figure_follows() -> None:
    row = {
        "break_id": "B-new", "day": DAY, "delta": Decimal("5.00"), "currency": "EUR",
        "evidence": json.dumps({"former_id": "B-old"}),
    }  # fmt: skip
    other = row | {"break_id": "B-else", "evidence": None}
    made = [decision("B-old", "5.00"), decision("B-old", "6.00"), decision("B-else", "5.00")]
    assert [one.break_id for one in followed(made, [row, other])] == ["B-new", "B-old", "B-else"]
