"""Holding the readable rows to their table's contract and to the days of their file. Rows given twice are in repeating."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import duckdb

from billing_recon.compute.engine import beside
from billing_recon.core.company import Company
from billing_recon.core.period import day_bounds
from billing_recon.core.schema import USAGE_EVENTS, TableSpec
from billing_recon.feeds.landing.loaded_file import FAULTS, TYPED
from billing_recon.feeds.tables.raw_rows import listed

if TYPE_CHECKING:
    from billing_recon.contracts.rule import Contract

_BATCH_ROWS = 250_000
"""Rows that are held as a frame at a time."""


def contract_of_day(spec: TableSpec, company: Company, day: date, lookback_days: int) -> Contract:
    """A canonical table's contract for one day's file: what any row must hold, and which days it may lie in."""
    # Here and not above: contracts load polars, which a code location must not wait for.
    from billing_recon.contracts.day_rules import day_rules
    from billing_recon.contracts.registry import contract_of

    return contract_of(spec.name, company.currencies).on_day(day_rules(spec, day, lookback_days, company.timezone))


def hold_to_contract(con: duckdb.DuckDBPyConnection, contract: Contract, rows_in: int | None = None) -> int:
    """Add to FAULTS what the readable rows break of their contract, batch by batch; answers how many faults.

    `rows_in`, where it is known: so few that they are one batch need no second cursor to be read with.
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
            faults.join(
                suspects.select("file_no", "ordinal").with_row_index("index").cast({"index": pl.Int64}), on="index"
            )
            .join(contract.sentences, on="position")
            .select("file_no", "ordinal", "position", "field", "reason", "says")
        )
        con.register("landing_batch", located.to_arrow())
        con.execute(f"INSERT INTO {FAULTS} SELECT file_no, ordinal, position, field, reason, says FROM landing_batch")
        con.unregister("landing_batch")
        found += located.height
    return found


def observed_on(spec: TableSpec, company: Company, day: date) -> str:
    """SQL for the first day on which a row is both its own and landed: the file's, later for usage received later."""
    if spec is not USAGE_EVENTS:
        return f"DATE '{day}'"
    _, end = day_bounds(day, company.timezone)
    zone = company.timezone.replace("'", "''")
    return (
        f"CASE WHEN received_at < TIMESTAMPTZ '{end.isoformat()}' THEN DATE '{day}' "
        f"ELSE CAST(received_at AT TIME ZONE '{zone}' AS DATE) END"
    )
