"""`state backup`, `restore` and `verify` as people type them."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from billing_recon.day.home import Home
from billing_recon_tests.postgres import new_database, postgres_server
from billing_recon_tests.report.books import DAY

__all__ = ["new_database", "postgres_server"]

Typed = Callable[..., Result]


@pytest.fixture
def backup(books: Path, typed: Typed, tmp_path: Path) -> Path:
    file = tmp_path / "copy.zip"
    done = typed("state", "backup", file, "--home", books)
    assert done.exit_code == 0, done.output
    return file


def rewritten(
    file: Path, to: str, change: Callable[[str, bytes], bytes | None], extra: dict[str, bytes] | None = None
) -> Path:
    """A copy of the zip whose files went through `change`; None leaves one out."""
    out = file.with_name(to)
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
        for name, content in (extra or {}).items():
            new.writestr(name, content)
    return out


def test_a_lost_state_comes_back_as_it_was(books: Path, backup: Path, typed: Typed) -> None:
    before = typed("breaks", "--day", DAY, "--format", "json", "--home", books).stdout
    events = Home.open(books).control.audit_events()
    shutil.rmtree(books / ".state")
    assert typed("state", "restore", backup, "--home", books).exit_code == 0
    assert typed("breaks", "--day", DAY, "--format", "json", "--home", books).stdout == before
    assert Home.open(books).control.audit_events() == events
    verified = typed("state", "verify", "--home", books)
    assert verified.exit_code == 0, verified.output


def test_frozen_periods_and_evidence_packs_come_back_too(books: Path, typed: Typed, tmp_path: Path) -> None:
    """They are what a go, a signature and a close rest on, and nothing makes them again as they were."""
    kept = [".state/shadow/snapshots/2026-02-28/manifest.json", ".state/evidence/2026-02.zip"]
    for name in kept:
        (books / name).parent.mkdir(parents=True, exist_ok=True)
        (books / name).write_text(f"content of {name}", encoding="utf-8")
    assert typed("state", "backup", tmp_path / "copy.zip", "--home", books).exit_code == 0
    shutil.rmtree(books / ".state")
    assert typed("state", "restore", tmp_path / "copy.zip", "--home", books).exit_code == 0
    assert [(books / name).read_text(encoding="utf-8") for name in kept] == [f"content of {name}" for name in kept]


def test_a_backup_of_sqlite_is_restored_into_postgresql_and_goes_on_there(
    books: Path, backup: Path, typed: Typed, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Home.open(books).control.audit_events()
    shutil.rmtree(books / ".state")
    monkeypatch.setenv("BILLING_RECON_CONTROL_URL", new_database())
    assert typed("state", "restore", backup, "--home", books).exit_code == 0
    control = Home.open(books).control
    assert control.audit_events() == events
    control.apply_policy("# another\n", "test", "ids go on after the restored ones")
    assert control.verify_audit() == []


def test_nothing_is_restored_over_a_state(books: Path, backup: Path, typed: Typed) -> None:
    result = typed("state", "restore", backup, "--home", books)
    assert result.exit_code == 2
    assert "move it away" in result.stderr
    shutil.rmtree(books / ".state" / "warehouse")
    assert "restore into an empty one" in typed("state", "restore", backup, "--home", books).stderr


def test_a_damaged_backup_is_refused_before_anything_is_written(books: Path, backup: Path, typed: Typed) -> None:
    shutil.rmtree(books / ".state")
    changed = rewritten(
        backup, "changed", lambda name, content: content + b" " if name.endswith(".parquet") else content
    )
    lacking = rewritten(backup, "lacking", lambda name, content: None if name.endswith(".parquet") else content)
    for file, said in ((changed, "was changed"), (lacking, "is missing")):
        result = typed("state", "restore", file, "--home", books)
        assert result.exit_code == 2
        assert said in result.stderr
    outside = rewritten(backup, "outside", lambda _, content: content, {"../../evil": b"x"})
    assert "not in its manifest" in typed("state", "verify", outside).stderr
    assert not (books / ".state" / "warehouse").exists()


def test_a_warehouse_that_lost_a_table_does_not_verify(books: Path, typed: Typed) -> None:
    shutil.rmtree(books / ".state" / "warehouse" / "breaks")
    result = typed("state", "verify", "--home", books)
    assert result.exit_code == 1
    assert "breaks of 2026-03-02 is not what was written" in result.output


def test_old_runs_are_removed_from_dagsters_records_and_recent_ones_never(books: Path, typed: Typed) -> None:
    done = typed("state", "forget-runs", "--older-than", "400", "--home", books)
    assert done.stdout == "0 runs that ended more than 400 days ago are removed from Dagster's records\n"
    assert typed("state", "forget-runs", "--older-than", "7", "--home", books).exit_code == 2
