"""A company's home with its Dagster instance and jobs, as the command line and the UI run them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg

from billing_recon.day import Home
from billing_recon.defs.build import DAILY_JOB, MONTH_JOB, build_definitions
from billing_recon.defs.instance import open_instance

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Plant:
    """What a test needs to run days and ask what came of them."""

    path: Path
    home: Home
    definitions: dg.Definitions
    instance: dg.DagsterInstance

    def run(self, day: date, *assets: str) -> dg.ExecuteInProcessResult:
        """A run of its own: the whole daily job, or only some assets with their checks, as launched in the UI."""
        return self._run(DAILY_JOB, str(day), assets)

    def close(self, month: str) -> dg.ExecuteInProcessResult:
        """The close of a month, without the auditor's evidence."""
        return self._run(MONTH_JOB, month, ("month_close",))

    def _run(self, job: str, partition: str, assets: tuple[str, ...]) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=partition,
            asset_selection=[dg.AssetKey(asset) for asset in assets] or None,
            run_config=QUIET,
            raise_on_error=False,
        )

    def file(self, table: str, day: date) -> Path:
        """The landed file of a table's day."""
        return self.path / "landing" / table / f"{day}.csv"

    def shorten(self, table: str, day: date) -> None:
        """The source sends the day's file again with one row less."""
        path = self.file(table, day)
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        assert len(lines) > 1
        path.write_text("".join(lines[:-1]), encoding="utf-8")

    def released(self, day: date) -> bool:
        """Whether what is downstream of the day was opened."""
        return self.home.control.latest_release(str(day)) is not None


@contextmanager
def plant(path: Path, dagster_home: Path | None = None) -> Iterator[Plant]:
    """The home at `path` on an instance of its own, or on the one that `dagster_home` configures."""
    home = Home.open(path)
    definitions = build_definitions(path)
    made = dg.DagsterInstance.from_config(str(dagster_home)) if dagster_home else open_instance(home.state)
    with made as instance:
        yield Plant(path, home, definitions, instance)
    home.control.close()


def materialized(result: dg.ExecuteInProcessResult) -> set[str]:
    """Assets that the run materialized."""
    return {
        event.asset_key.to_user_string()
        for event in result.all_events
        if event.is_step_materialization and event.asset_key is not None
    }


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """What each failed step, or the run itself, said; empty when all went well."""
    said: list[str] = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            error = data.error
            while error is not None and error.cause is not None and data.user_failure_data is None:
                error = error.cause
            said.append(
                (data.user_failure_data and data.user_failure_data.description) or (error.message if error else "")
            )
        elif event.is_job_failure and not said and event.job_failure_data.error is not None:
            said.append(event.job_failure_data.error.message)
    return said


def refusal(result: dg.ExecuteInProcessResult) -> str:
    """What the one step that failed said."""
    (said,) = failures(result)
    return said
