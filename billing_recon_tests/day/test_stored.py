"""What the gate finds of files that were changed after they were written, on its own day and on the days before it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from billing_recon.control.audit_keys import RECORD_KEY_ENV, new_key
from billing_recon.day import Home, checked_files, land, stored
from billing_recon.day.checked_files import FILE
from billing_recon.day.stored import damaged
from billing_recon_tests.conftest import FIRST

NEXT = FIRST + timedelta(days=1)


@pytest.fixture
def home(company: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose first day's payments were landed and compared when the next day's gate was asked."""
    monkeypatch.setenv(RECORD_KEY_ENV, new_key())
    monkeypatch.setattr(checked_files, "_SETTLED_NS", 0)
    made = Home.open(company())
    land(made, "payments", FIRST, "test")
    assert asked(made) == ()
    return made


def asked(home: Home) -> tuple[str, ...]:
    """What is found of the first day when the gate of the next is asked."""
    return damaged(home, home.control.partition_states(("payments",), FIRST, FIRST), (), NEXT)


def change_a_byte(home: Home) -> None:
    """In place: the same name, size and time of writing."""
    (file,) = (Path(one) for one in home.warehouse.files("payments", FIRST, FIRST))
    was = file.stat()
    content = bytearray(file.read_bytes())
    content[40] ^= 0xFF
    with file.open("r+b") as out:
        out.write(content)
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (was.st_size, was.st_mtime_ns)


def test_rows_of_an_earlier_day_changed_in_place_are_found(home: Home) -> None:
    change_a_byte(home)
    (said,) = asked(home)
    assert said.startswith(f"payments of {FIRST} is not what was written")
    assert asked(home) == (said,), "and it stays so"


def test_files_that_nobody_touched_are_not_read_twice(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = stored._bytes

    def counted(home: Home, table: str, day: date) -> str:
        read.append(table)
        return real(home, table, day)

    monkeypatch.setattr(stored, "_bytes", counted)
    assert (asked(home), read) == ((), [])
    (file,) = home.warehouse.files("payments", FIRST, FIRST)
    os.link(file, f"{file}.again")
    assert (asked(home), read) == ((), ["payments"]), "a snapshot's link touches it, and changes nothing"
    assert (asked(home), read) == ((), ["payments"])


def test_what_is_kept_of_compared_files_convinces_nobody_without_the_key(home: Home) -> None:
    change_a_byte(home)
    kept = home.state / FILE
    held = json.loads(kept.read_text("utf-8"))
    (place,) = held["places"]
    touched = home.warehouse.fingerprints("payments", FIRST, FIRST)[FIRST].touched
    held["places"][place] = f"{held['places'][place].split()[0]} {touched}"
    kept.write_text(json.dumps(held), "utf-8")
    assert len(asked(home)) == 1
    kept.write_text("[]", "utf-8")
    assert len(asked(home)) == 1


def test_a_file_changed_a_moment_ago_is_read_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times of files have a grain: one that is changed twice within it looks unchanged."""
    monkeypatch.setattr(checked_files, "_SETTLED_NS", 60_000_000_000)
    (home.state / FILE).unlink()
    assert asked(home) == ()
    assert not (home.state / FILE).exists()
