"""Check readable rows against their table's contract and the days of their file. Duplicates are in deduplication."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import duckdb

from billing_recon.compute.engine import beside
from billing_recon.core.catalog import Catalog
from billing_recon.core.company import Company
from billing_recon.core.period import day_bounds
from billing_recon.core.schema import SUBSCRIPTIONS, USAGE_EVENTS, TableSpec
from billing_recon.feeds.landing.loaded_file import FAULTS, TYPED
from billing_recon.feeds.tables.raw_rows import listed

if TYPE_CHECKING:
    from billing_recon.contracts.rule import Contract

_BATCH_ROWS = 250_000
"""Rows per frame."""


def contract_of_day(
    spec: TableSpec, company: Company, day: date, lookback_days: int, catalog: Catalog | None
) -> Contract:
    """Return a table's contract for one day's file: the rules for each row, the days and the terms that it may have."""
    # Imported here: contracts load polars, which a Dagster code location must not wait for.
    from billing_recon.contracts.day_rules import day_rules
    from billing_recon.contracts.registry import contract_of

    rules = day_rules(spec, day, lookback_days, company.timezone)
    if spec is SUBSCRIPTIONS:
        from billing_recon.contracts.subscriptions import catalog_rules

        rules += catalog_rules(catalog, day, lookback_days, company.timezone)
    return contract_of(spec.name, company.currencies).on_day(rules)


def check_contract(con: duckdb.DuckDBPyConnection, contract: Contract, rows_in: int | None = None) -> int:
    """Add the readable rows' breaches of contract to FAULTS, batch by batch. Return their number.

    `rows_in`, if known: rows that fit into one batch need no second cursor.
    """
    import polars as pl

    columns = listed(("file_no", "ordinal", *contract.columns))
    readable = f"SELECT {columns} FROM {TYPED} WHERE NOT unreadable"
    few = rows_in is not None and rows_in <= _BATCH_ROWS
    batches = [con.sql(readable).to_arrow_table()] if few else beside(con).sql(readable).to_arrow_reader(_BATCH_ROWS)
    found = 0
    for batch in batches:
        rows = pl.from_arrow(batch)
        assert isinstance(rows, pl.DataFrame)
        suspects = contract.suspects(rows)
        if suspects.is_empty():
            continue
        faults = contract.faults(suspects.select(contract.columns))
        if faults["index"].n_unique() != suspects.height:
            raise AssertionError(f"{contract.spec.name}: the contract's two forms disagree on {suspects.height} rows")
        located = (
            contract.worded(faults, suspects)
            .join(suspects.select("file_no", "ordinal").with_row_index("index").cast({"index": pl.Int64}), on="index")
            .select("file_no", "ordinal", "position", "field", "reason", "says")
        )
        con.register("landing_batch", located.to_arrow())
        con.execute(f"INSERT INTO {FAULTS} SELECT file_no, ordinal, position, field, reason, says FROM landing_batch")
        con.unregister("landing_batch")
        found += located.height
    return found


def observed_on(spec: TableSpec, company: Company, day: date) -> str:
    """Return SQL for the day on which a row is first observed: the day of its file, or later for usage received later."""
    if spec is not USAGE_EVENTS:
        return f"DATE '{day}'"
    _, end = day_bounds(day, company.timezone)
    zone = company.timezone.replace("'", "''")
    return (
        f"CASE WHEN received_at < TIMESTAMPTZ '{end.isoformat()}' THEN DATE '{day}' "
        f"ELSE CAST(received_at AT TIME ZONE '{zone}' AS DATE) END"
    )
