"""The money that came against what was billed."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing_recon_tests.compute.reconcile.world import DAY, Outcome, World

PAIR = "billed_paid"


def days_ago(days: int) -> date:
    return DAY - timedelta(days=days)


def paid(*payments: tuple[str, int, dict[str, object]], issued: int = 8) -> World:
    """An invoice over 119.00 and payments as (amount, days ago, changes)."""
    world = World()
    invoice = world.invoice(on=DAY - timedelta(days=issued))
    for n, (amount, ago, changes) in enumerate(payments):
        world.payment(invoice, f"P{n}", amount, on=DAY - timedelta(days=ago), **changes)
    return world


def run(world: World) -> Outcome:
    outcome = world.run(PAIR)
    assert outcome.foots()
    return outcome


FULL: tuple[str, int, dict[str, object]] = ("119.00", 5, {})
REFUND = {"kind": "refund"}


@pytest.mark.parametrize(
    ("payments", "codes"),
    [
        ([FULL], []),
        ([("100.00", 5, {}), ("19.00", 3, {})], []),
        ([("110.00", 5, {})], [("PAYMENT_AMOUNT", "-9.00")]),
        ([("130.00", 5, {})], [("PAYMENT_AMOUNT", "11.00")]),
        ([FULL, ("119.00", 4, {})], [("PAYMENT_DUPLICATE", "119.00")]),
        ([FULL, ("119.01", 4, {})], [("PAYMENT_DUPLICATE", "119.01")]),
        ([FULL, ("1.00", 4, {})], [("PAYMENT_AMOUNT", "1.00")]),
        ([FULL, ("119.00", 4, {}), ("119.00", 3, REFUND)], []),
        ([FULL, ("119.00", 4, {}), ("119.00", 3, {})], [("PAYMENT_DUPLICATE", "238.00")]),
        ([FULL, ("19.00", 4, REFUND)], [("REFUND_DISPUTE", "-19.00")]),
        ([FULL, ("119.00", 0, {"kind": "chargeback"})], [("REFUND_DISPUTE", "-119.00")]),
        ([("119.00", 6, {"status": "failed"}), FULL], []),
        ([("119.00", 5, {"status": "failed"})], []),
        ([("119.00", 5, REFUND)], [("PAYMENT_AMOUNT", "-238.00")]),
        ([("119.00", 6, {"status": "failed"}), ("119.00", 5, {"kind": "chargeback"})], [("PAYMENT_AMOUNT", "-238.00")]),
        (
            [("119.00", 5, {"customer_id": "C-9"}), ("119.00", 4, {**REFUND, "customer_id": "C-9"}), ("119.00", 3, {})],
            [],
        ),
        (
            [("119.00", 5, {"customer_id": "C-9"}), ("119.00", 4, {**REFUND, "customer_id": "C-9"})],
            [("REFUND_DISPUTE", "-119.00")],
        ),
        ([("119.00", 5, {"customer_id": "C-9"})], [("PAYMENT_MISAPPLIED", "0.00")]),
    ],
)
def test_payments_must_tie_when_they_have_settled(
    payments: list[tuple[str, int, dict[str, object]]], codes: list[tuple[str, str]]
) -> None:
    assert run(paid(*payments)).codes(PAIR) == [(code, Decimal(delta)) for code, delta in codes]


def test_before_they_settled_payments_are_pending() -> None:
    outcome = run(paid(("100.00", 4, {})))
    assert outcome.breaks(PAIR) == []
    assert outcome.totals(PAIR)[0]["pending"] == 1


def test_a_wrong_payment_is_told_once_unless_new_money_comes() -> None:
    assert run(paid(("100.00", 6, {}))).breaks(PAIR) == []
    assert run(paid(("100.00", 6, {}), ("10.00", 0, {}))).codes(PAIR) == [("PAYMENT_AMOUNT", Decimal("-9.00"))]


def test_an_invoice_that_nobody_tried_to_collect_is_missing_after_the_terms() -> None:
    for issued, codes in ((29, []), (30, [("PAYMENT_MISSING", Decimal("-119.00"))]), (31, [])):
        assert run(paid(issued=issued)).codes(PAIR) == codes


def test_failed_attempts_are_outstanding_and_no_difference() -> None:
    assert run(paid(("119.00", 20, {"status": "failed"}), issued=30)).breaks(PAIR) == []


def test_money_for_an_unknown_invoice_or_for_none() -> None:
    for invoice_id in ("INV-404", None):
        world = paid(FULL)
        invoice = world.rows["invoice_lines"][0]
        world.payment(invoice, "P9", "50.00", on=DAY - timedelta(days=5), invoice_id=invoice_id)
        found = run(world).the_break(PAIR)
        assert (found["code"], found["delta"], found["invoice_id"]) == (
            "PAYMENT_MISAPPLIED",
            Decimal("50.00"),
            invoice_id,
        )


def test_where_no_payment_names_an_invoice_nothing_is_compared() -> None:
    world = paid(("77.00", 5, {"invoice_id": None}), issued=30)
    outcome = run(world)
    assert outcome.breaks(PAIR) == []
    assert outcome.totals(PAIR) == []


def test_money_in_another_currency_is_a_finding_in_each() -> None:
    found = run(paid(("119.00", 5, {"currency": "EUR"}))).breaks(PAIR)
    assert {(b["code"], b["currency"], b["delta"]) for b in found} == {
        ("CURRENCY_FX", "USD", Decimal("-119.00")),
        ("CURRENCY_FX", "EUR", Decimal("119.00")),
    }


def test_money_kept_for_a_void_invoice() -> None:
    world = paid(FULL)
    world.rows["invoice_lines"][0]["status"] = "void"
    assert run(world).codes(PAIR) == [("REVERSAL_NOT_PROPAGATED", Decimal("119.00"))]


def test_a_payment_on_another_invoice_and_the_invoice_left_open_name_each_other() -> None:
    """C2 pays C1's INV-1 in place of their own INV-2, which nobody collects."""
    for day, words in (
        (DAY, "INV-2 bills the same amount to customer C2, who has not paid it."),
        (DAY + timedelta(days=22), "Payment P1 by this customer, over the same amount, is applied to INV-1."),
    ):
        world = World(day)
        issued = DAY - timedelta(days=8)
        first = world.invoice("INV-1", "119.00", on=issued, customer_id="C1")
        world.invoice("INV-2", "119.00", on=issued, customer_id="C2")
        world.payment(first, "P1", on=DAY - timedelta(days=5), customer_id="C2")
        found = run(world).the_break(PAIR)
        assert found["explanation"].endswith(words)


def test_money_without_an_invoice_and_the_payers_only_open_invoice_over_another_amount_name_each_other() -> None:
    for day, code, words in (
        (DAY, "PAYMENT_MISAPPLIED", "INV-1 bills USD 119.00 to customer C1, who has not paid it."),
        (
            DAY + timedelta(days=22),
            "PAYMENT_MISSING",
            "Payment P1 by this customer, USD 100.00, is applied to no invoice.",
        ),
    ):
        world = World(day)
        issued = DAY - timedelta(days=8)
        world.payment(world.invoice("INV-2", "59.50", on=issued), "P2", on=issued)
        open_one = world.invoice("INV-1", "119.00", on=issued, customer_id="C1")
        world.payment(open_one, "P1", "100.00", on=DAY - timedelta(days=5), invoice_id=None)
        found = run(world).the_break(PAIR)
        assert found["code"] == code
        assert found["explanation"].endswith(words)


@pytest.mark.parametrize(
    ("notes", "payments", "codes"),
    [
        (["-119.00"], [], []),
        (["-119.00"], [FULL, ("119.00", 4, REFUND)], []),
        (["-29.75"], [("89.25", 5, {})], []),
        (["-29.75"], [FULL], []),
        (["-29.75", "-29.75"], [("59.50", 5, {})], []),
        (["-29.75"], [("80.00", 5, {})], [("PAYMENT_AMOUNT", "-9.25")]),
        (["-29.75"], [], [("PAYMENT_MISSING", "-89.25")]),
        (["-29.75"], [("115.00", 5, {"fee": Decimal("4.00")})], []),
        (["-29.75"], [("85.25", 5, {"fee": Decimal("4.00")})], []),
        (["-29.75"], [FULL, ("119.00", 4, REFUND)], [("REFUND_DISPUTE", "-89.25")]),
    ],
)
def test_what_a_credit_note_takes_off_an_invoice_is_not_owed(
    notes: list[str], payments: list[tuple[str, int, dict[str, object]]], codes: list[tuple[str, str]]
) -> None:
    world = paid(*payments, issued=30 if not payments else 8)
    (invoice,) = world.rows["invoice_lines"]
    for n, total in enumerate(notes):
        figures = {"gross": Decimal(total), "taxable": Decimal(total), "tax": Decimal(0), "total": Decimal(total)}
        note = {**invoice, "invoice_id": f"CN-{n}", "invoice_kind": "credit_note", **figures}
        world.add("invoice_lines", on=days_ago(6), **{k: v for k, v in note.items() if k not in ("observed_on", "day")})
    assert run(world).codes(PAIR) == [(code, Decimal(delta)) for code, delta in codes]


@pytest.mark.parametrize(
    ("note", "paid_for", "codes"),
    [
        ("-60.00", ["89.00", "89.00"], []),
        ("-60.00", ["99.00", "79.00"], []),
        ("-60.00", ["59.00", "119.00"], []),
        ("-60.00", ["89.00", "80.00"], [("PAYMENT_AMOUNT", "-9.00")]),
        ("-60.00", ["119.00", "119.00"], []),
        ("-150.00", ["119.00", "40.00"], []),
    ],
)
def test_a_credit_note_may_be_deducted_from_several_invoices(
    note: str, paid_for: list[str], codes: list[tuple[str, str]]
) -> None:
    world = World()
    for n, amount in enumerate(paid_for, 1):
        invoice = world.invoice(f"INV-{n}", "119.00", on=days_ago(8), subscription_id="S1")
        world.payment(invoice, f"P{n}", amount, on=days_ago(5))
    world.invoice("CN-1", note, on=days_ago(7), subscription_id="S1", invoice_kind="credit_note")
    assert run(world).codes(PAIR) == [(code, Decimal(delta)) for code, delta in codes]


@pytest.mark.parametrize(("back", "codes"), [("119.00", []), ("150.00", [("PAYMENT_AMOUNT", "-31.00")])])
def test_a_refund_for_a_credit_note_is_of_its_amount(back: str, codes: list[tuple[str, str]]) -> None:
    world = paid(FULL)
    note = world.invoice("CN-1", "-119.00", on=days_ago(6), invoice_kind="credit_note")
    world.payment(note, "R1", back, on=days_ago(5), kind="refund")
    assert run(world).codes(PAIR) == [(code, Decimal(delta)) for code, delta in codes]


def test_money_that_went_back_for_an_unknown_invoice_or_for_none() -> None:
    for invoice_id, words in (
        (
            "INV-404",
            "USD 50.00 went back to customer C-S-INV-1 (refund R1) for INV-404, which the billing engine does not have and "
            "nobody paid.",
        ),
        (
            None,
            "USD 50.00 went back to customer C-S-INV-1 (refund R1): no invoice is named, and no credit note or payment of "
            "theirs is of that amount.",
        ),
    ):
        world = paid(FULL)
        world.payment(
            world.rows["invoice_lines"][0], "R1", "50.00", on=days_ago(5), kind="refund", invoice_id=invoice_id
        )
        found = run(world).the_break(PAIR)
        assert (found["code"], found["delta"], found["invoice_id"]) == (
            "PAYMENT_MISAPPLIED",
            Decimal("-50.00"),
            invoice_id,
        )
        assert found["explanation"] == words


BACK: dict[str, tuple[list[tuple[str, str, dict[str, object]]], str | None]] = {
    "a credit note": ([("R1", "50.00", {"kind": "refund"})], "-50.00"),
    "a credit note over another amount": ([("R1", "50.00", {"kind": "refund"})], "-70.00"),
    "what was overpaid": ([("P2", "50.00", {"invoice_id": "INV-1"}), ("R1", "50.00", {"kind": "refund"})], None),
    "a payment that belongs to nothing": ([("P2", "50.00", {}), ("R1", "50.00", {"kind": "refund"})], None),
    "a payment for an unknown invoice": (
        [("P2", "50.00", {"invoice_id": "INV-404"}), ("R1", "50.00", {"kind": "refund", "invoice_id": "INV-404"})],
        None,
    ),
}
"""What a refund that names no invoice of ours gives back -> money besides the payment of INV-1, credit note."""


@pytest.mark.parametrize("story", BACK)
def test_a_refund_that_names_no_invoice_gives_back_what_it_alone_can(story: str) -> None:
    money, note = BACK[story]
    world = paid(FULL)
    (invoice,) = world.rows["invoice_lines"]
    if note:
        world.invoice("CN-1", note, on=days_ago(6), invoice_kind="credit_note", customer_id=invoice["customer_id"])
    for payment_id, amount, changes in money:
        world.payment(invoice, payment_id, amount, on=days_ago(5), **{"invoice_id": None, **changes})
    expected = [("PAYMENT_MISAPPLIED", Decimal("-50.00"))] if note == "-70.00" else []
    assert run(world).codes(PAIR) == expected
