"""Run days from the command line: one Dagster run per day, one after another in one process."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg

from billing_recon.core.errors import ConfigurationError
from billing_recon.day import Home, LandingAhead, admit_catalog
from billing_recon.day.gate import DAY_GATE
from billing_recon.day.releases import withdraw_unsettled
from billing_recon.day.rerun_changes import RerunChanges, before_and_after
from billing_recon.day.stale_days import why_stale
from billing_recon.defs.build import DAILY_JOB, build_definitions
from billing_recon.defs.calendar import read_calendar
from billing_recon.defs.instance import open_instance
from billing_recon.defs.run_outcome import innermost

_DAYS_PER_COLLECTION = 15
_PASSES = 4
"""So often stale days are looked for; usage re-opens a day at most once for every day of the late window that arrives."""
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """The outcome of one day. `verdict` is the one recorded by this run, else None. `success`: the run did its work.

    A run that stops because its gate is FAIL or INCONCLUSIVE did its work.
    """

    day: date
    verdict: str | None
    success: bool
    run_id: str
    error: str = ""


def run_days(
    home_path: Path,
    days: Sequence[date],
    on_progress: Callable[[DayOutcome], None] | None = None,
    *,
    actor: str = "billing-recon",
    only: Callable[[Home, date], bool] | None = None,
    on_instance: dg.DagsterInstance | None = None,
) -> list[DayOutcome]:
    """Run the daily job for each of `days`, in order; a day that fails does not stop the next one.

    All of them see the configuration as it was at the start. KeyboardInterrupt if the process is interrupted or terminated.
    ConfigurationError if the home cannot be used, edits a catalog version in use, or does not have one of the days. `actor`
    is who runs them, for the audit chain. `only` decides whether a day is run, when its turn has come. `on_instance`: where
    the runs are stored, if not on the home's own instance.
    """
    calendar = read_calendar(home_path)
    home = Home.open(home_path)
    admit_catalog(home, actor)
    known = calendar.daily
    unknown = [day for day in days if not known.has_partition_key(day.isoformat())]
    if unknown:
        raise ConfigurationError(
            f"{home_path} has no partition {unknown[0]}: its days run from {known.get_first_partition_key()} to "
            f"{known.get_last_partition_key()}. The first is first_day of company.yaml; the last is its last_day, or else yesterday in "
            f"{home.company.timezone}, or the newest landed file"
        )
    withdraw_unsettled(home)
    run_ids = [str(uuid.uuid4()) for _ in days]
    ahead = LandingAhead((), ()) if only else LandingAhead(days, run_ids)
    job = build_definitions(home_path, lambda: nullcontext(home), ahead.land).resolve_job_def(DAILY_JOB)
    outcomes: list[DayOutcome] = []
    stored = nullcontext(on_instance) if on_instance else open_instance(home.state)
    with stored as instance, _stoppable() as stopped, _few_collections(), _events_in_batches(), ahead:
        for number, (day, run_id) in enumerate(zip(days, run_ids, strict=True), start=1):
            if only is not None and not only(home, day):
                continue
            outcome = _run_day(job, instance, home, day, run_id)
            if stopped():
                raise KeyboardInterrupt
            if number % _DAYS_PER_COLLECTION == 0:
                gc.collect()
            outcomes.append(outcome)
            if on_progress is not None:
                on_progress(outcome)
    return outcomes


@dataclass(frozen=True, slots=True)
class Rerun:
    """What a run of stale days did: the last outcome of each day, why it was run, and what changed."""

    outcomes: list[DayOutcome]
    why: dict[date, str]
    changes: RerunChanges


def run_stale(
    home_path: Path,
    days: Sequence[date],
    on_progress: Callable[[DayOutcome], None] | None = None,
    *,
    actor: str = "billing-recon",
    on_instance: dg.DagsterInstance | None = None,
) -> Rerun:
    """Run those of `days` that are stale, the earliest first, and compare the breaks of all of them before and after.

    Whether a day is stale is asked when its turn comes: a day that was run again may have made a later one stale, or have put
    it right. Usage that a later day delivers may re-open an earlier one, so all are asked again until none is stale. No day is
    run twice for the same reason.
    """
    if not days:
        return Rerun([], {}, RerunChanges({}, (), (), ()))
    why: dict[date, str] = {}
    outcomes: dict[date, DayOutcome] = {}

    def stale(home: Home, day: date) -> str:
        reason = why_stale(home, day)
        return "" if why.get(day) == reason else reason

    def begun(home: Home, day: date) -> bool:
        reason = stale(home, day)
        why.update({day: reason} if reason else {})
        return bool(reason)

    home = Home.open(home_path, actor=actor)
    with before_and_after(home, days) as compare:
        for _ in range(_PASSES):
            if not any(stale(home, day) for day in days):
                break
            made = run_days(home_path, days, on_progress, actor=actor, only=begun, on_instance=on_instance)
            outcomes |= {outcome.day: outcome for outcome in made}
        changes = compare()
    return Rerun([outcomes[day] for day in sorted(outcomes)], why, changes)


@contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """Let SIGTERM stop the run even if SIGINT is ignored, as it is for background jobs of a shell or of cron; whether one came.

    Dagster gives SIGTERM the handler of SIGINT, so with an ignored SIGINT nothing could stop the run. What a signal raises may
    come out of a library as an error of its own, so the signals themselves are noted. Another thread than the main one gets none.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    came, noted = socket.socketpair()
    came.setblocking(False)
    noted.setblocking(False)
    before = signal.set_wakeup_fd(noted.fileno(), warn_on_full_buffer=False)

    def stopped() -> bool:
        try:
            return bool({signal.SIGINT, signal.SIGTERM} & set(came.recv(4096)))
        except BlockingIOError:
            return False

    try:
        yield stopped
    finally:
        signal.set_wakeup_fd(before)
        came.close()
        noted.close()
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Collect garbage only every few days, without imported modules; otherwise it takes a seventh of a day's time."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


@contextmanager
def _events_in_batches() -> Iterator[None]:
    """Let Dagster store what a run plans to do (an event per asset and check) in one transaction."""
    name = "DAGSTER_EVENT_BATCH_SIZE"
    if name in os.environ:
        yield
        return
    os.environ[name] = "100"
    try:
        yield
    finally:
        del os.environ[name]


def _run_day(job: dg.JobDefinition, instance: dg.DagsterInstance, home: Home, day: date, run_id: str) -> DayOutcome:
    result = job.execute_in_process(
        instance=instance, partition_key=day.isoformat(), run_config=_QUIET, raise_on_error=False, run_id=run_id
    )
    if _interrupted(result):
        raise KeyboardInterrupt
    latest = home.control.latest_verdict(DAY_GATE, day.isoformat())
    verdict = latest.verdict.value if latest and latest.run_id == result.run_id else None
    if result.success:
        return DayOutcome(day, verdict, True, result.run_id)
    error = _first_error(result, judged=verdict is not None)
    if error is None and verdict is not None:
        return DayOutcome(day, verdict, True, result.run_id)
    return DayOutcome(day, verdict, False, result.run_id, error or "the run ended without a verdict")


def _interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Whether SIGINT or SIGTERM stopped this process while the day ran; the days after it must then not run.

    Dagster handles both signals during a run and ends the step with its own error, or DuckDB ends its query.
    """
    for event in result.all_events:
        error = event.step_failure_data.error if event.is_step_failure else None
        while error is not None:
            if error.cls_name in ("DagsterExecutionInterruptedError", "KeyboardInterrupt"):
                return True
            if error.cls_name == "RuntimeError" and "Query interrupted" in error.message:
                return True
            error = error.cause
    return False


def _first_error(result: dg.ExecuteInProcessResult, *, judged: bool) -> str | None:
    """Why the run itself failed; None if it was judged and only a blocking check stopped it."""
    stopped = False
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            blocked = failure.error is not None and failure.error.cls_name == "DagsterAssetCheckFailedError"
            stated = failure.user_failure_data
            refused = stated is not None and "verdict" in stated.metadata
            stopped = True
            if (blocked or refused) and judged:
                continue
            if blocked:
                return _blocking_findings(result)
            if failure.user_failure_data is not None and failure.user_failure_data.description:
                return failure.user_failure_data.description
            return f"step {event.step_key}: {innermost(failure.error)}"
        # The run's own failure counts only if no step failed; otherwise it adds nothing to the step's.
        if event.is_job_failure and not stopped and event.job_failure_data.error is not None:
            return innermost(event.job_failure_data.error)
    return None


def _blocking_findings(result: dg.ExecuteInProcessResult) -> str:
    return "; ".join(
        f"{e.asset_key.to_user_string()}, check {e.check_name}: {e.description}"
        for e in result.get_asset_check_evaluations()
        if not e.passed and e.blocking and e.severity is dg.AssetCheckSeverity.ERROR
    )
