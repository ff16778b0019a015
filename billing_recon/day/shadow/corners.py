"""The corners of a review, made in sessions that see the snapshot and the candidate only: our rating, and an engine against it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from billing_recon.compute import expect
from billing_recon.compute import shadow as relations
from billing_recon.compute.engine import Limits, build, scratch
from billing_recon.compute.match import ENGINE_OUTPUT
from billing_recon.compute.registration import register
from billing_recon.compute.terms import register_terms
from billing_recon.core.candidate import Candidate
from billing_recon.core.catalog import Catalog
from billing_recon.core.period import parse_day
from billing_recon.core.policy import LATE_REACH
from billing_recon.core.schema import (
    INVOICE_LINES,
    KEY_MAP,
    METERED_USAGE,
    QUARANTINE,
    SUBSCRIPTIONS,
    USAGE_EVENTS,
    USAGE_ROLLUP,
)
from billing_recon.core.schema.parameters import RUN_PARAMS, WITHOUT_FIRST_DAY, RunParams
from billing_recon.core.schema.shadow import ACCEPTED_DIFFERENCES, CHANGED_PLANS, CONTRACT_MAPPING
from billing_recon.day.shadow.candidate import Terms
from billing_recon.day.shadow.snapshot import Snapshot, registered
from billing_recon.explain.shadow import write_corner_texts, write_line_texts

__all__ = ["Bench", "Side", "quoted"]

_LINES = ", ".join(f'"{c.name}"' for c in INVOICE_LINES.registered)


def quoted(text: Path | str) -> str:
    """A path or text within quotes of SQL."""
    return str(text).replace("'", "''")


@dataclass(frozen=True)
class Side:
    """One engine with the terms that it should have billed. `output`: a Parquet file of its lines; empty: the frozen bills."""

    name: str
    terms: Terms
    output: Path | None = None
    refused: Path | None = None
    candidate: Candidate | None = None


@dataclass(frozen=True)
class Bench:
    """Where the corners are made: a snapshot, and a folder for the tables that later steps read."""

    snapshot: Snapshot
    folder: Path
    limits: Limits

    def corner(self, side: Side, asked: Path | None = None, old: Side | None = None) -> None:
        """Rate the side's terms and compare its engine with them: expected_NAME, billed_NAME, corner_NAME, texts_NAME, unrated_NAME.

        `asked`: the new engine's lines, whose periods are rated too: both ratings are of what either engine billed. `old`: the
        old corner, made before, whose results are carried over for contracts where the comparison would read the same
        (`carried_contracts`); empty: every contract is compared.
        """
        with self._session(side.terms.catalog, side.terms) as con:
            self._register_contracts(con, side)
            self._register_usage(con)
            self._register_lines(con, None, asked)
            build(con, expect.INTERVALS)
            self._register_events(con, side.terms.catalog)
            build(con, expect.RELATIONS)
            self._put(con, "expected_lines", f"expected_{side.name}", "expected_line_id")
            self._put(con, "unrated", f"unrated_{side.name}")
            if side.output is None and side.name == "new":
                return  # no engine: the new terms are the bill
            self._register_lines(con, side.output, None)
            self._register_rest(con, side)
            carried = old is not None and self._carry_over(con, side, old)
            build(con, relations.CORNER)
            write_corner_texts(con)
            billed, corner = ("engine_billed", "engine_corner") if carried else ("billed_lines", "corner")
            if carried:
                build(con, relations.CARRIED_OVER)
            self._put(con, billed, f"billed_{side.name}", "line_key, observed_on, source_file, source_row")
            self._put(con, corner, f"corner_{side.name}", "expected_line_id, line_key")
            self._put(con, "corner_texts", f"texts_{side.name}")

    def _carry_over(self, con: duckdb.DuckDBPyConnection, side: Side, old: Side) -> bool:
        """Leave contracts to the comparison that it need not make again (`carried_new`); return whether these are most of them.

        Where the whole profile or names of contracts are other ones, nothing is carried over.
        """
        engine = side.candidate.engine if side.candidate else None
        if engine is None or engine.subscriptions or engine.customers or side.terms.company != old.terms.company:
            return False
        plans = [{(p.plan_id, p.plan_version, p.currency): p for p in s.terms.catalog.plans} for s in (old, side)]
        changed = {key[:2] for key in plans[0].keys() | plans[1].keys() if plans[0].get(key) != plans[1].get(key)}
        register(con, CHANGED_PLANS, sorted(changed))
        for table in ("expected", "billed", "corner"):
            self._get(con, f"{table}_{old.name}", f"{table}_old")
        con.execute("ALTER VIEW invoice_lines RENAME TO all_lines")
        con.execute(f"CREATE VIEW frozen_lines AS {self._frozen_lines()}")
        con.execute("CREATE VIEW invoice_lines AS FROM all_lines")
        build(con, (*(relation for relation in ENGINE_OUTPUT if relation.name == "mapped_keys"), *relations.CARRIED))
        ((carried, contracts),) = con.execute(
            "SELECT (SELECT count(*) FROM carried_contracts), (SELECT count(DISTINCT subscription_id) FROM expected_lines)"
        ).fetchall()
        if carried + carried <= contracts:
            return False
        con.execute("DROP VIEW invoice_lines")
        con.execute("ALTER TABLE expected_lines RENAME TO rated_lines")
        for table, rows in (("expected_lines", "rated_lines"), ("invoice_lines", "all_lines")):
            con.execute(
                f"CREATE TABLE {table} AS FROM {rows} ANTI JOIN carried_contracts AS carried ON carried.sub = {rows}.subscription_id"
            )
        con.execute("DROP TABLE rated_lines")
        self._put(con, "carried_contracts", "carried_new")
        return True

    def compose(self, catalog: Catalog, terms: Terms, candidate: Candidate, old: str = "old", new: str = "new") -> None:
        """Put the corners together: `lines`, one row per line, with their sentences."""
        with self._session(catalog, terms) as con:
            self._register_carried(con)
            for name, side in (("old", old), ("new", new)):
                self._get_compared(con, f"expected_{side}", f"expected_{name}", "subscription_id")
            build(con, (*relations.MEANT_ITEMS, *relations.MEANT_BILLED))
            con.execute("CREATE VIEW line_items AS FROM meant_items")
            con.execute("CREATE VIEW billed_lines AS FROM meant_billed")
            con.execute("CREATE VIEW expected_lines AS FROM expected_old")
            registered(con, self.snapshot, SUBSCRIPTIONS, *self._reach(), where=self._known())
            register(con, USAGE_ROLLUP)
            register(con, METERED_USAGE)
            register(con, QUARANTINE)
            build(con, [relation for relation in ENGINE_OUTPUT if relation.name == "set_aside"])
            build(con, relations.MEANT)
            self._get_compared(con, f"billed_{old}", "billed_old", "sub")
            # Without a new engine, bills for periods before the company's first day stay as they are: nothing is compared.
            answered = "true" if self._path(f"corner_{new}").exists() else "state <> 'history'"
            self._get_compared(con, f"corner_{old}", "corner_old", "sub", where=answered)
            self._get(con, f"texts_{old}", "texts_old")
            if self._path(f"corner_{new}").exists():
                self._get_compared(con, f"billed_{new}", "billed_new", "sub")
                self._get_compared(con, f"corner_{new}", "corner_new", "sub")
                self._get(con, f"texts_{new}", "texts_new")
            else:
                # What only the new terms bill stands on the invoice of its siblings.
                named = "CAST(NULL AS VARCHAR) AS invoice_id, CAST(NULL AS VARCHAR) AS line_id"
                con.execute(f"CREATE VIEW billed_new AS SELECT * REPLACE ({named}) FROM billed_lines")
                (rated,) = relations.RATED_CORNER
                build(con, (rated,))
                con.execute("CREATE VIEW corner_new AS FROM rated_corner")
                con.execute("CREATE VIEW texts_new AS FROM texts_old WHERE false")
            accepted = [
                (one.id, list(one.codes), one.currency, one.max_per_line, one.max_total) for one in candidate.accepted
            ]
            register(con, ACCEPTED_DIFFERENCES, accepted)
            build(con, relations.FOUR_CORNERS)
            write_line_texts(con, catalog, candidate.names)
            build(con, relations.REVIEW)
            for table, order in relations.STORED.items():
                self._put(con, table, table, order)

    @contextmanager
    def _session(self, catalog: Catalog, terms: Terms) -> Iterator[duckdb.DuckDBPyConnection]:
        name = hashlib.sha256(f"{catalog.digest} {terms.company.model_dump_json()}".encode()).hexdigest()[:16]
        manifest = self.snapshot.manifest
        with scratch(self.limits, (name, lambda con: register_terms(con, catalog, terms.company))) as con:
            params = RunParams(
                day=manifest.last,
                since=manifest.first,
                first_day=self.snapshot.first_day or WITHOUT_FIRST_DAY,
                history_from=parse_day(terms.company.history_from) if terms.company.history_from else WITHOUT_FIRST_DAY,
                windows=self.snapshot.policy.windows,
                profile=terms.company.profile,
                company_timezone=terms.company.timezone,
            )
            register(con, RUN_PARAMS, [params.row()])
            yield con

    def _register_contracts(self, con: duckdb.DuckDBPyConnection, side: Side) -> None:
        registered(con, self.snapshot, SUBSCRIPTIONS, *self._reach(), where=self._known())
        con.execute("ALTER TABLE subscriptions RENAME TO frozen_contracts")
        refused = self.snapshot.scan(QUARANTINE.of(SUBSCRIPTIONS.name), *self._reach())
        columns = ", ".join(f'"{c.name}"' for c in QUARANTINE.registered)
        con.execute(f"CREATE TABLE quarantined_subscriptions AS SELECT {columns} FROM ({refused})")
        terms = side.candidate.terms if side.candidate else None
        register(
            con,
            CONTRACT_MAPPING,
            [
                (
                    *(n, m.of.plan_id, m.of.plan_version, m.of.currency, m.of.segment),
                    *(list(m.of.customers), list(m.of.subscriptions), m.plan_id, m.plan_version),
                    json.dumps(m.contract) if m.contract is not None else None,
                )
                for n, m in enumerate(terms.contracts if terms else (), 1)
            ],
        )
        build(con, relations.CONTRACTS)
        con.execute("CREATE VIEW subscriptions AS FROM mapped_contracts")

    def _register_lines(self, con: duckdb.DuckDBPyConnection, output: Path | None, asked: Path | None) -> None:
        """The engine's lines as `invoice_lines`: the frozen ones, or before the period those and in it the new engine's."""
        manifest, known = self.snapshot.manifest, self._frozen_lines()
        if output is not None:
            known += f" AND observed_on < DATE '{manifest.first}' UNION ALL SELECT {_LINES} FROM {self._read(output)}"
        if asked is not None:
            known += f" UNION ALL SELECT {_LINES} FROM {self._read(asked)}"
        con.execute("DROP VIEW IF EXISTS invoice_lines")
        con.execute(f"CREATE VIEW invoice_lines AS SELECT * REPLACE ('control' AS variant) FROM ({known})")

    def _frozen_lines(self) -> str:
        frozen = self.snapshot.scan(INVOICE_LINES, *self._reach())
        return f"SELECT {_LINES} FROM ({frozen}) WHERE {self._known()}"

    def _register_usage(self, con: duckdb.DuckDBPyConnection) -> None:
        manifest = self.snapshot.manifest
        first = manifest.first - timedelta(days=LATE_REACH * self.snapshot.policy.windows.lookback_days)
        last = max([manifest.last, *manifest.usage_through])
        registered(con, self.snapshot, USAGE_ROLLUP, first, last, where=self._arrived("day"))

    def _register_events(self, con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
        """Single events, if a charge of the terms is priced by them or terms change within a day."""
        by_event = any(c.by_event for plan in catalog.plans for c in plan.charges)
        if not by_event and not con.execute("SELECT 1 FROM cut_days LIMIT 1").fetchall():
            for name in ("usage_events", "usage_corrections"):
                register(con, USAGE_EVENTS, name=name)
            return
        manifest = self.snapshot.manifest
        first = manifest.first - timedelta(days=LATE_REACH * self.snapshot.policy.windows.lookback_days)
        source = self.snapshot.scan(USAGE_EVENTS, first, max([manifest.last, *manifest.usage_through]))
        names = ", ".join(f'"{c.name}"' for c in USAGE_EVENTS.registered)
        con.execute(f"CREATE VIEW usage_events AS SELECT {names} FROM ({source}) WHERE {self._arrived('observed_on')}")
        con.execute("CREATE VIEW usage_corrections AS FROM usage_events WHERE corrects IS NOT NULL")

    def _register_rest(self, con: duckdb.DuckDBPyConnection, side: Side) -> None:
        """What matching and codes read besides: keys, metering, quarantined rows."""
        first, last = self._reach()
        registered(con, self.snapshot, KEY_MAP, first, last, where=self._known())
        engine = side.candidate.engine if side.candidate else None
        given = [*engine.subscriptions.items(), *engine.customers.items()] if engine else []
        keys = [
            {"layer": "invoice_lines", "their_key": theirs, "our_key": ours, "observed_on": last, "day": last,
             "source_file": "candidate.yaml", "source_row": n}
            for n, (theirs, ours) in enumerate(given, 1)
        ]  # fmt: skip
        if keys:
            register(con, KEY_MAP, keys, name="given_keys")
            con.execute("INSERT INTO key_map BY NAME FROM given_keys")
        if side.output is None:
            registered(con, self.snapshot, METERED_USAGE, first, last, where=self._known())
        else:
            register(con, METERED_USAGE)
        columns = ", ".join(f'"{c.name}"' for c in QUARANTINE.registered)
        tables = [SUBSCRIPTIONS.name] if side.refused else [SUBSCRIPTIONS.name, INVOICE_LINES.name]
        parts = [f"SELECT {columns} FROM ({self.snapshot.scan(QUARANTINE.of(t), first, last)})" for t in tables]
        con.execute(f"CREATE TABLE quarantine AS {' UNION ALL '.join(parts)}")
        if side.refused:
            con.execute(f"INSERT INTO quarantine BY NAME FROM {self._read(side.refused)}")

    def _reach(self) -> tuple[date, date]:
        manifest = self.snapshot.manifest
        return manifest.first - timedelta(days=self.snapshot.policy.windows.lookback_days), manifest.last

    def _known(self) -> str:
        return f"observed_on <= DATE '{self.snapshot.manifest.last}'"

    def _arrived(self, column: str) -> str:
        later = "".join(f", DATE '{day}'" for day in self.snapshot.manifest.usage_through)
        return f"({column} <= DATE '{self.snapshot.manifest.last}' OR {column} IN (NULL{later}))"

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"

    @staticmethod
    def _read(path: Path) -> str:
        return f"read_parquet('{quoted(path)}')"

    def _put(self, con: duckdb.DuckDBPyConnection, table: str, name: str, order: str = "ALL") -> None:
        """Store a table as Parquet, in order, so that equal rows give equal bytes."""
        con.execute("SET preserve_insertion_order = true")
        con.execute(f"COPY (FROM {table} ORDER BY {order}) TO '{quoted(self._path(name))}' (FORMAT parquet)")
        con.execute("SET preserve_insertion_order = false")

    def _register_carried(self, con: duckdb.DuckDBPyConnection) -> None:
        """`carried_contracts`, empty if every contract was compared."""
        if self._path("carried_new").exists():
            self._get(con, "carried_new", "carried_contracts")
        else:
            con.execute("CREATE TABLE carried_contracts AS SELECT '' AS sub WHERE false")

    def _get_compared(
        self, con: duckdb.DuckDBPyConnection, name: str, table: str, contract: str, *, where: str = "true"
    ) -> None:
        """`all_TABLE`, and as `table` its rows of contracts that are not carried over."""
        self._get(con, name, f"all_{table}")
        rows = f"SELECT * FROM all_{table} WHERE {where}"
        if self._path("carried_new").exists():
            kept = f"FROM ({rows}) AS line ANTI JOIN carried_contracts AS carried ON carried.sub = line.{contract}"
            con.execute(f"CREATE TABLE {table} AS {kept}")
        else:
            con.execute(f"CREATE VIEW {table} AS {rows}")

    def _get(self, con: duckdb.DuckDBPyConnection, name: str, table: str) -> None:
        con.execute(f"CREATE VIEW {table} AS FROM {self._read(self._path(name))}")
