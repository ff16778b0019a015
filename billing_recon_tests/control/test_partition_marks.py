"""A day's mark changes with anything that is registered about it, and with nothing else."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from billing_recon.control import ControlStore
from billing_recon.control.partition_marks import partition_marks
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon_tests.postgres import new_database, postgres_server

__all__ = ["new_database", "postgres_server"]

DAY, OTHER = date(2026, 3, 2), date(2026, 3, 3)


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_a_mark_changes_with_its_day_alone(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    on_postgres = backend == "postgresql"
    url = request.getfixturevalue("new_database")() if on_postgres else f"sqlite:///{tmp_path / 'control.db'}"
    store = ControlStore.open(url)
    assert partition_marks(store, DAY) == {}
    seen = []
    for change in (
        lambda: store.begin_write("invoice_lines", DAY, "run 1"),
        lambda: store.end_write("invoice_lines", DAY, 3, "d" * 64, "run 1", "", "files"),
        lambda: store.record_landing(LandingReport("invoice_lines", DAY, LandingStatus.EMPTY), "run 1"),
        lambda: store.record_landing(LandingReport("invoice_lines", DAY, LandingStatus.EMPTY), "run 2"),
        lambda: store.end_write("invoice_lines", DAY, 3, "e" * 64, "run 1", "", "files"),
    ):
        change()
        seen.append(partition_marks(store, DAY)[str(DAY)].digest)
        store.begin_write("breaks", OTHER, "run 1")
        assert partition_marks(store, DAY)[str(DAY)].digest == seen[-1]
    assert len(set(seen)) == len(seen)
    marks = partition_marks(store, DAY)
    assert list(marks) == [str(DAY), str(OTHER)]
    assert list(partition_marks(store, OTHER)) == [str(OTHER)]
    assert (marks[str(DAY)].landed, marks[str(OTHER)].landed) == ({"invoice_lines"}, frozenset())
    store.close()
