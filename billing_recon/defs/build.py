"""The Dagster definitions of one home: assets, checks, jobs, schedules, the paging sensor."""

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from billing_recon.defs.assets import DAY_STEPS, MONTH_STEPS, ROLLOUT_STEPS, SHADOW_STEPS, define_steps
from billing_recon.defs.calendar import read_calendar
from billing_recon.defs.jobs import decision_jobs
from billing_recon.defs.paging import define_sensors
from billing_recon.defs.schedules import define_automation
from billing_recon.defs.shadow_sensor import define_shadow_sensor
from billing_recon.defs.step import LandTables, OpenHome, Setup, refusing

if TYPE_CHECKING:
    from billing_recon.day import Home

AUTOMATION_ENV = "BILLING_RECON_AUTOMATION"
"""`on`: schedules and sensor run from the start, as in a deployment. Otherwise they are switched on in the UI."""
DAILY_JOB, MONTH_JOB = "daily", "month_end"
SHADOW_JOB, CUTOVER_JOB, BESIDE_JOB = "shadow", "cutover", "shadow_day"


def build_definitions(
    home: Path, open_home: OpenHome | None = None, land_tables: LandTables | None = None
) -> dg.Definitions:
    """The definitions of the company at `home`.

    `open_home` opens it for a run (default: anew for each run); `land_tables` lands a day's tables (default: within the
    run).
    """
    with warnings.catch_warnings():
        # Partitions of checks are in preview and the mapping of one dimension is in beta; the pinned release has them, and
        # tests cover what we rely on.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        warnings.simplefilter("ignore", dg.BetaWarning)
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

    @contextmanager
    def watched() -> Iterator["Home"]:
        """The home as it is, whether or not its catalog may be used: an edit that is refused must not silence pages."""
        from billing_recon.day import Home

        made = Home.open(home, actor="dagster")
        try:
            yield made
        finally:
            made.control.close()

    setup = Setup(calendar, land_tables)
    daily_assets, monthly_assets = define_steps(DAY_STEPS, setup), define_steps(MONTH_STEPS, setup)
    shadow_assets = define_steps(SHADOW_STEPS, setup)
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
    shadow, cutover, beside = (
        dg.define_asset_job(name, selection=dg.AssetSelection.assets(*assets), description=doc)
        for name, assets, doc in (
            (SHADOW_JOB, ("shadow_snapshot", "shadow_lines", "shadow_causes", "shadow_gate"), "Reviews a candidate."),
            (
                CUTOVER_JOB,
                ("cutover",),
                "Opens a launch that was decided; refused unless everything it rests on holds.",
            ),
            (BESIDE_JOB, ("shadow_day",), "One day of a candidate's parallel run."),
        )
    )
    on = os.environ.get(AUTOMATION_ENV, "").lower() == "on"
    schedules, catch_up = define_automation(calendar, open_home or watched, daily, month_end, on)
    follow = define_shadow_sensor(home, open_home or watched, beside, on)
    names = [catch_up.name, follow.name, *(schedule.name for schedule in schedules)]
    resource = _home_resource(open_home or opened)
    return dg.Definitions(
        assets=[*daily_assets, *monthly_assets, *shadow_assets, *define_steps(ROLLOUT_STEPS, setup)],
        jobs=[daily, month_end, shadow, cutover, beside, *decision_jobs(resource)],
        schedules=schedules,
        sensors=[catch_up, follow, *define_sensors(home, open_home or watched, names, on)],
        resources={"home": resource},
        # A process per step would cost four seconds each; runs are parallel, steps are not.
        executor=dg.in_process_executor,
        metadata={"home": str(home), **({"problem": calendar.problem} if calendar.problem else {})},
    )


def _home_resource(open_home: OpenHome) -> dg.ResourceDefinition:
    """The company's home, opened once per run, so that a run sees one configuration."""

    @dg.resource(description="The company's home: configuration, warehouse and control database.")
    def home(context: dg.InitResourceContext) -> Iterator["Home"]:
        with ExitStack() as stack:
            with refusing(context):
                opened = stack.enter_context(open_home())
            yield opened

    return home
