"""Read CSV strictly as text: a line that is not exactly one row is rejected."""

from __future__ import annotations

import csv
import io
import re

from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import Feed
from billing_recon.feeds.tables.archive import what_it_is
from billing_recon.feeds.tables.day_files import DayFile
from billing_recon.feeds.tables.raw_rows import REJECTS, RawFile, quoted, text

_HEADER_BYTES = 1 << 20


def open_csv(file: DayFile, feed: Feed) -> RawFile:
    """Open a CSV file. The header is declared in the feed, or is the first line after those that the feed skips.

    Raise LandingRefused if the header is invalid.
    """
    header = list(feed.header) or _header(file, feed)
    rows, once = (
        lines_of(
            file,
            header,
            delimiter=file.delimiter or feed.delimiter,
            quote='"',
            header=not feed.header,
            rejects=rejects,
        )
        for rejects in (f"{REJECTS}_again", REJECTS)
    )
    names = ", ".join(quoted(name) for name in header)
    # DuckDB checks the encoding of the columns that a query reads, so each reads all of them: a line is a row in all or in none.
    every = ", ".join(f"{quoted(name)} IS NULL" for name in header)
    numbered = (
        "SELECT row_number() OVER () AS landing_ordinal, CAST(NULL AS VARCHAR) AS landing_broken, {names} FROM {source} "
        f"WHERE hash({every}) IS NOT NULL"
    )
    return RawFile(
        columns=dict.fromkeys(header, "VARCHAR"),
        rows=numbered.format(names=names, source=rows),
        rows_once=numbered.format(names=names, source=once),
        lines_before=0 if feed.header else 1,
        width=len(header),
    )


def lines_of(file: DayFile, names: list[str], *, delimiter: str, quote: str, header: bool, rejects: str) -> str:
    """Return the table function that splits a text file into `names`, all text, in file order.

    Lines that are no rows go to the temporary table `rejects`. Two options of DuckDB 2.0 that lose rows silently are
    avoided: `parallel = false` drops everything after an unclosed quote, `ignore_errors` the row after one with two errors.
    The caller's row number keeps the order of the file.
    """
    columns = ", ".join(f"{text(name)}: 'VARCHAR'" for name in names)
    return (
        f"read_csv({text(str(file.readable))}, auto_detect = false, header = {str(header).lower()}, skip = 0, "
        f"delim = {text(delimiter)}, quote = {text(quote)}, escape = {text(quote)}, columns = {{{columns}}}, "
        "strict_mode = true, null_padding = false, store_rejects = true, rejects_limit = 0, "
        f"rejects_table = '{rejects}', rejects_scan = '{rejects}_scan')"
    )


def _header(file: DayFile, feed: Feed) -> list[str]:
    with file.readable.open("rb") as stream:
        head = stream.read(_HEADER_BYTES)
    if not head.strip():
        after = f" after the {feed.skip} lines that are skipped" if feed.skip else ""
        raise LandingRefused(
            f"{file.name}: the file is empty{after} and has no header; it may have been cut off: ask for a resend "
            "(for a day without rows, send the header alone)"
        )
    if what := what_it_is(head):
        raise LandingRefused(f"{file.name}: it is {what}, not CSV text; unpack or export it as CSV")
    if b"\0" in head.split(b"\n", 1)[0]:
        raise LandingRefused(
            f"{file.name}: the header is not UTF-8 text (NUL bytes; UTF-16?); "
            "declare the encoding in the feed, for example encoding: utf-16"
        )
    try:
        first = head.decode("utf-8-sig", errors="replace")
        header = next(
            csv.reader(io.StringIO(first, newline=""), delimiter=file.delimiter or feed.delimiter, strict=True)
        )
    except csv.Error as error:
        raise LandingRefused(f"{file.name}: the header is not CSV ({error}); ask for a resend") from None
    if re.match(r"\ufeff?sep=.?\r?\n", first, re.IGNORECASE):
        raise LandingRefused(
            f"{file.name}: the first line, {first.splitlines()[0]}, only tells a spreadsheet program the delimiter; declare skip: 1 and "
            f'delimiter: "{first.splitlines()[0][-1]}" in the feed'
        )
    names = [name.strip() or f"column {number}" for number, name in enumerate(header, 1)]
    if any("�" in name for name in names):
        raise LandingRefused(f"{file.name}: the header is not UTF-8 text; declare the file's encoding in the feed")
    folded = [name.casefold() for name in names]
    twice = [name for name in names if folded.count(name.casefold()) > 1]
    if twice:
        raise LandingRefused(
            f"{file.name}: the header names {', '.join(twice)} twice; column names must be distinct: "
            f"declare skip: {feed.skip + 1} and header: [...] with names of your own"
        )
    return names
