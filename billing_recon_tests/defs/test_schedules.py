"""Days that start by themselves: in their order, one at a time, each reason once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from billing_recon.day import Home
from billing_recon.defs.calendar import read_calendar
from billing_recon.defs.schedules import STARTED_FOR, next_run
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
