"""The auditor's evidence of a closed month."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from billing_recon.defs.step import FINANCE, Setup, file_result, partition_of, refusing, spec


def define(setup: Setup) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="prove",
        specs=[
            spec(
                "month_evidence",
                "month_end",
                "The closed month's evidence pack, and its own figures validated once more by Great Expectations, as pages.",
                deps=["month_close"],
                owner=FINANCE,
                kinds={"html"},
            )
        ],
        partitions_def=setup.calendar.monthly,
        required_resource_keys={"home"},
    )
    def prove(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.report.evidence_pack import write_pack

        home, month = context.resources.home, partition_of(context)
        with refusing(context):
            yield file_result("month_evidence", "pack", write_pack(home, month))

    return prove
