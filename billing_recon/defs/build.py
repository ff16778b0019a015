"""The Dagster definitions of one home: assets, checks, jobs, schedules, the paging sensor."""

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from billing_recon.defs.assets import DAY_STEPS, MONTH_STEPS, define_steps
from billing_recon.defs.calendar import Calendar, read_calendar
from billing_recon.defs.step import LandTables, OpenHome, Setup, refusing

if TYPE_CHECKING:
    from billing_recon.day import Home

AUTOMATION_ENV = "BILLING_RECON_AUTOMATION"
"""`on`: schedules and sensor run from the start, as in a deployment. Otherwise they are switched on in the UI."""
DAILY_JOB, MONTH_JOB = "daily", "month_end"


def build_definitions(
    home: Path, open_home: OpenHome | None = None, land_tables: LandTables | None = None
) -> dg.Definitions:
    """The definitions of the company at `home`.

    `open_home` opens it for a run (default: anew for each run); `land_tables` lands a day's tables (default: within the
    run).
    """
    with warnings.catch_warnings():
        # Partitions of checks are in preview; the pinned release has them, and tests cover what we rely on.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return _build(home, open_home, land_tables)


def _build(home: Path, open_home: OpenHome | None, land_tables: LandTables | None) -> dg.Definitions:
    calendar = read_calendar(home)
    if calendar.problem:
        dg.get_dagster_logger("billing_recon").warning(calendar.problem)

    @contextmanager
    def opened() -> Iterator["Home"]:
        from billing_recon.day import Home, admit_catalog

        made = Home.open(home, actor="dagster")
        try:
            admit_catalog(made, "dagster")
            yield made
        finally:
            made.control.close()

    setup = Setup(calendar, land_tables)
    daily_assets, monthly_assets = define_steps(DAY_STEPS, setup), define_steps(MONTH_STEPS, setup)
    daily = dg.define_asset_job(
        DAILY_JOB,
        selection=dg.AssetSelection.assets(*daily_assets),
        description="One day: land, rate, reconcile, judge, release.",
    )
    month_end = dg.define_asset_job(
        MONTH_JOB,
        selection=dg.AssetSelection.assets(*monthly_assets),
        description="Closes a month whose days are green and signed, and stores its evidence.",
    )
    on = os.environ.get(AUTOMATION_ENV, "").lower() == "on"
    schedules = dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED
    return dg.Definitions(
        assets=[*daily_assets, *monthly_assets],
        jobs=[daily, month_end],
        schedules=[
            dg.build_schedule_from_partitioned_job(
                daily,
                name="after_each_day",
                hour_of_day=3,
                default_status=schedules,
                description="At 03:00 in the company's time zone, the day before.",
            ),
            dg.build_schedule_from_partitioned_job(
                month_end,
                name="after_each_month",
                day_of_month=3,
                hour_of_day=6,
                default_status=schedules,
                description="On the 3rd at 06:00 in the company's time zone, the month before.",
            ),
        ],
        sensors=[_paging_sensor(calendar, open_home or opened, daily_assets, on)],
        resources={"home": _home_resource(open_home or opened)},
        # A process per step would cost four seconds each; runs are parallel, steps are not.
        executor=dg.in_process_executor,
        metadata={"home": str(home), **({"problem": calendar.problem} if calendar.problem else {})},
    )


def _home_resource(open_home: OpenHome) -> dg.ResourceDefinition:
    """The company's home, opened once per run, so that a run sees one configuration."""

    @dg.resource(description="The company's home: configuration, warehouse and control database.")
    def home(_context: dg.InitResourceContext) -> Iterator["Home"]:
        with ExitStack() as stack:
            with refusing():
                opened = stack.enter_context(open_home())
            yield opened

    return home


def _paging_sensor(
    calendar: Calendar, open_home: OpenHome, assets: list[dg.AssetsDefinition], on: bool
) -> dg.SensorDefinition:
    gates = [spec.key for definition in assets for spec in definition.check_specs if spec.blocking]

    @dg.sensor(
        name="page_on_breach",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED,
        description="Sends one page per gate and day when a blocking check fails, and resolves it when the check holds again.",
    )
    def page_on_breach(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        from billing_recon.defs.paging import Cursor, answers_since, deliver, webhook

        with open_home() as home:
            variable = home.policy.paging.webhook_env
        url = os.environ.get(variable)
        if not url:
            return dg.SkipReason(f"No page was sent: {variable} is not set to a webhook URL.")
        cursor = Cursor.parse(context.cursor)
        answers, newest = answers_since(context.instance, gates, cursor.after)
        moved, sent, failed = deliver(answers, newest, cursor, webhook(url, calendar.name))
        context.update_cursor(str(moved))
        if failed:
            return dg.SkipReason(f"Not delivered, will be retried: {'; '.join(failed)}. Delivered: {sent or 'none'}.")
        return dg.SkipReason(f"Delivered: {'; '.join(sent)}." if sent else "No gate changed.")

    return page_on_breach
