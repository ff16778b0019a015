"""The cutover of a candidate."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from billing_recon.defs.step import FINANCE, Setup, partition_of, refusing, spec


def define(setup: Setup) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="cut_over",
        specs=[
            spec(
                "cutover",
                "shadow",
                "Opens the launch for what is downstream. Asks the recorded decision and all it rests on, whoever started it.",
                deps=("shadow_gate",),
                owner=FINANCE,
                kinds={"sqlalchemy"},
            )
        ],
        partitions_def=setup.candidates,
        required_resource_keys={"home"},
    )
    def cutover(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day.shadow.cutover import cut_over

        with refusing(context):
            made = cut_over(context.resources.home, partition_of(context), "dagster")
            yield dg.MaterializeResult(
                "cutover",
                metadata={"from": str(made.on), "decided by": made.decided_by, "rollback": made.rollback},
                data_version=dg.DataVersion(made.evidence),
            )

    return cutover
