"""A company's home, opened: its configuration, warehouse and control database. Layout in ARCHITECTURE.md."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import duckdb

from billing_recon import __version__
from billing_recon.compute.engine import Limits, scratch
from billing_recon.compute.terms import load_catalog
from billing_recon.control import ControlStore, PolicyVersion
from billing_recon.control.database import private_folder
from billing_recon.core.catalog import Catalog
from billing_recon.core.company import Company
from billing_recon.core.errors import CloseRefused, ConfigurationError
from billing_recon.core.period import parse_day
from billing_recon.core.policy import Policy
from billing_recon.core.printed_command import reopen_command
from billing_recon.core.schema import BY_NAME, TableSpec
from billing_recon.day.configuration import parse_policy, policy_text, read_company, read_text, stored_policy
from billing_recon.warehouse import Warehouse, Written

CODE_VERSION = __version__
MANY_ROWS = 100_000


class PolicyInForce(NamedTuple):
    """A version of the policy, for the days that it judges."""

    policy: Policy
    number: int
    digest: str


@dataclass
class Home:
    """One company: its configuration (company, catalog, policy) and its state (warehouse, control).

    `policy` is the newest version: it says who may decide, and its windows hold for every open day. A day is judged by
    `policy_on(day)`.

    Results depend only on the partition, the landed data, and the digests of the three configurations.
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
    policy_versions: tuple[PolicyVersion, ...]
    warehouse: Warehouse
    control: ControlStore

    @classmethod
    def open(cls, path: Path | str, *, state: Path | None = None, actor: str = "billing-recon") -> Home:
        """Open the home at `path`. Its state is in `<path>/.state`, or in the folder that BILLING_RECON_STATE names.

        The first open imports policies/*.yaml as version 1. Later edits of those files take effect only with
        `billing-recon policy apply`, so that every change of a threshold has a name and a version.
        """
        home = Path(path)
        company, company_digest = read_company(home)
        where = state or Path(os.environ.get("BILLING_RECON_STATE") or home / ".state")
        private_folder(where)
        control = ControlStore.open(os.environ.get("BILLING_RECON_CONTROL_URL") or f"sqlite:///{where / 'control.db'}")
        text = policy_text(home)
        current = control.current_policy()
        if current is None:
            parse_policy(text)
            current = control.apply_policy(text, actor, "first import of policies/")
        versions = tuple(control.policy_history())
        return cls(
            path=home,
            state=where,
            company=company,
            company_digest=company_digest,
            catalog=read_catalog(home, company),
            policy=stored_policy(current.text, current.number),
            policy_number=current.number,
            policy_digest=current.digest,
            policy_pending=current.text != text,
            policy_versions=versions,
            warehouse=Warehouse(where / "warehouse"),
            control=control,
        )

    def limits(self, rows: int) -> Limits:
        """What a step's DuckDB session may use for this many rows; it spills into the state folder.

        Below MANY_ROWS one thread is faster than two: passing tiny batches costs more than computing them.
        """
        return Limits(threads=2 if rows > MANY_ROWS else 1, spill_dir=str(self.state / "spill"))

    def policy_on(self, day: date) -> PolicyInForce:
        """The policy that judges a day: the newest version that is effective on it; before any, the first."""
        for version in reversed(self.policy_versions):
            policy = stored_policy(version.text, version.number)
            if policy.effective_from is None or policy.effective_from <= day or version.number == 1:
                return PolicyInForce(policy, version.number, version.digest)
        return PolicyInForce(self.policy, self.policy_number, self.policy_digest)

    def landed_rows(self, day: date) -> int:
        """Rows in the day's landed partitions, a measure of the day's size."""
        return sum(state.rows for state in self.control.partition_states(tuple(BY_NAME), day, day))

    @cached_property
    def first_day(self) -> date | None:
        """The first partition, from company.yaml."""
        return parse_day(self.company.first_day) if self.company.first_day else None

    def write(
        self,
        con: duckdb.DuckDBPyConnection,
        table: TableSpec,
        day: date,
        run_id: str,
        *,
        source: str | None = None,
        made_from: str = "",
    ) -> Written | None:
        """Replace the table's partition by the rows of the relation of its name, or of `source`; register what it holds.

        None if there was nothing to write: no rows now or before, and the table is not written daily. CloseRefused if the
        month is closed. The partition counts as incomplete from before the commit until its digest is registered, so no gate
        takes it for current after a process was killed.
        """
        source = source or table.name
        if not (
            table.daily
            or con.execute(f"SELECT 1 FROM {source} LIMIT 1").fetchall()
            or self.control.partition_states((table.name,), day, day)
        ):
            return None
        self.refuse_if_closed(day)
        self.control.begin_write(table.name, day, run_id)
        written = self.warehouse.replace(con, table, day, source)
        self.control.end_write(table.name, day, written.rows, written.digest, run_id, made_from, written.files)
        return written

    def refuse_if_closed(self, day: date) -> None:
        """Raise CloseRefused if the day belongs to a closed month; the message says how to reopen it."""
        if self.control.is_closed(day):
            month = f"{day:%Y-%m}"
            raise CloseRefused([f"{day} belongs to {month}, which is closed; reopen it first: {reopen_command(month)}"])


def read_catalog(home: Path, company: Company) -> Catalog:
    """The catalog of a folder laid out as a home: catalog/*.yaml and the company's price lists."""
    files = sorted((home / "catalog").glob("*.yaml"))
    catalog = load_catalog((f"catalog/{path.name}", read_text(path)) for path in files)
    if company.price_lists:
        from billing_recon.feeds.price_list import read_price_lists

        with scratch() as con:
            plans = read_price_lists(con, home, company)
        digest = hashlib.sha256((catalog.digest + repr(plans)).encode()).hexdigest()
        catalog = Catalog(plans=catalog.plans + plans, taxes=catalog.taxes, digest=digest)
    if not catalog.plans:
        raise ConfigurationError(f"{home}/catalog holds no plan; describe what is sold in catalog/plans.yaml")
    return catalog
