"""Find and open the files of a table's day: hash, unpack and decode them. Their content is read later."""

from __future__ import annotations

import codecs
import hashlib
import os
import re
import shutil
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import Feed
from billing_recon.core.feed_path import STORES, any_period, names_ends, path_on, period_named, span_of
from billing_recon.feeds.tables.archive import ZIP, ending_within, is_workbook, members, packing, unpack, what_it_is
from billing_recon.feeds.tables.json_records import is_one_value, write_lines
from billing_recon.feeds.tables.parquet_digits import with_all_digits
from billing_recon.feeds.tables.raw_rows import text as sql_text

EXTENSIONS: dict[str, str] = {
    "csv": "csv",
    "tsv": "csv",
    "tab": "csv",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "jsonl",
    "parquet": "parquet",
    "xlsx": "xlsx",
    "xlsm": "xlsx",
}
"""File extension -> how it is read."""
_DECLARED: dict[str, str] = {"tsv": "csv", "json": "jsonl"}
TEXT_FORMATS = ("csv", "jsonl")
_CHUNK = 1 << 20
_UTF8 = ("utf-8", "utf-8-sig", "utf8")
_SHOWN = 3
_NUMBERS = re.compile("([0-9]+)")
_DOCUMENTS = "landing/documents/{day}/*"
"""The default path of documents."""


@dataclass(frozen=True, slots=True)
class DayFile:
    """One file. `name` is relative to the home, `sha256` is of its bytes as delivered.

    `readable` is the file, or a copy that is unpacked, in UTF-8 and without the lines that the feed skips; size and last line
    end are those of `readable`. `skipped` counts those lines; `tail` is a file of those after the last row. `delimiter` is the
    one that the format has unless the feed declares another.
    """

    name: str
    format: str
    sha256: str
    readable: Path
    size: int
    ends_with_newline: bool
    skipped: int = 0
    tail: Path | None = None
    delimiter: str = ""


def find_files(home: Path, table: str, feed: Feed, day: date) -> list[Path]:
    """Return the files of a table's day, sorted by name; none if nothing was delivered.

    Without a configured path: landing/<table>/<day> with the ending of a format in upper or lower case, also compressed. A
    configured path may contain placeholders and wildcards. Raise LandingRefused for two formats of one day, because one of
    them must be wrong, and for a file of the day that is in no format that is read.
    """
    pattern = path_of(table, feed)
    if pattern:
        of_pattern = _of_day(home, pattern, day)
        return sorted(of_pattern, key=_by_number)[-1:] if feed.take == "last" else of_pattern
    of_day = _matching(home, f"landing/{table}/{day}.*")
    found = [path for path in of_day if feed.is_ledger or feed.is_statement or _names_a_table(path.name)]
    if of_day and not found:
        names = ", ".join(path.name for path in of_day[:_SHOWN])
        raise LandingRefused(
            f"landing/{table} holds {names}, whose ending names no format that is read; deliver .csv, .tsv, .jsonl, .json, .parquet or "
            f".xlsx (also .gz, .xz, .bz2, .zst, .zip), or declare feeds.{table}.path and format"
        )
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise LandingRefused(f"landing/{table} holds {names} for one day; keep the right one")
    return found


def replaced_files(home: Path, table: str, feed: Feed, day: date) -> list[str]:
    """Return the names of the day's files that its last one replaces (take: last)."""
    pattern = path_of(table, feed)
    if pattern is None or feed.take != "last":
        return []
    return [path.name for path in sorted(_of_day(home, pattern, day), key=_by_number)[:-1]]


def _by_number(path: Path) -> list[str | int]:
    """Order names so that a number in them counts by its value: x_10 comes after x_2."""
    return [int(part) if at % 2 else part for at, part in enumerate(_NUMBERS.split(path.as_posix()))]


def _of_day(home: Path, pattern: str, day: date) -> list[Path]:
    """Return the files of a day, sorted by name."""
    found = _matching(home, path_on(pattern, day))
    if names_ends(pattern):
        spans = [period_named(pattern, shown(home, path)) for path in found]
        found = [path for path, span in zip(found, spans, strict=True) if span and span[0] <= day <= span[1]]
    return found


def span_of_file(pattern: str | None, paths: Sequence[str], name: str) -> tuple[date, date] | None:
    """Return the first and last day that the name of a file promises, or that of the archive which holds it, among `paths`."""
    if pattern is None or span_of(pattern) != "period":
        return None
    return next((period_named(pattern, path) for path in paths if name == path or name.startswith(f"{path}/")), None)


def _names_a_table(name: str) -> bool:
    return ending_within(name) in EXTENSIONS or name.lower().endswith(".zip")


def _matching(home: Path, pattern: str) -> list[Path]:
    """Return the files that a pattern matches, sorted; hidden files belong to the file system or an editor."""
    local = Path(pattern).as_posix() if "://" in pattern else pattern  # a copy of a store has one slash after its name
    return sorted(path for path in home.glob(local) if path.is_file() and not path.name.startswith("."))


def not_taken(home: Path, table: str, feed: Feed, day: date) -> str:
    """Say where a day's file was looked for, and which files are there that are of no day: names may be misspelt."""
    pattern = path_of(table, feed)
    wanted = path_on(pattern, day) if pattern else f"landing/{table}/{day}.csv, .jsonl or .parquet"
    fixed = Path(wanted if pattern else f"landing/{table}/{day}.csv").parent
    while any(set(part) & set("*?[") for part in fixed.parts):
        fixed = fixed.parent
    there = _matching(home, f"{fixed.as_posix()}/*")
    folder = shown(home, home / fixed)
    known = pattern or f"landing/{table}/{{day}}.*"  # files of other days
    seen = [path.name for path in there if period_named(known, shown(home, path)) is None and path.name != "README.md"]
    if not seen:
        return ""
    more = f" and {len(seen) - _SHOWN} more" if len(seen) > _SHOWN else ""
    return f"no file {wanted}; {folder} holds {', '.join(seen[:_SHOWN])}{more}, which is not taken"


def periods_around(home: Path, table: str, feed: Feed, day: date) -> tuple[bool, bool]:
    """Whether there are files of earlier and of later periods than the day's, for a path with a month or week in it."""
    pattern = path_of(table, feed)
    if pattern is None or span_of(pattern) != "period":
        return False, False
    dated = [period_named(pattern, shown(home, path)) for path in _matching(home, any_period(pattern))]
    known = [span for span in dated if span is not None]
    return any(last < day for _, last in known), any(first > day for first, _ in known)


def path_of(table: str, feed: Feed) -> str | None:
    """Return the path pattern of a feed's files; None for the default path of its table."""
    if feed.path and Path(feed.path).is_absolute():
        raise LandingRefused(f"feeds.{table}.path must be relative to the home; {feed.path} is not")
    return feed.path or (_DOCUMENTS if feed.is_documents else None)


def is_delivered_empty(home: Path, table: str, feed: Feed, day: date) -> bool:
    """Whether a day's folder of documents exists and is empty: nothing was sent that day."""
    path = path_of(table, feed) if feed.is_documents else None
    folder = Path(path).parent.as_posix() if path is not None else ""
    return "{day" in folder and any(found.is_dir() for found in home.glob(path_on(folder, day)))


@dataclass(frozen=True, slots=True)
class Content:
    """A delivered file, or a file within a delivered ZIP archive: its name, the SHA-256 of its bytes as delivered, and the
    path of its unpacked bytes."""

    name: str
    sha256: str
    readable: Path


def contents(home: Path, path: Path, scratch: Path) -> list[Content]:
    """Return what a delivered file holds: itself, unpacked, or the files of a ZIP archive. A workbook is one file."""
    name = shown(home, path)
    content = hashed(name, path, scratch)
    if _packing(content.readable) != ZIP or is_workbook(content.readable):
        return [content]
    found = []
    for member, copy in members(name, content.readable, scratch):
        inner = hashed(f"{name}/{member}", copy, scratch)
        if _packing(inner.readable) == ZIP and not is_workbook(inner.readable):
            raise LandingRefused(f"{name}: holds the ZIP archive {member}; unpack it once before it is sent")
        found.append(inner)
    return found


def tables_in(home: Path, path: Path, feed: Feed, scratch: Path) -> tuple[list[Content], list[str]]:
    """Return the tables that a delivered file holds, and the names of the files in an archive that are none."""
    found = contents(home, path, scratch)
    tables = [one for one in found if ending_within(one.name) in EXTENSIONS]
    if len(found) == 1 or (feed.format is not None and not tables):
        return found, []
    if not tables:
        raise LandingRefused(
            f"{shown(home, path)}: none of the {len(found)} files in the archive is a table by its name; declare format in the feed"
        )
    return tables, [one.name for one in found if one not in tables]


def open_file(home: Path, path: Path, feed: Feed, scratch: Path) -> DayFile:
    """Open a delivered file that is one table. Raise LandingRefused as `open_table` does, and for an archive of several."""
    found, _ = tables_in(home, path, feed, scratch)
    if len(found) > 1:
        raise LandingRefused(f"{shown(home, path)}: the archive holds {len(found)} tables, but one is wanted")
    return open_table(found[0], feed, scratch)


def open_table(content: Content, feed: Feed, scratch: Path) -> DayFile:
    """Copy a file to `scratch` if it is in another encoding than UTF-8, a workbook, a JSON array, or to be shortened.

    Raise LandingRefused for an unknown extension or encoding, or bytes that are not in the encoding.
    """
    name, readable = content.name, content.readable
    ending = ending_within(name)
    form = _DECLARED.get(feed.format, feed.format) if feed.format else EXTENSIONS.get(ending)
    if form is None:
        raise LandingRefused(
            f"{name}: the file name does not show the format; declare format: csv, tsv, jsonl, json, parquet or xlsx in the feed"
        )
    if form == "xlsx":
        if _packing(readable) != ZIP:
            raise LandingRefused(
                f"{name}: it is {_what(readable)}, not an .xlsx workbook; declare its format in the feed"
            )
        # Imported here: a company without workbooks loads no XML library.
        from billing_recon.feeds.tables.workbook import read_sheet

        sheet = read_sheet(name, readable, feed, _copy_of(name, scratch, "sheet"), _copy_of(name, scratch, "tail"))
        size = sheet.rows.stat().st_size
        return DayFile(name, form, content.sha256, sheet.rows, size, True, sheet.skipped, sheet.tail)
    if form in TEXT_FORMATS and feed.encoding.lower() not in _UTF8:
        readable = _recoded(name, readable, feed.encoding, scratch)
    elif form == "parquet":
        if feed.skip or feed.skip_last or feed.header:
            raise LandingRefused(f"{name}: skip, skip_last and header are for lines of text; a Parquet file has none")
        readable = with_all_digits(name, readable, _copy_of(name, scratch, "digits"))
    if form == "jsonl" and (feed.records or is_one_value(readable)):
        lines = _copy_of(name, scratch, "lines")
        write_lines(name, readable, feed.records, lines)
        readable = lines
    skipped, tail = 0, None
    if form in TEXT_FORMATS and (feed.skip or feed.skip_last):
        readable, skipped, tail = _shortened(name, readable, feed.skip, feed.skip_last, scratch)
    size = readable.stat().st_size
    tabbed = (feed.format == "tsv" or ending in ("tsv", "tab")) and "delimiter" not in feed.model_fields_set
    return DayFile(
        name,
        form,
        content.sha256,
        readable,
        size,
        _ends_a_line(readable, size),
        skipped,
        tail,
        "\t" if tabbed else "",
    )


def hashed(name: str, path: Path, scratch: Path) -> Content:
    """Return a file with the SHA-256 of its bytes as delivered, and its unpacked content; a ZIP archive stays as it is."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    packed = _packing(path)
    if packed in (None, ZIP):
        return Content(name, digest, path)
    copy = _copy_of(name, scratch, "unpacked")
    unpack(name, path, packed, copy)
    return Content(name, digest, copy)


def _packing(path: Path) -> str | None:
    with path.open("rb") as stream:
        return packing(stream.read(8))


def _what(path: Path) -> str:
    with path.open("rb") as stream:
        return what_it_is(stream.read(16)) or "another file"


def shown(home: Path, path: Path) -> str:
    """Return the name of a file: its place in the home, or in the object store of which `home` has a copy."""
    name = path.relative_to(home).as_posix()
    scheme, found, rest = name.partition(":/")
    return f"{scheme}://{rest}" if found and scheme in STORES else name


def file_name(files: Sequence[DayFile], number: str = "file_no") -> str:
    """Return SQL for the name of the file with the number `number`; the first is 1."""
    if len(files) == 1:
        return sql_text(files[0].name)  # a constant is faster than a list for millions of rows
    return f"[{', '.join(sql_text(file.name) for file in files)}][{number}]" if files else "''"


def _copy_of(name: str, scratch: Path, what: str) -> Path:
    return scratch / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.{what}"


def _ends_a_line(path: Path, size: int) -> bool:
    with path.open("rb") as stream:
        stream.seek(max(size - 1, 0))
        return stream.read() in (b"\n", b"\r")


def _recoded(name: str, path: Path, encoding: str, scratch: Path) -> Path:
    """Return a UTF-8 copy. Bytes outside the declared encoding mean that the declaration is wrong for the whole file."""
    try:
        decoder = codecs.getincrementaldecoder(encoding)("strict")
    except LookupError:
        raise LandingRefused(f"{name}: encoding '{encoding}' is unknown; for example utf-8, cp1252, utf-16") from None
    copy = _copy_of(name, scratch, "utf8")
    lines = 1
    with path.open("rb") as stream, copy.open("w", encoding="utf-8", newline="") as out:
        try:
            while chunk := stream.read(_CHUNK):
                text = decoder.decode(chunk)
                lines += text.count("\n")
                out.write(text)
            out.write(decoder.decode(b"", final=True))
        except UnicodeDecodeError as error:
            at = lines + error.object[: error.start].count(b"\n")
            byte = error.object[error.start]
            raise LandingRefused(
                f"{name}: line {at} has a byte (0x{byte:02x}) that is not {encoding} text; "
                "ask how the file is encoded and correct the feed's encoding"
            ) from None
    return copy


def _shortened(name: str, path: Path, first: int, last: int, scratch: Path) -> tuple[Path, int, Path | None]:
    """Return a copy without the first and last lines, how many these are, and a file of the last ones.

    Lines are those that an editor shows, whatever quotes are in them. Blank lines are not counted among the last.
    """
    starts: deque[int] = deque(maxlen=last or None)
    copy = _copy_of(name, scratch, "shortened")
    skipped = 0
    with path.open("rb") as stream, copy.open("wb") as out:
        for _ in range(first):
            skipped += bool(stream.readline())
        begin = stream.tell()
        shutil.copyfileobj(stream, out, _CHUNK)
        if not last:
            return copy, skipped, None
        stream.seek(begin)
        at = 0
        for line in stream:
            if line.strip():
                starts.append(at)
            at += len(line)
        end = starts[0] if starts else 0
        tail = _copy_of(name, scratch, "tail")
        stream.seek(begin + end)
        with tail.open("wb") as rest:
            shutil.copyfileobj(stream, rest, _CHUNK)
    os.truncate(copy, end)
    return copy, skipped + len(starts), tail
