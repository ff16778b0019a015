"""From their columns to ours: which expression gives each canonical column, and which files are refused for their columns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

import duckdb

from billing_recon.core.company import ColumnMap, Feed
from billing_recon.core.errors import LandingRefused
from billing_recon.core.tables import Column, Kind, TableSpec
from billing_recon.feeds.raw import RawFile, quoted, text

_BINARY = ("DOUBLE", "FLOAT")
_FIGURES = (Kind.QUANTITY, Kind.PRICE, Kind.AMOUNT, Kind.RATE)


@dataclass(frozen=True, slots=True)
class Source:
    """Where one canonical column comes from, as SQL over the raw file.

    `exact`: the expression already has the column's exact type (Parquet) and needs no reading of text. `failed` is SQL
    that is true where an expression of company.yaml could not be computed.
    """

    column: Column
    sql: str
    exact: bool = False
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Mapping:
    """Every canonical column's source, and `kept`: the SQL condition of the feed's own rows (None: all of them)."""

    sources: tuple[Source, ...]
    kept: str | None


def map_columns(
    con: duckdb.DuckDBPyConnection,
    *,
    name: str,
    key: str,
    raw: RawFile,
    spec: TableSpec,
    feed: Feed,
    roles: dict[str, str],
) -> Mapping:
    """The mapping of one file. `name` is the file's, `key` the feed's place in company.yaml (`feeds.invoice_lines`).

    Raises LandingRefused, naming the columns and the configuration key, when a needed column is missing, when a column
    is unknown (and the feed does not ignore such), or when an expression cannot be understood.
    """
    problems = [
        f"{key}.columns: '{ours}' is no column of {spec.name}; it has {', '.join(spec.names)}"
        for ours in feed.columns
        if ours not in spec.names
    ]
    used: set[str] = set()
    sources: list[Source] = []
    missing: list[str] = []
    for column in spec.columns:
        given = feed.columns.get(column.name)
        derived = roles if spec.name == "ledger_entries" and column.name == "role" else {}
        if given is None and column.name in raw.columns:
            used.add(column.name)
            sources.append(_direct(column, column.name, raw))
        elif given is None:
            sources.append(Source(column, "CAST(NULL AS VARCHAR)"))
            if column.required and not derived:
                missing.append(column.name)
        else:
            entry = ColumnMap(column=given) if isinstance(given, str) else given
            where = f"{key}.columns.{column.name}"
            try:
                sources.append(_mapped(con, column, entry, raw, where, used))
            except LandingRefused as error:
                problems.append(str(error))
    if feed.where is not None:
        try:
            _result_type(con, raw, feed.where, f"{key}.where")
            used |= _names_in(con, feed.where)
        except LandingRefused as error:
            problems.append(str(error))
    if missing:
        problems.append(
            f"{len(missing)} needed column{'s are' if len(missing) > 1 else ' is'} missing: {', '.join(missing)}; "
            f"name {'their' if len(missing) > 1 else 'its'} source in company.yaml under {key}.columns"
        )
    folded = {column.casefold() for column in used}
    unknown = [column for column in raw.columns if column.casefold() not in folded]
    if unknown and feed.unknown_columns == "refuse":
        problems.append(
            f"{len(unknown)} unknown column{'s' if len(unknown) > 1 else ''}: {', '.join(unknown)}; map "
            f"{'them' if len(unknown) > 1 else 'it'} in company.yaml under {key}.columns, "
            f"or set {key}.unknown_columns: ignore"
        )
    if problems:
        raise LandingRefused("; ".join(f"{name}: {problem}" for problem in problems))
    return Mapping(tuple(_with_roles(source, sources, roles, spec) for source in sources), feed.where)


def _direct(column: Column, theirs: str, raw: RawFile) -> Source:
    kind = raw.columns[theirs]
    if kind == column.sql_type and kind != "VARCHAR":
        return Source(column, quoted(theirs), exact=True)
    return Source(column, _as_text(quoted(theirs), kind))


def _as_text(sql: str, kind: str) -> str:
    return sql if kind == "VARCHAR" else f"CAST({sql} AS VARCHAR)"


def _mapped(
    con: duckdb.DuckDBPyConnection, column: Column, entry: ColumnMap, raw: RawFile, where: str, used: set[str]
) -> Source:
    """One configured column; `used` grows by what it reads."""
    if entry.column is not None:
        if entry.column not in raw.columns:
            raise LandingRefused(f"the column '{entry.column}' named by {where} is missing; correct one of the two")
        used.add(entry.column)
        source = _direct(column, entry.column, raw)
        if not entry.map:
            return source
        return Source(column, _translated(_as_text(quoted(entry.column), raw.columns[entry.column]), entry.map))
    if entry.value is not None:
        return Source(column, _translated(text(entry.value), entry.map))
    assert entry.sql is not None
    kind = _result_type(con, raw, entry.sql, f"{where}.sql")
    if kind in _BINARY and column.kind in _FIGURES:
        raise LandingRefused(
            f"{where}.sql gives a binary {kind}, which loses cents; compute with figure(...), which is exact"
        )
    used |= _names_in(con, entry.sql)
    attempt = f"TRY(struct_pack(v := ({entry.sql})))"
    return Source(column, _translated(_as_text(f"{attempt}.v", kind), entry.map), failed=f"{attempt} IS NULL")


def _translated(sql: str, values: dict[str, str]) -> str:
    """Their values as ours; one that is not listed stays as it is, for the contract to judge."""
    if not values:
        return sql
    cases = " ".join(f"WHEN {text(theirs)} THEN {text(ours)}" for theirs, ours in values.items())
    return f"CASE {sql} {cases} ELSE {sql} END"


def _with_roles(source: Source, sources: list[Source], roles: dict[str, str], spec: TableSpec) -> Source:
    """A posting without a role of its own has the role of its account (company.yaml, roles)."""
    if spec.name != "ledger_entries" or source.column.name != "role" or not roles:
        return source
    account = next(other for other in sources if other.column.name == "account").sql
    cases = " ".join(f"WHEN {text(number)} THEN {text(role)}" for number, role in roles.items())
    return Source(
        source.column, f"coalesce(nullif({source.sql}, ''), CASE {account} {cases} END)", failed=source.failed
    )


def _result_type(con: duckdb.DuckDBPyConnection, raw: RawFile, expression: str, where: str) -> str:
    """The SQL type of an expression over the file's columns; LandingRefused when it cannot be computed on them."""
    nulls = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(theirs)}" for theirs, kind in raw.columns.items())
    try:
        row = con.execute(f"SELECT typeof(({expression})) FROM (SELECT {nulls})").fetchone()
    except (
        duckdb.BinderException,
        duckdb.ParserException,
        duckdb.CatalogException,
        duckdb.InvalidInputException,
    ) as error:
        says = str(error).split("\n")[0].split(": ", 1)[-1]
        raise LandingRefused(f"{where} cannot be computed on this file's columns: {says}") from None
    assert row is not None
    return str(row[0])


def _names_in(con: duckdb.DuckDBPyConnection, expression: str) -> frozenset[str]:
    return _parsed_names(str(_parse_tree(con, expression)))


def _parse_tree(con: duckdb.DuckDBPyConnection, expression: str) -> str:
    row = con.execute("SELECT json_serialize_sql(?)", [f"SELECT ({expression})"]).fetchone()
    assert row is not None
    return str(row[0])


@lru_cache(maxsize=512)
def _parsed_names(tree: str) -> frozenset[str]:
    """The columns that a parsed expression names."""
    found: set[str] = set()
    pending: list[object] = [json.loads(tree)]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if node.get("class") == "COLUMN_REF":
                found.add(str(node["column_names"][-1]))
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
    return frozenset(found)
