"""Connections to the control database: SQLite in WAL mode in the state folder, or PostgreSQL. Its tables are in control.schema."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError

from billing_recon.core.errors import ConfigurationError

URL_ENV = "BILLING_RECON_CONTROL_URL"
_WAIT_SECONDS = 60
_LOCK = 0x62696C6C  # "bill": the advisory lock that serialises writers on PostgreSQL


def control_url(state: Path) -> str:
    """The URL of a home's control database: BILLING_RECON_CONTROL_URL, or <state>/control.db."""
    return os.environ.get(URL_ENV) or f"sqlite:///{state / 'control.db'}"


def private_folder(path: Path) -> Path:
    """Create a folder of state that only its user may open; one that exists keeps its permissions."""
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def connect(url: str) -> Engine:
    """An engine for SQLite or PostgreSQL; ConfigurationError, with the correct form, for any other URL."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError(_advice("it is not a database URL")) from None
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg2")
    if parsed.drivername == "postgresql+psycopg2":
        return create_engine(parsed, pool_pre_ping=True)
    if not parsed.drivername.startswith("sqlite"):
        raise ConfigurationError(_advice(f"'{parsed.drivername}' is neither SQLite nor PostgreSQL"))
    if not parsed.database or parsed.database == ":memory:":
        raise ConfigurationError(_advice("decisions must outlive the process, so SQLite needs a file"))
    private_folder(Path(parsed.database).parent)
    engine = create_engine(parsed, connect_args={"timeout": _WAIT_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def close_here(pid: int, engine: Engine) -> None:
    """Close an engine's idle connections, but only in the process that opened them: a forked child must not close its parent's."""
    if os.getpid() == pid:
        engine.dispose()


def _advice(problem: str) -> str:
    return (
        f"{URL_ENV} cannot be used: {problem}. "
        "Write sqlite:////absolute/path/control.db or postgresql+psycopg2://user:password@host/database"
    )


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not open transactions: BEGIN is ours, so that DDL and reads are inside it too.
    connection.isolation_level = None
    _switch_to_wal(connection)
    connection.execute("PRAGMA foreign_keys = ON")
    # Without it, INSERT OR REPLACE deletes a row without firing the triggers that forbid DELETE.
    connection.execute("PRAGMA recursive_triggers = ON")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL. For a new file that needs exclusive access, and SQLite fails without waiting for it."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    # Bookkeeping of landings survives a killed process; a decision survives a power cut too.
    connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if options.get('durable') else 'NORMAL'}")
    # A writer takes its lock at the start: upgrading a read transaction fails at once when another has written since.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writing") else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads."""
    with engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine, *, durable: bool = True) -> Iterator[Connection]:
    """A transaction with exclusive write access: the audit chain has one last event, and versions are numbered without gaps."""
    with engine.connect().execution_options(writing=True, durable=durable) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        yield connection
