"""Apply people's decisions on quarantined rows to a landing: released rows land, discarded rows are marked.

Released rows, with their corrections, are landed as a file of their own by the same functions: parsed, validated and
deduplicated against accepted rows. Decisions never edit a file, so every rerun applies them again.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import duckdb

from billing_recon.compute.engine import beside
from billing_recon.compute.quarantine_rows import IN_QUARANTINE, OPEN, named
from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.core.catalog import Catalog
from billing_recon.core.company import Company
from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import Feed
from billing_recon.core.quarantine import Fate, RowDecision, Status, Verb, standing
from billing_recon.core.roles import account_role
from billing_recon.core.schema import LEDGER_ENTRIES, USAGE_EVENTS, TableSpec
from billing_recon.feeds.landing.deduplication import KEPT, accepted_rows, clear_duplicates, deduplicate, duplicate_rows
from billing_recon.feeds.landing.loaded_file import TYPED, load, prepare
from billing_recon.feeds.landing.quarantine import fill_quarantine
from billing_recon.feeds.landing.validation import check_contract, contract_of_day, observed_on
from billing_recon.feeds.tables.day_files import open_file
from billing_recon.feeds.tables.raw_rows import listed, quoted, single, text

FATES = "landed_decisions"
"""Outcome of each decision in this landing: row_id, verb, decided_by, fate (core.quarantine.Fate), says."""
BY_DECISION = "landed_by_decision"
"""Rows that land by a decision: the table's columns, observed_on, source_file, source_row, row_id."""

_CANDIDATES = "landing_released"
_NOTES = 3
_ALREADY_LANDED = "has already landed with different content, which is kept; discard this row, or give it another key"


@dataclass(frozen=True, slots=True)
class AppliedDecisions:
    """Counts after the decisions: rows released and landed, released but duplicates of a landed row, discarded.

    `reasons` counts the rows in quarantine, including discarded ones; `notes` report decisions without effect.
    """

    released: int = 0
    repeated: int = 0
    discarded: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LandingContext:
    """The table and day that are landed, and what their rows are checked against."""

    spec: TableSpec
    company: Company
    day: date
    lookback_days: int
    known_usage: str | None
    catalog: Catalog | None


def apply_decisions(
    con: duckdb.DuckDBPyConnection, context: LandingContext, decisions: Sequence[RowDecision]
) -> AppliedDecisions:
    """Give the rows of `landed_quarantine` their ids, apply `decisions` to them, and record each outcome in FATES.

    A released row joins `landed`, or `landed_duplicates` if it repeats a landed row; `landed_quarantine` marks it either
    way. A released row that is still faulty stays open.
    """
    (rows,) = single(con, "SELECT count(*) FROM landed_quarantine")
    if not rows and not decisions:
        return AppliedDecisions()
    con.execute(
        f"UPDATE landed_quarantine SET row_id = n.row_id FROM ({named('landed_quarantine', context.day)}) AS n "
        "WHERE landed_quarantine.rowid = n.number"
    )
    if decisions:
        _decide(con, context, decisions)
    reasons = con.execute(
        f"SELECT reason, count(*) FROM landed_quarantine WHERE {IN_QUARANTINE} GROUP BY reason "
        "ORDER BY count(*) DESC, reason"
    ).fetchall()
    counted = AppliedDecisions(reasons={str(reason): int(rows) for reason, rows in reasons})
    return _with_fates(con, counted) if decisions else counted


def _decide(con: duckdb.DuckDBPyConnection, context: LandingContext, decisions: Sequence[RowDecision]) -> None:
    texts = [
        (d.row_id, d.verb.value, d.decided_by, json.dumps(_corrections(context, d)))
        for d in standing(decisions).values()
    ]
    con.execute(
        f"CREATE OR REPLACE TABLE {FATES} "
        "(row_id VARCHAR, verb VARCHAR, decided_by VARCHAR, corrections VARCHAR, fate VARCHAR, says VARCHAR)"
    )
    con.execute(
        f"INSERT INTO {FATES} SELECT unnest(?), unnest(?), unnest(?), unnest(?), '{Fate.LAPSED}', ''",
        [list(column) for column in zip(*texts, strict=True)],
    )
    con.execute(
        f"UPDATE {FATES} SET fate = CASE verb WHEN '{Verb.DISCARD}' THEN '{Fate.DISCARDED}' ELSE '{Fate.REFUSED}' END "
        "WHERE row_id IN (SELECT row_id FROM landed_quarantine)"
    )
    _release(con, context)
    con.execute(
        f"UPDATE landed_quarantine SET decision = CASE f.fate WHEN '{Fate.DISCARDED}' THEN '{Status.DISCARDED}' "
        f"ELSE '{Status.RELEASED}' END FROM {FATES} AS f WHERE f.row_id = landed_quarantine.row_id "
        f"AND f.fate IN ({', '.join(text(fate.value) for fate in Fate if fate.took_effect)})"
    )


def _corrections(context: LandingContext, decision: RowDecision) -> dict[str, str]:
    """Return the corrected fields. A posting that moves to another account takes its role, unless one is given."""
    corrections = dict(decision.corrections)
    role = account_role(corrections.get("account", ""), context.company.roles)
    return {"role": role} | corrections if context.spec is LEDGER_ENTRIES and role is not None else corrections


def _release(con: duckdb.DuckDBPyConnection, context: LandingContext) -> None:
    """Land the rows that are to be released according to FATES."""
    spec, company = context.spec, context.company
    fields = ", ".join(
        f"{quoted(name)} := coalesce(json_extract_string(f.corrections, {text('$.' + quoted(name))}), "
        f"json_extract_string(q.reading, {text('$.' + quoted(name))}))"
        for name in spec.names
    )
    (candidates,) = single(
        con,
        f"CREATE OR REPLACE TABLE {_CANDIDATES} AS SELECT row_number() OVER (ORDER BY q.source_file, q.source_row, "
        f"q.row_id) AS number, q.row_id, q.source_file, q.source_row, to_json(struct_pack({fields})) AS line "
        f"FROM landed_quarantine AS q JOIN {FATES} AS f ON f.row_id = q.row_id WHERE f.fate = '{Fate.REFUSED}'",
    )
    if not candidates:
        return
    with _release_schema(con) as (side, here, there), tempfile.TemporaryDirectory(prefix="billing-recon-") as scratch:
        file = Path(scratch) / "released.jsonl"
        lines = con.execute(f"SELECT CAST(line AS VARCHAR) FROM {_CANDIDATES} ORDER BY number").fetchall()
        file.write_text("".join(f"{line}\n" for (line,) in lines), encoding="utf-8")
        prepare(side, spec)
        clear_duplicates(side)
        feed = Feed(format="jsonl")
        opened = open_file(Path(scratch), file, feed, Path(scratch))
        try:
            loaded = load(side, number=1, file=opened, spec=spec, feed=feed, key=spec.name, roles=company.roles)
        except LandingRefused as error:
            con.execute(f"UPDATE {FATES} SET says = ? WHERE fate = '{Fate.REFUSED}'", [str(error)])
            return
        assert loaded is not None, "there is a line for each candidate"
        check_contract(side, contract_of_day(spec, company, context.day, context.lookback_days, context.catalog))
        _rows_of_same_key(side, context, here)
        deduplicate(side, spec, "landing_same_key")
        fill_quarantine(side, spec, [loaded], [opened], "")
        side.execute(f"CREATE VIEW landing_release_accepted AS {accepted_rows()}")
        repeated = duplicate_rows(spec, context.day, file="''", kept_file="'released rows'")
        side.execute(f"CREATE VIEW landing_release_duplicates AS {repeated}")
        _merge_released(con, context, there)


@contextmanager
def _release_schema(con: duckdb.DuckDBPyConnection) -> Iterator[tuple[duckdb.DuckDBPyConnection, str, str]]:
    """Open a connection with a schema of its own that also sees this session's tables. Yield it, this schema and its own."""
    (here,) = single(con, "SELECT current_schema()")
    there = f"{here}_released"
    side = beside(con)
    side.execute(f"CREATE SCHEMA {quoted(there)}")
    side.execute(f"SET search_path = {text(f'{there},{here},main')}")
    try:
        yield side, str(here), there
    finally:
        side.close()
        con.execute(f"DROP SCHEMA {quoted(there)} CASCADE")


def _rows_of_same_key(side: duckdb.DuckDBPyConnection, context: LandingContext, here: str) -> None:
    """Create `landing_same_key`: landed rows with a released row's key, of the day or (usage) of an earlier one."""
    columns, key = listed(context.spec.names), listed(context.spec.key)
    today = f"(SELECT {columns}, DATE '{context.day}' AS landed_on, source_file, source_row FROM {quoted(here)}.landed)"
    sources = [today, *([context.known_usage] if context.known_usage else [])]
    rows = " UNION ALL ".join(
        f"SELECT {columns}, {', '.join(KEPT)} FROM {source} SEMI JOIN {TYPED} USING ({key})" for source in sources
    )
    side.execute(f"CREATE TABLE landing_same_key AS {rows}")


def _merge_released(con: duckdb.DuckDBPyConnection, context: LandingContext, there: str) -> None:
    """Merge released rows into this session's `landed` and `landed_duplicates`, and their outcome into FATES."""
    spec, schema = context.spec, quoted(there)
    for view, by_decision, of, fate in (
        ("landed", BY_DECISION, "landing_release_accepted", Fate.LANDED),
        ("landed_duplicates", "landed_release_duplicates", "landing_release_duplicates", Fate.REPEATED),
    ):
        kept = (
            ", t.kept_on AS kept_on, t.kept_file AS kept_file, t.kept_row AS kept_row" if fate is Fate.REPEATED else ""
        )
        con.execute(
            f"CREATE OR REPLACE TABLE {by_decision} AS SELECT {', '.join(f't.{quoted(n)}' for n in spec.names)}, "
            f"{observed_on(spec, context.company, context.day)} AS observed_on, c.source_file AS source_file, "
            f"c.source_row AS source_row, c.row_id AS row_id{kept} FROM {schema}.{of} AS t "
            f"JOIN {_CANDIDATES} AS c ON c.number = t.source_row"
        )
        con.execute(f"UPDATE {FATES} SET fate = '{fate}' WHERE row_id IN (SELECT row_id FROM {by_decision})")
        if view == "landed" or spec is USAGE_EVENTS:
            columns = listed(row[0] for row in con.execute(f"DESCRIBE {view}").fetchall())
            con.execute(f"DROP VIEW IF EXISTS {view}_undecided")
            con.execute(f"ALTER VIEW {view} RENAME TO {view}_undecided")
            con.execute(
                f"CREATE VIEW {view} AS SELECT {columns} FROM {view}_undecided "
                f"UNION ALL SELECT {columns} FROM {by_decision}"
            )
    con.execute(
        f"UPDATE {FATES} SET says = r.says FROM (SELECT c.row_id AS row_id, array_to_string(list_transform("
        "CAST(q.faults AS STRUCT(field VARCHAR, value VARCHAR, reason VARCHAR, says VARCHAR)[]), lambda fault: "
        "coalesce(fault.field, 'the row') || coalesce(' ''' || fault.value || '''', '') || ' ' || "
        f"CASE fault.reason WHEN '{Reason.CONFLICTING_DUPLICATE}' THEN {text(_ALREADY_LANDED)} ELSE fault.says END), '; ')"
        f" AS says FROM {schema}.landed_quarantine AS q JOIN {_CANDIDATES} AS c ON c.number = q.source_row) AS r "
        f"WHERE r.row_id = {FATES}.row_id"
    )


def _with_fates(con: duckdb.DuckDBPyConnection, counted: AppliedDecisions) -> AppliedDecisions:
    """Add the outcome of the decisions, counted from the tables themselves."""
    (discarded,) = single(con, f"SELECT count(*) FROM landed_quarantine WHERE {IN_QUARANTINE} AND NOT ({OPEN})")
    fates = dict(con.execute(f"SELECT fate, count(*) FROM {FATES} GROUP BY fate ORDER BY fate").fetchall())
    idle = con.execute(
        f"SELECT row_id, verb, decided_by, fate, says FROM {FATES} WHERE fate IN ('{Fate.REFUSED}', '{Fate.LAPSED}') "
        "ORDER BY fate, row_id"
    ).fetchall()
    return replace(
        counted,
        released=int(fates.get(Fate.LANDED.value, 0)),
        repeated=int(fates.get(Fate.REPEATED.value, 0)),
        discarded=int(discarded),
        notes=tuple(_note(*row) for row in idle[:_NOTES]) + _more(len(idle) - _NOTES),
    )


def _note(row_id: str, verb: str, by: str, fate: str, says: str) -> str:
    if fate == Fate.LAPSED:
        return f"the {verb} of {row_id} by {by} no longer applies: its file no longer contains the row as delivered"
    return f"the {verb} of {row_id} by {by} has no effect: {says}"


def _more(rest: int) -> tuple[str, ...]:
    return (
        (f"and {rest} more decisions without effect: billing-recon quarantine list --status lapsed",)
        if rest > 0
        else ()
    )
