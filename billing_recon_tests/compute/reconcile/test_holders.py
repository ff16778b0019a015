"""To whom a contract is billed: another customer of ours is a fault, the engine's own name for the right one is none."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from billing_recon_tests.compute.reconcile.world import DAY, World

LINE = "expected_billed"


def world_of_two() -> World:
    world = World()
    world.bill("INV-2", world.expect("S-2"))
    return world


def test_a_bill_made_out_to_another_customer() -> None:
    world = world_of_two()
    world.bill("INV-1", world.expect("S-1"), customer_id="C-S-2")
    found = world.run(LINE).the_break(LINE)
    assert (found["code"], found["level"], found["delta"]) == ("SUBSCRIPTION_STATE", "invoice", Decimal(0))
    assert found["explanation"] == ("INV-1 bills S-1 to C-S-2, but the contract belongs to C-S-1: USD 214.20 in total.")


def test_a_name_that_only_the_engine_knows_tells_nothing() -> None:
    world = world_of_two()
    world.bill("INV-1", world.expect("S-1"), customer_id="4711")
    assert world.run(LINE).breaks(LINE) == []


def test_a_name_that_nobody_has_is_a_fault_where_the_engine_used_ours_before() -> None:
    world = world_of_two()
    line = world.expect("S-1")
    january = {"period_start": date(2026, 1, 1), "period_end": date(2026, 2, 1)}
    world.bill("INV-0", line, on=DAY - timedelta(days=28), **january)
    world.bill("INV-1", line, customer_id="4711")
    found = world.run(LINE).the_break(LINE)
    assert (found["code"], found["invoice_id"]) == ("SUBSCRIPTION_STATE", "INV-1")
    assert found["explanation"] == "INV-1 bills S-1 to 4711, but the contract belongs to C-S-1: USD 214.20 in total."


def test_a_name_that_the_key_map_gives_to_the_right_customer() -> None:
    world = world_of_two()
    world.add("key_map", layer="engine", their_key="C-S-2", our_key="C-S-1")
    world.bill("INV-1", world.expect("S-1"), customer_id="C-S-2")
    assert [b["invoice_id"] for b in world.run(LINE).breaks(LINE)] == []
