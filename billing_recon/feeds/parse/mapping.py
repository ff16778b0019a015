"""Map a file's columns to ours: the expression for each canonical column, and refusal of files whose columns do not fit."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import ColumnMap, Feed
from billing_recon.core.schema import TableSpec
from billing_recon.feeds.parse.column_source import Source, in_whole_units, mapped, names_in, result_type
from billing_recon.feeds.tables.raw_rows import RawFile, text


@dataclass(frozen=True, slots=True)
class Mapping:
    """Every canonical column's source, and `kept`: the SQL condition for rows of this feed (None: all of them).

    `rules` are the feed's own rules: their message, the SQL condition, and whether matching rows are quarantined.
    """

    sources: tuple[Source, ...]
    kept: str | None
    rules: tuple[tuple[str, str, bool], ...] = ()

    def source(self, name: str) -> Source | None:
        """Return the source of a canonical column, None for another name."""
        return next((source for source in self.sources if source.column.name == name), None)


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
    """Map one file. `name` is the file's, `key` the feed's key in company.yaml (`feeds.invoice_lines`).

    Raise LandingRefused, naming the columns and the configuration key, if a needed column is missing, a column is unknown
    (and the feed does not ignore unknown ones), or an expression is invalid.
    """
    problems = [
        f"{key}.columns: '{ours}' is not a column of {spec.name}; it has {', '.join(spec.names)}"
        for ours in feed.columns
        if ours not in spec.names
    ]
    used: set[str] = {feed.day_column} if feed.day_column else set()
    sources: list[Source] = []
    missing: list[str] = []
    for column in spec.columns:
        given = feed.columns.get(column.name)
        derived = roles if spec.name == "ledger_entries" and column.name == "role" else {}
        if given is None and column.name not in raw.columns:
            sources.append(Source(column, "CAST(NULL AS VARCHAR)"))
            if column.required and not derived:
                missing.append(column.name)
            continue
        entry = given if isinstance(given, ColumnMap) else ColumnMap(column=given or column.name)
        try:
            sources.append(mapped(con, column, entry, feed, raw, f"{key}.columns.{column.name}", used))
        except LandingRefused as error:
            problems.append(str(error))
    sources = [in_whole_units(source, feed, sources, raw, key, used, problems) for source in sources]
    conditions = [(f"{key}.where", feed.where)] if feed.where is not None else []
    conditions += [(f"{key}.set_aside", sql) for sql in feed.set_aside.values()]
    conditions += [(f"{key}.report", sql) for sql in feed.report.values()]
    for where, condition in conditions:
        try:
            result_type(con, raw, condition, where)
            used |= names_in(con, condition)
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
    rules = [(says, sql, True) for says, sql in feed.set_aside.items()]
    rules += [(says, sql, False) for says, sql in feed.report.items()]
    return Mapping(tuple(_with_roles(source, sources, roles, spec) for source in sources), feed.where, tuple(rules))


def _with_roles(source: Source, sources: list[Source], roles: dict[str, str], spec: TableSpec) -> Source:
    """Give a posting without a role the role of its account (company.yaml, roles)."""
    if spec.name != "ledger_entries" or source.column.name != "role" or not roles:
        return source
    account = next(other for other in sources if other.column.name == "account").sql
    cases = " ".join(f"WHEN {text(number)} THEN {text(role)}" for number, role in roles.items())
    return Source(
        source.column, f"coalesce(nullif({source.sql}, ''), CASE {account} {cases} END)", failed=source.failed
    )
