"""Every test of the control plane runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url

from billing_recon.control import ControlStore
from billing_recon_tests.postgres import copy_database, new_database, postgres_server

__all__ = ["copy_database", "new_database", "postgres_server"]

_migrated: dict[str, str] = {}


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that does not exist yet, or is empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/control.db"
    make: Callable[[], str] = request.getfixturevalue("new_database")
    return make()


@pytest.fixture
def url(new_url: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a database with the schema and nothing in it: migrated once a session, then copied."""
    kind = make_url(new_url).get_backend_name()
    if kind not in _migrated:
        folder = tmp_path_factory.mktemp("migrated")
        _migrated[kind] = (
            f"sqlite:///{folder}/control.db" if kind == "sqlite" else request.getfixturevalue("new_database")()
        )
        ControlStore.open(_migrated[kind]).close()
    if kind != "sqlite":
        copy: Callable[[str], str] = request.getfixturevalue("copy_database")
        return copy(_migrated[kind])
    path = Path(str(make_url(new_url).database))
    path.parent.mkdir(parents=True)
    shutil.copy(str(make_url(_migrated[kind]).database), path)
    return new_url


@pytest.fixture
def control(url: str) -> Iterator[ControlStore]:
    """A control store whose clock stands still."""
    store = ControlStore.open(url, clock=lambda: datetime(2026, 4, 1, 9, 30, tzinfo=UTC))
    yield store
    store.close()
