"""The frozen period of a candidate."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from billing_recon.defs import shadow_checks
from billing_recon.defs.step import Setup, partition_of, refusing, spec, wanted


def define(setup: Setup) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="freeze",
        specs=[
            spec(
                "shadow_snapshot",
                "shadow",
                "The frozen period that the candidate is reviewed on: data, catalog, policy and company, each with a digest.",
                kinds={"deltalake"},
            )
        ],
        check_specs=shadow_checks.specs("shadow_snapshot", setup.candidates),
        partitions_def=setup.candidates,
        required_resource_keys={"home"},
    )
    def freeze(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day.shadow.candidate import open_candidate
        from billing_recon.day.shadow.snapshot import find, problems

        home = context.resources.home
        with refusing(context):
            snapshot = find(home, open_candidate(home.path, partition_of(context)).candidate.snapshot)
            found = list(problems(home.control, snapshot))
            yield dg.MaterializeResult(
                "shadow_snapshot",
                metadata={
                    "snapshot": snapshot.label,
                    "period": f"{snapshot.manifest.first} to {snapshot.manifest.last}",
                    "invoice lines": snapshot.rows("invoice_lines"),
                },
                data_version=dg.DataVersion(snapshot.manifest.digest),
            )
            result = shadow_checks.snapshot_result(snapshot, found)
            if wanted(context, result):
                yield result

    return freeze
