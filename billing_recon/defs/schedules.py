"""When days and months run by themselves, in the company's time zone: each day once its feeds are due, one after another.

The schedule starts the newest day on time. The sensor `catch_up` starts what is behind: days missed while the daemon was down,
days whose file arrived after they were judged, and days that late events re-opened. Both start the earliest first, never two at
once, and each reason once: a run that failed is for people, who are paged.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import dagster as dg

from billing_recon.defs.calendar import Calendar

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

    from billing_recon.day import Home
    from billing_recon.day.due_days import DueDay

DAILY, MONTHLY, CATCH_UP = "after_each_day", "after_each_month", "catch_up"
STARTED_FOR = "billing_recon/started_for"
"""The tag of a run that started by itself: the day and the reason."""
_ACTIVE = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_AFTER_SCHEDULE = timedelta(minutes=5)
"""So long the sensor leaves a day to the schedule."""
_RunOrSkip = dg.RunRequest | dg.SkipReason


def define_automation(
    calendar: Calendar,
    open_home: Callable[[], AbstractContextManager["Home"]],
    daily: "UnresolvedAssetJobDefinition",
    month_end: "UnresolvedAssetJobDefinition",
    on: bool,
) -> tuple[list[dg.ScheduleDefinition], dg.SensorDefinition]:
    """The schedules of days and months, and the sensor that catches up."""
    times = calendar.operations.schedule
    status = dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED
    at = max([times.daily_at, *(times.due_at(table) for table in (*times.feeds_due, "default"))])
    closing = time.fromisoformat(times.month_end_at)

    @dg.schedule(
        name=DAILY,
        job=daily,
        cron_schedule=f"{int(at[3:])} {int(at[:2])} * * *",
        execution_timezone=calendar.timezone,
        default_status=status,
        description=f"At {at} in the company's time zone, the day before, once its feeds are due; the earliest missed day first.",
    )
    def after_each_day(context: dg.ScheduleEvaluationContext) -> _RunOrSkip:
        with open_home() as home:
            return next_run(calendar, home, context.instance, context.scheduled_execution_time)

    @dg.sensor(
        name=CATCH_UP,
        job=daily,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED,
        description="Runs missed days in their order, and days whose late file arrived or that late events re-opened.",
    )
    def catch_up(context: dg.SensorEvaluationContext) -> _RunOrSkip:
        with open_home() as home:
            return next_run(calendar, home, context.instance, datetime.now(UTC) - _AFTER_SCHEDULE)

    @dg.schedule(
        name=MONTHLY,
        job=month_end,
        cron_schedule=f"{closing.minute} {closing.hour} {times.month_end_day} * *",
        execution_timezone=calendar.timezone,
        default_status=status,
        description=f"On day {times.month_end_day} at {times.month_end_at} in the company's time zone, the month before.",
    )
    def after_each_month(context: dg.ScheduleEvaluationContext) -> _RunOrSkip:
        return month_before(calendar, context.scheduled_execution_time)

    return [after_each_day, after_each_month], catch_up


def month_before(calendar: Calendar, now: datetime) -> _RunOrSkip:
    """The month before `now` in the company's time zone. Not the last partition: files that came early make that a month to come."""
    first = now.astimezone(ZoneInfo(calendar.timezone)).replace(day=1)
    month = f"{first - timedelta(days=1):%Y-%m}"
    if not calendar.monthly.has_partition_key(month):
        return dg.SkipReason(f"{month} is no month of {calendar.name}.")
    return dg.RunRequest(run_key=month, partition_key=month)


def next_run(calendar: Calendar, home: "Home", instance: dg.DagsterInstance, now: datetime) -> _RunOrSkip:
    """The earliest day that is due and was not started for this reason before, unless a day is being run."""
    from billing_recon.day.due_days import due_days

    due = [one for one in due_days(home, calendar.operations.schedule, now) if _is_partition(calendar, one)]
    if not due:
        return dg.SkipReason("No day is due.")
    running = [
        run.tags["dagster/partition"]
        for run in instance.get_runs(dg.RunsFilter(statuses=_ACTIVE), limit=100)
        if "dagster/partition" in run.tags
    ]
    if running:
        return dg.SkipReason(f"{min(running)} is being run; {due[0].day} waits for it.")
    for one in due:
        reason = f"{one.day}: {one.why}"
        if not instance.get_runs(dg.RunsFilter(tags={STARTED_FOR: reason}), limit=1):
            return dg.RunRequest(run_key=reason, partition_key=str(one.day), tags={STARTED_FOR: reason})
    waiting = ", ".join(str(one.day) for one in due[:5])
    return dg.SkipReason(f"Started before, and for people now: {waiting}.")


def _is_partition(calendar: Calendar, one: "DueDay") -> bool:
    return calendar.daily.has_partition_key(str(one.day))
