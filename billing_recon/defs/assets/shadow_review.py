"""The comparison of a candidate with its frozen period: lines and causes."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from billing_recon.defs import shadow_checks
from billing_recon.defs.step import FINANCE, Setup, partition_of, refusing, spec, wanted


def define(setup: Setup) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="review",
        specs=[
            spec(
                "shadow_lines",
                "shadow",
                "Each line's four corners: what the old and the new engine bill, and what each should, with every stage.",
                deps=("shadow_snapshot",),
                owner=FINANCE,
            ),
            spec(
                "shadow_causes",
                "shadow",
                "The differences by what caused them, meant and unmeant apart.",
                deps=("shadow_lines",),
                owner=FINANCE,
            ),
        ],
        check_specs=[
            *shadow_checks.specs("shadow_lines", setup.candidates),
            *shadow_checks.specs("shadow_causes", setup.candidates),
        ],
        partitions_def=setup.candidates,
        required_resource_keys={"home"},
    )
    def review(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day.shadow.gate import rows_of_review
        from billing_recon.day.shadow.review import run

        with refusing(context):
            made = run(context.resources.home, partition_of(context), "dagster")
            for asset in ("shadow_lines", "shadow_causes"):
                ((number,),) = (row.values() for row in rows_of_review(made, f"SELECT count(*) AS rows FROM {asset}"))
                yield dg.MaterializeResult(
                    asset,
                    metadata={"dagster/partition_row_count": number, "rows": number},
                    data_version=dg.DataVersion(made.facts["results"][f"{asset}.parquet"]),
                )
            for results in (shadow_checks.lines_results(made), shadow_checks.causes_results(made)):
                yield from (result for result in results if wanted(context, result))

    return review
