"""Random charges and units in bulk, with edges and ties forced, and their rating by the SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from random import Random
from typing import Any

import duckdb
import pyarrow as pa

from billing_recon.compute.engine import build, session
from billing_recon.compute.rating import price
from billing_recon.compute.rating.registry import OPTIONAL
from billing_recon.compute.terms import register_terms
from billing_recon.core.catalog import Catalog, Charge, Conversion, Plan, Tier
from billing_recon.core.company import Company
from billing_recon.core.profile import Profile
from billing_recon_tests.compute.rating.oracle import Asked

CURRENCIES = {"USD": 2, "JPY": 0, "KWD": 3}
QUANTITY = pa.decimal128(28, 10)


@dataclass(frozen=True)
class Case:
    """One part to rate, with its number in the tables."""

    plan: Plan
    asked: Asked

    @property
    def decimals(self) -> int:
        return CURRENCIES[self.plan.currency]


def figure(random: Random, largest: int, decimals: int) -> Decimal:
    return Decimal(random.randrange(largest * 10**decimals)).scaleb(-decimals)


def _tiers(random: Random, *, rate: bool = False) -> tuple[Tier, ...]:
    edges = sorted({figure(random, 2000, random.choice((0, 0, 0, 3))) + 1 for _ in range(random.randrange(4))})
    written = random.choice(("plain", "adjacent", "stepped", "mixed"))
    tiers, below = [], Decimal(0)
    for number, edge in enumerate([*edges, None]):
        first = None
        if written != "plain":
            step = number > 0 and (written == "stepped" or (written == "mixed" and number % 2))
            first = below + 1 if step else below
            if edge is not None and first > edge:
                first = below
        price = {"rate": figure(random, 1, 4)} if rate else {"unit": figure(random, 3, random.choice((2, 6, 12)))}
        tiers.append(
            Tier(up_to=edge, first_unit=first, flat=random.choice((Decimal(0), figure(random, 9, 3))), **price)
        )
        below = edge if edge is not None else below
    return tuple(tiers)


def _blocks(random: Random) -> tuple[Tier, ...]:
    number = random.randrange(1, 4)
    return tuple(
        Tier(
            block_size=figure(random, 90, random.choice((0, 1))) + 1,
            unit=figure(random, 20, 3),
            max_blocks=None if place == number - 1 and random.random() < 0.5 else random.randrange(1, 12),
        )
        for place in range(number)
    )


def _charge(random: Random, model: str) -> Charge:
    given: dict[str, Any] = {}
    match model:
        case "flat":
            given = {"amount": figure(random, 500, 5), "due": random.choice(("in_advance", "in_arrears"))}
        case "per_unit":
            given = {"unit_price": random.choice((figure(random, 2, 12), Decimal("0.005"), Decimal("0.0005")))}
        case "graduated" | "volume":
            given = {"tiers": _tiers(random)}
        case "graduated_percentage":
            given = {"tiers": _tiers(random, rate=True)}
        case "package":
            given = {
                "package_size": figure(random, 500, random.choice((0, 2))) + 1,
                "package_price": figure(random, 20, 3),
                "package_rounding": random.choice(("up", "down")),
            }
        case "dynamic":
            given = {"multiplier": random.choice((Decimal(1), Decimal("1.2"), figure(random, 3, 8)))}
        case "graduated_blocks" | "volume_blocks":
            given = {"tiers": _blocks(random)}
        case "percentage":
            low, high = sorted((figure(random, 4, 2), figure(random, 9, 2)))
            given = {
                "rate": figure(random, 1, 4),
                "event_fee": random.choice((Decimal(0), figure(random, 2, 2))),
                "free_events": random.choice((0, 0, 2, 3)),
                "event_minimum": random.choice((None, None, low)),
                "event_maximum": random.choice((None, None, high)),
            }
    if model in ("per_unit", "graduated", "volume", "package", "dynamic", "percentage") and random.random() < 0.3:
        given["free_units"] = figure(random, 300, random.choice((0, 1)))
    if model not in ("flat", "percentage") and random.random() < 0.2:
        way = random.choice(("divide_by", "multiply_by"))
        given["convert"] = Conversion(
            **{way: random.choice((Decimal(1000), Decimal("0.5"), Decimal(7), Decimal("2.5")))},
            rounding=random.choice(("none", "ceiling", "floor", "half_up")),
            decimals=random.choice((0, 0, 1)),
        )
    if model == "graduated" and random.random() < 0.15:
        given = {"tiers": _tiers(random), "prorated": True}
    kind = (
        "usage"
        if model in ("percentage", "dynamic") or given.get("prorated") or random.random() < 0.7
        else "subscription"
    )
    return Charge.model_validate({"charge_id": model, "kind": kind, "meter": model, "model": model, **given})


MODELS = (
    *("flat", "per_unit", "graduated", "volume", "package", "percentage", "graduated_percentage", "dynamic"),
    *("graduated_blocks", "volume_blocks"),
)


def plans(random: Random, number: int) -> list[Plan]:
    """So many plans, each with a charge of every model."""
    return [
        Plan(
            plan_id=f"p{n}",
            plan_version="1",
            currency=random.choice(tuple(CURRENCIES)),
            charges=tuple(_charge(random, model) for model in MODELS),
        )
        for n in range(number)
    ]


def _edges(charge: Charge) -> list[Decimal]:
    """Units at which something changes: tier ends, whole blocks and packages, in metered units."""
    found = [tier.up_to for tier in charge.tiers if tier.up_to is not None]
    at = Decimal(0)
    for tier in charge.tiers:
        if tier.block_size is not None:
            at += tier.block_size * (tier.max_blocks or 3)
            found.append(at)
    if charge.package_size is not None:
        found += [charge.package_size, charge.package_size * 3]
    found = [edge + charge.free_units for edge in found]
    if charge.convert is not None:
        convert = charge.convert
        by = convert.divide_by or 1 / convert.multiply_by if convert.multiply_by else convert.divide_by
        found = [edge * (by or 1) for edge in found]
    return [round(edge, 10) for edge in found]


def cases(random: Random, known: Sequence[Plan], number: int) -> Iterator[Case]:
    for _ in range(number):
        plan = random.choice(known)
        charge = random.choice(plan.charges)
        if charge.model == "percentage":
            values = [figure(random, 90, random.choice((0, 2))) for _ in range(random.randrange(1, 6))]
            if charge.free_units and random.random() < 0.3:
                values[0] = charge.free_units
            events = tuple((Fraction(v), Fraction(v)) for v in values)
            yield Case(plan, Asked(charge, sum((v for v, _ in events), Fraction(0)), events=events))
            continue
        if charge.prorated:
            events = _prorated_events(random)
            yield Case(plan, Asked(charge, sum((v for v, _ in events), Fraction(0)), events=events))
            continue
        edges = _edges(charge)
        tiny = Decimal("0.0000000001")
        units = random.choice(
            [
                figure(random, 4000, random.choice((0, 1, 10))),
                Decimal(random.randrange(0, 3000, 10)),
                Decimal(random.randrange(1, 40)),
                *edges,
                *(edge + tiny for edge in edges),
                Decimal(0),
            ]
        )
        before, opens, closes = Decimal(0), True, True
        if random.random() < 0.3:
            opens, closes = random.choice(((True, False), (False, True), (False, False)))
            if not opens:
                before = random.choice([Decimal(0), figure(random, 3000, 1), *edges])
        full = None
        if charge.model == "volume" and random.random() < 0.2:
            full = Fraction(figure(random, 3000, 0))
        yield Case(plan, Asked(charge, Fraction(units), Fraction(before), opens, closes, full))


def _prorated_events(random: Random) -> tuple[tuple[Fraction, Fraction], ...]:
    events = []
    for _ in range(random.randrange(0, 6)):
        full = Fraction(random.randrange(1, 900))
        share = Fraction(figure(random, 1, 4)) if random.random() < 0.85 else Fraction(0)
        if random.random() < 0.3:
            full = -full
        events.append((full, Fraction(round(full * share * 10**5), 10**5)))
    return tuple(events)


def rated(con: duckdb.DuckDBPyConnection, asked: Sequence[Case]) -> list[tuple[Decimal, Decimal]]:
    """Unrounded and settled amount of each case, in order, by the product's relations."""

    def quantity(value: Fraction | None) -> Decimal | None:
        return None if value is None else Decimal(value.numerator) / Decimal(value.denominator)

    table = pa.table(
        {
            "item_id": pa.array(range(len(asked)), pa.int64()),
            "line_id": pa.array(range(len(asked)), pa.int64()),
            "plan_id": [c.plan.plan_id for c in asked],
            "plan_version": ["1"] * len(asked),
            "currency": [c.plan.currency for c in asked],
            "charge_id": [c.asked.charge.charge_id for c in asked],
            "quantity": pa.array([quantity(c.asked.units) for c in asked], QUANTITY),
            "part": pa.array([1] * len(asked), pa.int32()),
            "whole": pa.array([1] * len(asked), pa.int32()),
            "before": pa.array([quantity(c.asked.before) for c in asked], QUANTITY),
            "opens": [c.asked.opens for c in asked],
            "closes": [c.asked.closes for c in asked],
            "tier_units": pa.array([quantity(c.asked.tier_units) for c in asked], QUANTITY),
            "events": pa.array([len(c.asked.events) for c in asked], pa.int64()),
            "cell": pa.array([None] * len(asked), pa.string()),
            "in_bucket": [False] * len(asked),
        }
    )
    single = [(n, place, *event) for n, c in enumerate(asked) for place, event in enumerate(c.asked.events)]
    events = pa.table(
        {
            "item_id": pa.array([e[0] for e in single], pa.int64()),
            "event_no": pa.array([e[1] for e in single], pa.int64()),
            "value": pa.array([quantity(e[2]) for e in single], QUANTITY),
            "prorated": pa.array([quantity(e[3]) for e in single], QUANTITY),
        }
    )
    for name, arrow in (("items", table), ("item_events", events)):
        con.register("arriving", arrow)
        con.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM arriving")
        con.unregister("arriving")
    given = [name for name in table.column_names if name in OPTIONAL]
    build(con, price("items", "rated", given=given, events="item_events"))
    found = con.execute("SELECT raw, gross FROM rated ORDER BY item_id").fetchall()
    assert len(found) == len(asked)
    return found


@cache
def shared() -> duckdb.DuckDBPyConnection:
    """One session for all tests of rating: they replace the tables that they read, and making one costs as much as a test."""
    return session()


def opened(known: Sequence[Plan], profile: Profile) -> duckdb.DuckDBPyConnection:
    con = shared()
    company = Company(name="c", currencies=("USD",), profile=profile)
    register_terms(con, Catalog(plans=tuple(known), taxes=(), digest=""), company)
    con.execute(
        "CREATE OR REPLACE TABLE run_params AS SELECT ?::VARCHAR AS rounding, ?::VARCHAR AS proration",
        [profile.rounding.value, profile.proration],
    )
    return con
