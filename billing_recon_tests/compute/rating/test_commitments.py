"""Discount, maximum and minimum around a price, in the order that the profile declares."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from random import Random
from typing import Any

import pytest

from billing_recon.core.profile import Profile
from billing_recon_tests.compute.rating.desk import adjusted
from billing_recon_tests.compute.rating.oracle import adjusted as by_rule


def one(gross: str, *, rate: str = "0", minimum: Any = None, maximum: Any = None, **more: Any) -> dict[str, Decimal]:
    previous, closes = more.pop("previous", 0), more.pop("closes", True)
    (row,) = adjusted([(1, 2, gross, rate, minimum, maximum, previous, closes)], **more)
    return dict(zip(("gross", "discount", "over", "raised", "net"), row, strict=True))


def test_a_discount_before_the_minimum_is_made_up_by_it_and_one_after_it_is_not() -> None:
    first = one("275.00", rate="0.1", minimum=350)
    assert (first["discount"], first["raised"], first["net"]) == (Decimal("27.50"), Decimal("102.50"), Decimal(350))
    after = one("275.00", rate="0.1", minimum=350, adjustments=["maximum", "minimum", "discount"])
    assert (after["discount"], after["raised"], after["net"]) == (Decimal(35), Decimal(75), Decimal(315))


def test_the_seed_example_comes_to_its_minimum() -> None:
    row = one("380.00", rate="0.1", minimum=350)
    assert (row["gross"], row["discount"], row["raised"], row["net"]) == tuple(map(Decimal, ("380", "38", "8", "350")))


def test_a_discount_is_settled_for_each_amount_of_which_a_line_is_the_sum_unless_another_step_came_before() -> None:
    """10% of 0.05 is 0.005, so 0.01 of each of the two; of both together it is 0.01 once."""
    row = (1, 2, "0.10", "0.1", None, None, 0, True)
    discounts = [found[1] for given in ([row], [(*row, "[0.05, 0.05]")]) for found in adjusted(given)]
    assert discounts == [Decimal("0.01"), Decimal("0.02")]
    (late,) = adjusted([(*row, "[0.05, 0.05]")], adjustments=["maximum", "minimum", "discount"])
    assert late[1] == Decimal("0.01")
    ((_, none, *_),) = adjusted([(1, 2, "0", "0.1", None, None, 0, True, "[]")])
    assert none == 0


def test_a_maximum_counts_what_earlier_parts_of_the_period_came_to() -> None:
    assert one("50", maximum=100, previous=70)["net"] == 30
    assert one("50", maximum=100, previous=100)["net"] == 0
    assert one("50", maximum=100, previous=130)["net"] == 0
    assert one("30", maximum=100, previous=70)["over"] == 0


def test_only_the_last_part_of_a_period_is_raised_to_the_minimum() -> None:
    assert one("10", minimum=100, previous=20, closes=False)["raised"] == 0
    assert one("10", minimum=100, previous=20)["raised"] == 70
    assert one("10", minimum=100, previous=120)["raised"] == 0


def test_what_was_used_is_settled_before_it_is_made_up() -> None:
    assert one("749.996", minimum=1000)["gross"] == Decimal("749.996")
    assert one("750.00", minimum=1000)["raised"] == 250


@pytest.mark.parametrize("order", list(permutations(("discount", "maximum", "minimum"))))
@pytest.mark.parametrize("rounding", ["half_up", "half_even", "down"])
def test_every_order_of_the_three_is_what_the_rules_say(order: tuple[str, ...], rounding: str) -> None:
    random = Random(f"{order}{rounding}")
    profile = Profile.model_validate({"adjustments": order, "rounding": rounding})

    def money(largest: int) -> Decimal:
        return Decimal(random.randrange(largest * 100)).scaleb(-2)

    rows = []
    for number in range(2500):
        low, high = sorted((money(300), money(300)))
        rows.append(
            (
                *(number, 2, money(400), random.choice((Decimal(0), Decimal("0.105"), Decimal("0.5")))),
                *(random.choice((None, low)), random.choice((None, high)), random.choice((Decimal(0), money(200)))),
                random.random() < 0.7,
            )
        )
    found = adjusted(rows, adjustments=order, rounding=rounding)
    for row, (gross, discount, over, raised, net) in zip(rows, found, strict=True):
        _, decimals, owed, rate, minimum, maximum, previous, closes = row
        rule = by_rule(
            Fraction(owed),
            profile,
            decimals,
            Fraction(rate),
            None if minimum is None else Fraction(minimum),
            None if maximum is None else Fraction(maximum),
            Fraction(previous),
            closes,
        )
        assert Fraction(net) == rule, row
        assert gross - discount - over + raised == net, row
        assert over >= 0 <= raised
