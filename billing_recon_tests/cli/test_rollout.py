"""`rollout`: from a new plan to exposed customers and back, on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from typer.testing import Result

from billing_recon.core.errors import GateRefused
from billing_recon.day import land
from billing_recon_tests.day.rollout.conftest import landed, launch
from billing_recon_tests.day.rollout.launch import NAME, Launch, plan_text
from billing_recon_tests.day.rollout.test_switch import NEXT

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


HEADER = "payment_id,kind,customer_id,invoice_id,amount,currency,status,processed_at,attempt\n"


def collect(launch: Launch, after: int, *attempts: str) -> None:
    """Deliver and land a day's attempts; `after`: days after the exposure began."""
    day = NEXT + timedelta(days=after)
    file = launch.home.path / "landing" / "payments" / f"{day}.csv"
    rows = [f"{one.replace('@', f'{day}T09:00:00Z')}\n" for one in attempts]
    file.write_text(HEADER + "".join(rows), encoding="utf-8")
    land(launch.home, "payments", day, "test")


def test_a_retry_engine_is_compared_from_payment_files_to_attempts_recovery_and_faults(
    launch: Launch, typed: Callable[..., Result]
) -> None:
    retrying = plan_text(launch.people, "CUS-00001, CUS-00002").replace("layer: calculation", "layer: payment_retry")
    launch.write(f"{retrying}\nretry_days: [3]\n")
    checked = typed("rollout", "check", NAME, "--home", str(launch.home.path))
    assert checked.exit_code == 1
    assert (
        "stage internal has no critical threshold on collection_faults and on recovery_rate or money_left"
        in " ".join(checked.stdout.split())
    )
    with pytest.raises(GateRefused, match="an engine that collects twice or gives up too early would pass"):
        launch.promote()
    held = "    thresholds: &strict\n      - {metric: collection_faults, limit: 0}\n      - {metric: money_left, limit: 0, against: control}\n"
    launch.write(f"{retrying}\nretry_days: [3]\n".replace("    thresholds: &strict\n", held))
    launch.promote()
    dunning = ("rollout", "dunning", NAME, "--home", str(launch.home.path))
    collect(
        launch, 0, "P-1,payment,CUS-00001,I-1,100.00,EUR,failed,@,1", "P-2,payment,CUS-00002,I-2,50.00,EUR,failed,@,1",
        "P-3,payment,CUS-00003,I-3,70.00,USD,failed,@,1",
    )  # fmt: skip
    collect(
        launch,
        3,
        "P-4,payment,CUS-00001,I-1,100.00,EUR,succeeded,@,2",
        "P-5,payment,CUS-00002,I-2,50.00,EUR,failed,@,2",
    )
    collect(launch, 4)
    shown = typed(*dunning, "--format", "json")
    assert shown.exit_code == 0, shown.stderr
    tables = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [
        (row["group"], row["attempt"], row["attempts"], row["succeeded"], row["collected"])
        for row in tables
        if row["table"] == "attempts" and row["phase"] == "stage"
    ] == [("cohort", "1", "2", "0", "0.00"), ("cohort", "2", "2", "1", "100.00"), ("control", "1", "1", "0", "0.00")]
    assert [
        (row["group"], row["currency"], row["failed_first"], row["recovered_money"], row["money_left"])
        for row in tables
        if row["table"] == "recovery" and row["phase"] == "stage"
    ] == [("cohort", "EUR", "2", "100.00", "50.00"), ("control", "USD", "1", "0.00", "70.00")]
    collect(launch, 5, "P-6,payment,CUS-00001,I-1,100.00,EUR,failed,@,3")
    shown = typed(*dunning)
    assert shown.exit_code == 1
    assert "asked after it was paid; retried on a day that the schedule does not name" in " ".join(shown.stdout.split())
