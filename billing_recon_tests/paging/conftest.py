"""A control database, a clock that a test moves, and services that take pages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from billing_recon.control import ControlStore
from billing_recon.core.operations import Cause, Channel, Paging
from billing_recon.paging.delivery import Delivered, deliver
from billing_recon.paging.desk import settle
from billing_recon.paging.trouble import Trouble
from billing_recon_tests.paging.receivers import MailServer, Receiver, mail_server, receiver
from billing_recon_tests.postgres import new_database, postgres_server

__all__ = ["new_database", "postgres_server"]

WEBHOOK = Channel(name="hook", kind="webhook", env="BILLING_RECON_TEST_HOOK")


def red(day: str, euros: int | str = 10, version: str = "verdict 1") -> Trouble:
    """A day that failed with so much money at risk."""
    return Trouble(
        cause=Cause.DIFFERENCES,
        day=day,
        title=f"{day} is FAIL",
        version=version,
        why=("3 open breaks; none are allowed.",),
        codes=("PRICE_VERSION",),
        money={"EUR": Decimal(euros)},
        owner="pricing",
        gate="day",
        next_step=f"billing-recon breaks --day {day}",
        link=f"https://recon.example/reports/{day}/day_pack.html",
    )


@dataclass
class Office:
    """The control database with paging switched on, and what a tick of a sensor does with it."""

    control: ControlStore
    paging: Paging = field(default_factory=lambda: Paging(channels=(WEBHOOK,)))
    now: datetime = datetime(2026, 3, 10, 4, tzinfo=UTC)
    troubles: list[Trouble] = field(default_factory=list)

    def later(self, **spans: float) -> None:
        self.now += timedelta(**spans)

    def look(self, *troubles: Trouble, causes: Collection[Cause] = (Cause.DIFFERENCES, Cause.DATA)) -> list[str]:
        """All that is wrong now."""
        return settle(self.control.pages, "Acme", self.paging, self.now, causes, troubles)

    def deliver(self, **bounds: float) -> Delivered:
        return deliver(
            self.control.pages,
            self.paging.channels,
            lambda: self.now,
            **{"patience": 1, **bounds},  # type: ignore[arg-type]
        )

    def tick(self, *troubles: Trouble) -> Delivered:
        self.look(*troubles)
        return self.deliver()


@pytest.fixture(params=["sqlite", "postgresql"])
def control(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ControlStore]:
    make: Callable[[], str] | None = request.getfixturevalue("new_database") if request.param == "postgresql" else None
    store = ControlStore.open(make() if make else f"sqlite:///{tmp_path / 'control.db'}")
    yield store
    store.close()


@pytest.fixture
def office(control: ControlStore) -> Office:
    """Switched on, with nothing wrong."""
    made = Office(control)
    made.look()
    return made


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiver() as running:
        monkeypatch.setenv(WEBHOOK.env, running.url)
        yield running


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with mail_server() as running:
        monkeypatch.setenv("BILLING_RECON_TEST_MAIL", running.url)
        yield running
