"""One page per gate and day: opened on a breach, resolved on recovery, none twice, none lost."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import httpx
import pytest

from billing_recon.defs.instance import open_instance
from billing_recon.defs.paging import Answer, Cursor, answers_since, deliver, page, webhook
from billing_recon_tests.defs.receiver import Receiver, receiver

KEY = dg.AssetCheckKey(dg.AssetKey("day_gate"), "gate")
DAYS = dg.StaticPartitionsDefinition(["2026-03-01", "2026-03-02", "2026-03-03"])
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Gate:
    """A gate that answers as the test says, run on a real instance."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.answer: tuple[bool, dg.AssetCheckSeverity] = (True, dg.AssetCheckSeverity.ERROR)
        self.crash = False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.PreviewWarning)
            spec = dg.AssetCheckSpec("gate", asset="day_gate", blocking=True, partitions_def=DAYS)

            @dg.multi_asset(specs=[dg.AssetSpec("day_gate", partitions_def=DAYS)], check_specs=[spec])
            def day_gate() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
                if self.crash:
                    raise dg.Failure("killed", allow_retries=False)
                passed, severity = self.answer
                yield dg.MaterializeResult("day_gate")
                yield dg.AssetCheckResult(
                    asset_key="day_gate", check_name="gate", passed=passed, severity=severity, description="3 breaks."
                )

            self.job = dg.Definitions(
                [day_gate], jobs=[dg.define_asset_job("job")], executor=dg.in_process_executor
            ).resolve_job_def("job")

    def says(self, passed: bool, day: str = "2026-03-02", severity: dg.AssetCheckSeverity | None = None) -> None:
        self.answer = (passed, severity or dg.AssetCheckSeverity.ERROR)
        self.job.execute_in_process(instance=self.instance, partition_key=day, run_config=QUIET, raise_on_error=False)

    def dies(self, day: str = "2026-03-02") -> None:
        self.crash = True
        self.says(True, day)
        self.crash = False


@pytest.fixture(params=["sqlite", "postgresql"])
def gate(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gate]:
    if request.param == "sqlite":
        with open_instance(tmp_path) as instance:
            yield Gate(instance)
        return
    make: Callable[[], str] = request.getfixturevalue("new_database")
    (tmp_path / "dagster.yaml").write_text(
        f"telemetry: {{enabled: false}}\nstorage: {{postgres: {{postgres_url: '{make()}'}}}}\n"
    )
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield Gate(instance)


@pytest.fixture
def pager() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


class Sensor:
    """What the sensor does at each tick, with its cursor as text as Dagster keeps it."""

    def __init__(self, gate: Gate, pager: Receiver) -> None:
        self._instance, self._send = gate.instance, webhook(pager.url, "Acme", attempts=2, first_wait=0.001)
        self.cursor: str | None = None

    def tick(self) -> tuple[list[str], list[str]]:
        cursor = Cursor.parse(self.cursor)
        answers, newest = answers_since(self._instance, [KEY], cursor.after)
        moved, sent, failed = deliver(answers, newest, cursor, self._send)
        self.cursor = str(moved)
        return sent, failed


@pytest.fixture
def sensor(gate: Gate, pager: Receiver) -> Sensor:
    return Sensor(gate, pager)


WHERE = "day_gate.gate/2026-03-02"


def test_a_breach_opens_one_page_and_its_recovery_resolves_it(gate: Gate, pager: Receiver, sensor: Sensor) -> None:
    sensor.tick()
    gate.says(False)
    sensor.tick()
    assert pager.take() == [("trigger", WHERE)]
    sensor.tick()
    gate.says(False)
    sensor.tick()
    assert pager.take() == []
    gate.says(True)
    sensor.tick()
    assert pager.take() == [("resolve", WHERE)]
    gate.says(True)
    sensor.tick()
    assert pager.take() == []
    gate.says(False)
    sensor.tick()
    assert pager.take() == [("trigger", WHERE)]


def test_each_day_has_a_page_of_its_own(gate: Gate, pager: Receiver, sensor: Sensor) -> None:
    for day in ("2026-03-03", "2026-03-01", "2026-03-02"):
        gate.says(day == "2026-03-02", day)
    sensor.tick()
    assert pager.take() == [("trigger", "day_gate.gate/2026-03-01"), ("trigger", "day_gate.gate/2026-03-03")]


def test_nothing_is_lost_and_nothing_sent_twice_while_the_webhook_is_down(
    gate: Gate, pager: Receiver, sensor: Sensor
) -> None:
    gate.says(False, "2026-03-01")
    gate.says(False, "2026-03-02")
    pager.fails_for.add("2026-03-02")
    sent, failed = sensor.tick()
    assert sent == ["trigger day_gate.gate/2026-03-01"]
    assert failed[0].startswith(f"trigger {WHERE}: ")
    pager.down = True
    sensor.tick()
    pager.down = False
    pager.fails_for.clear()
    sensor.tick()
    assert pager.take() == [("trigger", "day_gate.gate/2026-03-01"), ("trigger", WHERE)]


def test_a_breach_whose_rerun_dies_is_still_paged(gate: Gate, pager: Receiver, sensor: Sensor) -> None:
    gate.says(False)
    gate.dies()
    sensor.tick()
    assert pager.take() == [("trigger", WHERE)]
    gate.dies()
    sensor.tick()
    assert pager.take() == []


def test_a_warning_pages_nobody(gate: Gate, pager: Receiver, sensor: Sensor) -> None:
    gate.says(False, severity=dg.AssetCheckSeverity.WARN)
    sensor.tick()
    assert pager.take() == []


def test_a_page_says_what_where_why_and_what_to_do() -> None:
    answer = Answer("day_gate.gate", "2026-03-02", False, "FAIL: 3 open breaks, none allowed.", "run-1")
    opened, resolved = page(answer, "trigger", "Acme"), page(answer, "resolve", "Acme")
    assert opened["dedup_key"] == resolved["dedup_key"] == "billing-recon/Acme/day_gate.gate/2026-03-02"
    assert opened["payload"]["summary"] == (
        "Acme: day_gate.gate of 2026-03-02 does not hold. FAIL: 3 open breaks, none allowed."
    )
    details = opened["payload"]["custom_details"]
    assert details["where"] == "2026-03-02"
    assert "billing-recon status --day 2026-03-02" in details["next step"]
    assert "run-1" in details["evidence"]
    assert resolved["payload"]["summary"].endswith("holds again")


def test_a_webhook_that_refuses_is_tried_again_before_it_counts_as_down(pager: Receiver) -> None:
    pager.down = True
    with pytest.raises(httpx.HTTPStatusError):
        webhook(pager.url, "Acme", attempts=2, first_wait=0.001)(Answer("g", "2026-03-02", False, "", "r"), "trigger")
