"""Contracts learnt piece by piece, in SQL and in the simulated engine's plain Python: both must correct the same bills."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from billing_recon.core.company import Profile
from billing_recon.core.period import Interval, billing_period
from billing_recon.simulate.corrections import Account, Billed, Version
from billing_recon.simulate.price_book import PriceBook
from billing_recon.simulate.spans import Span
from billing_recon_tests.compute.expect.test_advance_differential import GRACE, billing_ahead
from billing_recon_tests.compute.small_company import SmallCompany
from billing_recon_tests.compute.test_expect_differential import ON, random_catalog, random_spans

pytestmark = pytest.mark.long

LOOKBACK = 140
"""Reaches back before every period drawn, the first of which begins on 2025-12-13: what is out of reach is withheld by name."""
FIRST_DAY = date(2026, 1, 10)


def random_versions(random: Random, start: date, currency: str) -> list[Version]:
    """A history, and what was learnt of it once or twice: other terms from an earlier day on."""
    spans = tuple(replace(span, customer_id="C1") for span in random_spans(random, start, currency, 300))
    versions = [Version(date(2026, 1, 1), spans)]
    for known_on in sorted(random.sample(range(65, 110), random.choice((0, 1, 1, 2)))):
        day = date(2026, 1, 1) + timedelta(days=known_on)
        changed = max(day - timedelta(days=random.choice((2, 9, 20, 40))), start)
        versions.append(Version(day, relearnt(random, versions[-1].spans, changed)))
    return versions


def relearnt(random: Random, spans: tuple[Span, ...], changed: date) -> tuple[Span, ...]:
    """The history with other terms in the span that holds the day, from that day or from its beginning."""
    found = []
    for span in spans:
        if not span.start <= changed < span.end:
            found.append(span)
            continue
        drawn = random.random()
        other = replace(
            span,
            plan_id=random.choice(("lite", "pro")),
            quantity=Decimal(random.choice((1, 100, 101, 250))),
            tax_region=random.choice(("DE", "US", span.tax_region)),
            status="paused" if drawn < 0.15 else span.status,
        )
        if drawn < 0.4 or changed == span.start:
            found.append(other)
        else:
            found += [replace(span, end=changed), replace(other, start=changed)]
    return tuple(found)


def land(company: SmallCompany, name: str, versions: list[Version], anchor: date, interval: Interval) -> None:
    """Each version's rows on the day on which it was known: those that the one before did not have."""
    before: tuple[Span, ...] = ()
    for version in versions:
        for span in version.spans:
            if span not in before:
                contract = json.dumps(span.contract.model_dump(mode="json", exclude_none=True))
                company.subscribes(
                    subscription_id=name, customer_id=span.customer_id, plan_id=span.plan_id,
                    plan_version=span.plan_version, currency=span.currency, tax_region=span.tax_region,
                    quantity=span.quantity, status=span.status, billing_anchor=anchor, billing_interval=interval.value,
                    contract=contract, since=span.start.isoformat(), until=span.end.isoformat(), landed=version.known_on,
                )  # fmt: skip
        before = version.spans


def theirs(one: Billed) -> tuple[Any, ...]:
    line = one.line
    identity = (one.due_on, line.kind, line.meter or "", line.period_start, line.period_end, line.tax_region)
    return (*identity, line.gross, line.discount, line.credit, line.tax, line.total)


def ours(row: dict[str, Any]) -> tuple[Any, ...]:
    identity = (
        row["due_on"],
        row["kind"],
        row["meter"] or "",
        row["period_start"],
        row["period_end"],
        row["tax_region"],
    )
    return (*identity, *(row[name] for name in ("gross", "discount", "credit", "tax", "total")))


def compare(seed: str, subscriptions: int, profile: Profile) -> tuple[int, list[str]]:
    """How often something was learnt late, and the subscriptions of which the two computations differ."""
    random = Random(seed)
    terms = billing_ahead(random, random_catalog(random))
    book = PriceBook(terms.plans, terms.taxes)
    company = SmallCompany(
        terms, ON, profile=profile, issue_grace_days=GRACE, lookback_days=LOOKBACK, first_day=FIRST_DAY
    )
    expected: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    corrections = 0
    for number in range(subscriptions):
        name = f"S{number}"
        anchor = date(2026, 1, 1) + timedelta(days=random.randrange(0, 28))
        interval = random.choice((Interval.MONTH, Interval.MONTH, Interval.WEEK))
        start = date(2026, 1, 12) + timedelta(days=random.randrange(0, 40))
        versions = random_versions(random, start, random.choice(("USD", "JPY")))
        usage: dict[str, dict[date, Decimal]] = {"events": {}}
        for _ in range(8):
            when = date(2026, 1, 15) + timedelta(days=random.randrange(90))
            units = Decimal(random.choice((1, 50, 100)))
            usage["events"][when] = usage["events"].get(when, Decimal(0)) + units
            company.uses(str(units), when.isoformat(), subscription=name)
        land(company, name, versions, anchor, interval)
        periods = [billing_period(anchor, interval, index) for index in range(-9, 25)]
        for one in Account(periods, versions, usage, FIRST_DAY).bills(book, profile):
            if ON - timedelta(days=GRACE) <= one.due_on <= ON:
                expected[name].append(theirs(one))
        corrections += len(versions) - 1
    found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in company.expected():
        if ON - timedelta(days=GRACE) <= row["due_on"] <= ON and (row["kind"] != "usage" or row["quantity"]):
            found[row["subscription_id"]].append(ours(row))
    differing = [
        name for name in sorted(expected.keys() | found.keys()) if Counter(found[name]) != Counter(expected[name])
    ]
    for name in differing[:2]:
        both = Counter(found[name]) & Counter(expected[name])
        print(
            name,
            *(Counter(found[name]) - both).elements(),
            "--",
            *(Counter(expected[name]) - both).elements(),
            sep="\n",
        )
    return corrections, differing


@pytest.mark.parametrize(("seed", "changes_due"), [("1", "at_once"), ("2", "next_invoice")])
def test_both_computations_correct_the_same_bills(seed: str, changes_due: str) -> None:
    corrections, differing = compare(seed, 80, Profile.model_validate({"changes_due": changes_due}))
    assert corrections > 40
    assert differing == []
