"""How long Dagster's records of runs are kept: an old run goes with its events. What was decided is in the control database."""

from collections.abc import Callable
from datetime import datetime

import dagster as dg

AT_ONCE = 100
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def forget(
    instance: dg.DagsterInstance, before: datetime, progress: Callable[[str, int], object] = lambda *_: None
) -> int:
    """Remove the runs that ended before an instant, the oldest first; return how many. It may be cut off and repeated."""
    removed = 0
    wanted = dg.RunsFilter(statuses=ENDED, updated_before=before)
    while records := instance.get_run_records(wanted, limit=AT_ONCE, order_by="update_timestamp", ascending=True):
        for record in records:
            instance.delete_run(record.dagster_run.run_id)
            removed += 1
        progress(f"{removed} runs removed, up to {records[-1].update_timestamp:%Y-%m-%d}", removed)
    return removed
