"""Amounts in another unit of their currency, or settled at other decimals: with tax and without, billed and paid."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from billing_recon_tests.compute.reconcile.world import DAY, Outcome, World

LINES: dict[str, tuple[str, str, str, str, str | None]] = {
    "a hundred times too large, tax on that": ("KWD", "7.719", "771.900", "0.15", "MINOR_UNIT"),
    "a thousand times too large, tax on that": ("KWD", "7.719", "7719", "0.15", "MINOR_UNIT"),
    "a hundred times too large, computed unrounded": ("EUR", "18.3333", "1833.33", "0.19", "MINOR_UNIT"),
    "a hundred times too large without tax": ("USD", "18.33", "1833.00", "0", "MINOR_UNIT"),
    "a hundredth, settled after that": ("KWD", "7.719", "0.077", "0.15", "MINOR_UNIT"),
    "a hundred times and some more": ("EUR", "18.33", "1845.10", "0.19", "TIER_RATE"),
    "three decimals settled at two": ("KWD", "7.719", "7.72", "0.15", "ROUNDING"),
    "three decimals cut off at two": ("BHD", "7.719", "7.71", "0", "ROUNDING"),
    "two decimals settled at none": ("EUR", "49.62", "50", "0.19", "ROUNDING"),
    "another amount that happens to be whole": ("EUR", "49.32", "50", "0.19", "TIER_RATE"),
}
"""What was billed -> currency, unrounded gross that is due, gross billed, tax rate, code."""


@pytest.fixture(scope="module")
def billed() -> Outcome:
    world = World()
    for number, (currency, due, gross, rate, _) in enumerate(LINES.values()):
        line = world.expect(f"S{number}", "base", gross=due, currency=currency, rate=rate)
        world.bill(f"INV-{number}", line, **world.refigure(line, gross))
    return world.run("expected_billed")


@pytest.mark.parametrize("story", LINES)
def test_what_is_billed_in_another_unit_or_at_other_decimals_is_told_apart(billed: Outcome, story: str) -> None:
    number = list(LINES).index(story)
    found = [one["code"] for one in billed.breaks() if one["invoice_id"] == f"INV-{number}"]
    assert found == [LINES[story][4]]


TAXED = {
    ("JPY", "0", "148"): "TAX_BASE",
    ("EUR", "0.00", "2.91"): "TAX_BASE",
    ("EUR", "0.01", "2.91"): "TAX_BASE",
    ("EUR", "2.91", "291.00"): "MINOR_UNIT",
    ("KWD", "1.237", "123.749"): "MINOR_UNIT",
}
"""Currency, tax that is due on the invoice, tax billed -> code."""


def test_a_tax_of_nothing_or_of_a_cent_is_no_hundredth_of_another() -> None:
    """A tax line has no gross that could show its unit; its tax alone must."""
    world = World(tax_point="invoice")
    for number, (currency, due, billed) in enumerate(TAXED):
        figures = {"tax": Decimal(due), "tax_raw": Decimal(due), "total": Decimal(due)}
        line = world.expect(f"S{number}", None, kind="adjustment", meter="tax", gross="0", currency=currency, **figures)
        world.bill(f"INV-{number}", line, tax=Decimal(billed), total=Decimal(billed))
    found = world.run("expected_billed").breaks()
    assert {one["invoice_id"]: one["code"] for one in found} == {
        f"INV-{n}": code for n, code in enumerate(TAXED.values())
    }


PAID = {
    "11900": "MINOR_UNIT",
    "119000": "MINOR_UNIT",
    "1.19": "MINOR_UNIT",
    "11.90": "PAYMENT_AMOUNT",
    "1200": "PAYMENT_AMOUNT",
}


def test_a_payment_a_hundred_times_too_large_or_too_small_is_in_another_unit() -> None:
    world = World()
    then = DAY - timedelta(days=5)
    for number, amount in enumerate(PAID):
        invoice = world.invoice(f"INV-{number}", "119.00", on=then)
        world.payment(invoice, f"P{number}", Decimal(amount), on=then)
    outcome = world.run("billed_paid")
    assert {one["invoice_id"]: one["code"] for one in outcome.breaks("billed_paid")} == {
        f"INV-{number}": code for number, code in enumerate(PAID.values())
    }
    (large,) = (one for one in outcome.breaks("billed_paid") if one["invoice_id"] == "INV-0")
    assert large["explanation"] == (
        "INV-0 is billed at USD 119.00 and paid with USD 11,900.00 (payment P0), a hundred or a thousand times too much or too little: "
        "USD +11,781.00. The payment is not in the currency's unit."
    )
