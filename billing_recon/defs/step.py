"""What the asset modules share: a step's setup, its specs, and how results become materializations."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from billing_recon import __version__
from billing_recon.core.errors import BillingReconError
from billing_recon.core.operations import Operations
from billing_recon.core.schema import BY_NAME, TableSpec
from billing_recon.defs import checks
from billing_recon.defs.calendar import Calendar
from billing_recon.defs.run_outcome import REFUSED, RUN_OUTCOME

if TYPE_CHECKING:
    from billing_recon.control import VerdictRecord
    from billing_recon.core.landing import LandingReport
    from billing_recon.day import Home, StepResult

OpenHome = Callable[[], AbstractContextManager["Home"]]
"""Opens the home for a run and, if the connections are the run's own, closes them at its end."""
LandTables = Callable[["Home", Sequence[str], date, str], "list[LandingReport]"]
"""Lands some tables of a day for a run: `billing_recon.day.land_all`, or a function that has landed them ahead."""
Context = dg.AssetExecutionContext | dg.OpExecutionContext | dg.InitResourceContext
CANDIDATES = "shadow_candidates"
"""The partitions of a shadow review: the folders of shadow/ in the home."""
FINANCE, BILLING = "team:finance-operations", "team:billing-operations"


@dataclass(frozen=True, slots=True)
class Setup:
    """What an asset's definition depends on. `land_tables` None: land when the run gets there."""

    calendar: Calendar
    land_tables: LandTables | None = None
    candidates: dg.DynamicPartitionsDefinition = field(
        default_factory=lambda: dg.DynamicPartitionsDefinition(name=CANDIDATES)
    )

    @property
    def fresh_daily(self) -> dict[str, Any]:
        """The freshness of what every day makes anew: once in the day before the hour at which a day counts as late."""
        if self.calendar.daily.end is not None:
            return {}  # the company's data has ended
        times = self.calendar.operations.schedule
        late = time.fromisoformat(times.daily_at).hour + times.late_after_hours
        deadline = f"{times.daily_at[3:]} {late % 24} * * *"
        return {"freshness_policy": dg.FreshnessPolicy.cron(deadline, timedelta(hours=23), self.calendar.timezone)}


JOB_OF_COMMAND = {
    "signoff": "sign_month",
    "reopen": "reopen_month",
    "close": "month_end",
    "exceptions list": "resolve_breaks",
    "quarantine": "decide_rows",
    "policy apply": "apply_policy",
    "run --day": "daily",
    "run --stale": "run_stale",
}
"""The jobs of the UI that do what commands do, for messages that name the command."""


@contextmanager
def refusing(context: Context) -> Iterator[None]:
    """Fail the step, without a retry and a stack, with the text of errors written for users: the same data is refused again.

    The run is tagged as refused, so that it is told apart from one that crashed.
    """
    try:
        yield
    except BillingReconError as error:
        refused = error
    else:
        return
    raise refusal(context, str(refused))


def refusal(context: Context, text: str, **facts: Any) -> dg.Failure:
    """The end of a run that did its work and may not go on: what, and facts such as money, owner and link.

    What a message has people type is done in the UI by the job that it is given with.
    """
    jobs = [job for command, job in JOB_OF_COMMAND.items() if f"billing-recon {command}" in text]
    if jobs:
        facts = {"jobs": ", ".join(jobs), **facts}
        text = f"{text.rstrip()}\nIn Dagster: the job {' or '.join(jobs)}."
    if context.instance is not None and context.run is not None:
        context.instance.add_run_tags(context.run.run_id, {RUN_OUTCOME: REFUSED})
    return dg.Failure(description=text, metadata={"refused": True, **facts}, allow_retries=False)


def day_refused(
    context: dg.AssetExecutionContext, home: "Home", operations: Operations, record: "VerdictRecord"
) -> dg.Failure:
    """The end of the run of a day that is not PASS: what holds it back, how much money, whose it is, where to read on."""
    from billing_recon.paging.watch import red_day

    found = red_day(home, operations, record)
    money = ", ".join(found.notice("")["money"].values())
    at_risk = f" {money} at risk." if money else ""
    text = f"{found.title} and is not released. {' '.join(found.why)}{at_risk} Owner: {found.owner}. Next: {found.next_step}"
    facts = {
        "verdict": record.verdict.value,
        "money at risk": money,
        "codes": ", ".join(found.codes),
        "owner": found.owner,
        "taken by": found.taken_by,
        "next step": found.next_step,
    }
    return refusal(context, text, **{name: fact for name, fact in facts.items() if fact}, **report_link(found.link))


def report_link(link: str) -> dict[str, Any]:
    """Metadata that opens the day's page: its URL where the reports are served, else its file."""
    if not link:
        return {}
    return {"report": dg.MetadataValue.url(link) if link.startswith("http") else dg.MetadataValue.path(link)}


@contextmanager
def rewriting(context: dg.AssetExecutionContext, home: "Home", day: date) -> Iterator[None]:
    """The same for a step that may replace tables of `day`: releases that no longer hold are withdrawn when it ends."""
    from billing_recon.day.releases import withdraw_after

    with refusing(context):
        try:
            yield
        finally:
            withdraw_after(home, day)


def spec(
    name: str, group: str, doc: str, *, deps: Sequence[Any] = (), owner: str = BILLING, **more: Any
) -> dg.AssetSpec:
    """An asset's declaration, with the defaults of this project and, if it is a table, its columns."""
    table = BY_NAME.get(name)
    return dg.AssetSpec(
        name,
        deps=list(deps),
        group_name=group,
        description=doc,
        owners=[owner],
        code_version=__version__,
        metadata={"dagster/column_schema": _columns(table)} if table else {},
        **{"kinds": {"deltalake", "duckdb"}, **more},
    )


def _columns(table: TableSpec) -> dg.TableSchema:
    return dg.TableSchema(
        [
            dg.TableColumn(
                column.name,
                column.sql_type,
                description="; ".join(part for part in (column.doc, column.shown_unit) if part) or None,
                constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=False),
            )
            for column in table.registered
        ]
    )


def day_of(context: dg.AssetExecutionContext) -> date:
    """The day that the run is for."""
    return date.fromisoformat(partition_of(context))


def partition_of(context: dg.AssetExecutionContext) -> str:
    """What the run is for: a day, a month, a candidate. Refused if it was launched for nothing."""
    if not context.has_partition_key:
        raise refusal(
            context,
            f"{context.job_name} was launched without a partition: choose the day, month, candidate or rollout that it is for",
        )
    key: str = context.partition_key
    return key


def selected(context: dg.AssetExecutionContext) -> set[str]:
    """The assets that the run asks for."""
    return {key.to_user_string() for key in context.selected_asset_keys}


def file_result(asset: str, name: str, path: Path) -> dg.MaterializeResult[None]:
    """The materialization of an asset that is a file or a folder."""
    return dg.MaterializeResult(asset, metadata={name: dg.MetadataValue.path(str(path.absolute()))})


def materialized(
    result: "StepResult", *assets: str, money: Mapping[str, float] | None = None
) -> Iterator[dg.MaterializeResult[None]]:
    """One materialization per asset, with the rows and content digest of what was written. `money` is plotted by day."""
    for asset in assets:
        cells = result.tables.get(asset)
        yield dg.MaterializeResult(
            asset,
            metadata={
                "dagster/partition_row_count": result.rows[asset],
                "rows": result.rows[asset],
                **(money or {}),
                **({"sample": checks.table(cells)} if cells else {}),
            },
            data_version=dg.DataVersion(result.digests[asset]),
        )


def wanted(context: dg.AssetExecutionContext, result: dg.AssetCheckResult) -> bool:
    """Whether the run asks for this check: a run may select an asset without its checks."""
    assert result.asset_key is not None
    assert result.check_name is not None
    return dg.AssetCheckKey(result.asset_key, result.check_name) in context.selected_asset_check_keys
