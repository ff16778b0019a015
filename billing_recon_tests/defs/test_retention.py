"""Old runs go from Dagster's records with their events, and nothing that was decided goes with them."""

from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path

import dagster as dg
import pytest

from billing_recon.control import ControlStore, VerdictRecord
from billing_recon.core.verdict import Verdict
from billing_recon.defs.instance import open_instance
from billing_recon.defs.retention import forget


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_runs_that_ended_before_a_day_are_removed_with_their_events(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    make: Callable[[], str] | None = request.getfixturevalue("new_database") if backend == "postgresql" else None
    url = make() if make else f"sqlite:///{tmp_path / 'control.db'}"
    if make:
        storage = f"telemetry: {{enabled: false}}\nstorage: {{postgres: {{postgres_url: '{url}'}}}}\n"
        (tmp_path / "dagster.yaml").write_text(storage)
    control = ControlStore.open(url)

    @dg.asset
    def judged(context: dg.AssetExecutionContext) -> None:
        record = VerdictRecord("day", "2026-03-02", Verdict.PASS, "e" * 64, 1, "1", (), context.run.run_id)
        control.record_verdict(record)

    with dg.DagsterInstance.from_config(str(tmp_path)) if make else open_instance(tmp_path) as instance:
        old, new = (dg.materialize([judged], instance=instance).run_id for _ in range(2))
        waiting = instance.create_run_for_job(dg.Definitions([judged]).resolve_implicit_global_asset_job_def()).run_id
        (record,) = instance.get_run_records(dg.RunsFilter(run_ids=[old]))
        ended = record.update_timestamp.replace(tzinfo=UTC)
        assert forget(instance, ended - timedelta(days=400)) == 0
        assert forget(instance, ended + timedelta(microseconds=1)) == 1
        assert {run.run_id for run in instance.get_runs()} == {new, waiting}
        assert instance.all_logs(old) == []
        assert instance.all_logs(new) != []
        latest = instance.get_latest_materialization_event(dg.AssetKey("judged"))
        assert latest is not None
        assert latest.run_id == new
        assert forget(instance, ended + timedelta(days=1)) == 1, "and never one that has not ended"
        assert [run.run_id for run in instance.get_runs()] == [waiting]
    assert control.verify_audit() == []
    assert control.latest_verdict("day", "2026-03-02") is not None
    control.close()
