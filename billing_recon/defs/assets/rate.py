"""Our own rating of a day: usage roll-up and expected lines."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from billing_recon.defs.step import Setup, day_of, materialized, rewriting, spec


def define(setup: Setup) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="rate",
        specs=[
            spec(
                "usage_rollup",
                "rating",
                "Usage per subscription, meter and usage day, as changes by day of arrival; the last correction wins.",
                deps=("usage_events", "subscriptions"),
            ),
            spec(
                "expected_lines",
                "rating",
                "What should have been billed, computed from usage and contract alone, with every stage.",
                deps=("usage_rollup", "subscriptions", "invoice_lines"),
                **setup.fresh_daily,
            ),
        ],
        partitions_def=setup.calendar.daily,
        required_resource_keys={"home"},
    )
    def rate(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day import expect, roll_up
        from billing_recon.day.releases import withdraw_reopened

        home, day = context.resources.home, day_of(context)
        with rewriting(context, home, day):
            yield from materialized(roll_up(home, day, context.run.run_id), "usage_rollup")
            yield from materialized(expect(home, day, context.run.run_id), "expected_lines")
            withdraw_reopened(home, day)

    return rate
