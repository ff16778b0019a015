"""`checklist --month`, `close`, `journal`, `spot`, `evidence` and `audit` as people type them, from an open month to a cut chain."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from billing_recon.core.signoff import Role
from billing_recon.day import Home
from billing_recon.day.month_evidence import month_evidence

pytestmark = pytest.mark.long

Typed = Callable[..., Result]
MONTH = "2026-01"


def test_a_month_is_closed_proven_and_its_cut_history_found(
    january: tuple[Path, dict[str, str]], typed: Typed, tmp_path: Path
) -> None:
    path = Path(shutil.copytree(january[0], tmp_path / "home"))
    at = ("--home", path)
    tasks = [
        json.loads(line) for line in typed("checklist", "--month", MONTH, "--format", "json", *at).stdout.splitlines()
    ]
    assert {task["task"]: task["state"] for task in tasks if task["state"] != "PASS"} == {"sign_off": "FAIL"}
    assert all(task["owner"] and task["due"] for task in tasks)

    home = Home.open(path)
    for approver in home.policy.approvers:
        home.control.sign_off(MONTH, approver.name, Role(approver.role), month_evidence(home, MONTH))
    home.control.close()
    closed = typed("close", MONTH, "--out", tmp_path / "elsewhere.jsonl", *at)
    assert closed.exit_code == 0, closed.output
    assert "time to close: " in closed.stdout
    pack = next((path / ".state" / "evidence").glob("*.zip"))
    verified = typed("evidence", "verify", pack)
    assert verified.exit_code == 0, verified.output
    assert "the pack is not signed" in verified.stdout

    rows = list(csv.DictReader(io.StringIO(typed("journal", MONTH, "--format", "csv", *at).stdout)))
    assert {"contract", "policy", "month"} <= {row["kind"] for row in rows}
    assert "no line of 2026-01 is to be checked" in typed("spot", "list", MONTH, *at).stdout
    assert "1 head outside the database agree" in typed("audit", "verify", *at).stdout

    with sqlite3.connect(path / ".state" / "control.db") as connection:
        (last,) = connection.execute("SELECT max(seq) FROM audit_events").fetchone()
        for table in ("audit_events", "month_closes", "month_events"):
            connection.execute(f"DROP TRIGGER {table}_no_delete")
        connection.execute("DELETE FROM audit_events WHERE seq > ?", (last - 2,))
        connection.execute("DELETE FROM month_closes")
        connection.execute("DELETE FROM month_events WHERE state = 'Closed'")
    cut = typed("audit", "verify", "--heads", tmp_path / "elsewhere.jsonl", *at)
    assert cut.exit_code == 1
    assert cut.stderr.count(f"and the chain ends at {last - 2}: its newest events were cut off") == 2
