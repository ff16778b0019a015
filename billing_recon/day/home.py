"""A company's home, opened: its configuration, warehouse and control database. Layout in ARCHITECTURE.md."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import duckdb

from billing_recon import __version__
from billing_recon.compute.engine import Limits, scratch
from billing_recon.compute.terms import load_catalog
from billing_recon.control import ControlStore
from billing_recon.core.catalog import Catalog
from billing_recon.core.company import Company
from billing_recon.core.errors import CloseRefused, ConfigurationError
from billing_recon.core.period import parse_day
from billing_recon.core.policy import Policy
from billing_recon.core.schema import BY_NAME, Column, TableSpec
from billing_recon.day.configuration import parse_policy, policy_text, read_company
from billing_recon.feeds import read_price_lists
from billing_recon.warehouse import Warehouse, Written

CODE_VERSION = __version__
MANY_ROWS = 100_000


@dataclass
class Home:
    """One company: what is configured (company, catalog, policy) and where its state lies (warehouse, control).

    Results are a function of the partition, the landed data, and the three configurations' digests.
    """

    path: Path
    state: Path
    company: Company
    company_digest: str
    catalog: Catalog
    policy: Policy
    policy_number: int
    policy_digest: str
    policy_pending: bool
    warehouse: Warehouse
    control: ControlStore

    @classmethod
    def open(cls, path: Path | str, *, state: Path | None = None, actor: str = "billing-recon") -> Home:
        """Open the home at `path`. State lies in `<path>/.state`, or where BILLING_RECON_STATE says.

        The first open imports policies/*.yaml as version 1. Later changes of those files take effect only by
        `billing-recon policy apply`, so that every change of a threshold has a name and a version.
        """
        home = Path(path)
        company, company_digest = read_company(home)
        where = state or Path(os.environ.get("BILLING_RECON_STATE") or home / ".state")
        where.mkdir(parents=True, exist_ok=True)
        control = ControlStore.open(os.environ.get("BILLING_RECON_CONTROL_URL") or f"sqlite:///{where / 'control.db'}")
        text = policy_text(home)
        current = control.current_policy()
        if current is None:
            parse_policy(text)
            current = control.apply_policy(text, actor, "first import of policies/")
        return cls(
            path=home,
            state=where,
            company=company,
            company_digest=company_digest,
            catalog=_read_catalog(home, company),
            policy=parse_policy(current.text, f"policy version {current.number}"),
            policy_number=current.number,
            policy_digest=current.digest,
            policy_pending=current.text != text,
            warehouse=Warehouse(where / "warehouse"),
            control=control,
        )

    def limits(self, rows: int) -> Limits:
        """What a step's DuckDB session may use for so many rows; it spills into the state folder.

        Below MANY_ROWS one thread is faster than two: handing tiny batches over costs more than computing them.
        """
        return Limits(threads=2 if rows > MANY_ROWS else 1, spill_dir=str(self.state / "spill"))

    def landed_rows(self, day: date) -> int:
        """Rows that the day's partitions hold, over all tables; a measure of the day's size."""
        return sum(state.rows for state in self.control.partition_states(tuple(BY_NAME), day, day))

    @cached_property
    def first_day(self) -> date | None:
        """The first partition, from company.yaml."""
        return parse_day(self.company.first_day) if self.company.first_day else None

    def write(
        self,
        con: duckdb.DuckDBPyConnection,
        table: str,
        columns: tuple[Column, ...],
        day: date,
        source: str,
        run_id: str,
    ) -> Written:
        """Replace a partition and register what it now holds; CloseRefused when its month is closed.

        The partition counts as incomplete from before the commit until its digest is registered, so a process killed in
        between leaves something that no gate takes for current.
        """
        self.refuse_if_closed(day)
        self.control.begin_write(table, day, run_id)
        written = self.warehouse.replace(con, table, columns, day, source)
        self.control.end_write(table, day, written.rows, written.digest, run_id)
        return written

    def write_if_any(
        self,
        con: duckdb.DuckDBPyConnection,
        table: str,
        columns: tuple[Column, ...],
        day: date,
        source: str,
        run_id: str,
    ) -> Written | None:
        """`write` for a table that is empty on most days: nothing is written where there are no rows and never were."""
        if not con.execute(f"SELECT 1 FROM {source} LIMIT 1").fetchall() and not self.control.partition_states(
            (table,), day, day
        ):
            return None
        return self.write(con, table, columns, day, source, run_id)

    def refuse_if_closed(self, day: date) -> None:
        """A closed month's partitions are not rewritten; CloseRefused says how to reopen it."""
        if self.control.is_closed(day):
            month = f"{day:%Y-%m}"
            raise CloseRefused(
                [
                    f"{day} belongs to {month}, which is closed; reopen it first: billing-recon reopen {month} --reason ..."
                ]
            )

    def table(
        self, con: duckdb.DuckDBPyConnection, spec: TableSpec, first: date, last: date
    ) -> duckdb.DuckDBPyRelation:
        """The rows of a results table for some days, for reports."""
        return con.sql(self.warehouse.scan(spec.name, spec.columns, first, last))


def _read_catalog(home: Path, company: Company) -> Catalog:
    files = sorted((home / "catalog").glob("*.yaml"))
    catalog = load_catalog((f"catalog/{path.name}", path.read_text(encoding="utf-8")) for path in files)
    if company.price_lists:
        with scratch() as con:
            plans = read_price_lists(con, home, company)
        digest = hashlib.sha256((catalog.digest + repr(plans)).encode()).hexdigest()
        catalog = Catalog(plans=catalog.plans + plans, taxes=catalog.taxes, digest=digest)
    if not catalog.plans:
        raise ConfigurationError(f"{home}/catalog holds no plan; describe what is sold in catalog/plans.yaml")
    return catalog
