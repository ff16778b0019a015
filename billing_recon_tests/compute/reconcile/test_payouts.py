"""Payments that name no invoice: paid by amount, net of fees, together, in parts, or left alone where more than one way fits."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_recon_tests.compute.reconcile.world import DAY, Outcome, World

PAIR = "billed_paid"
ISSUED, PAID = DAY - timedelta(days=8), DAY - timedelta(days=5)
"""Money of five days ago has settled by today."""


def invoices(world: World, *totals: str, customer: str | None = "C-1", on: date = ISSUED) -> list[dict[str, Any]]:
    """Invoices of these totals, INV-1 upwards, of one customer or (None) of one customer each."""
    start = len(world.rows["invoice_lines"]) + 1
    return [
        world.invoice(f"INV-{n}", total, on=on, customer_id=customer or f"C-{n}")
        for n, total in enumerate(totals, start)
    ]


def money(
    world: World, payment_id: str, amount: str, *, customer: str = "C-1", on: date = PAID, **changes: Any
) -> None:
    """A payment that names no invoice."""
    payer = {"customer_id": customer, "invoice_id": None, "currency": "USD", "total": Decimal(0)}
    world.payment(payer, payment_id, amount, on=on, **changes)


def run(world: World) -> Outcome:
    outcome = world.run(PAIR)
    assert outcome.foots()
    return outcome


def a_named_payment(world: World) -> None:
    """Of another customer: where no payment at all finds its invoice nothing can be compared."""
    (invoice,) = invoices(world, "77.00", customer="C-9")
    world.payment(invoice, "P9", on=PAID)


def matches(outcome: Outcome) -> list[tuple[str, str, Decimal]]:
    """What each payment pays of which invoice."""
    rows = outcome.rows("FROM payment_matches WHERE invoice_id IS NOT NULL ORDER BY ALL")
    return [(row["payment_id"], row["invoice_id"], row["part"]) for row in rows]


def test_a_payment_of_the_customer_and_amount_pays_the_invoice() -> None:
    world = World()
    invoices(world, "119.00", "238.00")
    money(world, "P2", "119.00")
    money(world, "P1", "238.00")
    outcome = run(world)
    assert outcome.breaks(PAIR) == []
    assert matches(outcome) == [("P1", "INV-2", Decimal(238)), ("P2", "INV-1", Decimal(119))]


def test_a_payout_net_of_fees_pays_the_whole_invoice() -> None:
    world = World()
    invoices(world, "119.00")
    money(world, "P1", "116.60", fee=Decimal("2.40"))
    outcome = run(world)
    assert outcome.breaks(PAIR) == []
    assert matches(outcome) == [("P1", "INV-1", Decimal(119))]


def test_a_named_payment_net_of_fees_pays_the_whole_invoice_and_another_shortfall_is_told() -> None:
    for fee, codes in (("2.40", []), ("2.00", [("PAYMENT_AMOUNT", Decimal("-2.40"))])):
        world = World()
        (invoice,) = invoices(world, "119.00")
        world.payment(invoice, "P1", "116.60", on=PAID, fee=Decimal(fee))
        assert run(world).codes(PAIR) == codes


def test_one_payment_for_several_invoices_of_a_customer() -> None:
    world = World()
    invoices(world, "119.00", "238.00", "59.50")
    money(world, "P1", "416.50")
    outcome = run(world)
    assert outcome.breaks(PAIR) == []
    assert [invoice for _, invoice, _ in matches(outcome)] == ["INV-1", "INV-2", "INV-3"]


def test_one_invoice_paid_in_parts() -> None:
    world = World()
    invoices(world, "119.00")
    money(world, "P1", "100.00")
    money(world, "P2", "19.00")
    outcome = run(world)
    assert outcome.breaks(PAIR) == []
    assert matches(outcome) == [("P1", "INV-1", Decimal(100)), ("P2", "INV-1", Decimal(19))]


def test_a_payout_for_all_open_invoices_of_a_day_whoever_owes_them() -> None:
    world = World()
    invoices(world, "119.00", "238.00", "59.50", customer=None)
    money(world, "PO-1", "404.00", customer="provider", fee=Decimal("12.50"))
    outcome = run(world)
    assert outcome.breaks(PAIR) == []
    assert len(matches(outcome)) == 3


def test_money_that_fits_in_more_than_one_way_is_left_alone_and_says_so() -> None:
    world = World()
    invoices(world, "119.00", "119.00", "119.00")
    money(world, "P1", "238.00")
    a_named_payment(world)
    outcome = run(world)
    assert matches(outcome) == []
    found = outcome.the_break(PAIR)
    assert (found["code"], found["delta"]) == ("PAYMENT_MISAPPLIED", Decimal("238.00"))
    assert found["explanation"] == (
        "Payment P1 of USD 238.00 by customer C-1 names no invoice; more than one match fits, so none is made."
    )


def test_two_payments_cannot_pay_the_same_invoice() -> None:
    world = World()
    invoices(world, "119.00")
    money(world, "P1", "119.00")
    money(world, "P2", "119.00")
    a_named_payment(world)
    outcome = run(world)
    assert matches(outcome) == []
    assert outcome.codes(PAIR) == [("PAYMENT_MISAPPLIED", Decimal("119.00"))] * 2


def test_an_invoice_that_a_payment_names_is_not_paid_by_amount_as_well() -> None:
    world = World()
    (invoice,) = invoices(world, "119.00")
    world.payment(invoice, "P1", on=PAID)
    money(world, "P2", "119.00")
    assert run(world).codes(PAIR) == [("PAYMENT_MISAPPLIED", Decimal("119.00"))]


def test_money_before_the_bill_pays_nothing() -> None:
    world = World()
    invoices(world, "119.00", on=PAID + timedelta(days=1))
    money(world, "P1", "119.00")
    assert matches(run(world)) == []


def test_the_order_of_rows_changes_no_match() -> None:
    world = World()
    invoices(world, "119.00", "238.00", "59.50")
    money(world, "P1", "416.50")
    invoices(world, "50.00", "50.00", customer="C-2")
    money(world, "P2", "50.00", customer="C-2")
    money(world, "P3", "50.00", customer="C-2")
    invoices(world, "80.00", customer="C-3")
    money(world, "P4", "30.00", customer="C-3")
    money(world, "P5", "50.00", customer="C-3")
    plain = matches(world.run(PAIR))
    assert len(plain) == 7
    assert plain == matches(world.run(PAIR, shuffle=1)) == matches(world.run(PAIR, shuffle=2))


@pytest.mark.parametrize(
    ("totals", "notes", "amount", "paid"),
    [
        (["119.00"], ["-20.00"], "99.00", {"INV-1": "119", "CN-1": "-20"}),
        (["119.00", "59.50"], ["-20.00"], "158.50", {"INV-1": "119", "INV-2": "59.5", "CN-1": "-20"}),
        (
            ["119.00", "59.50"],
            ["-20.00", "-11.00"],
            "147.50",
            {"INV-1": "119", "INV-2": "59.5", "CN-1": "-20", "CN-2": "-11"},
        ),
        (["119.00", "59.50"], ["-20.00", "-11.00"], "39.50", {"INV-2": "59.5", "CN-1": "-20"}),
        (["119.00", "59.50"], ["-20.00"], "178.50", {"INV-1": "119", "INV-2": "59.5"}),
        (["119.00", "119.00"], ["-20.00"], "99.00", {}),
        (["119.00"], ["-20.00"], "98.00", {}),
    ],
)
def test_a_payment_may_be_less_the_credit_notes_of_the_customer(
    totals: list[str], notes: list[str], amount: str, paid: dict[str, str]
) -> None:
    """The sixth leaves two invoices that the payment may be for, the last is a dollar short: nothing is guessed."""
    world = World()
    world.payment(world.invoice("INV-9", "77.00", on=ISSUED, customer_id="C-9"), "P9", on=PAID)
    for n, total in enumerate(totals, 1):
        world.invoice(f"INV-{n}", total, on=ISSUED, customer_id="C-1")
    for n, total in enumerate(notes, 1):
        world.invoice(f"CN-{n}", total, on=ISSUED + timedelta(days=1), customer_id="C-1", invoice_kind="credit_note")
    money(world, "P1", amount)
    outcome = run(world)
    assert {invoice: part for _, invoice, part in matches(outcome)} == {k: Decimal(v) for k, v in paid.items()}
    assert bool(outcome.breaks(PAIR)) == (paid == {})
