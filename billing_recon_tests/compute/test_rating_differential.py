"""The SQL models against exact fractions in plain Python, in bulk and with ties forced."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from random import Random

import pyarrow as pa
import pytest

from billing_recon.compute.engine import build, session
from billing_recon.compute.rating import rate
from billing_recon.compute.terms import register_terms
from billing_recon.core.catalog import Catalog, Charge, Plan, Tier
from billing_recon.core.company import Company

ITEMS = 6000
DECIMALS = {"USD": 2, "JPY": 0, "KWD": 3}


def exact(charge: Charge, units: Fraction) -> Fraction:
    """Rule 6 in fractions: nothing is rounded, nothing shares code with the SQL."""
    if charge.kind == "usage" and units == 0:
        return Fraction(0)
    match charge.model:
        case "flat":
            return Fraction(charge.amount or 0)
        case "per_unit":
            return units * Fraction(charge.unit_price or 0)
        case "package":
            left = max(units - Fraction(charge.free_units), Fraction(0))
            return ceil(left / Fraction(charge.package_size or 1)) * Fraction(charge.package_price or 0)
        case "volume":
            held = next(t for t in charge.tiers if t.up_to is None or units <= Fraction(t.up_to))
            return units * Fraction(held.unit) + Fraction(held.flat)
        case "graduated":
            total, below = Fraction(0), Fraction(0)
            for tier in charge.tiers:
                top = units if tier.up_to is None else min(units, Fraction(tier.up_to))
                if units > below:
                    total += (top - below) * Fraction(tier.unit) + Fraction(tier.flat)
                below = below if tier.up_to is None else Fraction(tier.up_to)
            return total


def half_even(value: Fraction, decimals: int) -> Fraction:
    """Fraction.__round__ is half-even and exact."""
    return Fraction(round(value * 10**decimals), 10**decimals)


def settled(value: Fraction, decimals: int, rounding: str) -> Fraction:
    scaled = value * 10**decimals
    match rounding:
        case "half_even":
            return half_even(value, decimals)
        case "down":
            return Fraction(floor(scaled) if scaled >= 0 else ceil(scaled), 10**decimals)
        case _:
            return Fraction(floor(abs(scaled) + Fraction(1, 2)), 10**decimals) * (1 if scaled >= 0 else -1)


def figure(random: Random, largest: int, decimals: int) -> Decimal:
    return Decimal(random.randrange(largest * 10**decimals)).scaleb(-decimals)


def random_plans(random: Random) -> list[Plan]:
    plans = []
    for number in range(60):
        edges = sorted({figure(random, 2000, random.choice((0, 0, 3))) + 1 for _ in range(random.randrange(4))})
        tiers = tuple(
            Tier(up_to=edge, unit=figure(random, 3, random.choice((2, 6, 12))), flat=figure(random, 9, 2))
            for edge in [*edges, None]
        )
        charges = (
            Charge(charge_id="flat", kind="subscription", model="flat", amount=figure(random, 500, 5)),
            Charge(charge_id="per_unit", kind="usage", model="per_unit", meter="a", unit_price=figure(random, 2, 12)),
            Charge(charge_id="tie", kind="usage", model="per_unit", meter="t", unit_price=Decimal("0.0005")),
            Charge(charge_id="graduated", kind="usage", model="graduated", meter="b", tiers=tiers),
            Charge(charge_id="volume", kind="subscription", model="volume", meter="v", tiers=tiers),
            Charge(
                charge_id="package",
                kind="usage",
                model="package",
                meter="d",
                package_size=figure(random, 500, random.choice((0, 2))) + 1,
                package_price=figure(random, 20, 3),
                free_units=figure(random, 50, 0),
            ),
        )
        currency = random.choice(tuple(DECIMALS))
        plans.append(Plan(plan_id=f"p{number}", plan_version="1", currency=currency, charges=charges))
    return plans


@dataclass(frozen=True)
class Item:
    plan: Plan
    charge: Charge
    quantity: Decimal
    part: int
    whole: int


def random_items(random: Random, plans: list[Plan]) -> list[Item]:
    items = []
    for _ in range(ITEMS):
        plan = random.choice(plans)
        charge = random.choice(plan.charges)
        edges = [tier.up_to for tier in charge.tiers if tier.up_to is not None]
        quantity = random.choice(
            [
                figure(random, 5000, random.choice((0, 1, 10))),
                Decimal(random.randrange(0, 4000, 10)),
                *edges,
                *(edge + Decimal("0.0000000001") for edge in edges),
                Decimal(0),
            ]
        )
        whole = random.choice((1, 1, 28, 30, 31))
        items.append(Item(plan, charge, quantity, random.randrange(1, whole + 1), whole))
    return items


@pytest.mark.parametrize("rounding", ["half_up", "half_even", "down"])
def test_every_amount_equals_the_fraction_settled_by_hand(rounding: str) -> None:
    random = Random(rounding)
    plans = random_plans(random)
    items = random_items(random, plans)
    con = session()
    register_terms(con, Catalog(plans=tuple(plans), taxes=(), digest=""), Company(name="c", currencies=("USD",)))
    con.execute("CREATE TABLE run_params AS SELECT ?::VARCHAR AS rounding", [rounding])
    arriving = pa.table(
        {
            "item_id": pa.array(range(len(items)), pa.int64()),
            "plan_id": [i.plan.plan_id for i in items],
            "plan_version": ["1"] * len(items),
            "currency": [i.plan.currency for i in items],
            "charge_id": [i.charge.charge_id for i in items],
            "quantity": pa.array([i.quantity for i in items], pa.decimal128(28, 10)),
            "part": pa.array([i.part for i in items], pa.int32()),
            "whole": pa.array([i.whole for i in items], pa.int32()),
        }
    )
    con.register("arriving", arriving)
    con.execute("CREATE TABLE items AS SELECT * FROM arriving")
    build(con, rate("items", "rated"))
    found = con.execute("SELECT gross_raw, gross FROM rated ORDER BY item_id").fetchall()
    assert len(found) == len(items)
    ties = 0
    for item, (gross_raw, gross) in zip(items, found, strict=True):
        whole = exact(item.charge, Fraction(item.quantity))
        raw = half_even(whole * item.part / item.whole, 22)
        decimals = DECIMALS[item.plan.currency]
        assert Fraction(gross_raw) == raw, item
        assert Fraction(gross) == settled(raw, decimals, rounding), item
        ties += (raw * 10**decimals * 2).denominator == 1 and (raw * 10**decimals).denominator == 2
    assert ties > 50, "the sample must hold exact ties, or it does not test the rounding"
