"""What the asset modules share: a step's setup, its specs, and how results become materializations."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from billing_recon import __version__
from billing_recon.core.errors import BillingReconError
from billing_recon.defs import checks
from billing_recon.defs.calendar import Calendar

if TYPE_CHECKING:
    from billing_recon.core.landing import LandingReport
    from billing_recon.day import Home, StepResult

OpenHome = Callable[[], AbstractContextManager["Home"]]
"""Opens the home for a run and, if the connections are the run's own, closes them at its end."""
LandTables = Callable[["Home", Sequence[str], date, str], "list[LandingReport]"]
"""Lands some tables of a day for a run: `billing_recon.day.land_all`, or a function that has landed them ahead."""
FINANCE, BILLING = "team:finance-operations", "team:billing-operations"


@dataclass(frozen=True, slots=True)
class Setup:
    """What an asset's definition depends on. `land_tables` None: land when the run gets there."""

    calendar: Calendar
    land_tables: LandTables | None = None


@contextmanager
def refusing() -> Iterator[None]:
    """Fail the step, without a retry, with the text of errors written for users: the same data is refused again."""
    try:
        yield
    except BillingReconError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


@contextmanager
def rewriting(home: "Home", day: date) -> Iterator[None]:
    """The same for a step that may replace tables of `day`: releases that no longer hold are withdrawn when it ends."""
    from billing_recon.day.releases import withdraw_after

    with refusing():
        try:
            yield
        finally:
            withdraw_after(home, day)


def spec(
    name: str, group: str, doc: str, *, deps: Sequence[Any] = (), owner: str = BILLING, **more: Any
) -> dg.AssetSpec:
    """An asset's declaration, with the defaults of this project."""
    return dg.AssetSpec(
        name,
        deps=list(deps),
        group_name=group,
        description=doc,
        owners=[owner],
        code_version=__version__,
        **{"kinds": {"deltalake", "duckdb"}, **more},
    )


def day_of(context: dg.AssetExecutionContext) -> date:
    """The day that the run is for."""
    return date.fromisoformat(context.partition_key)


def selected(context: dg.AssetExecutionContext) -> set[str]:
    """The assets that the run asks for."""
    return {key.to_user_string() for key in context.selected_asset_keys}


def file_result(asset: str, name: str, path: Path) -> dg.MaterializeResult[None]:
    """The materialization of an asset that is a file or a folder."""
    return dg.MaterializeResult(asset, metadata={name: dg.MetadataValue.path(str(path.absolute()))})


def materialized(result: "StepResult", *assets: str) -> Iterator[dg.MaterializeResult[None]]:
    """One materialization per asset, with the rows and content digest of what was written."""
    for asset in assets:
        cells = result.tables.get(asset)
        yield dg.MaterializeResult(
            asset,
            metadata={"rows": result.rows[asset], **({"sample": checks.table(cells)} if cells else {})},
            data_version=dg.DataVersion(result.digests[asset]),
        )


def wanted(context: dg.AssetExecutionContext, result: dg.AssetCheckResult) -> bool:
    """Whether the run asks for this check: a run may select an asset without its checks."""
    assert result.asset_key is not None
    assert result.check_name is not None
    return dg.AssetCheckKey(result.asset_key, result.check_name) in context.selected_asset_check_keys
