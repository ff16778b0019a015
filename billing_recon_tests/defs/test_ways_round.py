"""Ways round the gate that Dagster offers: a run for a range of days, and a run without the checks. Others: day/test_each_way_round."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest

from billing_recon.core.verdict import Verdict
from billing_recon.day.gate import DAY_GATE
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.defs.plant import QUIET, Plant, refusal

pytestmark = pytest.mark.long

SECOND = FIRST + timedelta(days=1)
COMPUTED = {"usage_rollup", "expected_lines", "breaks", "control_totals", "metrics"}


def test_one_run_for_a_range_of_days_judges_and_releases_none_of_them(green: Plant) -> None:
    green.shorten("invoice_lines", SECOND)
    before = [green.home.control.latest_verdict(DAY_GATE, str(day)) for day in (FIRST, SECOND)]
    released = green.home.control.latest_release(str(SECOND))
    tags = {"dagster/asset_partition_range_start": str(FIRST), "dagster/asset_partition_range_end": str(SECOND)}
    result = green.definitions.resolve_job_def("daily").execute_in_process(
        instance=green.instance, tags=tags, run_config=QUIET, raise_on_error=False
    )
    assert not result.success
    assert [green.home.control.latest_verdict(DAY_GATE, str(day)) for day in (FIRST, SECOND)] == before
    assert green.home.control.latest_release(str(SECOND)) == released


def test_checks_of_a_computation_cannot_be_left_out_and_a_run_without_the_others_is_refused_by_the_release(
    green: Plant,
) -> None:
    green.shorten("invoice_lines", SECOND)
    job = green.definitions.resolve_job_def("daily")
    assets, checks = set(job.asset_layer.executable_asset_keys), job.asset_layer.asset_graph.asset_check_keys
    with pytest.raises(dg.DagsterInvalidSubsetError):
        job.get_subset(asset_selection=assets, asset_check_selection=set())
    computed = {check for check in checks if check.asset_key.to_user_string() in COMPUTED}
    result = job.get_subset(asset_selection=assets, asset_check_selection=computed).execute_in_process(
        instance=green.instance, partition_key=str(SECOND), run_config=QUIET, raise_on_error=False
    )
    assert {one.asset_check_key for one in result.get_asset_check_evaluations()} == computed < checks
    assert "is FAIL" in refusal(result)
    verdict = green.home.control.latest_verdict(DAY_GATE, str(SECOND))
    assert verdict is not None
    assert verdict.verdict is Verdict.FAIL
