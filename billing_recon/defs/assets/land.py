"""The landed tables of a day, held to their contracts."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from billing_recon.core.schema import BY_NAME
from billing_recon.core.verdict import Verdict
from billing_recon.defs import checks
from billing_recon.defs.step import Setup, day_of, day_refused, rewriting, selected, spec, wanted


def define(setup: Setup) -> dg.AssetsDefinition:
    specs = [
        spec(
            table,
            "landing",
            f"{BY_NAME[table].doc} Each row is checked against its contract; rows that break it are quarantined.",
            tags={"layer": "landing", "optional": "yes" if BY_NAME[table].optional else "no"},
            kinds={"deltalake", "pandera"},
            **({} if BY_NAME[table].optional else setup.fresh_daily),
        )
        for table in checks.LAYERS
    ]

    @dg.multi_asset(
        name="land",
        specs=specs,
        check_specs=checks.landing_specs(setup.calendar.daily),
        partitions_def=setup.calendar.daily,
        can_subset=True,
        required_resource_keys={"home"},
    )
    def land(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day import judge_day, land_all, withdraw
        from billing_recon.day.rollout.gate import judge_stages
        from billing_recon.report.day_pack import write_day_pack

        home, day, run_id = context.resources.home, day_of(context), context.run.run_id
        chosen, stopped, record = selected(context), False, None
        with rewriting(context, home, day):
            tables = [table for table in checks.LAYERS if table in chosen]
            for report in (setup.land_tables or land_all)(home, tables, day, run_id):
                states = home.control.partition_states((report.table,), day, day)
                yield dg.MaterializeResult(
                    report.table,
                    metadata={
                        "rows in": report.rows_in,
                        "accepted": report.accepted,
                        "quarantined": report.quarantined,
                        "duplicates": report.duplicates,
                        "status": report.status.value,
                        "files": ", ".join(path for path, _ in report.files) or "none",
                    },
                    data_version=dg.DataVersion(states[0].digest if states else "none"),
                )
                for result in checks.landing_results(report, home.policy_on(day).policy):
                    stopped = stopped or (not result.passed and result.severity is dg.AssetCheckSeverity.ERROR)
                    if wanted(context, result):
                        yield result
            if stopped:
                # The run ends here, so the day is judged here: its gate must state why, and finance needs the page.
                withdraw(home, day, run_id)
                record = judge_day(home, day, run_id)
                judge_stages(home, day, run_id)
                write_day_pack(home, day, record)
        if record is not None and record.verdict is not Verdict.PASS:
            raise day_refused(context, home, setup.calendar.operations, record)

    return land
