"""The assets: a day's layers, their reconciliation, its gate and release, and the month's close. Each step is one call.

No `from __future__ import annotations` here: Dagster reads the annotation of `context` itself.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from billing_recon import __version__
from billing_recon.core.errors import BillingReconError, GateRefused
from billing_recon.core.schema import BY_NAME
from billing_recon.defs import checks
from billing_recon.defs.calendar import Calendar

if TYPE_CHECKING:
    from billing_recon.core.landing import LandingReport
    from billing_recon.day import Home, StepResult

OpenHome = Callable[[], AbstractContextManager["Home"]]
"""Opens the home for a run, and gives its connections back at the end where they are the run's own."""
LandTables = Callable[["Home", Sequence[str], date, str], "list[LandingReport]"]
"""Lands some tables of a day for a run: `billing_recon.day.land_all`, or one that has landed them ahead."""
_FINANCE, _BILLING = "team:finance-operations", "team:billing-operations"


def home_resource(open_home: OpenHome) -> dg.ResourceDefinition:
    """The company's home, opened once a run, so that a run sees one configuration."""

    @dg.resource(description="The company's home: configuration, warehouse and control database.")
    def home(_context: dg.InitResourceContext) -> Iterator["Home"]:
        with ExitStack() as stack:
            with refusing():
                opened = stack.enter_context(open_home())
            yield opened

    return home


@contextmanager
def refusing() -> Iterator[None]:
    """Errors written for users fail the step with their text, without a retry: the same data is refused again."""
    try:
        yield
    except BillingReconError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def day_assets(calendar: Calendar, land_tables: LandTables | None = None) -> list[dg.AssetsDefinition]:
    """Landing to day pack, five steps."""
    daily = calendar.daily
    return [_land(daily, land_tables), _rate(daily), _reconcile(daily), _gate(daily), _release(daily)]


def _spec(
    name: str, group: str, doc: str, *, deps: tuple[str, ...] = (), owner: str = _BILLING, **more: Any
) -> dg.AssetSpec:
    return dg.AssetSpec(
        name,
        deps=list(deps),
        group_name=group,
        description=doc,
        owners=[owner],
        code_version=__version__,
        **{"kinds": {"deltalake", "duckdb"}, **more},
    )


def _day(context: dg.AssetExecutionContext) -> date:
    return date.fromisoformat(context.partition_key)


def _land(daily: dg.PartitionsDefinition[str], land_tables: LandTables | None) -> dg.AssetsDefinition:
    specs = [
        _spec(
            table,
            "landing",
            f"{BY_NAME[table].doc} Held to its contract row by row; what breaks it is quarantined.",
            tags={"layer": "landing", "optional": "yes" if BY_NAME[table].optional else "no"},
            kinds={"deltalake", "pandera"},
        )
        for table in checks.LAYERS
    ]

    @dg.multi_asset(
        name="land",
        specs=specs,
        check_specs=checks.landing_specs(daily),
        partitions_def=daily,
        can_subset=True,
        required_resource_keys={"home"},
    )
    def land(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day import judge_day, land_all
        from billing_recon.report.day_pack import write_day_pack

        home, day, run_id = context.resources.home, _day(context), context.run.run_id
        selected = {key.to_user_string() for key in context.selected_asset_keys}
        stopped = False
        with refusing():
            tables = [t for t in checks.LAYERS if t in selected]
            for report in (land_tables or land_all)(home, tables, day, run_id):
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
                    data_version=_version(home, report.table, day),
                )
                for result in checks.landing_results(report, home.policy):
                    stopped = stopped or (not result.passed and result.severity is dg.AssetCheckSeverity.ERROR)
                    if _wanted(context, result):
                        yield result
            if stopped:
                # The run ends here, so the day is judged here: its gate must say why, and finance needs the page.
                write_day_pack(home, day, judge_day(home, day, run_id))

    return land


def _rate(daily: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="rate",
        specs=[
            _spec(
                "usage_rollup",
                "rating",
                "Usage per subscription, meter and usage day, as changes by day of arrival; the last correction wins.",
                deps=("usage_events", "subscriptions"),
            ),
            _spec(
                "expected_lines",
                "rating",
                "What should have been billed, from usage and contract alone, every stage kept.",
                deps=("usage_rollup", "subscriptions", "invoice_lines"),
            ),
        ],
        partitions_def=daily,
        required_resource_keys={"home"},
    )
    def rate(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day import expect, roll_up

        home, day = context.resources.home, _day(context)
        with refusing():
            yield from _materialized(roll_up(home, day, context.run.run_id), "usage_rollup")
            yield from _materialized(expect(home, day, context.run.run_id), "expected_lines")

    return rate


def _reconcile(daily: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    compared = (
        "usage_rollup",
        "expected_lines",
        *(table for table in checks.LAYERS if table not in ("usage_events", "subscriptions")),
    )

    @dg.multi_asset(
        name="reconcile",
        specs=[
            _spec(
                "breaks",
                "reconciliation",
                "One row a difference: the amounts of all layers, a code, a sentence, an owner and the working.",
                deps=compared,
                owner=_FINANCE,
            ),
            _spec(
                "control_totals",
                "reconciliation",
                "Per pair and currency: what was compared, how far it differs, what is not yet due.",
                deps=("breaks",),
                owner=_FINANCE,
            ),
            _spec(
                "metrics",
                "reconciliation",
                "The day's metrics; one without a population is NO DATA.",
                deps=("breaks", "control_totals"),
                owner=_FINANCE,
            ),
        ],
        check_specs=checks.reconcile_specs(daily),
        partitions_def=daily,
        required_resource_keys={"home"},
    )
    def reconcile(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day import reconcile

        home, day = context.resources.home, _day(context)
        with refusing():
            yield from _materialized(reconcile(home, day, context.run.run_id), "breaks", "control_totals", "metrics")
            yield from (r for r in checks.reconcile_results(home, day) if _wanted(context, r))

    return reconcile


def _gate(daily: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """Verdict and day pack in one step: the pack shows the verdict, and is needed most where the gate stops the run."""

    @dg.multi_asset(
        name="judge",
        specs=[
            _spec(
                "day_gate",
                "gate",
                "The policy's verdict on the day: PASS, FAIL or INCONCLUSIVE, bound to its evidence.",
                deps=("breaks", "control_totals", "metrics"),
                owner=_FINANCE,
                kinds={"sqlalchemy"},
            ),
            _spec(
                "day_pack",
                "gate",
                "The day as a page for people, whatever the verdict.",
                deps=("day_gate", "breaks", "control_totals", "metrics"),
                owner=_FINANCE,
                kinds={"html"},
            ),
        ],
        check_specs=[checks.gate_spec(daily)],
        partitions_def=daily,
        can_subset=True,
        required_resource_keys={"home"},
    )
    def judge(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day import judge_day
        from billing_recon.day.gate import DAY_GATE
        from billing_recon.report.day_pack import write_day_pack

        home, day = context.resources.home, _day(context)
        selected = {key.to_user_string() for key in context.selected_asset_keys}
        with refusing():
            if "day_gate" in selected:
                record = judge_day(home, day, context.run.run_id)
                yield dg.MaterializeResult(
                    "day_gate",
                    metadata={"verdict": record.verdict.value, "evidence": record.evidence_hash},
                    data_version=dg.DataVersion(f"{record.verdict}:{record.evidence_hash}"),
                )
                yield from (r for r in (checks.gate_result(record),) if _wanted(context, r))
            if "day_pack" in selected:
                latest = home.control.latest_verdict(DAY_GATE, str(day))
                if latest is None:
                    raise GateRefused(f"{day} has no verdict to report; select day_gate as well, or run the whole day")
                path = write_day_pack(home, day, latest)
                yield dg.MaterializeResult("day_pack", metadata={"page": dg.MetadataValue.path(str(path.absolute()))})

    return judge


def _release(daily: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="release",
        specs=[
            _spec(
                "day_release",
                "release",
                "Opens what is downstream. Asks the persisted gate itself, whoever started the run.",
                deps=("day_gate",),
                owner=_FINANCE,
                kinds={"json"},
            )
        ],
        partitions_def=daily,
        required_resource_keys={"home"},
    )
    def day_release(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day import release

        with refusing():
            path = release(context.resources.home, _day(context), context.run.run_id)
            yield dg.MaterializeResult(
                "day_release", metadata={"manifest": dg.MetadataValue.path(str(path.absolute()))}
            )

    return day_release


def month_assets(calendar: Calendar) -> list[dg.AssetsDefinition]:
    """The close of a month over its days, and the evidence for the auditor."""
    monthly = calendar.monthly

    @dg.multi_asset(
        name="close",
        specs=[
            dg.AssetSpec(
                "month_close",
                deps=[dg.AssetDep("day_release", partition_mapping=dg.TimeWindowPartitionMapping())],
                group_name="month_end",
                description="Closes the month, or says each condition that does not hold: days, sign-offs, sequence.",
                owners=[_FINANCE],
                code_version=__version__,
                kinds={"sqlalchemy"},
            )
        ],
        partitions_def=monthly,
        required_resource_keys={"home"},
    )
    def month_close(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.day import close_month

        with refusing():
            evidence = close_month(context.resources.home, context.partition_key, context.run.run_id)
            yield dg.MaterializeResult(
                "month_close", metadata={"evidence": evidence}, data_version=dg.DataVersion(evidence)
            )

    @dg.multi_asset(
        name="prove",
        specs=[
            dg.AssetSpec(
                "month_evidence",
                deps=["month_close"],
                group_name="month_end",
                description="The closed month's own figures, validated once more by Great Expectations, as pages.",
                owners=[_FINANCE],
                code_version=__version__,
                kinds={"html"},
            )
        ],
        partitions_def=monthly,
        required_resource_keys={"home"},
    )
    def month_evidence(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from billing_recon.report.month_evidence import write_month_evidence

        with refusing():
            folder = write_month_evidence(context.resources.home, context.partition_key)
            yield dg.MaterializeResult(
                "month_evidence", metadata={"folder": dg.MetadataValue.path(str(folder.absolute()))}
            )

    return [month_close, month_evidence]


def _materialized(result: "StepResult", *assets: str) -> Iterator[dg.MaterializeResult[None]]:
    """One materialization an asset, with rows and content digest of what was written."""
    for asset in assets:
        cells = result.tables.get(asset)
        yield dg.MaterializeResult(
            asset,
            metadata={"rows": result.rows[asset], **({"sample": checks.table(cells)} if cells else {})},
            data_version=dg.DataVersion(result.digests[asset]),
        )


def _version(home: "Home", table: str, day: date) -> dg.DataVersion:
    states = home.control.partition_states((table,), day, day)
    return dg.DataVersion(states[0].digest if states else "none")


def _wanted(context: dg.AssetExecutionContext, result: dg.AssetCheckResult) -> bool:
    """Whether the run asked for this check: a run may select an asset without its checks."""
    assert result.asset_key is not None
    assert result.check_name is not None
    return dg.AssetCheckKey(result.asset_key, result.check_name) in context.selected_asset_check_keys
