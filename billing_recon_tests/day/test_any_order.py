"""Days in any order, with gaps and stops: never a false break on the way, and the ordered run's results once all are there."""

from __future__ import annotations

import csv
import random
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing_recon import day as steps
from billing_recon.control import VerdictRecord
from billing_recon.core.reason import Code
from billing_recon.core.schema import BREAKS, CONTROL_TOTALS, EXPECTED_LINES, USAGE_ROLLUP
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.gate import stale_reason
from billing_recon.simulate import simulate
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import breaks, rows, run_day

pytestmark = pytest.mark.long

DAYS = [FIRST + timedelta(days=n) for n in range(4)]
SPAN = DAYS[:3]
"""The days that run in any order: one of them is left out at first, another stops."""


def conditions(record: VerdictRecord) -> dict[str, str]:
    return {condition.name: condition.sentence for condition in record.held_back_by}


def stop(home: Home, day: date) -> VerdictRecord:
    """A day whose run ends after landing, as when a table has too many rows in quarantine."""
    steps.land_all(home, steps.LANDED, day, "stopped")
    steps.withdraw(home, day, "stopped")
    return steps.judge_day(home, day, "stopped")


def garble(path: Path) -> None:
    """Every row of a file in a currency that does not exist."""
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    at = header.split(",").index("currency")
    garbled = [",".join("XYZ" if n == at else cell for n, cell in enumerate(line.split(","))) for line in lines]
    path.write_text("\n".join([header, *garbled]) + "\n", encoding="utf-8")


def settle(home: Home, order: random.Random) -> None:
    """Run every day that has no current verdict, in any order, until all have one."""
    for _ in range(6):
        judged = {day: home.control.latest_verdict("day", str(day)) for day in SPAN}
        due = [
            day
            for day, record in judged.items()
            if record is None or record.verdict is Verdict.INCONCLUSIVE or stale_reason(home, record)
        ]
        if not due:
            return
        for day in order.sample(due, len(due)):
            run_day(home, day)
    pytest.fail(f"still not current: {due}")


def results(home: Home) -> dict[date, tuple[Any, ...]]:
    """What each day decided, on which evidence, with all its breaks and totals."""
    found = {}
    for day in SPAN:
        record = home.control.latest_verdict("day", str(day))
        assert record is not None
        computed = [rows(home, table, day) for table in (BREAKS, CONTROL_TOTALS, EXPECTED_LINES, USAGE_ROLLUP)]
        found[day] = (record.verdict, record.evidence_hash, *computed)
    return found


@pytest.fixture(scope="module")
def entangled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company whose days depend on each other: an event sent again two days later, another corrected on the next day,
    late usage, and two billing faults."""
    path = tmp_path_factory.mktemp("entangled") / "home"
    faults = {Code.PRICE_VERSION: 1, Code.LEDGER_AMOUNT: 1}
    simulate(seed=11, first=FIRST, last=SPAN[-1], customers=8, faults=faults, out=path, late_events=3)
    files = {day: path / "landing" / "usage_events" / f"{day}.csv" for day in SPAN}
    with files[DAYS[1]].open(newline="", encoding="utf-8") as file:
        mine = list(csv.DictReader(file))
    with files[DAYS[0]].open(newline="", encoding="utf-8") as file:
        again = next(csv.DictReader(file))
    columns = list(mine[0])
    amended = mine[-1] | {
        "event_id": "amended", "corrects": mine[-1]["event_id"], "received_at": f"{DAYS[2]}T01:00:00Z",
        "quantity": str(Decimal(mine[-1]["quantity"]) + 5),
    }  # fmt: skip
    for day, row in ((DAYS[2], again), (DAYS[2], amended)):
        with files[day].open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, columns, lineterminator="\n").writerow(row)
    return path


@pytest.fixture(scope="module")
def in_order(entangled: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[date, tuple[Any, ...]]:
    home = Home.open(shutil.copytree(entangled, tmp_path_factory.mktemp("in_order") / "home"))
    for day in SPAN:
        run_day(home, day)
    settle(home, random.Random(0))
    return results(home)


@pytest.mark.parametrize("seed", [1])
def test_days_in_any_order_with_a_gap_and_a_stop_end_as_the_ordered_run(
    entangled: Path, in_order: dict[date, tuple[Any, ...]], tmp_path: Path, seed: int
) -> None:
    order = random.Random(seed)
    home = Home.open(shutil.copytree(entangled, tmp_path / "home"))
    true = {row["break_id"] for day in SPAN for row in in_order[day][2]}
    assert true, "a company without a break would prove little"
    left_out, stopped = order.sample(SPAN[:-1], 2)
    ledger = home.path / "landing" / "ledger_entries" / f"{stopped}.csv"
    kept = ledger.read_text(encoding="utf-8")
    garble(ledger)
    for day in order.sample([day for day in SPAN if day != left_out], 2):
        record = stop(home, day) if day == stopped else run_day(home, day)
        assert record.verdict is not Verdict.PASS or day < left_out
        false = {row["break_id"] for row in breaks(home, day)} - true
        assert not false, f"{day} without {left_out}"
    ledger.write_text(kept, encoding="utf-8")
    run_day(home, left_out)
    settle(home, order)
    found = results(home)
    for day in SPAN:
        assert found[day] == in_order[day], day


def test_a_first_run_in_the_middle_compares_nothing_and_names_the_days(company: Callable[..., Path]) -> None:
    home = Home.open(company())
    record = run_day(home, DAYS[3])
    assert record.verdict is Verdict.INCONCLUSIVE
    assert breaks(home, DAYS[3]) == []
    said = conditions(record)["history:never_landed"]
    assert said.startswith("2026-01-28 to 2026-01-30 was never landed")
    assert "run --day 2026-01-28 --to 2026-01-31" in said
    assert "first_day of company.yaml" in said


def test_a_day_that_stopped_after_landing_takes_no_usage_from_later_days(company: Callable[..., Path]) -> None:
    home = Home.open(company())
    assert run_day(home, DAYS[0]).verdict is Verdict.PASS
    garble(home.path / "landing" / "ledger_entries" / f"{DAYS[1]}.csv")
    assert stop(home, DAYS[1]).verdict is Verdict.INCONCLUSIVE
    run_day(home, DAYS[2])
    assert {row["pair"] for row in breaks(home, DAYS[2])} <= {"billed_booked"}, "only what is in quarantine differs"
    (state,) = home.control.partition_states((USAGE_ROLLUP.name,), DAYS[1], DAYS[1])
    assert state.rows, "the next day rolled up what was landed"


def test_days_of_which_nothing_was_delivered_are_named_and_the_others_compared(company: Callable[..., Path]) -> None:
    path = company()
    for day in DAYS[:2]:
        for file in (path / "landing").glob(f"*/{day}.*"):
            file.unlink()
    home = Home.open(path)
    record = run_day(home, DAYS[2])
    assert record.verdict is Verdict.INCONCLUSIVE
    assert "2026-01-28, 2026-01-29 was never run" in conditions(record)["history:left_out"]
    assert {row["pair"] for row in rows(home, CONTROL_TOTALS, DAYS[2])} >= {"expected_billed", "billed_booked"}


def test_usage_that_was_not_delivered_is_not_known_on_later_days(company: Callable[..., Path]) -> None:
    home = Home.open(company())
    (home.path / "landing" / "usage_events" / f"{DAYS[1]}.csv").unlink()
    for day in DAYS[:2]:
        run_day(home, day)
    record = run_day(home, DAYS[2])
    assert record.verdict is Verdict.INCONCLUSIVE
    assert conditions(record).keys() == {"history:not_delivered:usage_events"}
    assert breaks(home, DAYS[2]) == []
    compared = {row["pair"] for row in rows(home, CONTROL_TOTALS, DAYS[2])}
    assert compared
    assert not compared & {"expected_billed", "metered_used"}


def test_a_verdict_on_what_was_compared_before_the_files_changed_is_no_pass(company: Callable[..., Path]) -> None:
    home = Home.open(company())
    run_day(home, FIRST)
    lines = home.path / "landing" / "invoice_lines" / f"{FIRST}.csv"
    lines.write_text("\n".join(lines.read_text(encoding="utf-8").splitlines()[:-1]) + "\n", encoding="utf-8")
    steps.land(home, "invoice_lines", FIRST, "again")
    record = steps.judge_day(home, FIRST, "only the gate")
    assert record.verdict is Verdict.INCONCLUSIVE
    assert "compared" in conditions(record)


def test_an_opening_without_history_is_declared_and_bills_that_need_it_are_not_compared(
    company: Callable[..., Path],
) -> None:
    path = company(customers=15)
    events = path / "landing" / "usage_events" / f"{FIRST}.csv"
    header, *lines = events.read_text(encoding="utf-8").splitlines()
    at = header.split(",").index("event_time")
    kept = [line for line in lines if line.split(",")[at] >= str(FIRST)]
    assert len(kept) < len(lines), "the simulated opening carries history"
    events.write_text("\n".join([header, *kept]) + "\n", encoding="utf-8")
    settings = path / "company.yaml"
    declared = f"first_day: '{FIRST}'"
    settings.write_text(
        settings.read_text(encoding="utf-8").replace(declared, f"{declared}\nhistory_from: '{FIRST}'"), encoding="utf-8"
    )
    home = Home.open(path)
    record = run_day(home, FIRST)
    assert breaks(home, FIRST) == []
    assert record.verdict is Verdict.PASS
    (said,) = [c.sentence for c in record.conditions if c.name == "before_history"]
    assert "a period with usage began before history_from of company.yaml" in said
