"""A file's rows as SQL: their texts, their exact values after a fast or a thorough pass, and their faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.core.feed import Written
from billing_recon.core.schema import Kind
from billing_recon.feeds.parse import notation, types
from billing_recon.feeds.parse.column_source import Source, attempt
from billing_recon.feeds.parse.mapping import Mapping
from billing_recon.feeds.tables.raw_rows import RawFile, listed, quoted, text

_IRREGULAR = rf"\x00|(^|\x1f)([{types.BLANKS}\x1f]|$)|[{types.BLANKS}](\x1f|$)|" + types.DECOMPOSED
"""In a row's texts joined by chr(31): a NUL character, a blank or padded text, or one that may not be in composed form."""
_WHERE = "where"
"""Stands for the feed's condition among what failed; no column of ours has this name."""
_UNDECIDED = (
    "may or may not be one of this table: the feed's `where` is neither true nor false on it (a value that it reads is empty "
    "or cannot be read); say what an empty value means: coalesce(...)"
)
_UNCOMPUTED = "cannot be computed: its expression in company.yaml fails on the values of this row"
_UNRULED = "has values on which a rule of company.yaml cannot be computed: "


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRows:
    """The rows of a file, or of a bundle of `count` files of which `number` is the first, and their mapping to our columns."""

    number: int
    raw: RawFile
    mapping: Mapping
    count: int = 1

    @property
    def condition(self) -> str:
        """SQL condition that selects these rows in the session's tables."""
        last = self.number + self.count - 1
        return f"file_no BETWEEN {self.number} AND {last}" if self.raw.bundled else f"file_no = {self.number}"


def rows_at(rows: FileRows, ordinals: str | Sequence[int]) -> str:
    """Return SQL for the file's rows with the given `ordinals` (SQL, or a few), filtered before anything else is computed.

    Of a few, each is a comparison of its own: that is what makes the engine skip the parts of a Parquet file without any of them.
    """
    if not isinstance(ordinals, str):
        found = " OR ".join(f"landing_ordinal = {ordinal}" for ordinal in ordinals) or "false"
        return f"SELECT * FROM ({rows.raw.rows}) WHERE {found}"
    return f"SELECT * FROM ({rows.raw.rows}) SEMI JOIN (SELECT ordinal AS landing_ordinal FROM ({ordinals})) USING (landing_ordinal)"


def texts_of(rows: FileRows, source: str, *, more: str = "", thorough: bool = True) -> str:
    """Return SQL for each column's text before typing: `raw_<column>`, and `plain_<column>` if its notation is not ours.

    `source` is SQL for the raw rows, `more` are further columns of it to keep.
    """
    raw, mapping = rows.raw, rows.mapping
    parts = [f"{_raw_text(column, thorough=thorough)} AS raw_{column.column.name}" for column in mapping.sources]
    parts += [f"{_normalised(column)} AS plain_{column.column.name}" for column in mapping.sources if column.normalised]
    failed = [f"WHEN {column.failed} THEN {text(column.column.name)}" for column in mapping.sources if column.failed]
    failed += [f"WHEN {attempt(condition)} IS NULL THEN {text(says)}" for says, condition, _ in mapping.rules]
    where = ""
    if mapping.kept is not None:
        kept = f"{attempt(mapping.kept)}.v"
        failed.append(f"WHEN {kept} IS NULL THEN '{_WHERE}'")
        where = f" WHERE landing_broken IS NOT NULL OR {kept} IS NOT FALSE"
    failure = f"CASE {' '.join(failed)} END" if failed else "CAST(NULL AS VARCHAR)"
    source = raw.with_made(source, mapping.used)
    file_no = f"landing_file + {rows.number - 1}" if raw.bundled else str(rows.number)
    place = f"CAST({file_no} AS INTEGER) AS file_no, {'landing_row' if raw.bundled else 'landing_ordinal'}"
    return (
        f"SELECT landing_ordinal AS ordinal, {place} AS source_row, landing_broken AS broken, ({failure}) AS failed, "
        f"{more}{', '.join(parts)} FROM ({source}){where}"
    )


def _raw_text(source: Source, *, thorough: bool = True) -> str:
    column = source.column
    if source.exact:
        default = None if column.default is None else f"CAST({text(column.default)} AS {column.sql_type})"
        return source.sql if default is None else f"coalesce({source.sql}, {default})"
    prepared = types.prepared(source.sql, column.kind) if thorough or not _is_plain_text(source) else source.sql
    return prepared if column.default is None or source.normalised else f"coalesce({prepared}, {text(column.default)})"


def _is_plain_text(source: Source) -> bool:
    """Whether the fast pass takes the text as it is; such texts of a row are checked together (_IRREGULAR)."""
    return source.column.kind is Kind.TEXT and not source.exact


def _normalised(source: Source) -> str:
    """Return SQL for the text in our notation, or for the column's default if there is not text."""
    assert source.normalised is not None
    if source.column.default is None:
        return source.normalised
    raw = types.prepared(source.sql, source.column.kind)
    return f"CASE WHEN {raw} IS NULL THEN {text(source.column.default)} ELSE {source.normalised} END"


def _value(source: Source, *, thorough: bool) -> str:
    raw = f"raw_{source.column.name}"
    if not thorough and _is_plain_text(source):
        return raw
    if source.exact:
        timed = source.column.kind in (Kind.DATE, Kind.TIMESTAMP)
        return f"CASE WHEN isfinite({raw}) THEN {raw} END" if timed else raw
    return types.typed(
        f"plain_{source.column.name}" if source.normalised else raw, source.column.kind, thorough=thorough
    )


def with_values(rows: FileRows, texts: str, *, thorough: bool = False) -> str:
    """Return SQL for the texts and each column's value."""
    values = ", ".join(
        f"{_value(source, thorough=thorough)} AS {quoted(source.column.name)}" for source in rows.mapping.sources
    )
    return f"SELECT *, {values} FROM ({texts})"


def typed(rows: FileRows, source: str, *, thorough: bool) -> str:
    """Return a SELECT of the columns of loaded_file.TYPED over a file's raw rows (`source`).

    The fast pass (not `thorough`) reads plain rows only, because planning the rest for every column takes time.
    """
    names = [column.column.name for column in rows.mapping.sources]
    plain = [] if thorough else [column.column.name for column in rows.mapping.sources if _is_plain_text(column)]
    unread = [f"(raw_{name} IS NOT NULL AND {quoted(name)} IS NULL)" for name in names if name not in plain]
    if plain:
        together = ", ".join(f"raw_{name}" for name in plain)
        unread.append(f"regexp_matches(concat_ws(chr(31), {together}), '{_IRREGULAR}')")
    texts = texts_of(rows, source, thorough=thorough)
    return (
        "SELECT file_no, ordinal, source_row, broken, "
        f"broken IS NOT NULL OR failed IS NOT NULL OR {' OR '.join(unread) or 'false'} AS unreadable, "
        f"{listed(names)} FROM ({with_values(rows, texts, thorough=thorough)})"
    )


def reread_rows(rows: FileRows, ordinals: str | Sequence[int]) -> str:
    """Return SQL for rows (`ordinals` as in rows_at) as delivered: ordinal, payload (JSON of the file's columns), texts and
    reading (JSON of our columns, as delivered and in our notation), failed.

    A text in another notation than declared is prefixed with a question mark in `reading`, so that a released row cannot
    turn 12,50 into another amount. For quarantined rows only; accepted rows are never stored as text.
    """
    raw, sources = rows.raw, rows.mapping.sources
    fields = ", ".join(
        f"{quoted(name)} := {quoted(name) if kind == 'VARCHAR' else f'CAST({quoted(name)} AS VARCHAR)'}"
        for name, kind in raw.columns.items()
    )
    with_payload = (
        f"SELECT *, CAST(to_json(struct_pack({fields})) AS VARCHAR) AS landing_payload FROM ({rows_at(rows, ordinals)})"
    )
    texts_json = ", ".join(f"{quoted(s.column.name)} := CAST(raw_{s.column.name} AS VARCHAR)" for s in sources)
    reading = ", ".join(f"{quoted(s.column.name)} := {_reading(s)}" for s in sources)
    kept = [f"raw_{s.column.name}" for s in sources] + [f"plain_{s.column.name}" for s in sources if s.normalised]
    payload = "payload" if raw.bundled else "coalesce(CAST(to_json(broken) AS VARCHAR), payload)"
    texts = texts_of(rows, with_payload, more="landing_payload AS payload, ")
    return (
        f"SELECT file_no, ordinal, {payload} AS payload, CAST(to_json(struct_pack({texts_json})) AS VARCHAR) AS texts, "
        f"CAST(to_json(struct_pack({reading})) AS VARCHAR) AS reading, failed, broken, {', '.join(kept)} FROM ({texts})"
    )


def _reading(source: Source) -> str:
    raw = f"CAST(raw_{source.column.name} AS VARCHAR)"
    return f"coalesce(plain_{source.column.name}, '?' || {raw})" if source.normalised else raw


def unreadable_faults(rows: FileRows, relation: str) -> str:
    """Return SQL for the faults of a file's unreadable rows, over a `relation` with the columns of reread_rows."""
    reason, says_broken = rows.raw.broken
    of_ours = ", ".join(text(source.column.name) for source in rows.mapping.sources)
    faults = [
        "CASE WHEN broken IS NOT NULL THEN struct_pack(position := -2, field := CAST(NULL AS VARCHAR), "
        f"reason := '{reason}', says := {says_broken}) END",
        f"CASE WHEN broken IS NULL AND failed IS NOT NULL THEN struct_pack(position := -1, field := CASE WHEN failed IN ({of_ours}) "
        f"THEN failed END, reason := '{Reason.UNPARSABLE}', says := CASE WHEN failed = '{_WHERE}' THEN {text(_UNDECIDED)} "
        f"WHEN failed IN ({of_ours}) THEN {text(_UNCOMPUTED)} ELSE concat({text(_UNRULED)}, failed) END) END",
    ]
    for position, source in enumerate(rows.mapping.sources):
        name, kind = source.column.name, source.column.kind
        faults.append(
            f"CASE WHEN broken IS NULL AND raw_{name} IS NOT NULL AND ({_value(source, thorough=True)}) IS NULL "
            f"THEN struct_pack(position := {position}, field := '{name}', reason := {_why(source, kind)}, says := {_clock(source)}) END"
        )
    says = " ".join(
        f"WHEN '{s.column.name}' THEN {types.message(s.column.kind, s.expects)}" for s in rows.mapping.sources
    )
    return (
        "SELECT file_no, ordinal, position, field, reason, "
        f"CASE WHEN says <> '' THEN says ELSE CASE field {says} END END FROM ("
        "SELECT file_no, ordinal, fault.position AS position, fault.field AS field, fault.reason AS reason, "
        f"fault.says AS says FROM (SELECT file_no, ordinal, unnest([{', '.join(faults)}]) AS fault FROM {relation}) "
        "WHERE fault IS NOT NULL)"
    )


def _clock(source: Source) -> str:
    """Return SQL for the message if a text is a local time in a change of the clocks, else an empty text."""
    if source.local is None or source.local.clock_change:
        return "''"
    name, zone = source.column.name, source.local.timezone
    either = notation.date_text(f"raw_{name}", source.column.kind, Written(clock_change="before").over(source.local))
    says = (
        f"does not exist or exists twice, because the clocks of {zone} changed; declare how it is read: "
        "clock_change: before (with the offset before the change) or after"
    )
    return f"CASE WHEN plain_{name} IS NULL AND {either} IS NOT NULL THEN {text(says)} ELSE '' END"


def clock_changes(rows: FileRows) -> str | None:
    """Return SQL for the number of local times in a change of the clocks that the feed's policy decides; None without one."""
    told = [s for s in rows.mapping.sources if s.local is not None and s.local.clock_change]
    parts = []
    for source in told:
        assert source.local is not None
        strict = source.local.model_copy(update={"clock_change": None})
        undecided = notation.date_text(f"raw_{source.column.name}", source.column.kind, strict)
        parts.append(f"count(*) FILTER (WHERE plain_{source.column.name} IS NOT NULL AND {undecided} IS NULL)")
    return f"SELECT {' + '.join(parts)} FROM ({texts_of(rows, rows.raw.rows)})" if parts else None


def rows_apart(rows: FileRows) -> str:
    """Return SQL for the number of all rows that could be split, and of those that the feed's `where` leaves out."""
    kept = (
        "false" if rows.mapping.kept is None else f"landing_broken IS NULL AND {attempt(rows.mapping.kept)}.v IS FALSE"
    )
    return (
        f"SELECT count(*), count(*) FILTER (WHERE {kept}) FROM ({rows.raw.with_made(rows.raw.rows, rows.mapping.used)})"
    )


def _why(source: Source, kind: Kind) -> str:
    """Return SQL for the reason why a column's text is not a value."""
    if source.exact:
        return f"'{Reason.UNPARSABLE}'"
    if not source.normalised:
        return types.reason(f"raw_{source.column.name}", kind)
    raw, plain = f"raw_{source.column.name}", f"plain_{source.column.name}"
    return (
        f"CASE WHEN contains({raw}, chr(0)) THEN '{Reason.BAD_ENCODING}' WHEN {plain} IS NULL THEN '{Reason.UNPARSABLE}' "
        f"ELSE {types.reason(plain, kind)} END"
    )


def rows_by_rule(rows: FileRows) -> str:
    """Return SQL for the rows that match the feed's own rules: file_no, ordinal, says, quarantined."""
    rules = ", ".join(
        f"CASE WHEN {attempt(condition)}.v IS TRUE THEN struct_pack(says := {text(says)}, quarantined := {str(quarantined).lower()}) END"
        for says, condition, quarantined in rows.mapping.rules
    )
    texts = texts_of(rows, rows.raw.rows, more=f"[{rules}] AS broken_rules, ")
    return (
        f"SELECT file_no, ordinal, rule.says AS says, rule.quarantined AS quarantined FROM ("
        f"SELECT file_no, ordinal, unnest(broken_rules) AS rule FROM ({texts}) WHERE broken IS NULL) WHERE rule IS NOT NULL"
    )
