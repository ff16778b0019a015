"""A day of a candidate's parallel run beside live billing."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg

from billing_recon.defs import shadow_checks
from billing_recon.defs.step import FINANCE, Setup, partition_of, refusing, spec, wanted


def define(setup: Setup) -> dg.AssetsDefinition:
    partitions = dg.MultiPartitionsDefinition({"candidate": setup.candidates, "day": setup.calendar.daily})

    @dg.multi_asset(
        name="run_beside",
        specs=[
            spec(
                "shadow_day",
                "shadow",
                "The candidate beside live billing on one day until the cutover; after it, the old logic.",
                deps=[dg.AssetDep("day_gate", partition_mapping=dg.MultiToSingleDimensionPartitionMapping("day"))],
                owner=FINANCE,
            )
        ],
        check_specs=shadow_checks.specs("shadow_day", partitions),
        partitions_def=partitions,
        required_resource_keys={"home"},
    )
    def run_beside(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day.shadow.parallel import run_parallel

        key = partition_of(context)
        assert isinstance(key, dg.MultiPartitionKey)
        keys = key.keys_by_dimension
        with refusing(context):
            made = run_parallel(context.resources.home, keys["candidate"], date.fromisoformat(keys["day"]), "dagster")
            yield dg.MaterializeResult(
                "shadow_day",
                metadata={
                    "verdict": made.verdict.value,
                    "beside live": made.beside,
                    "invoices": made.invoices,
                    "unmeant invoices": made.unmeant_invoices,
                },
            )
            result = shadow_checks.day_result(made)
            if wanted(context, result):
                yield result

    return run_beside
