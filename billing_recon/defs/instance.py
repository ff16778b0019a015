"""The Dagster instance of a home: the one named by DAGSTER_HOME, or one in the home's state folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import dagster as dg

from billing_recon.control.database import private_folder

_EMBEDDED = """\
# Written by billing-recon at every start; edits are lost. To keep runs elsewhere, set DAGSTER_HOME to a folder with a
# dagster.yaml of your own (deploy/dagster-postgres.yaml is one).
telemetry: {{enabled: false}}
nux: {{enabled: false}}
freshness: {{enabled: true}}
run_storage:
  module: billing_recon.defs.sqlite_storage
  class: PooledRunStorage
  config: {{base_dir: {folder}}}
event_log_storage:
  module: billing_recon.defs.sqlite_storage
  class: PooledEventLogStorage
  config: {{base_dir: {folder}}}
schedule_storage:
  module: billing_recon.defs.sqlite_storage
  class: PooledScheduleStorage
  config: {{base_dir: {folder}}}
local_artifact_storage:
  module: dagster._core.storage.root
  class: LocalArtifactStorage
  config: {{base_dir: {folder}}}
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
run_coordinator:
  module: dagster._core.run_coordinator
  class: QueuedRunCoordinator
concurrency:
  runs:
    max_concurrent_runs: 2
    # Days run one at a time, in the order in which they were asked for, whoever asks: what a day rests on is then landed.
    tag_concurrency_limits: [{{key: dagster/partition, limit: 1}}]
"""
"""Compute logs are off: they cost two files per step, and a step's events carry its messages."""


def state_path(home: Path) -> Path:
    """The folder of a home's state: BILLING_RECON_STATE, or `.state` in the home."""
    return Path(os.environ.get("BILLING_RECON_STATE") or home / ".state")


def embedded_home(state: Path) -> Path:
    """`<state>/dagster`, with a dagster.yaml for the folder's current place."""
    private_folder(state.absolute())
    folder = (state / "dagster").absolute()
    folder.mkdir(exist_ok=True)
    wanted = _EMBEDDED.format(folder=json.dumps(str(folder)))
    path = folder / "dagster.yaml"
    if not path.is_file() or path.read_text(encoding="utf-8") != wanted:
        draft = folder / f"dagster.yaml.{os.getpid()}"
        draft.write_text(wanted, encoding="utf-8")
        draft.replace(path)
    return folder


def open_instance(state: Path) -> dg.DagsterInstance:
    """The instance that records this home's runs; dispose of it, or use it as a context manager."""
    if os.environ.get("DAGSTER_HOME"):
        return dg.DagsterInstance.get()
    return dg.DagsterInstance.from_config(str(embedded_home(state)))
