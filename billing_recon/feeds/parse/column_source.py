"""The source of one canonical column, as SQL: its text, the text in our notation, and how a figure is computed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache

import duckdb

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import ColumnMap, Feed, Written
from billing_recon.core.schema import Column, Kind
from billing_recon.feeds.parse import notation, types
from billing_recon.feeds.tables.raw_rows import RawFile, quoted, single, text

_BINARY = ("DOUBLE", "FLOAT")
_SETTLED = frozenset({"amount", "fee", "debit", "credit", "payable"})
"""Money that moved, was booked or is asked for: never a part of a minor unit. Lines of a bill may have such parts."""
_FIGURES = (Kind.QUANTITY, Kind.PRICE, Kind.AMOUNT, Kind.RATE)


_ALIASES = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}
"""DuckDB's name of a type -> the name in core.schema, where they differ."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where one canonical column comes from, as SQL over the raw file.

    `sql` is its text as delivered. `exact`: the expression already has the column's type (Parquet) and is not parsed.
    `normalised`: SQL for the text in our notation, if the file uses another, which `expects` describes. `failed`: SQL that
    is true if an expression of company.yaml could not be computed. `local`: the notation, if it has times without an offset.
    """

    column: Column
    sql: str
    exact: bool = False
    failed: str | None = None
    normalised: str | None = None
    expects: str | None = None
    local: Written | None = None


def _as_text(sql: str, kind: str) -> str:
    return sql if kind == "VARCHAR" else f"CAST({sql} AS VARCHAR)"


def mapped(
    con: duckdb.DuckDBPyConnection,
    column: Column,
    entry: ColumnMap,
    feed: Feed,
    raw: RawFile,
    where: str,
    used: set[str],
) -> Source:
    """Return the source of a column with an entry in company.yaml. Adds the columns that it reads to `used`."""
    if entry.sign is not None:
        _source_type(entry.sign.column, column, raw, f"{where}.sign", used)
    if entry.value is not None:
        return _written(column, _translated(text(entry.value), entry.map), None, entry, _ours(column, entry, feed))
    if entry.sql is not None:
        sql, kind = checked(con, raw, entry.sql, f"{where}.sql")
        if kind in _BINARY and column.kind in _FIGURES:
            raise LandingRefused(
                f"{where}.sql gives a binary {kind}, which loses cents; compute with figure(...), which is exact"
            )
        read = names_in(con, entry.sql)
        used |= read
        if column.kind in _FIGURES and (lossy := sorted(read & raw.binary)):
            raise LandingRefused(_is_binary(lossy[0], f"{where}.sql"))
        tried = attempt(sql)
        computed = _translated(_as_text(f"{tried}.v", kind), entry.map)
        written = _ours(column, entry, feed, is_text=kind == "VARCHAR")
        return replace(_written(column, computed, None, entry, written), failed=f"{tried} IS NULL")
    assert entry.column is not None
    kind = _source_type(entry.column, column, raw, where, used)
    if _ALIASES.get(kind, kind) == column.sql_type and kind != "VARCHAR" and not entry.map and not entry.computed:
        return Source(column, quoted(entry.column), exact=True)
    value = _translated(_as_text(quoted(entry.column), kind), entry.map)
    other = None
    if entry.minus is not None:
        other = _as_text(quoted(entry.minus), _source_type(entry.minus, column, raw, f"{where}.minus", used))
    if kind != "VARCHAR":
        # A typed column holds figures and days already; only their unit and time zone are a matter of notation.
        typed, rest = (
            Written(
                minor_units=w.minor_units,
                percent=w.percent,
                timezone=w.timezone,
                day_zone=w.day_zone,
                clock_change=w.clock_change,
                nanoseconds=w.nanoseconds,
                dates=("iso_day",) if "iso_day" in (w.dates or ()) else None,
            )
            for w in (entry, feed)
        )
        return _written(column, value, other, entry, typed.over(rest))
    return _written(column, value, other, entry, _of_file(column, entry.over(feed), raw))


def _of_file(column: Column, written: Written, raw: RawFile) -> Written:
    """Add the notation in which the reader of the file itself writes days and times."""
    if not raw.dates or column.kind not in (Kind.DATE, Kind.TIMESTAMP):
        return written
    return written.model_copy(update={"dates": (*raw.dates, *(written.dates or ()))})


def _source_type(name: str, column: Column, raw: RawFile, where: str, used: set[str]) -> str:
    """Return the type of a column of the file. Raise LandingRefused if it is missing, or a binary float for money."""
    if name not in raw.named:
        raise LandingRefused(f"the column '{name}' named by {where} is missing; correct one of the two")
    if name in raw.binary and column.kind in _FIGURES:
        raise LandingRefused(_is_binary(name, where))
    used.add(name)
    return raw.named[name]


def _is_binary(name: str, where: str) -> str:
    return (
        f"the column '{name}' named by {where} is a binary float, which loses cents; "
        "make it NUMERIC (in SQLite, where that is a float too, TEXT), or convert it at the source"
    )


def _ours(column: Column, entry: ColumnMap, feed: Feed, *, is_text: bool = False) -> Written:
    """Return the notation of a constant or an expression: ours, but a time without an offset is in the feed's time zone.

    A text that an expression puts together from a date and a time of the file may also be in the feed's notation of dates.
    """
    if column.kind not in (Kind.DATE, Kind.TIMESTAMP):
        return entry
    dates = ("iso", *feed.dates) if is_text and feed.dates and entry.dates is None else entry.dates
    return entry.model_copy(update={"dates": dates}).over(
        Written(
            timezone=feed.timezone,
            day_zone=feed.day_zone,
            clock_change=feed.clock_change,
            nanoseconds=feed.nanoseconds,
        )
    )


def _written(column: Column, value: str, other: str | None, entry: ColumnMap, written: Written) -> Source:
    """Return the source of a column whose text `value`, less the text `other`, is in the notation `written`."""
    value = _without_empty(value, written)
    declared = notation.is_declared(column.kind, written)
    if not declared and not entry.computed:
        return Source(column, value)
    expects = notation.expects(column.kind, written)
    trimmed = f"nullif(trim({value}), '')"
    if column.kind in (Kind.DATE, Kind.TIMESTAMP):
        return Source(
            column,
            value,
            normalised=notation.date_text(trimmed, column.kind, written),
            expects=expects,
            local=written if column.kind is Kind.TIMESTAMP and notation.has_clock_changes(written) else None,
        )
    ours = notation.figure_text(trimmed, written)
    shown = trimmed
    if other is not None:
        less = f"nullif(trim({_without_empty(other, written)}), '')"
        ours, shown = _less(ours, trimmed, notation.figure_text(less, written), less)
    if entry.sign is not None:
        shown = f"CASE WHEN {shown} IS NOT NULL THEN concat_ws(' ', {shown}, trim({quoted(entry.sign.column)})) END"
        expects += f", with {' or '.join(entry.sign.plus + entry.sign.minus + entry.sign.zero)}"
    ours = notation.computed(ours, entry)
    if written.percent and column.kind is Kind.RATE:
        ours = notation.percent(ours)
    return Source(column, shown, normalised=ours, expects=expects)


def _less(figure: str, value: str, other: str, less: str) -> tuple[str, str]:
    """Return one figure less another, and how that is shown. Each may be empty but must otherwise be a figure."""
    both = "(p.minuend IS NULL OR p.figure IS NOT NULL) AND (p.less IS NULL OR p.other IS NOT NULL)"
    return (
        f"list_transform([struct_pack(minuend := {value}, figure := {figure}, less := {less}, other := {other})], "
        f"lambda p: CASE WHEN {both} THEN difference(p.figure, p.other) END)[1]",
        f"CASE WHEN {less} IS NULL THEN {value} ELSE concat_ws(' ', {value}, 'less', {less}) END",
    )


def _without_empty(value: str, written: Written) -> str:
    """Treat a text that is declared `empty` as no value."""
    if not written.empty:
        return value
    return f"CASE WHEN trim({value}) NOT IN ({', '.join(text(word) for word in written.empty)}) THEN {value} END"


def in_whole_units(
    source: Source, feed: Feed, sources: list[Source], raw: RawFile, key: str, used: set[str], problems: list[str]
) -> Source:
    """Convert the source of an amount or price in minor units to whole units."""
    given = feed.columns.get(source.column.name)
    if source.column.kind not in (Kind.AMOUNT, Kind.PRICE) or (given is None and source.column.name not in raw.columns):
        return source
    entry = given if isinstance(given, ColumnMap) else None
    of = entry.minor_units if entry is not None and entry.minor_units is not None else feed.minor_units
    constant = entry is not None and entry.column is None and entry.minor_units is None
    if not of or constant:
        return source
    if isinstance(of, str):
        if of in raw.columns:
            used.add(of)
            currency = f"trim({quoted(of)})"
        elif of in EXPONENTS:
            currency = text(of)
        else:
            problems.append(f"{key}: minor_units '{of}' is neither a currency nor a column of the file")
            return source
    else:
        stated = next((other.sql for other in sources if other.column.kind is Kind.CURRENCY), None)
        if stated is None:
            problems.append(
                f"{key}: the table has no currency that defines its minor units; name one, or a column: minor_units: EUR"
            )
            return source
        currency = f"trim({stated})"
    trimmed = f"nullif(trim({_as_text(source.sql, 'DECIMAL') if source.exact else source.sql}), '')"
    figure = source.normalised or notation.figure_text(trimmed, notation.PLAIN)
    expects = source.expects or notation.expects(source.column.kind, Written(minor_units=True))
    if source.column.name in _SETTLED and source.column.kind is Kind.AMOUNT:
        figure, expects = notation.whole(figure), f"{expects}, in whole minor units (minor_units)"
    return replace(
        source,
        sql=_as_text(source.sql, "DECIMAL") if source.exact else source.sql,
        exact=False,
        normalised=notation.in_whole_units(figure, currency),
        expects=expects,
    )


def _translated(sql: str, values: dict[str, str]) -> str:
    """Translate values by a map. A value that is not listed stays as it is, for the contract to check."""
    if not values:
        return sql
    cases = " ".join(f"WHEN {text(theirs)} THEN {text(ours)}" for theirs, ours in values.items())
    return f"CASE {sql} {cases} ELSE {sql} END"


def attempt(sql: str) -> str:
    """Return SQL for an expression of company.yaml: a struct with its value `v`, NULL if it could not be computed.

    The condition always holds, and DuckDB cannot know that: what two expressions have in common, such as `figure(Betrag)`, is otherwise
    computed once before both, outside TRY, and one row on which it fails ends the landing.
    """
    return f"TRY(CASE WHEN (landing_ordinal & 1) >= 0 THEN struct_pack(v := ({sql})) END)"


def checked(con: duckdb.DuckDBPyConnection, raw: RawFile, expression: str, where: str) -> tuple[str, str]:
    """Return an expression over the file's columns as it is run, and its SQL type.

    Raise LandingRefused if it is not computed from one row alone, gives another result on each run, or the engine refuses it.
    """
    parsed = _parsed(_parse_tree(con, expression))
    problem = parsed.problem or next(filter(None, (_unfit(con, name) for name in sorted(parsed.functions))), None)
    if problem is not None:
        raise LandingRefused(f"{where} cannot be computed: {problem}")
    nulls = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(theirs)}" for theirs, kind in raw.named.items())
    sql = expression
    try:
        if parsed.zoned:
            zones = con.execute("SELECT DISTINCT lower(name) FROM pg_timezone_names() ORDER BY 1").fetchall()
            known = [zone for (zone,) in zones if zone not in types.MISLEADING_ZONES]
            con.execute(types.ZONE_MACRO.format(zones=", ".join(map(text, known))))
            (sql,) = single(con, f"SELECT json_deserialize_sql({text(parsed.zoned)})")
            sql = sql.removeprefix("SELECT ")
        # Once plainly for what the engine says about it, once as it is run.
        (kind,) = single(con, f"SELECT typeof(({expression})) FROM (SELECT {nulls})")
        single(con, f"SELECT {attempt(sql)} FROM (SELECT {nulls}, CAST(0 AS BIGINT) AS landing_ordinal)")
    except duckdb.Error as error:
        raise LandingRefused(f"{where} cannot be computed on this file's columns: {said(error)}") from None
    return sql, str(kind)


def said(error: duckdb.Error) -> str:
    """Return the engine's message without the name of its class and its suggestions."""
    return str(error).split("\n")[0].split(": ", 1)[-1]


def names_in(con: duckdb.DuckDBPyConnection, expression: str) -> frozenset[str]:
    """Return the columns that an expression names."""
    return _parsed(_parse_tree(con, expression)).names


@dataclass(frozen=True, slots=True)
class _Parsed:
    """The columns and functions that an expression names, why it is no scalar expression, and, if it takes a time zone from
    a column, its tree with AT TIME ZONE replaced by the macro `at_zone`."""

    names: frozenset[str]
    functions: frozenset[str]
    problem: str | None
    zoned: str | None


def _parse_tree(con: duckdb.DuckDBPyConnection, expression: str) -> str:
    return str(single(con, f"SELECT json_serialize_sql({text(f'SELECT ({expression})')})")[0])


@lru_cache(maxsize=512)
def _parsed(tree: str) -> _Parsed:
    root = json.loads(tree)
    if root.get("error"):
        said_by = str(root.get("error_message", "")).split("\n")[0]
        quote = f"{said_by}; a column name that is a word of SQL or has a blank goes into double quotes"
        problem = quote if "syntax error" in said_by else "it is not one expression"
        return _Parsed(frozenset(), frozenset(), problem, None)
    select = [statement["node"] for statement in root["statements"]]
    alone = len(select) == 1 and len(select[0].get("select_list", ())) == 1
    if not alone or select[0]["from_table"]["type"] != "EMPTY" or select[0]["modifiers"]:
        return _Parsed(frozenset(), frozenset(), "it is not one expression", None)
    names: set[str] = set()
    functions: set[str] = set()
    zoned = False
    unfit: str | None = None
    pending: list[object] = [select[0]["select_list"][0]]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            match node.get("class"):
                case "COLUMN_REF":
                    names.add(str(node["column_names"][-1]))
                case "SUBQUERY":
                    unfit = "it contains a subquery, but an expression sees only the columns of its own row"
                case "WINDOW":
                    unfit = (
                        f"{node['function_name']}() OVER looks at other rows, but an expression sees only its own; the "
                        "position of a row in its file is the column row_number"
                    )
                case "STAR":
                    unfit = "it contains *; name the columns"
                case "FUNCTION":
                    functions.add(str(node["function_name"]).lower())
                    given = node["arguments"]
                    if node["function_name"] == "timezone" and len(given) == 2 and not _is_constant(given[0]):
                        node["function_name"], node["qualified_name"] = "at_zone", {"path": ["at_zone"]}
                        zoned = True
                case _:
                    pass
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
    return _Parsed(frozenset(names), frozenset(functions), unfit, json.dumps(root) if zoned else None)


def _is_constant(argument: dict[str, dict[str, object]]) -> bool:
    return argument["expression"]["class"] == "CONSTANT"


def _unfit(con: duckdb.DuckDBPyConnection, function: str) -> str | None:
    """Say why an expression must not call a function, None if it may."""
    if function == "unnest":
        return "unnest() makes several rows of one"
    kinds = {
        (str(kind), str(stability))
        for kind, stability in con.execute(
            f"SELECT DISTINCT function_type, stability FROM duckdb_functions() WHERE function_name = {text(function)}"
        ).fetchall()
    }
    if kinds and all(kind in ("aggregate", "window") for kind, _ in kinds):
        return f"{function}() is computed from many rows, but an expression sees only its own"
    if kinds and all(kind == "scalar" and stability != "CONSISTENT" for kind, stability in kinds):
        return f"{function}() gives another result on another run or day, but a rerun must give the same"
    return None
