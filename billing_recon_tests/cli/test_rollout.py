"""`rollout`: from a new plan to exposed customers and back, on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable

from typer.testing import Result

from billing_recon_tests.day.rollout.conftest import landed, launch
from billing_recon_tests.day.rollout.launch import Launch

__all__ = ["landed", "launch"]


def test_from_a_new_plan_to_exposed_customers_and_back(launch: Launch, typed: Callable[..., Result]) -> None:
    home = ("--home", str(launch.home.path))
    assert typed("rollout", "init", "next", *home).exit_code == 0
    assert (launch.home.path / "rollouts" / "next.yaml").is_file()
    missing = typed("rollout", "check", "next", *home)
    assert missing.exit_code == 1
    assert "version        MISSING" in missing.stdout
    assert typed("rollout", "check", "proration", *home).exit_code == 0
    shown = typed("rollout", "cohorts", "proration", "--format", "json", *home)
    assert [json.loads(line)["stage"] for line in shown.stdout.splitlines()] == [
        "internal",
        "small",
        "quarter",
        "half",
        "all",
    ]
    refused = typed("rollout", "promote", "proration", *home)
    assert (refused.exit_code, "has to allow it too" in refused.stderr) == (1, True)
    launch.promote()
    (status,) = typed("rollout", "status", "proration", "--format", "json", *home).stdout.splitlines()
    fixed = {"stage", "percentage", "verdict", "waiting_for", "exposed", "breaks", "money"}
    told = json.loads(status)
    assert fixed <= set(told)
    assert (told["stage"], told["exposed"], told["verdict"]) == ("internal", 2, "INCONCLUSIVE")
    files = typed("rollout", "export", "proration", "--to", str(launch.home.path / "out"), *home).stdout.split()
    assert [name.rsplit("/", 1)[-1] for name in files] == ["flagd.json", "members.csv", "members.json"]
    assert (launch.home.path / "out" / "members.csv").read_text().count("candidate") == 2
    launch.rollback()
    log = [
        json.loads(line) for line in typed("rollout", "log", "proration", "--format", "json", *home).stdout.splitlines()
    ]
    assert [row["event"] for row in log] == ["rehearsed", "members", "promote", "rollback"]
    assert json.loads(typed("rollout", "review", "proration", *home).stdout)["rollbacks"] == 1
    assert typed("rollout", "flags", "--as-of", "2027-01-01", *home).exit_code == 1
