"""Days that start by themselves: in their order, one at a time, each reason once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import yaml

from billing_recon.day import Home
from billing_recon.defs.build import MONTH_JOB, build_definitions
from billing_recon.defs.calendar import read_calendar
from billing_recon.defs.schedules import MONTHLY, STARTED_FOR, next_run
from billing_recon_tests.conftest import FIRST

NOW = datetime(FIRST.year, FIRST.month, FIRST.day, 12, tzinfo=UTC) + timedelta(days=3)


def test_missed_days_start_one_after_another_and_each_once(company: Callable[..., Path]) -> None:
    home = Home.open(company(days=4, customers=30))
    calendar = read_calendar(home.path)
    with dg.instance_for_test() as instance:

        def start() -> dg.RunRequest | dg.SkipReason:
            return next_run(calendar, home, instance, NOW)

        @dg.job
        def daily() -> None:
            pass

        def made(request: dg.RunRequest, status: dg.DagsterRunStatus) -> dg.DagsterRun:
            tags = {**request.tags, "dagster/partition": str(request.partition_key)}
            return instance.create_run_for_job(daily, tags=tags, status=status)

        first = start()
        assert isinstance(first, dg.RunRequest)
        assert (first.partition_key, first.tags[STARTED_FOR]) == (str(FIRST), f"{FIRST}: missed")
        running = made(first, dg.DagsterRunStatus.STARTED)
        waits = start()
        assert isinstance(waits, dg.SkipReason)
        assert f"{FIRST} is being run" in str(waits.skip_message)
        instance.report_run_failed(running)
        second = start()
        assert isinstance(second, dg.RunRequest)
        assert second.partition_key == str(FIRST + timedelta(days=1)), "what failed is for people"
        made(second, dg.DagsterRunStatus.SUCCESS)
        third = start()
        assert isinstance(third, dg.RunRequest)
        made(third, dg.DagsterRunStatus.SUCCESS)
        done = start()
        assert isinstance(done, dg.SkipReason)
        assert "Started before" in str(done.skip_message)


def test_a_tick_at_month_end_starts_the_month_before_in_the_company_calendar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """06:00 on 4 April in Auckland is 3 April in UTC. The location was loaded in March, when a file of 31 March was there early."""
    fields = {"name": "Acme", "currencies": ["NZD"], "first_day": "2026-02-10", "timezone": "Pacific/Auckland"}
    (tmp_path / "company.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    (tmp_path / "operations.yaml").write_text("schedule: {month_end_day: 4, month_end_at: '06:00'}\n", encoding="utf-8")
    (tmp_path / "landing" / "payments").mkdir(parents=True)
    (tmp_path / "landing" / "payments" / "2026-03-31.csv").touch()
    loaded = datetime(2026, 3, 30, 20, tzinfo=UTC)
    monkeypatch.setattr("billing_recon.defs.build.read_calendar", lambda home: read_calendar(home, loaded))
    repository = build_definitions(tmp_path).get_repository_def()
    schedule = repository.get_schedule_def(MONTHLY)

    def started(local: str) -> list[str | None]:
        at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Pacific/Auckland"))
        context = dg.build_schedule_context(scheduled_execution_time=at.astimezone(UTC), repository_def=repository)
        return [request.partition_key for request in schedule.evaluate_tick(context).run_requests or ()]

    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 6 4 * *", "Pacific/Auckland")
    assert schedule.job_name == MONTH_JOB
    assert started("2026-04-04 06:00") == ["2026-03"]
    assert started("2026-03-04 06:00") == ["2026-02"]
    assert started("2026-02-04 06:00") == [], "the company began in February"
