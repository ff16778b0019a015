"""The registry of expected changes and the tolerances as policy texts: what is refused, all of it at once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.policy import Policy
from billing_recon.core.yaml_text import read_yaml

ENTRY = """
expected_changes:
  - id: EC-1
    reason: price rise of March, announced in January
    codes: [PRICE_VERSION]
    pair: expected_billed
    scope: {plan: [team, business], customer: C-7}
    currency: EUR
    max_per_break: "25.00"
    max_per_day: "500.00"
    owner: pricing
    starts: 2026-03-01
    expires: 2026-03-31
    approved_by: ana
"""


def refused(text: str) -> str:
    with pytest.raises(ConfigurationError) as error:
        read_yaml(Policy, text, "policies")
    return str(error.value)


def test_an_entry_says_what_where_how_much_whose_and_until_when() -> None:
    (entry,) = read_yaml(Policy, ENTRY, "policies").expected_changes
    assert (entry.scope.plan, entry.scope.customer) == (("team", "business"), ("C-7",))
    assert (entry.max_per_break, entry.expires) == (Decimal("25.00"), date(2026, 3, 31))
    assert entry.covers_day(date(2026, 3, 31))
    assert not entry.covers_day(date(2026, 4, 1))
    assert entry.days_expired(date(2026, 4, 3)) == 3


def test_everything_wrong_with_an_entry_is_said_at_once() -> None:
    said = refused(
        ENTRY.replace("[PRICE_VERSION]", "[UNEXPLAINED]")
        .replace("2026-03-31", "2026-02-01")
        .replace('"25.00"', '"0"')
        .replace("currency: EUR", "currency: EURO")
    )
    for words in (
        "UNEXPLAINED cannot be expected",
        "before it starts",
        "above zero",
        "not an ISO 4217 currency",
        "'EC-1'",
    ):
        assert words in said


def test_every_entry_and_field_that_is_wrong_is_named() -> None:
    second = ENTRY.split("expected_changes:\n")[1].replace("EC-1", "EC-2").replace("PRICE_VERSION", "PRICES")
    lines = refused(ENTRY.replace("    owner: pricing\n", "") + second.lstrip("\n")).splitlines()
    named = {line.split(": ")[1] for line in lines}
    assert named >= {"expected_changes[0].owner", "expected_changes[1].codes[0]"}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("    currency: EUR\n", "", "needs a currency"),
        ("pair: expected_billed", "pair: metered_used", "it has no currency"),
        ('"500.00"', '"5.00"', "less than max_per_break"),
        ('"25.00"', "25.5", "quote"),
        ("plan: [team, business]", "plans: [team]", "scope.plans"),
    ],
)
def test_what_cannot_be_judged_is_refused(before: str, after: str, words: str) -> None:
    assert words in refused(ENTRY.replace(before, after))


def test_two_entries_of_one_id_are_refused() -> None:
    assert "with one id: EC-1" in refused(ENTRY + ENTRY.split("expected_changes:\n")[1])


@pytest.mark.parametrize(
    ("tolerance", "words"),
    [
        ('{pair: billed_paid, level: invoice, relative: "0.005"}', "give absolute too"),
        ('{pair: billed_paid, level: invoice, absolute: "-1"}', "not below zero"),
        ('{pair: billed_paid, level: everywhere, absolute: "1"}', "tolerances[0].level"),
    ],
)
def test_a_tolerance_that_accepts_nothing_or_too_much_is_refused(tolerance: str, words: str) -> None:
    assert words in refused(f"tolerances: [{tolerance}]")


def test_two_tolerances_for_one_place_are_refused() -> None:
    one = '{pair: billed_paid, level: total, absolute: "1"}'
    assert "several tolerances for billed_paid total *" in refused(f"tolerances: [{one}, {one}]")
