"""Which day a row belongs to, and which rows a day's file may not carry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from billing_recon_tests.feeds.desk import DAY, Desk, payment
from billing_recon_tests.feeds.landing.test_deduplication import EVENT

SUBSCRIPTION = (
    "subscription_id,customer_id,plan_id,plan_version,status,quantity,currency,timezone,tax_region,segment,"
    "billing_anchor,billing_interval,valid_from,valid_to,contract"
)


def subscribed(
    valid_from: str = "2024-02-29T00:00:00Z", valid_to: str = "", contract: str = "", zone: str = "UTC"
) -> str:
    quoted = '"' + contract.replace('"', '""') + '"' if contract else ""
    return f"S-1,C-1,pro,1,active,3,USD,{zone},DE,mid,2024-02-29,month,{valid_from},{valid_to},{quoted}"


def event(happened: str, received: str) -> str:
    return f"E-{happened}-{received},api,C-1,S-1,calls,1,{happened},{received}"


def test_the_day_of_an_instant_is_a_day_in_the_companys_time_zone(desk_of: Callable[..., Desk]) -> None:
    desk = desk_of(timezone="America/Los_Angeles")
    desk.payments(
        payment(processed_at="2026-03-03T07:59:59Z"), payment(payment_id="P-2", processed_at="2026-03-03T08:00:00Z")
    )
    assert desk.quarantined() == [(2, "WRONG_DAY", "processed_at")]


def test_history_lands_as_far_back_as_is_looked_back_on(desk: Desk) -> None:
    desk.payments(
        payment(processed_at="2025-12-30T00:00:00Z"), payment(payment_id="P-2", processed_at="2025-12-29T23:59:59Z")
    )
    assert desk.quarantined() == [(2, "WRONG_DAY", "processed_at")]
    assert desk.rows("payment_id, observed_on") == [("P-1", DAY)]


def test_late_usage_is_observed_when_it_was_received(desk: Desk) -> None:
    rows = (
        event("2026-03-02T10:00:00Z", "2026-03-02T23:59:59Z"),
        event("2026-03-02T10:00:00Z", "2026-03-04T00:00:00Z"),
        event("2026-02-28T10:00:00Z", "2026-03-01T00:00:00Z"),
        event("2026-03-02T10:00:00Z", "2026-05-04T00:00:00Z"),
        event("2026-03-03T00:00:00Z", "2026-03-03T00:00:00Z"),
        event("2026-03-02T12:00:00Z", "2026-03-01T11:59:59Z"),
    )
    desk.put("\n".join([EVENT, *rows, ""]), table="usage_events")
    desk.land("usage_events")
    assert desk.rows("source_row, observed_on") == [(1, DAY), (2, date(2026, 3, 4)), (3, DAY)]
    assert desk.quarantined() == [
        (4, "WRONG_DAY", "received_at"),
        (5, "WRONG_DAY", "event_time"),
        (6, "TABLE_RULE", "received_at"),
    ]


def test_a_contract_may_have_begun_long_ago_or_begin_later(desk: Desk) -> None:
    desk.put("\n".join([SUBSCRIPTION, subscribed(), subscribed("2027-01-01T00:00:00Z"), ""]), table="subscriptions")
    report = desk.land("subscriptions")
    assert (report.accepted, report.quarantined) == (2, 0)
    assert desk.rows("observed_on") == [(DAY,), (DAY,)]


@pytest.mark.parametrize(
    ("row", "reason", "field"),
    [
        (subscribed(valid_to="2024-02-29T00:00:00Z"), "TABLE_RULE", "valid_to"),
        (subscribed(zone="Mars/Olympus"), "NOT_ALLOWED", "timezone"),
        (subscribed(contract='{"discount": {"rate": 0.1}}'), "UNPARSABLE", "contract"),
        (subscribed(contract='{"rebate": "0.1"}'), "NOT_ALLOWED", "contract"),
        (subscribed(contract='{"discount": '), "UNPARSABLE", "contract"),
        (subscribed().replace("2024-02-29,month", "2023-02-29,month"), "UNPARSABLE", "billing_anchor"),
        (subscribed().replace("month", "fortnight"), "NOT_ALLOWED", "billing_interval"),
        (subscribed().replace("month", "0 weeks"), "NOT_ALLOWED", "billing_interval"),
        (subscribed().replace(",3,", ",-3,"), "OUT_OF_RANGE", "quantity"),
    ],
)
def test_a_contract_that_cannot_be_is_set_aside(desk: Desk, row: str, reason: str, field: str) -> None:
    good = subscribed(contract='{"discount": {"rate": "0.1"}}', zone="Asia/Kathmandu")
    good = good.replace("S-1", "S-2").replace("month", "2 weeks")
    desk.put("\n".join([SUBSCRIPTION, row, good, ""]), table="subscriptions")
    desk.land("subscriptions")
    assert desk.quarantined() == [(1, reason, field)]
    assert desk.rows("subscription_id") == [("S-2",)]


@pytest.mark.parametrize(
    ("debit", "credit", "reasons"),
    [("5", "", []), ("", "5", []), ("0", "0", []), ("5", "5", ["TABLE_RULE"]), ("-5", "0", ["OUT_OF_RANGE"])],
)
def test_a_posting_is_a_debit_or_a_credit(desk: Desk, debit: str, credit: str, reasons: list[str]) -> None:
    header = "entry_id,journal_id,posted_on,account,role,debit,credit,currency"
    desk.put(f"{header}\nE-1,J-1,2026-03-02,1200,ar,{debit},{credit},EUR\n", table="ledger_entries")
    desk.land("ledger_entries")
    assert [reason for _, reason, _ in desk.quarantined()] == reasons
