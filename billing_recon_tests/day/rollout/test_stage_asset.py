"""The stage gate in Dagster: one partition per rollout and day, with the answer as its check."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest

from billing_recon.day.rollout.state import Status
from billing_recon.defs.assets.stage_gate import CHECK, ROLLOUTS, define
from billing_recon.defs.calendar import read_calendar
from billing_recon.defs.jobs import decision_jobs
from billing_recon.defs.step import Setup
from billing_recon_tests.day.rollout.launch import DAY, NAME, Launch
from billing_recon_tests.defs.plant import failures, refusal

NEXT = DAY + timedelta(days=1)


def test_the_asset_judges_the_stage_and_its_check_fails_unless_it_passes(launch: Launch) -> None:
    launch.promote()
    launch.day_judged(NEXT)
    with pytest.warns(dg.PreviewWarning):
        asset = define(Setup(read_calendar(launch.home.path), None))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(ROLLOUTS, [NAME])
        result = dg.materialize(
            [asset],
            partition_key=dg.MultiPartitionKey({"day": str(NEXT), "rollout": NAME}),
            resources={"home": launch.home},
            instance=instance,
            raise_on_error=False,
        )
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == (CHECK, False)
    assert check.description is not None
    assert "invoices: 0 of 1 billed by the new path" in check.description
    answer = launch.home.control.rollouts.latest_verdict(NAME, "internal")
    assert answer is not None
    assert answer.day == NEXT


def moved(launch: Launch, to: str, *people: str, reason: str = "as it was agreed") -> dg.ExecuteInProcessResult:
    """What the job of the UI does with these people, each with a code of now."""
    (job,) = [
        one
        for one in decision_jobs(dg.ResourceDefinition.hardcoded_resource(launch.home))
        if one.name == "move_rollout"
    ]
    launch.later()
    config = {"rollout": NAME, "to": to, "people": list(people), "codes": [launch.code(one) for one in people]}
    return job.execute_in_process(
        run_config={"ops": {"move": {"config": config | {"reason": reason}}}}, raise_on_error=False
    )


def test_a_rollout_is_promoted_paused_resumed_and_rolled_back_from_the_ui_under_the_same_rules(launch: Launch) -> None:
    first, second, third = launch.people[:3]
    assert "has to allow it too" in refusal(moved(launch, "promote", first))
    assert failures(moved(launch, "promote", second)) == []
    assert launch.state.stage == "internal"
    assert "was never judged" in refusal(moved(launch, "promote", first, second, third))
    assert failures(moved(launch, "pause", second, reason="tickets double")) == []
    assert "says nothing to an auditor" in refusal(moved(launch, "resume", first, reason="ok"))
    assert failures(moved(launch, "resume", first, reason="tickets were about mail")) == []
    assert failures(moved(launch, "rollback", third, reason="lines are billed twice")) == []
    assert launch.state.status is Status.ROLLED_BACK
    assert "'back' is unknown" in refusal(moved(launch, "back", first))
