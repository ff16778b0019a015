"""Every test of the control plane runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from billing_recon.control import ControlStore
from billing_recon_tests.postgres import new_database, postgres_server

__all__ = ["new_database", "postgres_server"]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that does not exist yet, or is empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/control.db"
    make: Callable[[], str] = request.getfixturevalue("new_database")
    return make()


@pytest.fixture
def control(url: str) -> Iterator[ControlStore]:
    """A control store whose clock stands still."""
    store = ControlStore.open(url, clock=lambda: datetime(2026, 4, 1, 9, 30, tzinfo=UTC))
    yield store
    store.close()
