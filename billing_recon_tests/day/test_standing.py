"""What is kept about verdicts of many days never says more than looking at each day anew would."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from billing_recon.cli.app import app
from billing_recon.control.audit_keys import RECORD_KEY_ENV, new_key
from billing_recon.core.errors import GateRefused
from billing_recon.day import Home, checked_files, remembered_files
from billing_recon.day.configuration import policy_text
from billing_recon.day.gate import DAY_GATE, require_pass, stale_reason
from billing_recon.day.overview import overview
from billing_recon.day.policies import apply, propose
from billing_recon.day.standing import FILE
from billing_recon_tests.conftest import FIRST

pytestmark = pytest.mark.long

DAYS = [FIRST + timedelta(days=n) for n in range(7)]


@pytest.fixture
def path(january: tuple[Path, dict[str, str]], tmp_path: Path) -> Path:
    """Seven green days, of which it was just stored that they hold."""
    shutil.copytree(january[0], tmp_path / "home")
    assert seen(tmp_path / "home") == set()
    assert set(json.loads((tmp_path / "home" / ".state" / FILE).read_text("utf-8"))["days"]) == set(map(str, DAYS))
    return tmp_path / "home"


def seen(path: Path) -> set[date]:
    home = Home.open(path)
    stale = set(overview(home).stale)
    home.control.close()
    return stale


def looked_at(path: Path) -> set[date]:
    """The days whose verdict does not hold, each looked at in full."""
    home = Home.open(path)
    verdicts = home.control.verdicts(DAY_GATE, list(map(str, DAYS)))
    stale = {day for day in DAYS if stale_reason(home, verdicts[str(day)])}
    home.control.close()
    return stale


def land_again(path: Path) -> None:
    home = Home.open(path)
    report = home.control.landing_reports(DAYS[2])[0]
    home.control.record_landing(replace(report, files=(("again.csv", "cd" * 32),)), "somebody")
    home.control.close()


def cut_off_a_write(path: Path) -> None:
    home = Home.open(path)
    home.control.begin_write("invoice_lines", DAYS[1], "a run that was killed")
    home.control.close()


def lose_a_file(path: Path) -> None:
    next((path / ".state" / "warehouse" / "ledger_entries").glob(f"day={DAYS[3]}/*.parquet")).unlink()


def apply_a_policy(path: Path) -> None:
    file = next((path / "policies").glob("*.yaml"))
    file.write_text(file.read_text("utf-8") + "\n# as agreed\n", "utf-8")
    home = Home.open(path)
    apply(home, propose(home, policy_text(path)), "as agreed", "ana", [])
    home.control.close()


def edit_the_company(path: Path) -> None:
    file = path / "company.yaml"
    file.write_text(file.read_text("utf-8") + "\n# moved\n", "utf-8")


@pytest.mark.parametrize("change", [land_again, cut_off_a_write, lose_a_file, apply_a_policy, edit_the_company])
def test_what_makes_a_verdict_lapse_is_seen_however_often_it_held_before(
    path: Path, change: Callable[[Path], None]
) -> None:
    change(path)
    stale = looked_at(path)
    assert stale
    assert seen(path) == stale
    assert seen(path) == stale, "and again, from what is kept"


def shown(path: Path, *words: str) -> str:
    return CliRunner().invoke(app, ["status", "--home", str(path), *words], catch_exceptions=False).output


@pytest.mark.parametrize("change", [land_again, cut_off_a_write, lose_a_file, apply_a_policy, edit_the_company])
def test_status_says_with_what_it_remembers_what_it_says_without(path: Path, change: Callable[[Path], None]) -> None:
    asked = ((), ("--day", str(DAYS[3])), ("--month", "2026-01"))
    for happens in (lambda _: None, change):
        happens(path)
        again = [(shown(path, *words), shown(path, *words)) for words in asked]
        for kept in (FILE, remembered_files.FILE, checked_files.FILE):
            assert (path / ".state" / kept).is_file()
            (path / ".state" / kept).unlink()
        assert again == [(shown(path, *words),) * 2 for words in asked]


def test_with_the_key_of_records_nobody_else_says_which_files_a_table_has(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RECORD_KEY_ENV, new_key())
    before, file = shown(path), path / ".state" / remembered_files.FILE
    kept = json.loads(file.read_text("utf-8"))
    kept["tables"]["control_totals"]["files"] = {}
    file.write_text(json.dumps(kept), "utf-8")
    assert shown(path) == before


def test_a_day_that_nothing_happened_to_is_not_looked_at_again_and_what_is_kept_opens_nothing(path: Path) -> None:
    file = path / ".state" / FILE
    kept = json.loads(file.read_text("utf-8"))
    kept["days"][str(DAYS[0])][2] = False
    file.write_text(json.dumps(kept), "utf-8")
    assert seen(path) == {DAYS[0]}, "taken from what is kept"
    land_again(path)
    assert DAYS[2] in seen(path)
    kept = json.loads(file.read_text("utf-8"))
    for one in kept["days"].values():
        one[2] = True
    file.write_text(json.dumps(kept), "utf-8")
    assert seen(path) == set()
    with pytest.raises(GateRefused, match="was PASS, but"):
        require_pass(Home.open(path), DAY_GATE, str(DAYS[2]))


def test_with_the_key_of_records_nobody_else_writes_that_a_verdict_holds(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RECORD_KEY_ENV, new_key())
    file = path / ".state" / FILE
    assert seen(path) == set()
    land_again(path)
    stale = seen(path)
    assert DAYS[2] in stale
    kept = json.loads(file.read_text("utf-8"))
    for one in kept["days"].values():
        one[2] = True
    file.write_text(json.dumps(kept), "utf-8")
    assert seen(path) == stale


@pytest.mark.parametrize("kept", ["", "[]", '{"settings": 1}', '{"settings": "x", "days": {"2026-01-28": []}}'])
def test_a_file_that_is_not_ours_or_cut_off_is_passed_over(path: Path, kept: str) -> None:
    (path / ".state" / FILE).write_text(kept, "utf-8")
    assert seen(path) == set()
