"""The shadow assets in Dagster: a launch that was not decided is opened by no run, however it is started."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml

from billing_recon.core.errors import GateRefused
from billing_recon.day import Home
from billing_recon.day.shadow import decisions
from billing_recon.day.shadow.review import run
from billing_recon.defs.build import BESIDE_JOB, CUTOVER_JOB, SHADOW_JOB, build_definitions
from billing_recon.defs.instance import open_instance
from billing_recon.defs.shadow_sensor import FOLLOW
from billing_recon.defs.step import CANDIDATES
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.shadow.conftest import LAST
from billing_recon_tests.people import code_of, enrol_everyone

pytestmark = pytest.mark.long

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
CHECKS = {"intact", "parts_sum", "noise", "background", "known", "causes_sum", "no_unexplained", "launch_rule"}


class Works:
    """A copy of the reviewed company, its Dagster definitions and instance."""

    def __init__(self, path: Path, instance: dg.DagsterInstance) -> None:
        self.home, self.instance = Home.open(path), instance
        self.definitions = build_definitions(path, lambda: nullcontext(self.home))

    def run(self, job: str, partition: str, *assets: str) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=partition,
            asset_selection=[dg.AssetKey(asset) for asset in assets] or None,
            run_config=QUIET,
            raise_on_error=False,
        )

    def refused(self, name: str) -> str:
        """Why a cutover of a run of its own is refused."""
        result = self.run(CUTOVER_JOB, name)
        assert not result.success
        assert not result.asset_materializations_for_node("cut_over")
        (event,) = [e for e in result.all_events if e.is_step_failure]
        said = event.step_failure_data.user_failure_data
        assert said is not None
        return str(said.description)


@pytest.fixture
def works(reviewed: Home, tmp_path: Path) -> Iterator[Works]:
    shutil.copytree(reviewed.path, tmp_path / "home")
    with open_instance(tmp_path / "home" / ".state") as instance:
        instance.add_dynamic_partitions(CANDIDATES, ["clean", "faulty"])
        yield Works(tmp_path / "home", instance)


def test_a_candidate_that_fails_its_rule_stops_its_run_and_no_other_run_opens_the_cutover(works: Works) -> None:
    result = works.run(SHADOW_JOB, "faulty")
    checks = {e.check_name: e for e in result.get_asset_check_evaluations()}
    assert set(checks) == CHECKS
    assert {name for name, e in checks.items() if not e.passed} == {"launch_rule", "no_unexplained"}
    assert not result.success, "the launch rule blocks"
    assert (checks["launch_rule"].blocking, checks["launch_rule"].partition) == (True, "faulty")
    assert (works.home.state / "reports" / "shadow" / "faulty" / "review.html").is_file(), (
        "the page is there all the same"
    )
    assert "nobody has decided about candidate faulty" in works.refused("faulty")

    # Somebody reports the gate by hand, runs it without its check, or forges the check: the recorded decision is asked.
    works.instance.report_runless_asset_event(dg.AssetMaterialization("shadow_gate", partition="faulty"))
    works.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("shadow_gate"), check_name="launch_rule", passed=True, partition="faulty"
        )
    )
    assert "nobody has decided" in works.refused("faulty")
    with pytest.raises(GateRefused):
        decisions.approve(works.home, "faulty", "Amara Okafor", "t", code="000000")


def test_a_decided_launch_opens_and_is_shut_again_by_any_change(works: Works) -> None:
    home, file = works.home, works.home.path / "shadow" / "clean" / "candidate.yaml"
    held = yaml.safe_load(file.read_text(encoding="utf-8"))
    plain = {name: held["launch"][name] for name in ("decided_by", "cutover", "rollback")}
    file.write_text(yaml.safe_dump({**held, "launch": plain}), encoding="utf-8")
    assert works.run(SHADOW_JOB, "clean").success
    secrets = enrol_everyone(home)
    for name in secrets:
        decisions.approve(home, "clean", name, "t", code=code_of(secrets[name], later=0))
    assert "nobody has decided" in works.refused("clean"), "approvals are no decision"
    first = next(iter(secrets))
    decisions.decide(home, "clean", True, first, "t", code=code_of(secrets[first], later=1), reason="all meant")
    opened = works.run(CUTOVER_JOB, "clean")
    assert opened.success
    (made,) = opened.asset_materializations_for_node("cut_over")
    assert made.metadata["decided by"].value == first

    file.write_text(yaml.safe_dump({**held, "launch": plain | {"rollback": "somebody calls"}}), encoding="utf-8")
    assert "the candidate was changed since its review" in works.refused("clean")
    run(home, "clean", "ana")
    assert "does not hold: the candidate was run again since" in works.refused("clean"), "signed for other dates"


def test_candidates_are_listed_by_themselves_and_their_parallel_days_are_started(works: Works) -> None:
    file = works.home.path / "shadow" / "clean" / "candidate.yaml"
    held = yaml.safe_load(file.read_text(encoding="utf-8"))
    held["launch"] |= {"parallel_from": str(LAST), "cutover": str(LAST + timedelta(days=1)), "parallel_to": str(LAST)}
    file.write_text(yaml.safe_dump(held), encoding="utf-8")
    works.instance.delete_dynamic_partition(CANDIDATES, "clean")
    follow = works.definitions.get_repository_def().get_sensor_def(FOLLOW)
    with dg.build_sensor_context(instance=works.instance, definitions=works.definitions) as context:
        ticked = follow(context)
    assert isinstance(ticked, dg.SensorResult)
    assert ticked.dynamic_partitions_requests is not None
    assert [key for one in ticked.dynamic_partitions_requests for key in one.partition_keys] == ["clean"]
    (request,) = ticked.run_requests or []
    assert request.partition_key == f"clean|{LAST}"
    works.instance.add_dynamic_partitions(CANDIDATES, ["clean"])
    result = works.run(BESIDE_JOB, request.partition_key)
    assert result.success
    (checked,) = result.get_asset_check_evaluations()
    assert (checked.check_name, checked.passed, checked.partition) == ("accepted_pattern", True, request.partition_key)
    with dg.build_sensor_context(instance=works.instance, definitions=works.definitions) as context:
        again = follow(context)
    assert isinstance(again, dg.SensorResult)
    assert not again.run_requests, "once"
    assert FIRST < LAST
