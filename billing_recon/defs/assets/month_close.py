"""The close of a month over its days."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from billing_recon.defs.step import FINANCE, Setup, partition_of, refusing, spec


def define(setup: Setup) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="close",
        specs=[
            spec(
                "month_close",
                "month_end",
                "Closes the month, or lists each condition that does not hold: days, sign-offs, sequence.",
                deps=[dg.AssetDep("day_release", partition_mapping=dg.TimeWindowPartitionMapping())],
                owner=FINANCE,
                kinds={"sqlalchemy"},
            )
        ],
        partitions_def=setup.calendar.monthly,
        required_resource_keys={"home"},
    )
    def close(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day import close_month

        with refusing(context):
            evidence = close_month(context.resources.home, partition_of(context), context.run.run_id)
            yield dg.MaterializeResult(
                "month_close", metadata={"evidence": evidence}, data_version=dg.DataVersion(evidence)
            )

    return close
