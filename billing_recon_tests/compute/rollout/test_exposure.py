"""A rollout's flag against the bills: who was billed by another path than the flag gave, and what the new path bills for real."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from billing_recon.core.policy import ToleranceLevel
from billing_recon_tests.compute.reconcile.world import DAY, World

BEFORE = DAY - timedelta(days=3)
NEXT = DAY + timedelta(days=1)


def off_flag(world: World) -> list[tuple[str, str]]:
    """Invoices reported, and the path that billed them: the one that the flag does not give."""
    other = {"candidate": "control", "control": "candidate"}
    return sorted((b["invoice_id"], other[json.loads(b["evidence"])["flag"]]) for b in world.run("exposure").breaks())


def test_bills_by_another_path_than_the_flag_gives_are_breaks_both_ways_and_the_others_are_none() -> None:
    world = World()
    world.expose("C-A", "C-B", since=BEFORE)
    for invoice, sub, variant in (
        ("new-right", "A", "candidate"),
        ("old-wrong", "B", "control"),
        ("old-right", "C", "control"),
        ("new-wrong", "D", "candidate"),
    ):
        world.bill(invoice, world.expect(sub, "base"), variant=variant)
    world.tolerances = [("expected_billed", ToleranceLevel.INVOICE, "*", Decimal(1000), None)]
    outcome = world.run()
    found = {b["invoice_id"]: b for b in outcome.breaks() if b["code"] == "EXPOSURE"}
    assert sorted(found) == ["new-wrong", "old-wrong"]
    one = found["old-wrong"]
    assert (one["level"], one["pair"], one["disposition"], one["delta"]) == ("invoice", "expected_billed", "OPEN", 0)
    assert (one["customer_id"], one["billed"], one["currency"]) == ("C-B", Decimal("59.50"), "USD")
    assert json.loads(one["stage_deltas"]) == {"EXPOSURE": "0.00"}
    assert one["explanation"].startswith(
        "old-wrong bills C-B by the old path (control) on 2026-03-03, where the flag of rollout new gives the new path "
        "(candidate): USD 59.50 on 1 line."
    )
    assert [b["code"] for b in outcome.breaks("expected_billed")] == ["EXPOSURE", "EXPOSURE"]
    assert outcome.foots()


def test_an_invoice_of_both_paths_is_one_break_for_the_path_that_is_wrong() -> None:
    world = World()
    world.expose("C-A", since=BEFORE)
    world.bill("INV-1", world.expect("A", "base"), variant="candidate")
    world.bill("INV-1", world.expect("A", "calls"), variant="control", line_id="2")
    assert off_flag(world) == [("INV-1", "control")]


def test_a_candidates_bill_in_a_rollout_is_rendered_booked_and_missed_like_any_other() -> None:
    world = World()
    world.expose("C-S-INV-1", "C-S-INV-2", since=BEFORE)
    invoice = world.invoice("INV-1", variant="candidate")
    world.document(invoice)
    world.journal(invoice)
    assert world.run().breaks() == []
    short = world.invoice("INV-2", variant="candidate")
    world.document(short, "D2", payable=short["total"] - 1, total=short["total"] - 1)
    world.journal(short, "J2")
    assert [b["code"] for b in world.run().breaks()] == ["RENDER_VALUE"]


def test_on_the_day_of_a_switch_at_an_instant_the_time_of_the_calculation_decides() -> None:
    world = World()
    noon = datetime(2026, 3, 3, 12, tzinfo=UTC)
    early, late = noon - timedelta(hours=1), noon + timedelta(hours=1)
    world.watched = [("new", BEFORE, None, True)]
    world.expose("C-ON", since=DAY, since_at=noon)
    world.expose("C-OFF", since=BEFORE, until=DAY, until_at=noon)
    world.expose("C-GONE", since=BEFORE, until=DAY)
    for sub, variant, at in (
        ("ON", "control", early), ("ON", "candidate", late), ("ON", "candidate", early), ("ON", "control", late),
        ("OFF", "candidate", early), ("OFF", "control", late), ("OFF", "control", early), ("OFF", "candidate", late),
        ("GONE", "control", early), ("GONE", "candidate", early),
    ):  # fmt: skip
        world.bill(f"{sub}-{variant}-{at:%H}", world.expect(sub, "base"), variant=variant, calculated_at=at)
    assert off_flag(world) == [
        ("GONE-candidate-11", "candidate"),
        ("OFF-candidate-13", "candidate"),
        ("OFF-control-11", "control"),
        ("ON-candidate-11", "candidate"),
        ("ON-control-13", "control"),
    ]


def test_when_everybody_is_exposed_a_customer_without_a_list_has_the_new_path() -> None:
    world = World()
    world.expose("*", since=BEFORE)
    world.bill("new", world.expect("A", "base"), variant="candidate")
    world.bill("old", world.expect("B", "base"), variant="control")
    assert off_flag(world) == [("old", "control")]


def test_lines_that_name_no_path_are_counted_and_named_and_no_break() -> None:
    world = World()
    world.expose("C-A", "C-B", since=BEFORE)
    for sub in ("A", "B", "C"):
        world.bill(f"INV-{sub}", world.expect(sub, "base"), variant=None)
    assert off_flag(world) == []
    found = world.run().detected("VARIANT_MISSING")
    assert [row["finding"] for row in found] == [
        "The path is not stated on 2 lines of 2 customers to whom rollout new gives candidate: USD 119.00, INV-A among them.",
        "The path is not stated on 1 line of 1 customer to whom rollout new gives control: USD 59.50, INV-C among them.",
    ]


def test_without_a_rollout_no_line_has_to_name_a_path() -> None:
    world = World()
    world.bill("INV-A", world.expect("A", "base"), variant=None)
    assert world.run().detected("VARIANT_MISSING") == []


def test_random_flags_and_bills_give_exactly_the_breaks_that_they_should() -> None:
    chance = random.Random(18)
    world = World()
    world.watched = [("new", BEFORE, None, True)]
    expected = []
    days = [None, *(DAY + timedelta(days=n) for n in range(-3, 3))]
    for n in range(150):
        since, until = chance.choice(days), chance.choice(days)
        if since is not None and (until is None or until > since):
            world.expose(f"C-S{n}", since=since, until=until)
        flag = "candidate" if _on(since, until) else "control"
        variant = chance.choice(["control", "candidate"])
        world.bill(f"INV-{n}", world.expect(f"S{n}", "base"), variant=variant)
        if variant != flag:
            expected.append((f"INV-{n}", variant))
    assert off_flag(world) == sorted(expected)
    assert 50 < len(expected) < 100


def _on(since: date | None, until: date | None) -> bool:
    return since is not None and (until is None or until > since) and since <= DAY and (until is None or until > DAY)
