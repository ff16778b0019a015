"""The sensor that follows shadow/: a partition for each candidate, and the due days of parallel runs, the earliest first."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from billing_recon.core.errors import BillingReconError
from billing_recon.defs.step import CANDIDATES

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

    from billing_recon.day import Home

FOLLOW = "follow_candidates"
_AT_ONCE = 3
"""Days that one tick starts."""


def define_shadow_sensor(
    path: Path,
    open_home: Callable[[], AbstractContextManager["Home"]],
    beside: "UnresolvedAssetJobDefinition",
    on: bool,
) -> dg.SensorDefinition:
    """The sensor. A day is started once for each state of the live day, the candidate and its files."""

    @dg.sensor(
        name=FOLLOW,
        job=beside,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED,
        description="Lists the candidates of the home, and runs them beside live billing on the days that their launch names.",
    )
    def follow_candidates(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        names = sorted(file.parent.name for file in path.glob("shadow/*/candidate.yaml"))
        known = context.instance.get_dynamic_partitions(CANDIDATES)
        new = [name for name in names if name not in known]
        changes = [dg.DynamicPartitionsDefinition(name=CANDIDATES).build_add_request(new)] if new else []
        runs, refused = _due(open_home, names) if names else ([], [])
        return dg.SensorResult(
            run_requests=runs,
            dynamic_partitions_requests=changes,
            skip_reason=None if runs else "; ".join(refused) or "No day of a parallel run is due.",
        )

    return follow_candidates


def _due(
    open_home: Callable[[], AbstractContextManager["Home"]], names: list[str]
) -> tuple[list[dg.RunRequest], list[str]]:
    """The runs to start, and the candidates that cannot be read, with the reason."""
    from billing_recon.day.shadow.parallel import due_days

    runs: list[dg.RunRequest] = []
    refused: list[str] = []
    with open_home() as home:
        for name in names:
            try:
                due = due_days(home, name)
            except BillingReconError as error:
                refused.append(f"candidate {name}: {error}")
                continue
            for day, state in due[: _AT_ONCE - len(runs)]:
                key = dg.MultiPartitionKey({"candidate": name, "day": str(day)})
                runs.append(dg.RunRequest(run_key=f"{name} {day} {state}", partition_key=key))
    return runs, refused
