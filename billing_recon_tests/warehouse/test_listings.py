"""What is remembered of a table's files is what its log says, or it is not used."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from billing_recon.core.schema import Column, Kind, TableSpec
from billing_recon.core.schema.table import Part
from billing_recon.warehouse import Listings, Warehouse, listings
from billing_recon_tests.sessions import session

FIRST, SECOND, THIRD = (date(2026, 3, 1) + timedelta(days=n) for n in range(3))
LINES = TableSpec(
    "lines", (Column("line_id"), Column("amount", Kind.AMOUNT)), key=("line_id",), part=Part.COMPUTED, daily=True
)


def put(root: Path, *days: date) -> None:
    con = session()
    con.execute("CREATE TABLE lines AS SELECT 'a' AS line_id, 1.5 AS amount")
    for day in days:
        Warehouse(root).replace(con, LINES, day, "lines")


def look(root: Path, notes: dict[str, Any], first: date = FIRST) -> tuple[tuple[object, ...], bool, dict[str, Any]]:
    """What a look at three days finds, whether it opened the log, and what it remembers as it would be read back."""
    remembered = Listings(json.loads(json.dumps(notes)))
    warehouse = Warehouse(root, remembered)
    found = (
        warehouse.files("lines", first, THIRD),
        warehouse.fingerprints("lines", first, THIRD),
        warehouse.scan(LINES, first, THIRD),
    )
    return found, bool(warehouse._tables), remembered.notes


def anew(root: Path) -> tuple[object, ...]:
    warehouse = Warehouse(root)
    return (
        warehouse.files("lines", FIRST, THIRD),
        warehouse.fingerprints("lines", FIRST, THIRD),
        warehouse.scan(LINES, FIRST, THIRD),
    )


@pytest.fixture
def known(tmp_path: Path) -> dict[str, Any]:
    """Two days, looked at once."""
    put(tmp_path, FIRST, SECOND)
    return look(tmp_path, {})[2]


def test_a_second_look_opens_no_log_and_finds_the_same(tmp_path: Path, known: dict[str, Any]) -> None:
    assert look(tmp_path, known)[:2] == (anew(tmp_path), False)


@pytest.mark.parametrize("day", [SECOND, THIRD])
def test_a_log_that_has_grown_is_opened(day: date, tmp_path: Path, known: dict[str, Any]) -> None:
    put(tmp_path, day)
    found, opened, _ = look(tmp_path, known)
    assert (found, opened) == (anew(tmp_path), True)


def test_a_log_put_back_from_a_copy_is_opened_though_it_has_as_many_commits(
    tmp_path: Path, known: dict[str, Any]
) -> None:
    shutil.rmtree(tmp_path / "lines")
    put(tmp_path, FIRST, THIRD)
    found, opened, _ = look(tmp_path, known)
    assert (found, opened) == (anew(tmp_path), True)


def test_a_log_that_lost_its_last_commit_is_opened(tmp_path: Path, known: dict[str, Any]) -> None:
    max((tmp_path / "lines" / "_delta_log").glob("*.json")).unlink()
    found, opened, _ = look(tmp_path, known)
    assert (found, opened) == (anew(tmp_path), True)


def test_a_file_that_is_gone_is_still_missed(tmp_path: Path, known: dict[str, Any]) -> None:
    Path(Warehouse(tmp_path).files("lines", FIRST, FIRST)[0]).unlink()
    found, opened, _ = look(tmp_path, known)
    assert (found, opened) == (anew(tmp_path), False)


def test_days_before_those_that_are_known_are_read(tmp_path: Path) -> None:
    put(tmp_path, FIRST, SECOND)
    late = look(tmp_path, {}, first=SECOND)[2]
    found, opened, wider = look(tmp_path, late)
    assert (found, opened) == (anew(tmp_path), True)
    assert look(tmp_path, wider)[1] is False


def test_of_a_long_history_the_newest_days_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "KEPT_DAYS", 2)
    put(tmp_path, FIRST, SECOND, THIRD)
    notes = look(tmp_path, {})[2]
    assert list(notes["lines"]["files"]) == [str(SECOND), str(THIRD)]
    assert look(tmp_path, notes)[:2] == (anew(tmp_path), True)
    assert look(tmp_path, notes, first=SECOND)[1] is False


@pytest.mark.parametrize("note", [None, [], {}, {"commit": []}, {"commit": "x", "since": "2026-03-01"}])
def test_notes_that_are_not_ours_are_passed_over(note: object, tmp_path: Path) -> None:
    put(tmp_path, FIRST, SECOND)
    assert look(tmp_path, {"lines": note})[:2] == (anew(tmp_path), True)
