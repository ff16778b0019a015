"""What is read once answers every question as the database does, whatever the days and tables."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from billing_recon.control import ControlStore
from billing_recon.control.read_once import ReadOnce
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon_tests.postgres import new_database, postgres_server

__all__ = ["new_database", "postgres_server"]

FIRST = date(2026, 3, 1)
TABLES = ("usage_events", "usage_rollup", "quarantine_usage_events", "expected_lines", "quarantine_invoice_lines")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ControlStore]:
    make: Callable[[], str] | None = request.getfixturevalue("new_database") if request.param == "postgresql" else None
    opened = ControlStore.open(make() if make else f"sqlite:///{tmp_path / 'control.db'}")
    chance = random.Random(7)
    for number in range(60):
        day, table = FIRST + timedelta(days=chance.randrange(12)), chance.choice(TABLES)
        opened.begin_write(table, day, f"run {number}")
        if chance.random() < 0.8:
            opened.end_write(table, day, chance.choice([0, 5]), f"digest {number}", f"run {number}", "made", "files")
        status = chance.choice(list(LandingStatus))
        opened.record_landing(LandingReport(table=table, day=day, status=status), "run")
    yield opened
    opened.close()


def test_every_answer_is_that_of_the_database_in_the_same_order(store: ControlStore) -> None:
    chance, once = random.Random(11), ReadOnce(store)
    for _ in range(40):
        first = FIRST + timedelta(days=chance.randrange(-1, 12))
        last = first + timedelta(days=chance.randrange(-1, 9))
        tables = chance.sample(TABLES, chance.randrange(1, len(TABLES) + 1))
        for name in ("partition_states", "incomplete_partitions"):
            assert getattr(once, name)(tables, first, last) == getattr(store, name)(tables, first, last)
        digests = store.partition_digests(tables, first, last)
        assert list(once.partition_digests(tables, first, last).items()) == list(digests.items())
        assert once.landing_statuses(first, last) == store.landing_statuses(first, last)
        assert once.is_closed(first) == store.is_closed(first)


def test_it_answers_as_of_when_it_was_first_asked(store: ControlStore) -> None:
    once = ReadOnce(store)
    before = once.partition_states(TABLES, FIRST, FIRST)
    store.begin_write("usage_events", FIRST, "later")
    assert once.partition_states(TABLES, FIRST, FIRST) == before
    assert ReadOnce(store).partition_states(TABLES, FIRST, FIRST) != before
