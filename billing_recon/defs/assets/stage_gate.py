"""The stage gate of a rollout, per rollout and day."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg

from billing_recon.core.verdict import Verdict
from billing_recon.defs.step import FINANCE, Setup, partition_of, refusing, spec, wanted

ROLLOUTS = "rollouts"
"""The dynamic partitions: a rollout is added when a day judges it for the first time."""
CHECK = "stage_passes"


def define(setup: Setup) -> dg.AssetsDefinition:
    """Judge a rollout's stage again as of a day. The day's own run has judged it already, and acted."""
    partitions = dg.MultiPartitionsDefinition(
        {"day": setup.calendar.daily, "rollout": dg.DynamicPartitionsDefinition(name=ROLLOUTS)}
    )

    @dg.multi_asset(
        name="stage_gate",
        specs=[
            spec(
                "stage_gate",
                "gate",
                "The answer about the exposed stage of a rollout: PASS, FAIL or INCONCLUSIVE, and what it waits for.",
                deps=("day_gate",),
                owner=FINANCE,
                kinds={"sqlalchemy"},
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset="stage_gate",
                blocking=True,
                partitions_def=partitions,
                description="The stage's thresholds, triggers and window. Only a current PASS lets people promote.",
            )
        ],
        partitions_def=partitions,
        required_resource_keys={"home"},
    )
    def stage_gate(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day.rollout.gate import judge_rollout
        from billing_recon.report.rollout_page import write_rollout_page

        key, home = partition_of(context), context.resources.home
        assert isinstance(key, dg.MultiPartitionKey)
        named = key.keys_by_dimension
        with refusing(context):
            answer = judge_rollout(home, named["rollout"], date.fromisoformat(named["day"]), context.run.run_id)
            page = write_rollout_page(home, answer.rollout)
        yield dg.MaterializeResult(
            "stage_gate",
            metadata={
                "verdict": answer.verdict.value,
                "stage": answer.stage,
                "page": dg.MetadataValue.path(str(page.absolute())),
            },
            data_version=dg.DataVersion(f"{answer.verdict}:{answer.evidence_hash}"),
        )
        clauses = answer.figures.get("clauses", ())
        result = dg.AssetCheckResult(
            asset_key="stage_gate",
            check_name=CHECK,
            passed=answer.verdict is Verdict.PASS,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"{answer.verdict}: "
            + (
                " ".join([*answer.triggered, *answer.figures.get("because", ()), *answer.waiting_for])
                or "every clause holds."
            ),
            metadata={
                "clauses": dg.MetadataValue.table(
                    [
                        dg.TableRecord({name: str(clause[name]) for name in ("kind", "name", "verdict", "says")})
                        for clause in clauses
                    ]
                )
            }
            if clauses
            else {},
        )
        if wanted(context, result):
            yield result

    return stage_gate
