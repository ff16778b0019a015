"""Dagster's run, event and schedule storage on SQLite with the connections kept open. Nothing about billing is in here.

Dagster's own classes make a new engine and a new connection for each statement group, some hundreds a run: 1.4 s of a
daily run, against 0.3 s with the connections kept. Everything else (tables, queries, migrations) is inherited. These
classes differ in six places:

- one engine a process, made again after a fork, since a SQLite connection must not cross one;
- any number of connections at once: the web server reads from many threads, and storage methods nest connections;
- WAL with synchronous=NORMAL: survives a killed process; after a power cut the last events may be missing, and a run can
  be started again. Decisions lie in the control database, which is stricter;
- an event is stored in one transaction with its entries in the indexes, and a batch of events in one, not in three each;
- a new database is set up under a lock, so that two processes may open it at the same time;
- live updates watch the WAL file too. With a connection kept open, SQLite touches the main file at checkpoints only, and
  the web UI would stand still.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as db
from dagster._config import StringSource
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import QueuePool
from watchdog.events import FileSystemEvent, PatternMatchingEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

BUSY_SECONDS = 60
_of_the_parent: list[db.Engine] = []
"""Engines inherited through a fork: kept from the garbage collector, whose closing would touch the parent's files."""


class PooledEngine:
    """The process's engine for one SQLite file, made on first use."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._made: tuple[int, db.Engine] | None = None

    def get(self) -> db.Engine:
        """The engine of this very process."""
        made = self._made
        if made is not None and made[0] == os.getpid():
            return made[1]
        with self._lock:
            made = self._made
            if made is None or made[0] != os.getpid():
                if made is not None:
                    _of_the_parent.append(made[1])
                made = (os.getpid(), self._make())
                self._made = made
                weakref.finalize(self, _close_here, *made).atexit = False
            return made[1]

    def _make(self) -> db.Engine:
        engine = db.create_engine(
            self._url,
            poolclass=QueuePool,
            pool_size=4,
            max_overflow=-1,
            pool_use_lifo=True,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        db.event.listen(engine, "connect", _prepare)
        return engine

    @contextmanager
    def begin(self) -> Iterator[db.Connection]:
        """A connection in a transaction: committed at the end, rolled back on an error."""
        with self.get().connect() as connection, connection.begin():
            yield connection

    def dispose(self) -> None:
        """Close the idle connections. The next use opens new ones."""
        made, self._made = self._made, None
        if made is not None and made[0] == os.getpid():
            made[1].dispose()


def _close_here(pid: int, engine: db.Engine) -> None:
    if os.getpid() == pid:
        engine.dispose()


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")


@contextmanager
def alone(base_dir: str, database: str) -> Iterator[None]:
    """Hold off other processes while `database` is being set up; at the end it is in WAL mode, which stays with the file."""
    folder = Path(base_dir)
    folder.mkdir(parents=True, exist_ok=True)
    lock = sqlite3.connect(folder / f"{database}.setup", timeout=BUSY_SECONDS, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
        yield
        connection = sqlite3.connect(folder / f"{database}.db", timeout=BUSY_SECONDS)
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()
    finally:
        lock.close()


class PooledRunStorage(SqliteRunStorage):
    """Dagster's SQLite run storage with the connections kept open."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engine = PooledEngine(conn_string)
        super().__init__(conn_string, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PooledRunStorage:
        """Made by Dagster from dagster.yaml."""
        base_dir = str(config_value["base_dir"])
        with alone(base_dir, "runs"):
            return cls.from_local(base_dir, inst_data=inst_data)

    @contextmanager
    def connect(self) -> Iterator[db.Connection]:
        """A pooled connection in a transaction."""
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close the connections with the instance."""
        self._engine.dispose()


class PooledScheduleStorage(SqliteScheduleStorage):
    """Dagster's SQLite schedule storage with the connections kept open."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engine = PooledEngine(conn_string)
        super().__init__(conn_string, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PooledScheduleStorage:
        """Made by Dagster from dagster.yaml."""
        base_dir = str(config_value["base_dir"])
        with alone(base_dir, "schedules"):
            made = cls.from_local(base_dir, inst_data=inst_data)
        assert isinstance(made, cls)
        return made

    @contextmanager
    def connect(self) -> Iterator[db.Connection]:
        """A pooled connection in a transaction."""
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close the connections with the instance."""
        self._engine.dispose()


class PooledEventLogStorage(ConsolidatedSqliteEventLogStorage):
    """Dagster's consolidated SQLite event log with the connections kept open."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engine = PooledEngine(f"sqlite:///{Path(base_dir).absolute()}/event_log.db")
        self._watch_lock = threading.Lock()
        self._observer: BaseObserver | None = None
        self._storing = threading.local()
        self._asset_columns: dict[str, bool] = {}
        with alone(base_dir, "event_log"):
            super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """One folder."""
        return {"base_dir": StringSource}

    @contextmanager
    def _connect(self) -> Iterator[db.Connection]:
        joined: db.Connection | None = getattr(self._storing, "connection", None)
        if joined is not None:
            yield joined
            return
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _one_transaction(self) -> Iterator[None]:
        """All that this thread stores within is committed together, or nothing of it."""
        if getattr(self._storing, "connection", None) is not None:
            yield
            return
        with self._engine.begin() as connection:
            self._storing.connection = connection
            try:
                yield
            finally:
                self._storing.connection = None

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event with its entries in the indexes of assets and checks."""
        with self._one_transaction():
            super().store_event(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store several events, all or none."""
        with self._one_transaction():
            super().store_event_batch(events)

    def _has_asset_key_col_on_connection(self, conn: db.Connection, column_name: str) -> bool:
        """Whether the table of assets has a column; asked once, since Dagster asks for every event of an asset."""
        known = self._asset_columns.get(column_name)
        if not known:
            known = self._asset_columns[column_name] = super()._has_asset_key_col_on_connection(conn, column_name)
        return known

    def has_table(self, table_name: str) -> bool:
        """Whether the database has a table."""
        with self._connect() as connection:
            return bool(connection.dialect.has_table(connection, table_name))

    def watch(self, run_id: str, cursor: str | None, callback: Callable[..., Any]) -> None:
        """Call back for each new event of a run, whichever process stores it."""
        with self._watch_lock:
            if self._observer is None:
                self._observer = Observer()
                self._observer.schedule(_WalWatcher(self), self._base_dir, recursive=False)
                self._observer.start()
            self._watchers[run_id][callback] = cursor
        # Events stored between the caller's last read and the watch would otherwise wait for the next one.
        self.on_modified()  # type: ignore[no-untyped-call]  # untyped in Dagster

    def dispose(self) -> None:
        """Stop watching and close the connections with the instance."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join(timeout=15)
        self._engine.dispose()


class _WalWatcher(PatternMatchingEventHandler):
    """Tells a storage that its database or its write-ahead log was written to."""

    def __init__(self, storage: PooledEventLogStorage) -> None:
        path = storage.get_db_path()  # type: ignore[no-untyped-call]  # untyped in Dagster
        super().__init__(patterns=[path, f"{path}-wal"])
        self._storage = storage

    def on_modified(self, event: FileSystemEvent) -> None:
        self._storage.on_modified()  # type: ignore[no-untyped-call]  # untyped in Dagster

    def on_created(self, event: FileSystemEvent) -> None:
        self._storage.on_modified()  # type: ignore[no-untyped-call]  # untyped in Dagster
