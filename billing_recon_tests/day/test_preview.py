"""A customer's next bills: what is shown today is what the day on which they are due expects, if nothing is used meanwhile."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from billing_recon.core.errors import ConfigurationError
from billing_recon.core.schema import EXPECTED_LINES, SUBSCRIPTIONS, USAGE_ROLLUP
from billing_recon.day import Home
from billing_recon.day.preview import preview_customer
from billing_recon.report import preview as report
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import rows

pytestmark = pytest.mark.long

DUE = FIRST + timedelta(days=6)


@pytest.fixture(scope="module")
def home(january: tuple[Path, dict[str, str]]) -> Home:
    """Read only: a preview stores nothing."""
    return Home.open(january[0])


def customers(home: Home) -> list[str]:
    return sorted({row["customer_id"] for row in rows(home, SUBSCRIPTIONS, FIRST, DUE)})


def test_the_bill_shown_the_day_before_is_the_bill_that_is_due(home: Home) -> None:
    figures = ("subscription_id", "kind", "meter", "period_start", "period_end", "quantity", "gross", "tax", "total")
    eve = DUE - timedelta(days=1)
    due = [row for row in rows(home, EXPECTED_LINES, DUE) if row["due_on"] == DUE]
    awaited = {row["customer_id"] for row in due}
    shown = [row for name in awaited for row in preview_customer(home, name, eve).lines if row["due_on"] == DUE]
    # Usage that arrives on the day itself, for a period that is over, is the only thing that the eve cannot know.
    late = {
        (row["subscription_id"], row["meter"])
        for row in rows(home, USAGE_ROLLUP, DUE)
        if row["usage_day"] < DUE - timedelta(days=1)
    }

    def comparable(lines: list[dict[str, object]]) -> list[str]:
        return sorted(
            str([row[name] for name in figures]) for row in lines if (row["subscription_id"], row["meter"]) not in late
        )

    assert due
    assert comparable(shown) == comparable(due)


def test_every_customer_has_a_next_bill_whose_parts_add_up(home: Home) -> None:
    for name in customers(home):
        found = preview_customer(home, name, DUE)
        for bill in report.bills(home, found):
            assert bill["due_on"] > DUE
            assert bill["total"] == sum(line["total"] for line in bill["lines"])
            assert bill["total"] == bill["so_far"] + bill["to_come"] + bill["follows"]


def test_amounts_and_quantities_are_texts_in_json(home: Home) -> None:
    for name in customers(home):
        read = json.loads(report.as_json(home, preview_customer(home, name, DUE)), parse_float=pytest.fail)
        assert read["customer_id"] == name
        for bill in read["bills"]:
            assert sum(Decimal(line["total"]) for line in bill["lines"]) == Decimal(bill["total"])


def test_a_threshold_is_reached_when_half_nine_tenths_or_all_of_the_units_are_used(home: Home) -> None:
    units = [row for name in customers(home) for row in preview_customer(home, name, DUE).units]
    assert units
    for row in units:
        share = row["used"] / row["included"]
        assert row["reached"] == max(percent for percent in (0, 50, 90, 100) if share >= Decimal(percent) / 100)
        if row["next_threshold"] is not None:
            assert (row["used"] + row["units_to_next"]) * 100 == row["included"] * row["next_threshold"]
        else:
            assert row["reached"] == 100


def test_a_customer_without_a_contract_is_refused_by_name(home: Home) -> None:
    with pytest.raises(ConfigurationError, match="no contract of customer 'NOBODY' was delivered"):
        preview_customer(home, "NOBODY", DUE)
    with pytest.raises(ConfigurationError, match="by 2025-01-01"):
        preview_customer(home, customers(home)[0], date(2025, 1, 1))


def test_the_page_has_no_script_and_asks_no_network(home: Home) -> None:
    page = report.page(home, preview_customer(home, customers(home)[0], DUE))
    assert "<script" not in page
    assert "http" not in page
