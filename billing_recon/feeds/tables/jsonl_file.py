"""Read JSON lines as text: one object per line, figures as written, never through a binary float."""

from __future__ import annotations

import duckdb

from billing_recon.core.errors import LandingRefused
from billing_recon.feeds.tables.csv_file import lines_of
from billing_recon.feeds.tables.day_files import DayFile
from billing_recon.feeds.tables.raw_rows import REJECTS, RawFile, quoted, text

# JSON text may not contain this character unescaped, so a line that does is rejected as broken.
_NEVER = "\x01"
# The JSON reader takes a number of 16 digits or more for a binary double; such a line has its numbers put into quotes.
_LONG_FIGURE = "[0-9.]{16,}"
_TOKENS = r'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|[^"0-9-]+'


def open_jsonl(con: duckdb.DuckDBPyConnection, file: DayFile) -> RawFile:
    """Open a JSONL file. Its columns are the keys that occur; a line that is no object, or repeats a key, is broken."""
    rows, once = (
        "(SELECT row_number() OVER () AS landing_ordinal, line FROM "
        + lines_of(file, ["line"], delimiter=_NEVER, quote="", header=False, rejects=rejects)
        + ")"
        for rejects in (f"{REJECTS}_again", REJECTS)
    )
    keys = con.execute(
        "SELECT DISTINCT unnest(json_keys(line)) AS key FROM "
        f"{rows} WHERE json_valid(line) AND json_type(line) = 'OBJECT' ORDER BY key"
    ).fetchall()
    names = [str(key) for (key,) in keys]
    if not names:
        raise LandingRefused(
            f"{file.name}: no line is a JSON object; write one object per line, with our column names as keys"
        )
    folded = [name.casefold() for name in names]
    twice = [name for name in names if folded.count(name.casefold()) > 1]
    if twice:
        raise LandingRefused(f"{file.name}: {', '.join(twice)} differ only in upper and lower case; use one spelling")
    return RawFile(
        columns=dict.fromkeys(names, "VARCHAR"),
        rows=_split(rows, names),
        rows_once=_split(once, names),
        lines_before=0,
    )


def _split(lines: str, names: list[str]) -> str:
    """Return SQL for each key's value as text, NULL if missing. Blank lines are dropped, broken ones kept without values."""
    values = "".join(f", json_extract_string(object, {text(_pointer(name))}) AS {quoted(name)}" for name in names)
    return (
        "SELECT landing_ordinal, CASE WHEN object IS NULL THEN line END AS landing_broken"
        f"{values} FROM (SELECT landing_ordinal, line, CASE "
        "WHEN NOT json_valid(line) OR json_type(line) <> 'OBJECT' THEN NULL "
        "WHEN len(json_keys(line)) <> len(list_distinct(json_keys(line))) THEN NULL "
        f"WHEN regexp_matches(line, '{_LONG_FIGURE}') THEN array_to_string(list_transform(regexp_extract_all(line, "
        f"'{_TOKENS}'), lambda token: CASE WHEN regexp_matches(token, '^[0-9-]') THEN '\"' || token || '\"' "
        "ELSE token END), '') "
        f"ELSE line END AS object FROM {lines} WHERE trim(line, ' ' || chr(9) || chr(13)) <> '')"
    )


def _pointer(name: str) -> str:
    """Return a JSON pointer to a key, whatever characters it has."""
    return "/" + name.replace("~", "~0").replace("/", "~1")
