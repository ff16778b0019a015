"""Kill Bill's integration tests: what they expect for parts of a period, against our daily lines under its profile.

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


def items(file: Path) -> Iterator[Item]:
    facts = {}
    for line in READ.strip().splitlines():
        where, _, terms = line.partition(": ")
        test, *lines = where.split()
        facts |= {(test, number): terms.split() for number in lines}
    with file.open(newline="", encoding="utf-8") as rows:
        for number, row in enumerate(csv.DictReader(rows)):
            test = Path(row["path"]).stem
            given_back = row["item_type"] == "REPAIR_ADJ"
            terms = facts.get((test, row["line"] + "r") if given_back else ()) or facts.get((test, row["line"]))
            if terms and (given_back or row["item_type"] == "RECURRING"):
                sign = -1 if given_back else 1
                yield Item(
                    f"{test} {row['line']} {number}",
                    row["start"],
                    row["end"],
                    sign * Decimal(row["amount"]),
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
