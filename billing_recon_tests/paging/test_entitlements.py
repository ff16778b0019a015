"""Who has used up what is included is told once per threshold, behind every page, and never about what was before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from billing_recon.compute.registration import register
from billing_recon.core.operations import Channel, Paging
from billing_recon.core.schema import ENTITLEMENT_SIGNALS
from billing_recon.day import Home
from billing_recon.paging.delivery import deliver
from billing_recon.paging.entitlements import notify
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.paging.conftest import WEBHOOK, Office, red
from billing_recon_tests.paging.receivers import Receiver
from billing_recon_tests.sessions import session

NOTICES = WEBHOOK.model_copy(update={"entitlements": True})
NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)


@pytest.fixture
def home(company: Callable[..., Path]) -> Home:
    """Notices are switched on before anything was used."""
    opened = Home.open(company(days=1, customers=3))
    notify(opened, [NOTICES], NOW)
    return opened


def reached(home: Home, day: date, *percents: int, subscription: str = "S1") -> None:
    """What the day's run says was reached."""
    con = session()
    row = {
        "subscription_id": subscription,
        "customer_id": "ACORN",
        "charge_id": "api",
        "meter": "api_calls",
        "period_start": date(2026, 1, 1),
        "period_end": date(2026, 2, 1),
        "included": Decimal(5000),
    }
    rows = [{**row, "percent": p, "used": 50 * p, "sentence": f"{subscription} has used {p}%"} for p in percents]
    register(con, ENTITLEMENT_SIGNALS, rows)
    home.write(con, ENTITLEMENT_SIGNALS, day, "run")


def told(home: Home, hook: Receiver, channel: Channel = NOTICES) -> list[str]:
    notify(home, [channel], NOW)
    deliver(home.control.pages, [channel], lambda: NOW, patience=1)
    return [incident.removeprefix("entitlement/") for _, incident in hook.take()]


def test_each_threshold_is_told_once_however_often_its_day_is_run(home: Home, hook: Receiver) -> None:
    reached(home, FIRST, 50)
    assert told(home, hook) == ["S1/api/2026-01-01/50"]
    reached(home, FIRST, 50)
    reached(home, FIRST + timedelta(days=1), 90)
    assert told(home, hook) == ["S1/api/2026-01-01/90"]
    assert told(home, hook) == []


def test_a_day_that_passes_several_is_told_the_highest_and_no_lower_one_later(home: Home, hook: Receiver) -> None:
    reached(home, FIRST, 50, 90, 100)
    assert told(home, hook) == ["S1/api/2026-01-01/100"]
    reached(home, FIRST, 50, 90)  # a correction takes usage back
    assert told(home, hook) == []


def test_what_was_reached_before_notices_were_switched_on_is_not_told(home: Home, hook: Receiver) -> None:
    assert told(home, hook, WEBHOOK) == []
    reached(home, FIRST, 50)
    assert told(home, hook) == []
    reached(home, FIRST + timedelta(days=1), 90)
    assert told(home, hook) == ["S1/api/2026-01-01/90"]


def test_more_than_a_tick_takes_are_told_by_the_next_ones(
    home: Home, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing_recon.paging.entitlements.AT_ONCE", 2)
    for number in range(3):
        reached(home, FIRST + timedelta(days=number), 50, subscription=f"S{number}")
    assert [len(told(home, hook)) for _ in range(3)] == [2, 1, 0]


def test_a_page_overtakes_the_notices_that_wait(home: Home, hook: Receiver) -> None:
    reached(home, FIRST, 50)
    notify(home, [NOTICES], NOW)
    office = Office(home.control, Paging(channels=(NOTICES,)), NOW)
    office.look()
    office.look(red(str(FIRST)))
    office.deliver()
    assert hook.take() == [("trigger", f"differences/{FIRST}"), ("trigger", "entitlement/S1/api/2026-01-01/50")]


def test_a_channel_for_notices_alone_is_not_paged(office: Office, hook: Receiver) -> None:
    office.paging = Paging(channels=(NOTICES.model_copy(update={"pages": False}),))
    office.tick(red(str(FIRST)))
    assert hook.take() == []


def test_nobody_is_asked_to_take_a_notice(home: Home, hook: Receiver) -> None:
    reached(home, FIRST, 100)
    notify(home, [NOTICES], NOW)
    (page,) = home.control.pages.unfinished()
    from billing_recon.paging import bodies

    assert "Taken by" not in bodies.facts(page)
    assert bodies.webhook(page)["used"] == "5000"


def test_pagerduty_takes_no_notices() -> None:
    with pytest.raises(ValidationError, match="nothing to be woken up for"):
        Channel(name="oncall", kind="pagerduty", env="KEY", entitlements=True)
