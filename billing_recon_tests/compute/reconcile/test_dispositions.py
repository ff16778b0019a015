"""What is decided about a break: tolerances with sums that bound them, expected changes with bounds and ends, people."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.core.break_decision import BreakDecision, BreakVerb
from billing_recon.core.expected_change import ExpectedChange
from billing_recon.core.reason import Disposition
from billing_recon_tests.compute.reconcile.world import DAY, World


def overcharged(world: World, *cents: str, currency: str = "USD", customer: str | None = None) -> None:
    """One invoice each whose document shows so much more than the engine charged."""
    for n, more in enumerate(cents, start=len(world.rows["invoice_lines"])):
        changes: dict[str, Any] = {"customer_id": customer} if customer else {}
        row = world.invoice(f"INV-{n}", "119.00", currency=currency, **changes)
        world.payment(row, f"P{n}", str(Decimal("119.00") + Decimal(more)), on=DAY - timedelta(days=5))


def dispositions(world: World, pair: str = "billed_paid") -> Counter[str]:
    return Counter(b["disposition"] for b in world.run(pair).breaks(pair))


def evidence(world: World, pair: str = "billed_paid") -> list[dict[str, Any]]:
    return [json.loads(b["evidence"]) for b in world.run(pair).breaks(pair)]


class TestTolerances:
    def world(self, *tolerances: tuple[str, str, str, str | None]) -> World:
        world = World()
        world.tolerances = [("billed_paid", *tolerance) for tolerance in tolerances]
        return world

    def test_a_difference_within_both_bounds_is_accepted(self) -> None:
        world = self.world(("invoice", "*", "0.05", "0.001"))
        overcharged(world, "0.05", "0.06")
        assert dispositions(world) == {"ACCEPTED_TOLERANCE": 1, "OPEN": 1}

    def test_a_share_never_accepts_what_the_absolute_bound_does_not(self) -> None:
        world = self.world(("invoice", "*", "1.00", "0.005"))
        line = world.expect("S1", "base", gross=Decimal("1200000"))
        row = world.bill("INV-1", line)
        world.payment(row, "P1", str(row["total"] + 6000), on=DAY - timedelta(days=5))
        assert dispositions(world) == {"OPEN": 1}

    def test_the_bound_of_a_named_currency_holds_instead_of_the_one_for_all(self) -> None:
        world = self.world(("invoice", "*", "1.00", None), ("invoice", "USD", "0.01", None))
        overcharged(world, "0.50")
        overcharged(world, "0.50", currency="EUR")
        assert dispositions(world) == {"OPEN": 1, "ACCEPTED_TOLERANCE": 1}

    def test_accepted_cents_of_an_account_that_add_up_are_accepted_no_longer(self) -> None:
        world = self.world(("invoice", "*", "0.05", None), ("account", "*", "0.10", None))
        overcharged(world, "0.05", "0.05", "-0.05", customer="C-1")
        overcharged(world, "0.05", customer="C-2")
        assert dispositions(world) == {"OPEN": 3, "ACCEPTED_TOLERANCE": 1}
        (refused, *_) = [e["tolerance"] for e in evidence(world) if e["tolerance"].get("exceeds")]
        assert (refused["exceeds"], refused["accepted_gross"], refused["bound"]) == ("account", "0.15", "0.10")

    def test_the_total_bounds_the_gross_sum_however_small_its_net(self) -> None:
        world = self.world(("invoice", "*", "20", None), ("total", "*", "30", None))
        overcharged(world, "18.42", "-18.42")
        assert dispositions(world) == {"OPEN": 2}
        world.tolerances[1] = ("billed_paid", "total", "*", "36.84", None)
        assert dispositions(world) == {"ACCEPTED_TOLERANCE": 2}

    def test_what_an_account_bound_refused_does_not_fill_the_total(self) -> None:
        world = self.world(("invoice", "*", "0.05", None), ("account", "*", "0.05", None), ("total", "*", "0.05", None))
        overcharged(world, "0.05", "0.05", customer="C-1")
        overcharged(world, "0.05", customer="C-2")
        assert dispositions(world) == {"OPEN": 2, "ACCEPTED_TOLERANCE": 1}

    def test_a_relative_total_is_a_share_of_everything_that_was_compared(self) -> None:
        world = self.world(("invoice", "*", "1.00", None), ("total", "*", "100", "0.01"))
        overcharged(world, "1.00", "1.00")
        assert dispositions(world) == {"ACCEPTED_TOLERANCE": 2}
        world.tolerances[1] = ("billed_paid", "total", "*", "100", "0.001")
        assert dispositions(world) == {"OPEN": 2}

    def test_accepted_differences_still_foot(self) -> None:
        world = self.world(("invoice", "*", "0.05", None))
        overcharged(world, "0.05", "-0.05")
        outcome = world.run("billed_paid")
        assert outcome.foots()
        (total,) = outcome.totals("billed_paid")
        assert (total["breaks"], total["break_net"], total["break_gross"]) == (2, 0, Decimal("0.10"))


def entry(**changes: Any) -> ExpectedChange:
    return ExpectedChange.model_validate(
        {
            "id": "EC-1",
            "reason": "price rise, sold as such",
            "codes": "PAYMENT_AMOUNT",
            "currency": "USD",
            "max_per_break": "10",
            "owner": "pricing",
            "starts": DAY - timedelta(days=3),
            "expires": DAY,
            "approved_by": "ana",
            **changes,
        }
    )


class TestExpectedChanges:
    def test_what_an_entry_covers_is_expected_and_what_exceeds_its_bound_is_not(self) -> None:
        world = World()
        world.expected_changes = [entry()]
        overcharged(world, "10.00", "10.01")
        assert dispositions(world) == {"EXPECTED_CHANGE": 1, "OPEN": 1}
        found = sorted((e["expected_change"]["id"], e["expected_change"].get("exceeds", "")) for e in evidence(world))
        assert found == [("EC-1", ""), ("EC-1", "max_per_break")]

    @pytest.mark.parametrize(
        ("changes", "covered"),
        [
            ({"expires": DAY}, True),
            ({"expires": DAY - timedelta(days=1)}, False),
            ({"starts": DAY + timedelta(days=1), "expires": DAY + timedelta(days=9)}, False),
            ({"codes": ["PRICE_VERSION", "PAYMENT_AMOUNT"]}, True),
            ({"codes": "PRICE_VERSION"}, False),
            ({"currency": "EUR"}, False),
            ({"pair": "billed_paid"}, True),
            ({"pair": "billed_booked"}, False),
            ({"scope": {"customer": ["C-1", "C-9"]}}, True),
            ({"scope": {"customer": "C-9"}}, False),
            ({"scope": {"plan": "api", "invoice": "INV-0"}}, True),
            ({"scope": {"plan": "other"}}, False),
            ({"scope": {"invoice": "INV-7"}}, False),
            ({"scope": {"cohort": "all"}}, True),
            ({"scope": {"meter": "api_calls"}}, False),
        ],
    )
    def test_it_covers_its_days_codes_and_scope_only(self, changes: dict[str, Any], covered: bool) -> None:
        world = World()
        world.expected_changes = [entry(**changes)]
        overcharged(world, "3.00", customer="C-1")
        assert dispositions(world) == {"EXPECTED_CHANGE" if covered else "OPEN": 1}

    def test_a_days_total_is_filled_from_the_smallest_up(self) -> None:
        world = World()
        world.expected_changes = [entry(max_per_day="12")]
        overcharged(world, "9.00", "-2.00", "4.00")
        breaks = world.run("billed_paid").breaks("billed_paid")
        assert sorted((abs(b["delta"]), b["disposition"]) for b in breaks) == [
            (2, "EXPECTED_CHANGE"),
            (4, "EXPECTED_CHANGE"),
            (9, "OPEN"),
        ]

    def test_a_break_counts_against_the_entry_with_the_smallest_bound_that_fits(self) -> None:
        world = World()
        world.expected_changes = [entry(id="WIDE", max_per_break="100"), entry(id="NARROW", max_per_break="5")]
        overcharged(world, "4.00", "40.00")
        assert sorted(e["expected_change"]["id"] for e in evidence(world)) == ["NARROW", "WIDE"]

    def test_another_cause_in_the_same_break_is_not_covered(self) -> None:
        world = World()
        line = world.expect("S1", "seats", quantity=10)
        figures = world.refigure(line, "90", rate=Decimal("0.20"))
        world.bill("INV-1", line, **figures | {"unit_price": Decimal("9"), "plan_version": "v1"})
        world.expected_changes = [entry(codes="PRICE_VERSION", max_per_break="100")]
        found = world.run("expected_billed").the_break("expected_billed")
        assert (found["code"], found["disposition"]) == ("PRICE_VERSION", "OPEN")
        world.expected_changes = [entry(codes=list(json.loads(found["stage_deltas"])), max_per_break="100")]
        assert dispositions(world, "expected_billed") == {"EXPECTED_CHANGE": 1}

    def test_a_break_without_a_delta_is_measured_by_the_money_that_it_is_about(self) -> None:
        world = World()
        row = world.invoice("INV-1", "119.00")
        journal = world.journal(row, "J1")
        journal[1]["role"] = "other"
        found = world.run("billed_booked").the_break("billed_booked")
        assert found["delta"] == 0
        world.expected_changes = [entry(codes=found["code"], max_per_break="50")]
        assert dispositions(world, "billed_booked") == {"OPEN": 1}
        world.expected_changes = [entry(codes=found["code"], max_per_break="119")]
        assert dispositions(world, "billed_booked") == {"EXPECTED_CHANGE": 1}


class TestDecisions:
    def decided(self, world: World, disposition: Disposition, **changes: Any) -> BreakDecision:
        found = world.run("billed_paid").the_break("billed_paid")
        made = BreakDecision(
            found["break_id"], DAY, BreakVerb.RESOLVE, "ana", found["delta"], found["currency"], disposition, reason="r"
        )
        return replace(made, **changes)

    def test_a_persons_decision_outranks_policy_and_says_who(self) -> None:
        world = World()
        world.tolerances = [("billed_paid", "invoice", "*", "1.00", None)]
        overcharged(world, "0.50")
        world.decisions = [self.decided(world, Disposition.DEFECT)]
        assert dispositions(world) == {"DEFECT": 1}
        (shown,) = evidence(world)
        assert (shown["decision"]["decided_by"], shown["decision"]["holds"]) == ("ana", True)

    def test_it_holds_for_the_difference_that_it_was_made_about(self) -> None:
        world = World()
        overcharged(world, "0.50")
        world.decisions = [self.decided(world, Disposition.TIMING)]
        assert dispositions(world) == {"TIMING": 1}
        world.rows["payments"][0]["amount"] += 4000
        assert dispositions(world) == {"OPEN": 1}
        (shown,) = evidence(world)
        assert (shown["decision"]["holds"], shown["decision"]["about"]) == (False, "0.50")

    def test_a_decision_that_was_taken_back_leaves_the_rest_to_policy(self) -> None:
        world = World()
        world.tolerances = [("billed_paid", "invoice", "*", "1.00", None)]
        overcharged(world, "0.50")
        world.decisions = [self.decided(world, Disposition.DEFECT), self.decided(world, Disposition.OPEN)]
        assert dispositions(world) == {"ACCEPTED_TOLERANCE": 1}


def test_dispositions_do_not_depend_on_the_order_of_rows() -> None:
    world = World()
    world.tolerances = [("billed_paid", "invoice", "*", "0.05", None), ("billed_paid", "account", "*", "0.06", None)]
    world.expected_changes = [entry(max_per_day="15")]
    overcharged(world, "0.05", "0.05", "9.00", "7.00", "2.00", customer="C-1")
    runs = [
        [(b["break_id"], b["disposition"], b["evidence"]) for b in world.run("billed_paid", shuffle=seed).breaks()]
        for seed in (1, 2)
    ]
    assert runs[0] == runs[1]
