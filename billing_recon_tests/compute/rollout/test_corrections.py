"""Wrong bills of a new path after its rollback: how each is corrected, with what amounts, and when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.compute.engine import build
from billing_recon.compute.registration import register
from billing_recon.compute.rollout import CORRECTIONS
from billing_recon.core.schema.stage import CORRECTION_BOUNDS, CORRECTION_PARAMS
from billing_recon.explain.texts import rows_of
from billing_recon_tests.compute.rollout.stage_world import LAUNCH, StageWorld

NEXT, LATER = LAUNCH + timedelta(days=1), LAUNCH + timedelta(days=9)
WAYS = {"unpaid": "void_and_reissue", "paid": "credit_note_and_invoice", "below": "adjust_next_cycle"}
BOUNDS = (("USD", Decimal("5.00"), Decimal("0.05")),)


def listed(
    world: StageWorld, day: date = LATER, ways: Mapping[str, str] | None = None, *, of_payments: bool = False
) -> list[dict[str, Any]]:
    """The worklist as of a day, each row with how far it is."""
    named = {**WAYS, **(ways or {})}
    with world.session(day) as con:
        register(
            con,
            CORRECTION_PARAMS,
            [("r", LAUNCH, day, named["unpaid"], named["paid"], named["below"], 1, 2, of_payments)],
        )
        register(con, CORRECTION_BOUNDS, BOUNDS)
        build(con, CORRECTIONS)
        return rows_of(
            con,
            "SELECT corrections.*, engine_net, engine_done, document_done, ledger_done, payment_done, state "
            "FROM corrections JOIN correction_progress USING (item, currency) ORDER BY item, currency",
        )


def wrong(delta: str = "20", total: str = "120", **other: Any) -> StageWorld:
    """A bill of the new path that is wrong by `delta`."""
    world = StageWorld()
    world.expose("A", until=NEXT + timedelta(days=1))
    world.bill("N1", "A", NEXT, total, variant="candidate", **other)
    world.break_("N1", NEXT, delta)
    return world


def amounts(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["way"], row["credit"], row["invoice"], row["adjustment"], row["refund"])


def test_an_unpaid_bill_is_voided_and_billed_again_as_it_should_have_been() -> None:
    (row,) = listed(wrong())
    assert (row["billed"], row["owed"], row["billed_minus_owed"]) == (120, 100, 20)
    assert amounts(row) == ("void_and_reissue", 120, 100, 0, 0)


def test_a_paid_bill_is_credited_billed_again_and_what_was_paid_too_much_is_refunded() -> None:
    world = wrong()
    world.pay("P1", "N1", "A", NEXT)
    world.rows["payments"][0]["amount"] = Decimal(120)
    assert amounts(listed(world)[0]) == ("credit_note_and_invoice", 120, 100, 0, 20)
    assert amounts(listed(world, ways={"paid": "refund"})[0]) == ("refund", 0, 0, 0, 20)


@pytest.mark.parametrize(
    ("delta", "way"),
    [("0.04", "nothing"), ("0.05", "adjust_next_cycle"), ("5.00", "adjust_next_cycle"), ("5.01", "void_and_reissue")],
)
def test_small_differences_wait_for_the_next_bill_and_the_smallest_are_left(delta: str, way: str) -> None:
    (row,) = listed(wrong(delta))
    assert row["way"] == way
    assert row["adjustment"] == (-Decimal(delta) if way == "adjust_next_cycle" else 0)
    assert row["state"] == ("not_corrected" if way == "nothing" else "open")


def test_a_payment_counts_as_it_was_last_delivered_and_under_the_id_that_the_provider_gives_the_invoice() -> None:
    world = wrong()
    world.pay("P1", "in_N1", "A", NEXT)
    world.pay("P1", "in_N1", "A", NEXT + timedelta(days=1), status="failed")
    (first, again) = world.rows["payments"]
    first["amount"], again["amount"] = Decimal(120), Decimal(120)
    world.rows["key_map"].append(
        {
            "layer": "payments", "their_key": "in_N1", "our_key": "N1",
            "day": NEXT, "observed_on": NEXT, "source_file": "k.csv", "source_row": 1,
        }
    )  # fmt: skip
    assert listed(world)[0]["way"] == "void_and_reissue", "what failed in the end was not paid"
    again["status"] = "succeeded"
    assert amounts(listed(world)[0]) == ("credit_note_and_invoice", 120, 100, 0, 20)


def mapped(world: StageWorld, layer: str, *pairs: tuple[str, str]) -> None:
    """Names of a layer for ours, as key_map delivers them."""
    for theirs, ours in pairs:
        source = {
            "day": NEXT,
            "observed_on": NEXT,
            "source_file": "k.csv",
            "source_row": len(world.rows["key_map"]) + 1,
        }
        world.rows["key_map"].append({"layer": layer, "their_key": theirs, "our_key": ours} | source)


def test_documents_and_postings_under_names_of_their_own_close_a_correction() -> None:
    world = wrong()
    period: dict[str, Any] = {"period_start": NEXT - timedelta(days=28), "period_end": NEXT}
    world.rows["invoice_lines"][0]["status"] = "void"
    world.bill("N1b", "A", LATER, "100", **period)
    world.follow("doc-9", LATER, "100")
    world.rows["ledger_entries"][-1]["invoice_id"] = "GL-77"
    assert listed(world)[0]["state"] == "following"
    mapped(world, "documents", ("doc-9", "N1b"))
    assert listed(world)[0]["ledger_done"] is False
    mapped(world, "ledger", ("GL-77", "N1b"))
    assert listed(world)[0]["state"] == "closed"


def test_a_layer_that_is_never_delivered_holds_no_correction_up_and_a_summary_journal_only_for_its_lag() -> None:
    world = wrong()
    period: dict[str, Any] = {"period_start": NEXT - timedelta(days=28), "period_end": NEXT}
    world.rows["invoice_lines"][0]["status"] = "void"
    on = LATER - timedelta(days=3)
    world.bill("N1b", "A", on, "100", **period)
    assert listed(world)[0]["state"] == "closed"
    world.follow("N1b", LATER, "100")
    world.rows["ledger_entries"][-1]["invoice_id"] = None
    assert listed(world, on + timedelta(days=2))[0]["ledger_done"] is False, "it may be missing until its lag is over"
    assert listed(world)[0]["state"] == "closed"


def test_what_was_billed_too_low_is_billed_later_and_never_refunded() -> None:
    world = wrong("-30", "70")
    world.pay("P1", "N1", "A", NEXT)
    assert amounts(listed(world, ways={"paid": "refund"})[0]) == ("adjust_next_cycle", 0, 0, 30, 0)


def test_a_doubled_bill_is_owed_once_and_a_period_that_was_not_billed_is_billed() -> None:
    world = wrong("120")
    world.rows["breaks"][0]["code"] = "INVOICE_DUPLICATE"
    world.break_(None, NEXT + timedelta(days=1), "-55", code="INVOICE_MISSING", customer_id="A")
    missing, doubled = listed(world)
    assert (doubled["owed"], amounts(doubled)) == (0, ("void_and_reissue", 120, 0, 0, 0))
    assert (missing["owed"], amounts(missing)) == (55, ("invoice", 0, 55, 0, 0))


def test_only_wrong_bills_of_the_new_path_are_corrected_and_each_currency_by_itself() -> None:
    world = wrong()
    world.bill("C1", "B", NEXT)
    world.break_("C1", NEXT, "9")
    world.bill("N2", "A", NEXT, variant="candidate")
    world.break_("N2", NEXT, "100", code="CURRENCY_FX")
    world.break_("N2", NEXT, "-100", code="CURRENCY_FX", currency="EUR")
    world.break_("N2", NEXT, "0", code="EXPOSURE")
    rows = [(r["item"], r["currency"], r["billed"], r["owed"]) for r in listed(world)]
    assert rows == [("N1", "USD", 120, 100), ("N2", "EUR", 0, 100), ("N2", "USD", 100, 0)]


def test_a_correction_is_done_once_engine_document_ledger_and_payment_show_it() -> None:
    world = wrong()
    world.pay("P1", "N1", "A", NEXT)
    world.rows["payments"][0]["amount"] = Decimal(120)
    world.follow("N1", NEXT, "120")
    period: dict[str, Any] = {"period_start": NEXT - timedelta(days=28), "period_end": NEXT}
    on = LATER - timedelta(days=2)

    def state() -> tuple[bool, bool, bool, bool, str]:
        (row,) = listed(world)
        return (row["engine_done"], row["document_done"], row["ledger_done"], row["payment_done"], row["state"])

    assert state() == (False, True, True, False, "open")
    world.bill("K1", "A", on, "-120", invoice_kind="credit_note", **period)
    assert state() == (False, False, False, False, "open")
    world.bill("N1b", "A", on, "100", **period)
    assert state() == (True, False, False, False, "following")
    world.follow("K1", on, "-120")
    world.follow("N1b", on, "100")
    assert state() == (True, True, True, False, "following")
    world.pay("R1", "N1", "A", on)
    world.rows["payments"][-1].update(kind="refund", amount=Decimal(20))
    assert state() == (True, True, True, True, "closed")
    world.break_("N1b", on, "-3", pair="billed_booked", code="LEDGER_AMOUNT")
    assert state() == (True, True, False, True, "following")


def test_an_adjustment_on_the_next_bill_closes_a_small_difference_only_if_it_is_exact() -> None:
    world = wrong("4.00")
    world.follow("N1", NEXT)
    on = LATER - timedelta(days=1)
    world.bill("N2", "A", on, "-3.99", kind="adjustment")
    world.follow("N2", on)
    assert listed(world)[0]["state"] == "open"
    world.rows["invoice_lines"][-1].update(total=Decimal("-4.00"))
    assert listed(world)[0]["state"] == "closed"


def test_a_right_total_with_a_wrong_figure_is_listed_and_billed_again_and_not_done_before_that_is_issued() -> None:
    """Its net and tax are swapped by 10, so nobody owes more or less, and no amount is too small to put that right."""
    world = wrong("0", "120")
    world.follow("N1", NEXT, "120")
    (row,) = listed(world)
    assert (row["billed_minus_owed"], *amounts(row)) == (0, "void_and_reissue", 120, 120, 0, 0)
    assert row["state"] == "open"
    assert listed(world, ways={"unpaid": "adjust_next_cycle"})[0]["way"] == "credit_note_and_invoice"
    world.rows["invoice_lines"][0]["status"] = "void"
    world.bill("N1b", "A", LATER, "120", period_start=NEXT - timedelta(days=28), period_end=NEXT)
    world.follow("N1b", LATER, "120")
    assert listed(world)[0]["state"] == "closed"


def test_a_period_that_was_not_billed_is_not_done_by_the_bill_of_the_next_one() -> None:
    world = StageWorld()
    world.expose("A", until=NEXT + timedelta(days=1))
    first, last = NEXT - timedelta(days=27), NEXT + timedelta(days=1)
    evidence = f'{{"period": "{first} to {last}"}}'
    world.break_(None, last, "-100", code="INVOICE_MISSING", customer_id="A", evidence=evidence)
    world.rows["breaks"][0]["subscription_id"] = "S-A"
    world.bill("N2", "A", LATER, "100", period_start=last, period_end=LATER)
    world.follow("N2", LATER, "100")
    assert listed(world)[0]["state"] == "open"
    world.bill("N1", "A", LATER, "100", period_start=first, period_end=last)
    world.follow("N1", LATER, "100")
    assert listed(world)[0]["state"] == "closed"


def test_two_small_differences_of_one_contract_are_closed_by_one_adjustment_of_both() -> None:
    world = wrong("4.00")
    world.bill("N2", "A", NEXT, "103", variant="candidate")
    world.break_("N2", NEXT, "3.00")
    for one in ("N1", "N2"):
        world.follow(one, NEXT)
    on = LATER - timedelta(days=1)
    world.bill("N3", "A", on, "-4.00", kind="adjustment")
    world.follow("N3", on)
    assert [row["state"] for row in listed(world)] == ["closed", "open"]
    world.rows["invoice_lines"][-1].update(total=Decimal("-7.00"))
    assert [row["state"] for row in listed(world)] == ["closed", "closed"]


def test_a_bill_that_names_no_path_is_listed_and_one_of_another_rollout_is_the_others() -> None:
    world = wrong()
    world.expose("B", until=LATER, rollout="another")
    for invoice_id, customer, variant in (
        ("N2", "A", None),
        ("N3", "B", "candidate"),
        ("N4", "C", None),
        ("N5", "C", "candidate"),
    ):
        world.bill(invoice_id, customer, NEXT, variant=variant)
        world.break_(invoice_id, NEXT, "9")
    # C is of no rollout: what the new path billed it was against its flag, and is this rollout's.
    assert [row["item"] for row in listed(world)] == ["N1", "N2", "N5"]
    world.expose("*", until=LATER, rollout="another")
    assert [row["item"] for row in listed(world)] == ["N1", "N2"], "the other rollout exposes everybody now"


def test_what_a_new_retry_engine_collects_twice_is_refunded_and_its_bills_are_not_touched() -> None:
    """A's bill of before the launch is right and collected twice; B's was, too, by the old engine."""
    world = StageWorld(of_payments=True)
    world.expose("A", until=NEXT + timedelta(days=1))
    for customer in ("A", "B"):
        world.bill(f"N-{customer}", customer, LAUNCH - timedelta(days=3))
        for number in (1, 2):
            world.pay(f"P{number}-{customer}", f"N-{customer}", customer, NEXT, attempt=number)
        world.break_(f"N-{customer}", NEXT, "100", pair="billed_paid", code="PAYMENT_DUPLICATE")
        world.follow(f"N-{customer}", NEXT)
    (row,) = listed(world, of_payments=True)
    assert (row["item"], row["billed"], row["owed"], row["paid"]) == ("N-A", 100, 100, 200)
    assert (amounts(row), row["state"]) == (("refund", 0, 0, 0, 100), "following")
    world.pay("R1", "N-A", "A", LATER)
    world.rows["payments"][-1].update(kind="refund")
    assert listed(world, of_payments=True) == [], "what was refunded is owed by nobody any more"
    world.rows["invoice_lines"][0]["status"] = "void"
    (row,) = listed(world, of_payments=True)
    assert (row["owed"], row["refund"]) == (0, 100), "nothing of a void bill is owed"


def test_what_was_collected_twice_is_to_be_refunded_at_once_unless_somebody_decided_that_it_is_in_order() -> None:
    """The bill is of before the launch, and payments have not to tie yet, so there is no break."""
    world = StageWorld(of_payments=True)
    world.expose("A")
    world.bill("N-A", "A", LAUNCH - timedelta(days=3))
    for number in (1, 2):
        world.pay(f"P{number}", "N-A", "A", NEXT, attempt=number)
    (row,) = listed(world, of_payments=True)
    assert (row["item"], row["reasons"], amounts(row)) == ("N-A", ["PAYMENT_DUPLICATE"], ("refund", 0, 0, 0, 100))
    assert listed(world) == [], "a rollout of bills is not asked about payments"
    world.break_("N-A", LATER, "100", pair="billed_paid", code="PAYMENT_DUPLICATE", disposition="TIMING")
    assert listed(world, of_payments=True) == []
