"""Charges in advance in SQL against the simulated engine's plain Python: two readings of the same rule must agree."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from billing_recon.core.catalog import Catalog
from billing_recon.core.company import Profile
from billing_recon.core.period import Interval, billing_period
from billing_recon.simulate import advance
from billing_recon.simulate.engine import EngineLine, bill_period
from billing_recon.simulate.price_book import PriceBook
from billing_recon.simulate.spans import Span, Usage
from billing_recon_tests.compute.small_company import SmallCompany
from billing_recon_tests.compute.test_expect_differential import (
    ON,
    engine_line,
    our_line,
    random_catalog,
    random_spans,
)

pytestmark = pytest.mark.long

SUBSCRIPTIONS = 120
GRACE = 20
FIRST_DUE = ON - timedelta(days=GRACE)


def billing_ahead(random: Random, terms: Catalog) -> Catalog:
    """The same catalog with base fees, seats, both or none of a plan's version billed in advance."""
    plans = []
    for plan in terms.plans:
        ahead = random.choice((("base",), ("seats",), ("base", "seats"), ("base", "seats"), ()))
        charges = tuple(
            c.model_copy(update={"due": "in_advance" if c.charge_id in ahead else "in_arrears"}) for c in plan.charges
        )
        plans.append(plan.model_copy(update={"charges": charges}))
    return terms.model_copy(update={"plans": tuple(plans)})


def billed(
    anchor: date, interval: Interval, spans: Sequence[Span], usage: Usage, book: PriceBook, profile: Profile
) -> Iterator[tuple[date, EngineLine]]:
    """Every line of the invoices that close a period and of those within one, with its due day."""
    after = timedelta(days=profile.issue_after_days)
    periods = [billing_period(anchor, interval, number) for number in range(-9, 25)]
    for period, following in pairwise(periods):
        ahead = advance.on_invoice(period, following, spans, book, profile)
        for line in bill_period(period, spans, usage, book, profile, None, ahead):
            yield period.end + after, line
        for on, between in advance.changes(period, spans, book, profile):
            for line in bill_period(advance.just_before(on), (), {}, book, profile, None, between):
                yield on + after, line


@pytest.mark.parametrize("on_change", ["prorate", "none", "at_period_end"])
@pytest.mark.parametrize(("seed", "changes_due"), [(1, "at_once"), (2, "at_once"), (3, "next_invoice")])
def test_both_computations_bill_the_same_ahead(seed: int, changes_due: str, on_change: str) -> None:
    random = Random(f"{seed}{on_change}")
    terms = billing_ahead(random, random_catalog(random))
    credit = random.choice(("after_tax", "before_tax"))
    profile = Profile.model_validate({"on_change": on_change, "changes_due": changes_due, "credit": credit})
    company = SmallCompany(terms, ON, profile=profile, issue_grace_days=GRACE)
    book = PriceBook(terms.plans, terms.taxes)
    expected: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for number in range(SUBSCRIPTIONS):
        name = f"S{number}"
        anchor = date(2026, 1, 1) + timedelta(days=random.randrange(0, 45))
        interval = random.choice((Interval.MONTH, Interval.MONTH, Interval.WEEK))
        start = date(2026, 3, 1) + timedelta(days=random.randrange(0, 20))
        spans = random_spans(random, start, random.choice(("USD", "JPY")), 300)
        usage: dict[str, dict[date, Decimal]] = {"events": {}}
        for _ in range(6):
            when = date(2026, 3, 1) + timedelta(days=random.randrange(48))
            units = Decimal(random.choice((1, 50, 100)))
            usage["events"][when] = usage["events"].get(when, Decimal(0)) + units
            company.uses(str(units), when.isoformat(), subscription=name)
        for span in spans:
            contract = json.dumps(span.contract.model_dump(mode="json", exclude_none=True))
            company.subscribes(
                subscription_id=name, customer_id=span.customer_id, plan_id=span.plan_id, plan_version=span.plan_version,
                currency=span.currency, tax_region=span.tax_region, quantity=span.quantity, status=span.status,
                billing_anchor=anchor, billing_interval=interval.value, contract=contract,
                since=span.start.isoformat(), until=span.end.isoformat(),
            )  # fmt: skip
        for due_on, line in billed(anchor, interval, spans, usage, book, profile):
            if FIRST_DUE <= due_on <= ON:
                expected[name].append((due_on, *engine_line(line)))
    found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in company.expected():
        if FIRST_DUE <= row["due_on"] <= ON and (row["kind"] != "usage" or row["quantity"]):
            found[row["subscription_id"]].append((row["due_on"], *our_line(row)))
    kinds = {line[1] for lines in expected.values() for line in lines}
    assert kinds >= {"subscription", "proration", "usage", "minimum", "discount", "credit"}
    for name in sorted(expected.keys() | found.keys()):
        assert Counter(found[name]) == Counter(expected[name]), name
