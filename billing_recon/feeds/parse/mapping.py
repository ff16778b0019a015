"""Map a file's columns to ours: the expression for each canonical column, and refusal of files whose columns do not fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import duckdb

from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import ColumnMap, Feed
from billing_recon.core.roles import like, ranked
from billing_recon.core.schema import TableSpec
from billing_recon.feeds.parse.column_source import Source, checked, in_whole_units, mapped, names_in
from billing_recon.feeds.tables.raw_rows import RawFile, text


@dataclass(frozen=True, slots=True)
class Mapping:
    """Every canonical column's source, and `kept`: the SQL condition for rows of this feed (None: all of them).

    `rules` are the feed's own rules: their message, the SQL condition, and whether matching rows are quarantined.
    `used`: the names that it reads, columns of the file or made ones.
    """

    sources: tuple[Source, ...]
    kept: str | None
    rules: tuple[tuple[str, str, bool], ...] = ()
    used: frozenset[str] = frozenset()

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
        if given is None and column.name == "calculated_at" and column.name not in raw.columns:
            given = _start_of(feed, "issued_on", raw)
        if given is None and column.name not in raw.columns:
            sources.append(Source(column, "CAST(NULL AS VARCHAR)"))
            if column.required and not derived and not (column.nullable and spec.name in _OF_BILLS):
                missing.append(column.name)
            continue
        entry = given if isinstance(given, ColumnMap) else ColumnMap(column=given or column.name)
        try:
            sources.append(mapped(con, column, entry, feed, raw, f"{key}.columns.{column.name}", used))
        except LandingRefused as error:
            problems.append(str(error))
    sources = [in_whole_units(source, feed, sources, raw, key, used, problems) for source in sources]
    conditions = [(f"{key}.where", "", feed.where, False)] if feed.where is not None else []
    conditions += [(f"{key}.set_aside", says, sql, True) for says, sql in feed.set_aside.items()]
    conditions += [(f"{key}.report", says, sql, False) for says, sql in feed.report.items()]
    kept: str | None = None
    rules: list[tuple[str, str, bool]] = []
    for where, says, condition, quarantined in conditions:
        try:
            sql, kind = checked(con, raw, condition, where)
            if kind not in ("BOOLEAN", '"NULL"'):
                raise LandingRefused(f"{where} gives {kind}, which is no condition; compare it with something")
            used |= names_in(con, condition)
        except LandingRefused as error:
            problems.append(str(error))
            continue
        if where.endswith(".where"):
            kept = sql
        else:
            rules.append((says, sql, quarantined))
    if missing and (other := _delimiter_within(raw)):
        problems.append(
            f"the header is one column, '{next(iter(raw.columns))[:60]}': declare delimiter: {other} under {key}"
        )
    elif missing:
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
    return Mapping(
        tuple(_with_roles(source, sources, roles, spec) for source in sources),
        kept,
        tuple(rules),
        used=frozenset(used),
    )


_OF_BILLS = ("invoice_lines", "rendered_lines")
"""Tables whose columns that may be empty may also be missing: a bill without quantities has no column for them."""


def _start_of(feed: Feed, name: str, raw: RawFile) -> ColumnMap | None:
    """Return the start of a day of ours as an instant, for a file that has the day alone; None if it lacks the day too."""
    given = feed.columns.get(name, name if name in raw.columns else None)
    if given is None:
        return None
    entry = given if isinstance(given, ColumnMap) else ColumnMap(column=given)
    return entry.model_copy(update={"dates": ("iso_day", *(entry.dates or feed.dates or ()))})


def _delimiter_within(raw: RawFile) -> str | None:
    """Return the delimiter that the only column of a header seems to contain, as YAML."""
    only = next(iter(raw.columns)) if raw.width == 1 else ""
    return next(
        (shown for mark, shown in ((";", '";"'), ("\t", '"\\t"'), ("|", '"|"'), (",", '","')) if mark in only), None
    )


def _with_roles(source: Source, sources: list[Source], roles: dict[str, str], spec: TableSpec) -> Source:
    """Give a posting without a role the role of its account (company.yaml, roles)."""
    if spec.name != "ledger_entries" or source.column.name != "role" or not roles:
        return source
    account = next(other for other in sources if other.column.name == "account").sql
    cases = " ".join(
        f"WHEN trim({account}) LIKE {text(like(pattern))} ESCAPE '\\' THEN {text(roles[pattern])}"
        for pattern in ranked(roles)
    )
    return replace(source, sql=f"coalesce(nullif({source.sql}, ''), CASE {cases} END)")
