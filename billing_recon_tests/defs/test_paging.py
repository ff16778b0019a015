"""The sensors: a crashed run is paged and a refused one is not; a schedule that is off, a sensor that fails."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import RemoteInstigatorOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)

from billing_recon.control import VerdictRecord
from billing_recon.core.operations import Channel, Operations, Paging
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.defs.build import build_definitions
from billing_recon.defs.instance import open_instance
from billing_recon.defs.paging import automation_troubles, define_sensors, page_automation, page_days
from billing_recon.defs.run_outcome import REFUSED, RUN_OUTCOME
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.defs.plant import QUIET
from billing_recon_tests.paging.receivers import Receiver, receiver

VARIABLE = "BILLING_RECON_TEST_HOOK"
OPERATIONS = Operations(paging=Paging(channels=(Channel(name="hook", kind="webhook", env=VARIABLE),)))
DAYS = dg.StaticPartitionsDefinition([str(FIRST + timedelta(days=n)) for n in range(4)])


@pytest.fixture
def pager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiver() as running:
        monkeypatch.setenv(VARIABLE, running.url)
        yield running


@pytest.fixture
def home(company: Callable[..., Path]) -> Home:
    return Home.open(company(days=4, customers=30))


@pytest.fixture(params=["sqlite", "postgresql"])
def instance(request: pytest.FixtureRequest, home: Home, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    if request.param == "sqlite":
        with open_instance(home.state) as made:
            yield made
        return
    url = request.getfixturevalue("new_database")()
    (tmp_path / "dagster.yaml").write_text(
        f"telemetry: {{enabled: false}}\nstorage: {{postgres: {{postgres_url: '{url}'}}}}\n"
    )
    with dg.DagsterInstance.from_config(str(tmp_path)) as made:
        yield made


class Run:
    """A run of a day that ends as the test says."""

    def __init__(self, home: Home, instance: dg.DagsterInstance) -> None:
        self._home, self._instance = home, instance

    def __call__(self, day: str, ends: str) -> None:
        @dg.asset(partitions_def=DAYS)
        def work(context: dg.AssetExecutionContext) -> None:
            if ends == "refused":
                context.instance.add_run_tags(context.run.run_id, {RUN_OUTCOME: REFUSED})
            if ends != "judged":
                raise dg.Failure(f"the disk {ends}", allow_retries=False)
            record = VerdictRecord("day", day, Verdict.PASS, "e" * 64, 1, "1", (), context.run.run_id)
            self._home.control.record_verdict(record)

        job = dg.Definitions([work], jobs=[dg.define_asset_job("daily")]).resolve_job_def("daily")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            job.execute_in_process(instance=self._instance, partition_key=day, run_config=QUIET, raise_on_error=False)


def test_a_crashed_run_is_paged_once_and_resolved_when_the_day_is_judged(
    home: Home, instance: dg.DagsterInstance, pager: Receiver
) -> None:
    run, day = Run(home, instance), str(FIRST)
    now = datetime(FIRST.year, FIRST.month, FIRST.day, 12, tzinfo=UTC)

    def tick() -> list[tuple[str, str]]:
        # Days are looked at as of a time when none is late; runs are recorded at the real time.
        page_days(home, OPERATIONS, instance, now)
        return pager.take()

    run(str(FIRST + timedelta(days=1)), "crashed before")
    assert tick() == []
    with home.control.pages.desk() as desk:
        desk.set_mark("runs read until", datetime.now(UTC).isoformat())
        desk.set_mark("switched on", "2026-01-01")
    run(day, "refused")
    run(day, "broke")
    assert ("trigger", f"run/{day}") in tick()
    incident = home.control.pages.open_incidents()[f"run/{day}"]
    assert incident.notice["why"][0] == "the disk broke"
    run(day, "refused")
    assert tick() == []
    run(day, "judged")
    assert tick() == [("resolve", f"run/{day}")]
    assert tick() == []


def test_a_schedule_that_somebody_stopped_and_a_sensor_that_fails_are_paged(
    home: Home, instance: dg.DagsterInstance, pager: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = {
        name: InstigatorState(_origin(name), kind, InstigatorStatus.RUNNING, data)
        for name, kind, data in (
            ("after_each_day", InstigatorType.SCHEDULE, ScheduleInstigatorData("0 3 * * *")),
            ("page_on_breach", InstigatorType.SENSOR, SensorInstigatorData()),
        )
    }
    for state in states.values():
        instance.add_instigator_state(state)
    now = datetime(2026, 3, 2, tzinfo=UTC)

    def tick() -> list[tuple[str, str]]:
        found = automation_troubles(instance, set(states))
        page_automation(home.control, "Acme", OPERATIONS, found, now)
        return pager.take()

    assert tick() == []
    instance.update_instigator_state(states["after_each_day"].with_status(InstigatorStatus.STOPPED))
    sensor = states["page_on_breach"]
    _ticked(instance, sensor, TickStatus.FAILURE)
    assert sorted(tick()) == [
        ("trigger", "automation/schedule after_each_day"),
        ("trigger", "automation/sensor page_on_breach"),
    ]
    assert tick() == []
    instance.update_instigator_state(states["after_each_day"])
    _ticked(instance, sensor, TickStatus.SKIPPED)
    assert sorted(tick()) == [
        ("resolve", "automation/schedule after_each_day"),
        ("resolve", "automation/sensor page_on_breach"),
    ]


def _origin(name: str) -> RemoteInstigatorOrigin:
    from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteRepositoryOrigin
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

    location = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(module_name="billing_recon.definitions"), location_name="x"
    )
    return RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), name)


def _ticked(instance: dg.DagsterInstance, state: InstigatorState, status: TickStatus) -> None:
    error = None
    if status is TickStatus.FAILURE:
        try:
            raise ValueError("company.yaml: currencies: empty")
        except ValueError as raised:
            from dagster_shared.error import SerializableErrorInfo

            error = SerializableErrorInfo(str(raised), [], "ValueError")
    instance.create_tick(
        TickData(
            state.instigator_origin_id,
            state.instigator_name,
            state.instigator_type,
            status,
            datetime.now(UTC).timestamp(),
            error=error,
            selector_id=state.selector_id,
        )
    )


def test_the_sensors_say_that_nobody_is_paged_where_nothing_is_set(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensors = define_sensors(home.path, lambda: nullcontext(home), (), on=False)
    with dg.instance_for_test() as made:
        for sensor in sensors:
            context = dg.build_sensor_context(instance=made, definitions=build_definitions(home.path))
            said = sensor(context)
            assert isinstance(said, dg.SkipReason)
            assert "operations.yaml names no channel, and BILLING_RECON_PAGE_URL is not set" in (
                said.skip_message or ""
            )
