"""The gate of a day and its day pack."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from billing_recon.core.errors import GateRefused
from billing_recon.defs import checks
from billing_recon.defs.assets.stage_gate import ROLLOUTS
from billing_recon.defs.step import FINANCE, Setup, day_of, day_refused, report_link, rewriting, selected, spec, wanted


def define(setup: Setup) -> dg.AssetsDefinition:
    """Define both in one step: the pack shows the verdict, and is needed most if the gate stops the run."""

    @dg.multi_asset(
        name="judge",
        specs=[
            spec(
                "day_gate",
                "gate",
                "The policy's verdict on the day: PASS, FAIL or INCONCLUSIVE, bound to its evidence.",
                deps=("breaks", "control_totals", "metrics"),
                owner=FINANCE,
                kinds={"sqlalchemy"},
                **setup.fresh_daily,
            ),
            spec(
                "day_pack",
                "gate",
                "The day as a page for people, whatever the verdict.",
                deps=("day_gate", "breaks", "control_totals", "metrics"),
                owner=FINANCE,
                kinds={"html"},
            ),
        ],
        check_specs=[checks.gate_spec(setup.calendar.daily)],
        partitions_def=setup.calendar.daily,
        can_subset=True,
        required_resource_keys={"home"},
    )
    def judge(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day import judge_day
        from billing_recon.day.gate import DAY_GATE
        from billing_recon.day.releases import release_parts
        from billing_recon.day.rollout.gate import judge_stages
        from billing_recon.paging import watch
        from billing_recon.report.day_pack import write_day_pack
        from billing_recon.report.rollout_page import write_rollout_page

        operations = setup.calendar.operations
        home, day, chosen = context.resources.home, day_of(context), selected(context)
        refused = None
        with rewriting(context, home, day):
            if "day_gate" in chosen:
                record = judge_day(home, day, context.run.run_id)
                for answer in judge_stages(home, day, context.run.run_id):
                    context.instance.add_dynamic_partitions(ROLLOUTS, [answer.rollout])
                    write_rollout_page(home, answer.rollout)
                release_parts(home, day, context.run.run_id)
                yield dg.MaterializeResult(
                    "day_gate",
                    metadata={"verdict": record.verdict.value, "evidence": record.evidence_hash},
                    data_version=dg.DataVersion(f"{record.verdict}:{record.evidence_hash}"),
                )
                result = checks.gate_result(record)
                if wanted(context, result):
                    yield result
                    refused = None if result.passed else record
            if "day_pack" in chosen:
                latest = home.control.latest_verdict(DAY_GATE, str(day))
                if latest is None:
                    raise GateRefused(f"{day} has no verdict to report; select day_gate as well, or run the whole day")
                page = write_day_pack(home, day, latest)
                yield dg.MaterializeResult(
                    "day_pack",
                    metadata=report_link(watch.report_link(home, operations, str(day)) or str(page.absolute())),
                )
        if refused is not None:
            raise day_refused(context, home, operations, refused)

    return judge
