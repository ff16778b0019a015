"""Our rating in SQL against the simulated engine's in plain Python: two readings of the same page must agree."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from billing_recon.core.catalog import Catalog, Charge, Contract, Coupon, Credit, Discount, Plan, TaxRate, Tier
from billing_recon.core.company import Profile
from billing_recon.core.money import Rounding
from billing_recon.core.period import Interval, billing_period
from billing_recon.simulate.engine import EngineLine, bill_period
from billing_recon.simulate.price_book import PriceBook
from billing_recon.simulate.spans import Span
from billing_recon_tests.compute.small_company import SmallCompany

pytestmark = pytest.mark.long

SUBSCRIPTIONS = 200
ON = date(2026, 4, 20)
FIGURES = (
    "quantity", "unit_price", "gross", "discount_rate", "discount", "credit", "taxable", "tax_rate", "tax", "total",
)  # fmt: skip


def money(random: Random, largest: int, decimals: int = 2) -> Decimal:
    return Decimal(random.randrange(1, largest * 10**decimals)).scaleb(-decimals)


def random_catalog(random: Random) -> Catalog:
    plans = []
    for plan_id in ("lite", "pro"):
        for version in ("1", "2"):
            for currency in ("USD", "JPY"):
                tiers = (
                    Tier(up_to=Decimal(100), unit=money(random, 2, 4), flat=Decimal(random.choice((0, 3)))),
                    Tier(unit=money(random, 1, 4)),
                )
                charges = (
                    Charge(charge_id="base", kind="subscription", model="flat", meter="base", amount=money(random, 90)),
                    Charge(charge_id="seats", kind="subscription", model="volume", meter="seats", tiers=tiers),
                    Charge(charge_id="g", kind="usage", model="graduated", meter="events", tiers=tiers),
                    Charge(
                        charge_id="k", kind="usage", model="package", meter="calls", package_size=Decimal(50),
                        package_price=money(random, 9, 3), free_units=Decimal(20), discountable=False,
                    ),
                )  # fmt: skip
                minimum = money(random, 150) if random.random() < 0.5 else None
                plans.append(
                    Plan(plan_id=plan_id, plan_version=version, currency=currency, charges=charges, minimum=minimum)
                )
    taxes = (
        TaxRate(tax_region="DE", rate=Decimal("0.19")),
        TaxRate(tax_region="DE", rate=Decimal("0.21"), effective_from=date(2026, 4, 10)),
        TaxRate(tax_region="US", rate=Decimal("0.08875")),
    )
    return Catalog(plans=tuple(plans), taxes=taxes, digest="")


def random_contract(random: Random, credit_limit: int) -> Contract:
    """Coupons and credits of all sizes, with dates around the edges of the periods."""
    near = [ON - timedelta(days=n) for n in range(0, 60, 5)]
    return Contract(
        discount=Discount(rate=money(random, 1, 4), valid_from=random.choice([None, *near]))
        if random.random() < 0.5
        else None,
        coupons=tuple(
            Coupon(
                coupon_id=f"K{n}",
                amount=money(random, 60),
                valid_from=random.choice(near),
                valid_to=date(2026, 4, random.randrange(5, 30)),
            )
            for n in range(random.choice((0, 0, 1, 3)))
        ),
        credits=tuple(
            Credit(credit_id=f"R{n}", amount=money(random, credit_limit), granted_on=random.choice(near))
            for n in range(random.choice((0, 0, 1, 2)))
        ),
        minimum=money(random, 90) if random.random() < 0.2 else None,
    )


def random_spans(random: Random, start: date, currency: str, credit_limit: int) -> list[Span]:
    """A history of a few intervals with changes of plan, seats, region, status and contract, some of them adjacent."""
    spans: list[Span] = []
    for _ in range(random.randrange(1, 6)):
        end = start + timedelta(days=random.choice((3, 7, 12, 40)))
        before = spans[-1] if spans else None
        keep = before is not None and random.random() < 0.5
        spans.append(
            Span(
                start=start,
                end=end,
                plan_id=before.plan_id if before and keep else random.choice(("lite", "pro")),
                plan_version=before.plan_version if before and keep else random.choice("12"),
                currency=currency,
                tax_region=before.tax_region if before and keep else random.choice(("DE", "US")),
                quantity=Decimal(random.choice((0, 1, 100, 101, 250))),
                customer_id=random.choice(("C1", "C2")),
                status=random.choice(("active", "active", "active", "paused", "trialing")),
                contract=random_contract(random, credit_limit),
            )
        )
        start = end
    return spans


def engine_line(line: EngineLine) -> tuple[Any, ...]:
    """Everything that both computations say of a line."""
    identity = (line.kind, line.meter or "", line.period_start, line.period_end, line.tax_region, line.customer_id)
    return (*identity, *(getattr(line, name) for name in FIGURES))


def our_line(row: dict[str, Any]) -> tuple[Any, ...]:
    identity = ("kind", "meter", "period_start", "period_end", "tax_region", "customer_id")
    return (*(row[name] or "" for name in identity), *(row[name] for name in FIGURES))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rounding", [Rounding.HALF_UP, Rounding.HALF_EVEN])
@pytest.mark.parametrize("credit", ["after_tax", "before_tax"])
def test_both_computations_give_the_same_lines(seed: int, rounding: Rounding, credit: str) -> None:
    random = Random(f"{seed}{rounding}{credit}")
    terms = random_catalog(random)
    profile = Profile.model_validate(
        {
            "rounding": rounding,
            "credit": credit,
            "proration": random.choice(("by_day", "none")),
            "tax_rate_day": random.choice(("period_end", "last_day")),
        }
    )
    company = SmallCompany(terms, ON, profile=profile, issue_grace_days=20)
    book = PriceBook(terms.plans, terms.taxes)
    expected: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for number in range(SUBSCRIPTIONS):
        name = f"S{number}"
        anchor = date(2026, 1, 1) + timedelta(days=random.randrange(0, 45))
        interval = random.choice((Interval.MONTH, Interval.MONTH, Interval.WEEK))
        spans = random_spans(
            random,
            date(2026, 3, 1) + timedelta(days=random.randrange(0, 20)),
            random.choice(("USD", "JPY")),
            300,
        )
        usage: dict[str, dict[date, Decimal]] = {"events": {}, "calls": {}}
        for _ in range(12):
            when = date(2026, 3, 1) + timedelta(days=random.randrange(48))
            meter = random.choice(("events", "calls"))
            units = Decimal(random.choice((0, 1, 20, 50, 70, 100)))
            usage[meter][when] = usage[meter].get(when, Decimal(0)) + units
            company.uses(str(units), when.isoformat(), meter=meter, subscription=name)
        for span in spans:
            contract = json.dumps(span.contract.model_dump(mode="json", exclude_none=True))
            company.subscribes(
                subscription_id=name, customer_id=span.customer_id, plan_id=span.plan_id, plan_version=span.plan_version,
                currency=span.currency, tax_region=span.tax_region, quantity=span.quantity, status=span.status,
                billing_anchor=anchor, billing_interval=interval.value, contract=contract,
                since=span.start.isoformat(), until=span.end.isoformat(),
            )  # fmt: skip
        for index in range(-1, 20):
            period = billing_period(anchor, interval, index)
            if not ON - timedelta(days=20) <= period.end + timedelta(days=profile.issue_after_days) <= ON:
                continue
            lines = bill_period(period, spans, usage, book, profile)
            expected[name] += [engine_line(line) for line in lines]
    found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in company.expected():
        billed = row["kind"] != "usage" or row["quantity"]
        if billed:
            found[row["subscription_id"]].append(our_line(row))
    compared = {line[0] for lines in expected.values() for line in lines}
    assert compared >= {"subscription", "usage", "minimum", "discount", "credit"}, "a kind of line was never compared"
    assert sum(map(len, expected.values())) > 300
    for name in sorted(expected.keys() | found.keys()):
        assert sorted(found[name], key=str) == sorted(expected[name], key=str), name
