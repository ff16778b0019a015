"""The comparison of a day's layers: breaks, control totals, metrics."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from billing_recon.defs import checks, findings
from billing_recon.defs.step import FINANCE, Setup, day_of, materialized, rewriting, spec, wanted


def define(setup: Setup) -> dg.AssetsDefinition:
    compared = (
        "usage_rollup",
        "expected_lines",
        *(table for table in checks.LAYERS if table not in ("usage_events", "subscriptions")),
    )

    @dg.multi_asset(
        name="reconcile",
        specs=[
            spec(
                "breaks",
                "reconciliation",
                "One row per difference: the amounts of all layers, a code, a sentence, an owner and the working.",
                deps=compared,
                owner=FINANCE,
                **setup.fresh_daily,
            ),
            spec(
                "control_totals",
                "reconciliation",
                "Per pair and currency: what was compared, by how much it differs, what is not yet due.",
                deps=("breaks",),
                owner=FINANCE,
            ),
            spec(
                "metrics",
                "reconciliation",
                "The day's metrics; one without a population is NO DATA.",
                deps=("breaks", "control_totals"),
                owner=FINANCE,
            ),
        ],
        check_specs=checks.reconcile_specs(setup.calendar.daily),
        partitions_def=setup.calendar.daily,
        required_resource_keys={"home"},
    )
    def reconcile(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day import reconcile

        home, day = context.resources.home, day_of(context)
        with rewriting(context, home, day):
            result = reconcile(home, day, context.run.run_id)
            yield from materialized(result, "breaks", money=findings.plotted_breaks(home, day))
            yield from materialized(result, "control_totals", money=findings.plotted_totals(home, day))
            yield from materialized(result, "metrics")
            yield from (r for r in checks.reconcile_results(home, day) if wanted(context, r))

    return reconcile
