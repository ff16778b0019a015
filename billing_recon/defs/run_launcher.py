"""Starts runs in the code server, and says which of them have lost their process together with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value
from dagster._serdes.config_class import ConfigurableClassData
from dagster._time import get_current_timestamp

_ANSWER_SECONDS = 10


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's own launcher, whose runs the monitor can ask after.

    A code server that is killed takes its runs with it, and the one that is started in its place knows nothing of them: they would be
    "started" for ever, and no day behind them would run. Such a run is lost if the code server answers, does not know it, and nothing
    was recorded of it for `quiet_minutes`: a server that was reloaded lets its last runs end, and is asked no more.
    """

    def __init__(self, quiet_minutes: int, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data)
        self._quiet_seconds = 60 * quiet_minutes

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {"quiet_minutes": dg.Field(int, default_value=10)}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        return cls(config_value["quiet_minutes"], inst_data)

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """RUNNING as long as nothing proves otherwise; NOT_FOUND, upon which the monitor marks the run as failed."""
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "it has ended, or was not launched yet")
        asked = CanCancelExecutionRequest(run_id=run.run_id)
        try:
            answer = deserialize_value(
                client.can_cancel_execution(asked, timeout=_ANSWER_SECONDS), CanCancelExecutionResult
            )
        except DagsterUserCodeUnreachableError:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "the code server does not answer")
        newest = self._instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
        quiet = get_current_timestamp() - newest[0].timestamp if newest else 0
        if answer.can_cancel or quiet < self._quiet_seconds:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.NOT_FOUND,
            "the code server was started again since and has no process of this run; run its day again if nothing else does",
        )
