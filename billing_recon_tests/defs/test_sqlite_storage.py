"""Dagster's storage with connections kept open: several threads, processes and forks, and live updates."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest

from billing_recon.defs.instance import embedded_home, open_instance
from billing_recon.defs.sqlite_storage import PooledEventLogStorage, PooledRunStorage

DAYS = dg.StaticPartitionsDefinition([f"2026-01-{n:02d}" for n in range(1, 29)])


@dg.asset(partitions_def=DAYS)
def one() -> None:
    """An asset that does nothing."""


JOB = dg.Definitions([one], jobs=[dg.define_asset_job("job", "one")], executor=dg.in_process_executor)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run(instance: dg.DagsterInstance, day: int = 1) -> str:
    result = JOB.resolve_job_def("job").execute_in_process(
        instance=instance, partition_key=f"2026-01-{day:02d}", run_config=QUIET
    )
    assert result.success
    return str(result.run_id)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(tmp_path) as opened:
        yield opened


RUN_SOME = """
import sys
from pathlib import Path
from billing_recon.defs.instance import open_instance
from billing_recon_tests.defs.test_sqlite_storage import run
with open_instance(Path(sys.argv[1])) as instance:
    for day in range(1, 6):
        run(instance, day)
"""


def processes(state: Path, number: int) -> list[subprocess.Popen[bytes]]:
    return [subprocess.Popen([sys.executable, "-c", RUN_SOME, str(state)]) for _ in range(number)]


def test_the_instance_of_a_home_uses_the_pooled_storages(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.event_log_storage, PooledEventLogStorage)
    assert isinstance(instance.run_storage, PooledRunStorage)
    assert instance.telemetry_enabled is False


def test_a_moved_home_keeps_its_runs(tmp_path: Path) -> None:
    with open_instance(tmp_path / "before") as instance:
        run_id = run(instance)
    (tmp_path / "before").rename(tmp_path / "after")
    with open_instance(tmp_path / "after") as instance:
        assert instance.get_run_by_id(run_id) is not None
    assert not (tmp_path / "before").exists()


@pytest.mark.long
def test_two_processes_may_make_a_new_instance_at_once_and_no_event_is_lost(tmp_path: Path) -> None:
    assert [process.wait(60) for process in processes(tmp_path, 2)] == [0, 0]
    with open_instance(tmp_path) as instance:
        runs = instance.get_runs()
        assert len(runs) == 10
        assert {r.status for r in runs} == {dg.DagsterRunStatus.SUCCESS}
        counts = {len(instance.all_logs(r.run_id)) for r in runs}
        assert len(counts) == 1


@pytest.mark.long
def test_many_threads_read_while_one_writes(instance: dg.DagsterInstance) -> None:
    run_id = run(instance)
    done = threading.Event()

    def read() -> int:
        reads = 0
        while not done.is_set():
            assert instance.get_run_by_id(run_id) is not None
            assert instance.all_logs(run_id)
            reads += 1
        return reads

    with ThreadPoolExecutor(20) as pool:
        readers = [pool.submit(read) for _ in range(20)]
        try:
            for day in range(2, 7):
                run(instance, day)
        finally:
            done.set()
        assert all(reader.result() > 0 for reader in readers)


def test_a_forked_process_gets_connections_of_its_own(instance: dg.DagsterInstance) -> None:
    run_id = run(instance)
    storage = instance.event_log_storage
    assert isinstance(storage, PooledEventLogStorage)
    engine = storage._engine.get()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        found = storage._engine.get() is not engine and len(instance.all_logs(run_id)) > 0
        os.write(writer, b"1" if found else b"0")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 1) == b"1"
    os.close(reader)
    os.close(writer)
    assert storage._engine.get() is engine
    run(instance, 2)


@pytest.mark.long
def test_events_of_another_process_arrive_while_its_run_goes_on(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    seen: list[str] = []
    arrived = threading.Event()
    running = processes(tmp_path, 1)
    watched: set[str] = set()

    def note(event: dg.EventLogEntry, _cursor: str) -> None:
        seen.append(str(event.dagster_event_type))
        if event.dagster_event_type is dg.DagsterEventType.RUN_SUCCESS:
            arrived.set()

    deadline = time.monotonic() + 30
    while not arrived.is_set() and time.monotonic() < deadline:
        for found in instance.get_runs():
            if found.run_id not in watched:
                watched.add(found.run_id)
                instance.watch_event_logs(found.run_id, None, note)
        arrived.wait(0.01)
    assert running[0].wait(60) == 0
    assert arrived.is_set(), seen


def test_what_was_stored_before_watching_arrives_too(instance: dg.DagsterInstance) -> None:
    run_id = run(instance)
    arrived = threading.Event()
    instance.watch_event_logs(run_id, None, lambda _event, _cursor: arrived.set())
    assert arrived.wait(5)


def test_an_event_and_its_index_entry_are_stored_together_or_not_at_all(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, PooledEventLogStorage)
    run_id = run(instance)
    events = list(storage.get_logs_for_run(run_id))
    (planned,) = (e for e in events if e.dagster_event_type == dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    entries = len(storage.get_asset_records([dg.AssetKey("one")]))

    def refused(*_: object) -> None:
        raise RuntimeError("no index")

    monkeypatch.setattr(storage, "_store_asset_event", refused)
    for store in (lambda: storage.store_event(planned), lambda: storage.store_event_batch([events[0], planned])):
        with pytest.raises(RuntimeError, match="no index"):
            store()
    monkeypatch.undo()
    assert len(storage.get_logs_for_run(run_id)) == len(events)
    storage.store_event_batch([planned, planned])
    assert len(storage.get_logs_for_run(run_id)) == len(events) + 2
    assert len(storage.get_asset_records([dg.AssetKey("one")])) == entries == 1


def test_an_instance_named_by_the_environment_is_used_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = embedded_home(tmp_path / "elsewhere")
    monkeypatch.setenv("DAGSTER_HOME", str(elsewhere))
    with open_instance(tmp_path / "state") as instance:
        run(instance)
    assert not (tmp_path / "state").exists()
    assert (elsewhere / "event_log.db").is_file()
