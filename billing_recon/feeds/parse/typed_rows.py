"""A file's rows as SQL: their texts, their exact values at first sight or after a thorough look, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.core.schema import Kind
from billing_recon.feeds.parse import types
from billing_recon.feeds.parse.column_source import Source
from billing_recon.feeds.parse.mapping import Mapping
from billing_recon.feeds.tables.raw_rows import RawFile, listed, quoted, text

_ODD_TEXTS = r"\x00|(^|\x1f) *(\x1f|$)"
"""In the texts of a row, chr(31) between them: a NUL character, or a text that is empty or blank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRows:
    """The rows of a file, or of a bundle of files of which `number` is the first, and how each column of ours comes out of
    them."""

    number: int
    raw: RawFile
    mapping: Mapping

    @property
    def its_rows(self) -> str:
        """SQL condition of its rows in the session's tables."""
        return f"file_no >= {self.number}" if self.raw.bundled else f"file_no = {self.number}"


def among(rows: FileRows, ordinals: str) -> str:
    """SQL for those of a file's rows that `ordinals` names, told apart before anything is made of the others."""
    return f"SELECT * FROM ({rows.raw.rows}) SEMI JOIN (SELECT ordinal AS landing_ordinal FROM ({ordinals})) USING (landing_ordinal)"


def texts_of(rows: FileRows, source: str, *, more: str = "", thorough: bool = True) -> str:
    """Each column's text as it is judged (`came_<column>`, and `ours_<column>` where it is written otherwise than ours),
    before anything is typed. `source` is SQL for the raw rows, `more` are further columns of it to keep."""
    raw, mapping = rows.raw, rows.mapping
    parts = [f"{_came(column, thorough=thorough)} AS came_{column.column.name}" for column in mapping.sources]
    parts += [f"{_ours(column)} AS ours_{column.column.name}" for column in mapping.sources if column.ours]
    failed = [f"({column.failed})" for column in mapping.sources if column.failed]
    failed += [f"({_attempt(condition)} IS NULL)" for _, condition, _ in mapping.rules]
    where = ""
    if mapping.kept is not None:
        kept = _attempt(mapping.kept)
        failed.append(f"({kept} IS NULL)")
        where = f" WHERE landing_broken IS NOT NULL OR {kept} IS NULL OR {kept}.v IS TRUE"
    failure = " OR ".join(failed) or "false"
    place = "landing_file AS file_no, landing_row" if raw.bundled else f"{rows.number} AS file_no, landing_ordinal"
    return (
        f"SELECT landing_ordinal AS ordinal, {place} AS source_row, landing_broken AS broken, ({failure}) AS failed, "
        f"{more}{', '.join(parts)} FROM ({source}){where}"
    )


def _attempt(expression: str) -> str:
    """SQL for an expression of company.yaml: a struct with its value `v`, or nothing where it could not be computed."""
    return f"TRY(struct_pack(v := ({expression})))"


def _came(source: Source, *, thorough: bool = True) -> str:
    column = source.column
    if source.exact:
        default = None if column.default is None else f"CAST({text(column.default)} AS {column.sql_type})"
        return source.sql if default is None else f"coalesce({source.sql}, {default})"
    prepared = types.prepared(source.sql, column.kind) if thorough or not _is_plain_text(source) else source.sql
    return prepared if column.default is None or source.ours else f"coalesce({prepared}, {text(column.default)})"


def _is_plain_text(source: Source) -> bool:
    """Whether at first sight the text is taken as it is, all such texts of a row being looked at together (_ODD_TEXTS)."""
    return source.column.kind is Kind.TEXT and not source.exact


def _ours(source: Source) -> str:
    """The text in our notation; the column's default where nothing came."""
    assert source.ours is not None
    if source.column.default is None:
        return source.ours
    came = types.prepared(source.sql, source.column.kind)
    return f"CASE WHEN {came} IS NULL THEN {text(source.column.default)} ELSE {source.ours} END"


def _value(source: Source, *, thorough: bool) -> str:
    came = f"came_{source.column.name}"
    if not thorough and _is_plain_text(source):
        return came
    if source.exact:
        timed = source.column.kind in (Kind.DATE, Kind.TIMESTAMP)
        return f"CASE WHEN isfinite({came}) THEN {came} END" if timed else came
    return types.typed(f"ours_{source.column.name}" if source.ours else came, source.column.kind, thorough=thorough)


def valued(rows: FileRows, texts: str, *, thorough: bool = False) -> str:
    """The texts with each column's value beside them."""
    values = ", ".join(
        f"{_value(source, thorough=thorough)} AS {quoted(source.column.name)}" for source in rows.mapping.sources
    )
    return f"SELECT *, {values} FROM ({texts})"


def typed(rows: FileRows, source: str, *, thorough: bool) -> str:
    """A SELECT of the columns of loading.TYPED over a file's raw rows (`source`).

    At first sight, unless `thorough`, a row is only read where it is plain; planning that for every column is not free.
    """
    names = [column.column.name for column in rows.mapping.sources]
    plain = [] if thorough else [column.column.name for column in rows.mapping.sources if _is_plain_text(column)]
    unread = [f"(came_{name} IS NOT NULL AND {quoted(name)} IS NULL)" for name in names if name not in plain]
    if plain:
        together = ", ".join(f"came_{name}" for name in plain)
        unread.append(f"regexp_matches(concat_ws(chr(31), {together}), '{_ODD_TEXTS}')")
    texts = texts_of(rows, source, thorough=thorough)
    return (
        "SELECT file_no, ordinal, source_row, broken, "
        f"broken IS NOT NULL OR failed OR {' OR '.join(unread) or 'false'} AS unreadable, "
        f"{listed(names)} FROM ({valued(rows, texts, thorough=thorough)})"
    )


def read_again(rows: FileRows, ordinals: str) -> str:
    """SQL for some of the file's rows (SQL for their `ordinal`) as they came: ordinal, payload (JSON of their columns), texts and reading (JSON of ours, as
    they came and in our notation), failed.

    A text that is not written as the feed declares stands in `reading` behind a question mark, so that nobody takes 12,50
    for something else when the row is released. Only for rows that are set aside; the accepted ones are never held as text.
    """
    raw, sources = rows.raw, rows.mapping.sources
    theirs = ", ".join(
        f"{quoted(name)} := {quoted(name) if kind == 'VARCHAR' else f'CAST({quoted(name)} AS VARCHAR)'}"
        for name, kind in raw.columns.items()
    )
    with_payload = (
        f"SELECT *, CAST(to_json(struct_pack({theirs})) AS VARCHAR) AS landing_payload FROM ({among(rows, ordinals)})"
    )
    came = ", ".join(f"{quoted(s.column.name)} := CAST(came_{s.column.name} AS VARCHAR)" for s in sources)
    ours = ", ".join(f"{quoted(s.column.name)} := {_reading(s)}" for s in sources)
    kept = [f"came_{s.column.name}" for s in sources] + [f"ours_{s.column.name}" for s in sources if s.ours]
    payload = "payload" if raw.bundled else "coalesce(CAST(to_json(broken) AS VARCHAR), payload)"
    texts = texts_of(rows, with_payload, more="landing_payload AS payload, ")
    return (
        f"SELECT file_no, ordinal, {payload} AS payload, CAST(to_json(struct_pack({came})) AS VARCHAR) AS texts, "
        f"CAST(to_json(struct_pack({ours})) AS VARCHAR) AS reading, failed, broken, {', '.join(kept)} FROM ({texts})"
    )


def _reading(source: Source) -> str:
    came = f"CAST(came_{source.column.name} AS VARCHAR)"
    return f"coalesce(ours_{source.column.name}, '?' || {came})" if source.ours else came


def unreadable_faults(rows: FileRows, came: str) -> str:
    """SQL for what is wrong with a file's unreadable rows, over the relation `came` (read_again's columns)."""
    reason, says_broken = rows.raw.broken
    faults = [
        "CASE WHEN broken IS NOT NULL THEN struct_pack(position := -2, field := CAST(NULL AS VARCHAR), "
        f"reason := '{reason}', says := {says_broken}) END",
        "CASE WHEN broken IS NULL AND failed THEN struct_pack(position := -1, field := CAST(NULL AS VARCHAR), "
        f"reason := '{Reason.UNPARSABLE}', says := 'has values on which the expressions of company.yaml fail') END",
    ]
    for position, source in enumerate(rows.mapping.sources):
        name, kind = source.column.name, source.column.kind
        faults.append(
            f"CASE WHEN broken IS NULL AND came_{name} IS NOT NULL AND ({_value(source, thorough=True)}) IS NULL "
            f"THEN struct_pack(position := {position}, field := '{name}', reason := {_why(source, kind)}, says := '') END"
        )
    says = " ".join(f"WHEN '{s.column.name}' THEN {types.says(s.column.kind, s.expects)}" for s in rows.mapping.sources)
    return (
        "SELECT file_no, ordinal, position, field, reason, "
        f"CASE WHEN says <> '' THEN says ELSE CASE field {says} END END FROM ("
        "SELECT file_no, ordinal, fault.position AS position, fault.field AS field, fault.reason AS reason, "
        f"fault.says AS says FROM (SELECT file_no, ordinal, unnest([{', '.join(faults)}]) AS fault FROM {came}) "
        "WHERE fault IS NOT NULL)"
    )


def _why(source: Source, kind: Kind) -> str:
    """SQL for the reason why a column's text is no value of it."""
    if source.exact:
        return f"'{Reason.UNPARSABLE}'"
    if not source.ours:
        return types.reason(f"came_{source.column.name}", kind)
    came, ours = f"came_{source.column.name}", f"ours_{source.column.name}"
    return (
        f"CASE WHEN contains({came}, chr(0)) THEN '{Reason.BAD_ENCODING}' WHEN {ours} IS NULL THEN '{Reason.UNPARSABLE}' "
        f"ELSE {types.reason(ours, kind)} END"
    )


def odd_rows(rows: FileRows) -> str:
    """SQL for the rows that the feed's own rules name: file_no, ordinal, says, aside (whether they are set aside)."""
    rules = ", ".join(
        f"CASE WHEN {_attempt(condition)}.v IS TRUE THEN struct_pack(says := {text(says)}, aside := {str(aside).lower()}) END"
        for says, condition, aside in rows.mapping.rules
    )
    texts = texts_of(rows, rows.raw.rows, more=f"[{rules}] AS odd, ")
    return (
        f"SELECT file_no, ordinal, rule.says AS says, rule.aside AS aside FROM ("
        f"SELECT file_no, ordinal, unnest(odd) AS rule FROM ({texts}) WHERE broken IS NULL) WHERE rule IS NOT NULL"
    )
