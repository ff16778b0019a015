"""The launch rule applied to a candidate's review, and the page for people."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from billing_recon.defs import shadow_checks
from billing_recon.defs.step import FINANCE, Setup, partition_of, refusing, spec, wanted


def define(setup: Setup) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="judge_candidate",
        specs=[
            spec(
                "shadow_gate",
                "shadow",
                "The launch rule's verdict on the review: PASS, FAIL or INCONCLUSIVE per clause.",
                deps=("shadow_lines", "shadow_causes"),
                owner=FINANCE,
                kinds={"sqlalchemy", "html"},
            )
        ],
        check_specs=shadow_checks.specs("shadow_gate", setup.candidates),
        partitions_def=setup.candidates,
        required_resource_keys={"home"},
    )
    def judge_candidate(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day.shadow.gate import check, evidence
        from billing_recon.report.shadow_page import write_page

        home = context.resources.home
        with refusing(context):
            judged = check(home, partition_of(context), records=True)
            page = write_page(home, judged)
            yield dg.MaterializeResult(
                "shadow_gate",
                metadata={"verdict": judged.verdict.value, "report": dg.MetadataValue.path(str(page.absolute()))},
                data_version=dg.DataVersion(f"{judged.verdict}:{evidence(judged.review)}"),
            )
            result = shadow_checks.gate_result(judged)
            if wanted(context, result):
                yield result

    return judge_candidate
