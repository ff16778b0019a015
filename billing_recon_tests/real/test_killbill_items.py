"""Kill Bill's integration tests: what they expect for parts of a period and for usage, against our daily lines under its profile.

The tests were read for the plan, its price, the account's bill cycle day and the dates of each change; these facts are below,
the expected amounts are in the file. What is left out, and why, is in docs/quality.md.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from billing_recon.core.catalog_file import load_catalog
from billing_recon.core.profile import Profile
from billing_recon_tests.compute.small_company import SmallCompany

READ = """
TestAddonChangeAlignment 101 189 271 461: 1000 month 2023-08-01
TestAddonChangeAlignment 102 190: 100 month 2023-08-01
TestAddonChangeAlignment 302: 150 month 2023-08-01
TestAddonChangeAlignment 492: 200 month 2023-08-01
TestBundleTransfer 195 200: 249.95 month 2012-05-09
TestBundleTransfer 209: 249.95 month 2012-05-15
TestCatalogDailyBilling 85 109 144 169: 1 day 2024-04-13
TestCatalogForcedPhaseChangeWithDryRun 83: 40 month 2022-06-28
TestCatalogForcedPhaseChangeWithDryRun 116: 20 month 2022-06-28
TestCatalogForcedPhaseChangeWithDryRun 84 117 149 181: 5 month 2022-06-28
TestCatalogWithEffectiveDateForExistingSubscriptions 172: 49.95 month 2018-03-15
TestCatalogWithEffectiveDateForExistingSubscriptions 180: 59.95 month 2018-03-15
TestInArrearChangeCancel 85 120: 900 month 2023-08-11
TestInArrearChangeCancel 156 187: 1000 month 2025-03-31
TestInArrearChangeCancel 157 188: 900 month 2025-03-31
TestInArrearChangeCancel 190: 300 month 2025-03-31
TestIntegration 294: 599.95 month 2012-01-31
TestIntegration 322 335 339 343: 29.95 month 2012-03-31
TestIntegration 689 703: 249.95 month 2012-03-02
TestIntegrationInvoiceWithRepairLogic 152 252 280 287 315 322 355 362: 9.95 month 2012-05-01
TestIntegrationInvoiceWithRepairLogic 253 281 316 356: 599.95 month 2012-05-01
TestIntegrationInvoiceWithRepairLogic 286 321 361: 29.95 month 2012-05-01
TestIntegrationInvoiceWithRepairLogic 528 608 898: 2399.95 year 2013-08-18
TestIntegrationInvoiceWithRepairLogic 1301: 19.95 month 2016-09-08
TestIntegrationVoidInvoice 179 206: 19.95 month 2013-06-15
TestIntegrationWithAutoInvoiceDraft 116 132 134: 19.95 month 2020-09-01
TestIntegrationWithAutoInvoiceDraft 308: 249.95 month 2017-07-25
TestIntegrationWithDifferentBillingPeriods 223: 69.95 quarter 2012-05-01
TestIntegrationWithDifferentBillingPeriods 224: 29.95 month 2012-05-01
TestIntegrationWithDifferentBillingPeriods 285: 2399.95 year 2012-05-01
TestIntegrationWithDifferentBillingPeriods 299: 2399.95 year 2012-06-01
TestIntegrationWithDifferentBillingPeriods 435: 5999.95 year 2015-03-01
TestIntegrationWithDifferentBillingPeriods 436: 2399.95 year 2015-01-01
TestInvoiceFixedProration 67 85: 19.95 month 2023-05-23 of 30 days
TestInvoiceFixedProration 106 124: 19.95 month 2023-05-15 of 30 days
TestInvoicePayment 257 586: 249.95 month 2012-05-31
TestSubscription 100 124 131: 249.95 month 2012-05-01
TestSubscription 101 125 130: 2399.95 year 2012-05-01
TestSubscription 612: 29.95 month 2012-05-01
TestSubscription 612r: 19.95 month 2012-05-01
TestSubscription 625: 29.95 month 2012-05-01
TestWithBCDUpdate 169: 249.95 month 2016-06-15
TestWithBCDUpdate 202: 249.95 month 2016-08-10
TestWithBCDUpdate 289: 599.95 month 2016-05-01
TestWithBCDUpdate 290 477: 249.95 month 2016-05-01
TestWithBCDUpdate 302: 599.95 month 2016-06-10
TestWithBCDUpdate 335: 2399.95 year 2017-05-10
TestWithBCDUpdate 538: 249.95 month 2016-06-01
TestWithInArrearSubscriptions 128 144: 100 month 2020-01-01
TestWithInArrearSubscriptions 260: 900 month 2012-04-01
TestWithInArrearSubscriptions 261: 1000 month 2012-04-01
TestWithInvoiceHardening 97 106 128 165 177 192 205: 29.95 month 2019-04-27
TestWithInvoiceOptimization 188: 19.95 month 2020-01-01
TestWithInvoiceOptimization 243 244 489 1080: 100 month 2020-01-01
TestWithInvoiceOptimization 738: 29.95 month 2020-01-01
TestWithInvoiceOptimization 844: 100 month 2021-01-01
TestWithTaxItems 174 193: 29.95 month 2012-05-01
TestWithTaxItems 175 194: 2.95 month 2012-05-01
TestWithTaxItems 199: 249.95 month 2012-05-01
TestWithTimeZones 292: 29.95 month 2017-03-31
TestBillingAlignment 62 72: 249.95 month 2012-05-25
TestBillingAlignment 71: 2399.95 year 2012-05-01
TestOverdueIntegration 229 248 294 299 305 431 450 480 483 490 496 704 736 751 884 899 915: 249.95 month 2012-05-31
TestOverdueIntegration 495: 599.95 month 2012-05-31
TestOverdueIntegration 563 564: 2399.95 year 2012-05-31
TestOverdueWithSubscriptionCancellation 150 151: 249.95 month 2012-05-31
TestOverdueWithTags 130 163: 249.95 month 2012-05-31
TestInArrearUsagePST 85: 100 month 2024-01-31
TestUsageInArrear 731: 2399.95 year 2012-05-01
"""
"""Test class and lines of its expected items (r: only what is given back): price of a period, its length, a day on which one
begins."""

USED = """
TestInArrearChangeCancel 158: 0 at 1 each 2025-03-31
TestInArrearChangeCancel 189: 10 at 1 each 2025-03-31
TestCatalogWithEffectiveDateForExistingSubscriptions 219 230 241 253: 20 at 1.50 each 2018-01-01
TestCatalogWithEffectiveDateForExistingSubscriptions 266 279 294: 20 at 2.50 each 2018-01-01
TestCatalogWithEffectiveDateForExistingSubscriptions 306: 20 at 3.50 each 2018-01-01
TestCatalogWithEffectiveDateForExistingSubscriptions2 75 86 97 109 121 134 149: 20 at 1.50 each 2018-01-01
TestCatalogWithEffectiveDateForExistingSubscriptions2 161: 20 at 3.50 each 2018-01-01
TestChangeUsagePlanWithDateTime 78 186: 10 at 1 each 2018-01-01
TestChangeUsagePlanWithDateTime 91 139: 20 at 2 each 2018-01-01
TestInArrearUsagePST 86: 0 at 2.95 bullets 2024-01-31
TestInArrearWithCatalogVersions 123: 200 at 1.50 each 2016-04-01
TestInArrearWithCatalogVersions 140 261 278: 100 at 1.50 each 2016-04-01
TestInArrearWithCatalogVersions 150: 100 at 1 each 2016-04-01
TestInArrearWithCatalogVersions 280: 0 at 2.50 each 2016-04-01
TestInArrearWithCatalogVersions 298: 10 at 2.50 each 2016-05-09
TestUnknownUsageUnits 249 263 282: 99 at 1 each 2012-04-01
TestUsageInArrear 242 313 355 717: 199 at 2.95 bullets 2012-04-01
TestUsageInArrear 268: 50 at 2.95 bullets 2012-04-01
TestUsageInArrear 277: 300 at 2.95 bullets 2012-04-01
TestUsageInArrear 322: 0 at 2.95 bullets 2012-04-01
TestUsageInArrear 333 356: 350 at 2.95 bullets 2012-04-01
TestUsagePriceOverride 106: 10 at 1.25 each 2024-11-14
TestUsagePriceOverride 134: 20 at 2.25 each 2024-11-14
TestWithBCDUpdate 833: 200 at 2.95 bullets 2012-04-01
TestWithBCDUpdate 850: 0 at 2.95 bullets 2012-04-01
TestWithBCDUpdate 867: 200 at 2.95 bullets 2012-05-05
TestWithInvoiceOptimization 530 559: 199 at 2.95 bullets 2021-04-01
TestWithInvoiceOptimization 540: 0 at 2.95 bullets 2021-04-01
TestWithInvoiceOptimization 557: 350 at 2.95 bullets 2021-04-01
TestWithInvoiceOptimization 943 992 1015: 1 at 100 each 2021-01-01
TestWithInvoiceOptimization 970: 2 at 100 each 2021-01-01
TestWithUsagePlugin 139: 199 at 2.95 bullets 2012-04-01
"""
"""Test class and lines of its usage items: units recorded in the item's days, the price of a unit or a block, a day on which a
month begins. Bullets are sold in blocks of 100 up to 1,000."""

ON = date(2026, 1, 1)


@dataclass(frozen=True)
class Item:
    """An expected item with what its test says of the plan: a part of a period, charged or (REPAIR_ADJ) given back."""

    name: str
    start: str
    end: str
    amount: Decimal
    price: str
    interval: str
    anchor: date
    fixed_days: int | None


def facts(text: str) -> dict[tuple[str, str], list[str]]:
    """Test class and line -> what the test says of the item."""
    found = {}
    for line in text.strip().splitlines():
        where, _, terms = line.partition(": ")
        test, *lines = where.split()
        found |= {(test, number): terms.split() for number in lines}
    return found


def stated(file: Path, kinds: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Name and row of every expected item of some kinds."""
    with file.open(newline="", encoding="utf-8") as rows:
        for number, row in enumerate(csv.DictReader(rows)):
            if row["item_type"] in kinds:
                yield f"{Path(row['path']).stem} {row['line']} {number}", row


def items(file: Path) -> Iterator[Item]:
    read = facts(READ)
    for name, row in stated(file, ("RECURRING", "REPAIR_ADJ")):
        test, line, _ = name.split()
        given_back = row["item_type"] == "REPAIR_ADJ"
        terms = read.get((test, line + "r") if given_back else ("", "")) or read.get((test, line))
        if terms:
            yield Item(
                name,
                row["start"],
                row["end"],
                (-1 if given_back else 1) * Decimal(row["amount"]),
                *terms[:2],
                date.fromisoformat(terms[2]),
                int(terms[4]) if len(terms) > 3 else None,
            )


@pytest.mark.parametrize("fixed_days", [None, 30])
def test_parts_of_a_period_cost_what_kill_bill_expects(realdata: Path, fixed_days: int | None) -> None:
    wanted = [
        i for i in items(realdata / "rating" / "killbill_expected_invoice_items_half.csv") if i.fixed_days == fixed_days
    ]
    assert len(wanted) == (4 if fixed_days else 140)
    prices = sorted({item.price for item in wanted})
    plans = [
        {
            "plan_id": "p",
            "plan_version": price,
            "currency": "USD",
            "charges": [{"charge_id": "base", "kind": "subscription", "model": "flat", "amount": price}],
        }
        for price in prices
    ]
    taxes = [{"tax_region": "none", "rate": 0}]
    company = SmallCompany(
        load_catalog([("plans.yaml", yaml.safe_dump({"plans": plans, "taxes": taxes}))]),
        ON,
        profile=Profile.model_validate({"engine": "killbill", "fixed_days": fixed_days}),
        first_day=date(2010, 1, 1),
    )
    for item in wanted:
        company.subscribes(
            subscription_id=item.name,
            plan_version=item.price,
            billing_anchor=item.anchor,
            billing_interval=item.interval,
            since=item.start,
            until=item.end,
        )
        company.billed(item.start, observed=str(ON), subscription=item.name, period_end=item.end)
    lines = company.rated().execute(
        "SELECT subscription_id, CAST(period_start AS VARCHAR), CAST(period_end AS VARCHAR), total FROM expected_lines"
    )
    found, expected = set(lines.fetchall()), {(i.name, i.start, i.end, i.amount) for i in wanted}
    assert (sorted(expected - found), sorted(found - expected)) == ([], [])


def test_usage_of_a_period_costs_what_kill_bill_expects(realdata: Path) -> None:
    file, read = realdata / "rating" / "killbill_expected_invoice_items_half.csv", facts(USED)
    wanted = [(n, row, t) for n, row in stated(file, ("USAGE",)) if (t := read.get((n.split()[0], row["line"])))]
    plans = {}
    for _, _, (_, _, price, sold, _) in wanted:
        terms: dict[str, object] = {"model": "per_unit", "unit_price": price}
        if sold == "bullets":
            tiers = [{"block_size": 100, "max_blocks": 10, "unit": price}, {"block_size": 1000, "unit": "5.95"}]
            terms = {"model": "graduated_blocks", "tiers": tiers}
        charge = {"charge_id": "used", "kind": "usage", "meter": "events"} | terms
        plans[price] = {"plan_id": "p", "plan_version": price, "currency": "USD", "charges": [charge]}
    taxes = [{"tax_region": "none", "rate": 0}]
    company = SmallCompany(
        load_catalog([("plans.yaml", yaml.safe_dump({"plans": list(plans.values()), "taxes": taxes}))]),
        ON,
        profile=Profile.model_validate({"engine": "killbill"}),
        first_day=date(2010, 1, 1),
        lookback_days=6000,
    )
    for name, row, (units, _, price, _, anchor) in wanted:
        company.subscribes(
            subscription_id=name,
            plan_version=price,
            billing_anchor=date.fromisoformat(anchor),
            since=row["start"],
            until=row["end"],
        )
        company.uses(units, row["start"], subscription=name)
        company.billed(row["start"], observed=str(ON), subscription=name, period_end=row["end"])
    lines = company.rated().execute(
        "SELECT subscription_id, CAST(period_start AS VARCHAR), CAST(period_end AS VARCHAR), total FROM expected_lines"
    )
    found = set(lines.fetchall())
    expected = {(n, r["start"], r["end"], Decimal(r["amount"])) for n, r, _ in wanted}
    assert (sorted(expected - found), sorted(found - expected)) == ([], [])
    assert len(wanted) == 56
