"""The two sensors that page: `page_on_breach` for days and their runs, `heartbeat` for the automation itself.

Both keep what they know in the control database and nothing in Dagster's cursor, so a tick that is killed, or runs into
Dagster's limit of 60 s, loses nothing: the next one finds the same, and sends only what was not sent.
"""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, TickStatus

from billing_recon.core.operations import Cause, Operations
from billing_recon.defs.run_outcome import REFUSED, RUN_OUTCOME, first_failure

if TYPE_CHECKING:
    from billing_recon.control import ControlStore
    from billing_recon.day import Home
    from billing_recon.paging.delivery import Delivered
    from billing_recon.paging.trouble import Trouble

PAGER, HEARTBEAT = "page_on_breach", "heartbeat"
RUNS_READ = "runs read until"
RUNS_AT_ONCE = 500
_OVERLAP = timedelta(minutes=2)
"""Runs are read again from a little before: another process may store an end later than it stamped it."""
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def define_sensors(
    path: Path, open_home: Callable[[], AbstractContextManager["Home"]], names: Iterable[str], on: bool
) -> list[dg.SensorDefinition]:
    """Both sensors. `names` are the schedules and sensors that must run; `on`: they start by themselves."""
    status = dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED
    watched = {*names, PAGER}

    @dg.sensor(
        name=PAGER,
        minimum_interval_seconds=30,
        default_status=status,
        description="Pages people about days that are late, refused or crashed: one incident per cause and day, resolved once.",
    )
    def page_on_breach(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        from billing_recon.paging.operations_file import channels_of, read_operations

        with open_home() as home:
            operations = channels_of(read_operations(home.path), home.policy.paging.webhook_env)
            if not operations.paging.channels:
                return _unset(home.policy.paging.webhook_env)
            return _said(page_days(home, operations, context.instance, datetime.now(UTC)))

    @dg.sensor(
        name=HEARTBEAT,
        minimum_interval_seconds=60,
        default_status=status,
        description="Pages people when a schedule is switched off or a sensor fails, and tells an outside monitor that all this runs.",
    )
    def heartbeat(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        from billing_recon.control import ControlStore, control_url
        from billing_recon.core.policy import Paging
        from billing_recon.day.configuration import parse_policy, read_company
        from billing_recon.defs.instance import state_path
        from billing_recon.paging.operations_file import channels_of, read_operations

        company, _ = read_company(path)
        control = ControlStore.open(control_url(state_path(path)))
        try:
            policy = control.current_policy()
            variable = (parse_policy(policy.text).paging if policy else Paging()).webhook_env
            operations = channels_of(read_operations(path), variable)
            if not operations.paging.channels:
                return _unset(variable)
            troubles = automation_troubles(context.instance, watched)
            done = page_automation(control, company.name, operations, troubles, datetime.now(UTC))
            beat(os.environ.get(operations.paging.beat_env, ""))
            return _said(done)
        finally:
            control.close()

    return [page_on_breach, heartbeat]


def page_days(
    home: "Home", operations: Operations, instance: dg.DagsterInstance, now: datetime
) -> tuple[list[str], "Delivered"]:
    """One tick: what is wrong with the days and their runs, to incidents, to pages."""
    from billing_recon.paging.desk import settle
    from billing_recon.paging.entitlements import notify
    from billing_recon.paging.watch import WATCHED, taken_by, watch

    store = home.control.pages
    crashed, ended, read_until = crashed_runs(home, instance, now)
    still = {key: one.day for key, one in store.open_incidents(Cause.RUN.value).items() if one.day not in ended}
    seen = watch(home, operations, now, {*still.values(), *(trouble.day for trouble in crashed)})
    days = sorted({one.day for one in store.open_incidents(*(c.value for c in WATCHED)).values() if one.day})
    taken = {f"{cause.value}/{day}": who for day, who in taken_by(home, days).items() for cause in WATCHED}
    changes = settle(
        store,
        home.company.name,
        operations.paging,
        now,
        (*WATCHED, Cause.RUN),
        [*seen.troubles, *crashed],
        holding={*seen.holding, *still},
        taken=taken,
        marks={RUNS_READ: read_until},
    )
    notices = notify(home, operations.paging.channels, now)
    return [*changes, *notices], _deliver(home.control, operations)


def page_automation(
    control: "ControlStore", company: str, operations: Operations, troubles: Sequence["Trouble"], now: datetime
) -> tuple[list[str], "Delivered"]:
    """One tick of the heartbeat."""
    from billing_recon.paging.desk import settle

    known = control.pages.open_incidents(Cause.AUTOMATION.value)
    changed = [
        trouble for trouble in troubles if trouble.key not in known or known[trouble.key].version != trouble.version
    ]
    changes = settle(
        control.pages,
        company,
        operations.paging,
        now,
        (Cause.AUTOMATION,),
        changed,
        holding={trouble.key for trouble in troubles},
    )
    return changes, _deliver(control, operations)


def _deliver(control: "ControlStore", operations: Operations) -> "Delivered":
    from billing_recon.paging.delivery import deliver

    return deliver(control.pages, operations.paging.channels, lambda: datetime.now(UTC))


def crashed_runs(home: "Home", instance: dg.DagsterInstance, now: datetime) -> tuple[list["Trouble"], set[str], str]:
    """The days whose last run crashed, the days with a run that was judged or crashed, and until when runs were read.

    A run that was refused, or made only some tables, changes nothing. Runs of before the first tick are history.
    """
    from billing_recon.paging.trouble import Trouble

    mark = home.control.pages.mark(RUNS_READ)
    if not mark:
        return [], set(), now.isoformat()
    records = instance.get_run_records(
        dg.RunsFilter(statuses=_ENDED, updated_after=datetime.fromisoformat(mark) - _OVERLAP),
        limit=RUNS_AT_ONCE,
        order_by="update_timestamp",
        ascending=True,
    )
    judged = home.control.pages.judged_by([record.dagster_run.run_id for record in records])
    last: dict[str, dg.RunRecord] = {}
    for record in records:
        run = record.dagster_run
        day = run.tags.get("dagster/partition", "")
        failed = run.status is dg.DagsterRunStatus.FAILURE and run.tags.get(RUN_OUTCOME) != REFUSED
        if _DAY.fullmatch(day) and (failed or run.run_id in judged):
            last[day] = record
    crashed = [
        Trouble(
            cause=Cause.RUN,
            day=day,
            gate="",
            title=f"the run of {day} crashed",
            version=record.dagster_run.run_id,
            why=(first_failure(instance, record.dagster_run.run_id), f"Dagster run {record.dagster_run.run_id}."),
            owner="engineering",
            next_step=f"billing-recon run --day {day}",
        )
        for day, record in last.items()
        if record.dagster_run.run_id not in judged
    ]
    full = len(records) == RUNS_AT_ONCE
    read_until = records[-1].update_timestamp.replace(tzinfo=UTC) + _OVERLAP if full else now
    return crashed, set(last), read_until.isoformat()


def automation_troubles(instance: dg.DagsterInstance, names: set[str]) -> list["Trouble"]:
    """Those of our schedules and sensors that somebody switched off, or whose last tick failed."""
    from billing_recon.paging.trouble import Trouble

    found = []
    for state in instance.all_instigator_state():
        if state.instigator_name not in names:
            continue
        kind = state.instigator_type.value.lower()
        what = ""
        if state.status is InstigatorStatus.STOPPED:
            what, why = "is switched off", "Somebody stopped it in Dagster, so nothing starts by itself."
            step = f"switch it on in Dagster, Automation, {state.instigator_name}"
        elif error := _last_error(instance, state):
            what, why, step = (
                "fails",
                error,
                f"Dagster, Automation, {state.instigator_name}: its last ticks have the error",
            )
        if what:
            found.append(
                Trouble(
                    cause=Cause.AUTOMATION,
                    day="",
                    about=f"{kind} {state.instigator_name}",
                    title=f"the {kind} {state.instigator_name} {what}",
                    version=what,
                    why=(why,),
                    owner="engineering",
                    next_step=step,
                )
            )
    return found


def _last_error(instance: dg.DagsterInstance, state: InstigatorState) -> str:
    """Why the last tick that ended failed; empty if it did not."""
    ended = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1, statuses=ended)
    if not ticks or ticks[0].status is not TickStatus.FAILURE:
        return ""
    error = ticks[0].error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else "no error was recorded"


def beat(url: str) -> None:
    """Ask the outside monitor's URL, if there is one; that it does not answer is its own affair."""
    import httpx

    if url:
        try:
            with httpx.stream("GET", url, timeout=5):
                pass
        except (httpx.HTTPError, httpx.InvalidURL):
            dg.get_dagster_logger("billing_recon").warning("The outside monitor did not take the heartbeat.")


def _unset(variable: str) -> dg.SkipReason:
    return dg.SkipReason(
        f"Nobody is paged: operations.yaml names no channel, and {variable} is not set to a webhook URL."
    )


def _said(done: "tuple[list[str], Delivered]") -> dg.SkipReason:
    changes, delivered = done
    parts = [
        f"Changed: {'; '.join(changes[:10])}{' ...' if len(changes) > 10 else ''}." if changes else "Nothing changed.",
        f"Delivered: {'; '.join(delivered.sent)}." if delivered.sent else "",
        f"Not delivered, will be retried: {'; '.join(delivered.failed)}." if delivered.failed else "",
        f"{delivered.waiting} waiting." if delivered.waiting else "",
    ]
    return dg.SkipReason(" ".join(part for part in parts if part))
