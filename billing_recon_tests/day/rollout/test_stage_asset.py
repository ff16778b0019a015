"""The stage gate in Dagster: one partition per rollout and day, with the answer as its check."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest

from billing_recon.defs.assets.stage_gate import CHECK, ROLLOUTS, define
from billing_recon.defs.calendar import read_calendar
from billing_recon.defs.step import Setup
from billing_recon_tests.day.rollout.launch import DAY, NAME, Launch

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
