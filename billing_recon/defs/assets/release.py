"""The release of a day."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from billing_recon.defs.step import FINANCE, Setup, day_of, file_result, refusing, spec


def define(setup: Setup) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="release",
        specs=[
            spec(
                "day_release",
                "release",
                "Opens everything downstream. Asks the persisted gate itself, whoever started the run.",
                deps=("day_gate",),
                owner=FINANCE,
                kinds={"json"},
            )
        ],
        partitions_def=setup.calendar.daily,
        required_resource_keys={"home"},
    )
    def day_release(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day import release

        with refusing(context):
            path = release(context.resources.home, day_of(context), context.run.run_id)
            yield file_result("day_release", "manifest", path)

    return day_release
