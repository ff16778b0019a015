"""Read a sheet of an Excel workbook (.xlsx, ECMA-376) as rows of text, with figures as they are stored.

Libraries for workbooks give figures as binary floats. Here the stored text is kept. A spreadsheet stores what it computed with 17
digits (19.989999999999998 for 19.99); of such a text the shortest one is taken that stands for the same number.
"""

from __future__ import annotations

import json
import posixpath
import re
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO, Any

import duckdb
from lxml import etree

from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import ColumnMap, Feed, Written
from billing_recon.core.schema import BY_NAME
from billing_recon.feeds.tables.converted_rows import ConvertedRowsWriter
from billing_recon.feeds.tables.raw_rows import RawFile, quoted, text

SHEET_DATES = ("iso", "iso_day")
"""The notation of the days and times that the reader writes."""
_XML_BYTES_MAX = 1 << 30
_TEXTS_BYTES_MAX = 1 << 28
_COLUMNS_MAX = 16_384
_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_PERCENT_FORMATS = frozenset({9, 10})
_UNSHOWN = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)
_EXACT_MAX = 1 << 53
"""Whole numbers above it are not all kept by a spreadsheet."""
_NO_RESULT = "has the formula {formula} without a stored result in '{{column}}'; open the workbook in a spreadsheet program and save it"
_ERROR = "has the error {error} in '{{column}}'; ask the sender to correct it"
_TOO_LONG = "has the number {figure} in '{{column}}', of which a spreadsheet keeps the first 15 digits only; ask for the column as text, or as CSV"
_OURS = frozenset(column.name for table in BY_NAME.values() for column in table.columns)
_CELL = re.compile(r"([A-Z]{1,3})[0-9]+")
_BROKEN_XML = (
    etree.XMLSyntaxError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet as rows in Parquet files of texts: `rows`, and `tail`, the rows that `skip_last` leaves out, None without any."""

    rows: Path
    skipped: int
    tail: Path | None


def read_sheet(name: str, path: Path, feed: Feed, out: Path, tail: Path) -> Sheet:
    """Write the rows of the feed's sheet to `out`. The header is the first row with a value after those that the feed skips.

    Raise LandingRefused if the file is no whole workbook, or if it is open which sheet, or which row is the header.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            book = _Book(name, archive)
            return _written(name, book, book.sheet(feed.sheet), feed, out, tail)
    except _BROKEN_XML as error:
        said = " ".join(str(error).split())[:200]
        raise LandingRefused(
            f"{name}: not a whole .xlsx workbook ({said}); ask for a resend, or for a copy without a password"
        ) from None


def _written(name: str, book: _Book, sheet: str, feed: Feed, out: Path, tail: Path) -> Sheet:
    rows = book.rows(sheet)
    header: list[str] = list(feed.header)
    skipped = start = 0
    if not header:
        for number, cells in rows:
            if number <= feed.skip or not any(cells.values()):
                skipped += any(cells.values())
                continue
            header, start = _header(name, cells), number
            break
        else:
            raise LandingRefused(f"{name}: the sheet has no row with a header; it may be the wrong one: declare sheet")
    marks = [_notation(column, feed) for column in header]
    read = [_is_read(column, feed) for column in header]
    held: deque[tuple[int, list[str | None], str | None]] = deque()
    with ConvertedRowsWriter(out, header) as target:
        for number, cells in rows:
            if not start and number <= feed.skip:
                skipped += any(cells.values())
                continue
            if not any(cells.values()):
                continue
            values: list[str | None] = [None] * len(header)
            broken = None
            for position, cell in cells.items():
                if cell is None:
                    continue
                if position >= len(header):
                    broken = f"has a value in column {position + 1}, but the header has {len(header)} columns"
                elif cell.problem is not None:
                    broken = cell.problem.format(column=header[position]) if read[position] else broken
                else:
                    values[position] = cell.written(marks[position])
            held.append((number - start, values, broken))
            if len(held) > feed.skip_last:
                target.add(1, *held.popleft())
    left = None
    if held:
        left = tail
        with ConvertedRowsWriter(tail, header) as target:
            for row in held:
                target.add(1, *row)
    return Sheet(out, skipped + len(held), left)


def open_sheet(con: duckdb.DuckDBPyConnection, path: Path) -> RawFile:
    """Open the rows that `read_sheet` wrote. A row's number is its distance from the header in the sheet."""
    source = f"read_parquet({text(str(path))})"
    names = [str(row[0]) for row in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()][3:]
    columns = ", ".join(map(quoted, names))
    rows = f"SELECT landing_row AS landing_ordinal, landing_broken, {columns} FROM {source}"
    return RawFile(
        dict.fromkeys(names, "VARCHAR"),
        rows,
        rows,
        lines_before=0,
        broken=(Reason.BROKEN_ROW, "broken"),
        dates=SHEET_DATES,
    )


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell: its text, or its `figure` with the kind of its number format, or the `problem` why it has neither."""

    text: str = ""
    figure: Decimal | None = None
    shown: str = ""
    problem: str | None = None

    def __bool__(self) -> bool:
        return bool(self.text.strip() or self.figure is not None or self.problem is not None)

    def written(self, notation: Written) -> str:
        """Return the text of the cell, a figure in the column's notation, so that it cannot be read as another one."""
        if self.figure is None:
            return self.text
        if self.shown.startswith("0") and self.figure >= 0 and self.figure == self.figure.to_integral_value():
            return f"{self.figure:f}".zfill(len(self.shown))
        percent = self.shown == "percent" and notation.percent
        plain = f"{self.figure * 100 if percent else self.figure:f}{'%' if percent else ''}"
        return plain.replace(".", ",") if notation.decimal_mark == "," else plain


def _notation(column: str, feed: Feed) -> Written:
    """Return how the figures of a column of the file are declared to be written."""
    for entry in feed.columns.values():
        if isinstance(entry, ColumnMap) and entry.column == column:
            return entry.over(feed)
        if isinstance(entry, ColumnMap) and entry.sql is not None and column in entry.sql:
            return Written()
    return feed


def _is_read(column: str, feed: Feed) -> bool:
    """Whether a column of the file may be read: all are, unless the feed ignores those that nothing names."""
    if feed.unknown_columns == "refuse" or column in _OURS:
        return True
    return json.dumps(column, ensure_ascii=False)[1:-1] in feed.model_dump_json()


def _header(name: str, cells: Mapping[int, _Cell | None]) -> list[str]:
    last = max(position for position, cell in cells.items() if cell)
    found = [(cells.get(position) or _Cell()).written(Written()).strip() for position in range(last + 1)]
    names = [given or f"column {number}" for number, given in enumerate(found, 1)]
    folded = [given.casefold() for given in names]
    twice = [given for given in names if folded.count(given.casefold()) > 1]
    if twice:
        raise LandingRefused(
            f"{name}: the header names {', '.join(dict.fromkeys(twice))} twice; column names must be distinct (skip counts the "
            "rows before the header)"
        )
    return names


class _Book:
    """The parts of a workbook that its sheets need: names, shared texts, number formats, the start of its calendar."""

    def __init__(self, name: str, archive: zipfile.ZipFile) -> None:
        self._name, self._archive = name, archive
        if sum(part.file_size for part in archive.infolist()) > _XML_BYTES_MAX:
            raise LandingRefused(
                f"{name}: the workbook unpacks to more than {_XML_BYTES_MAX:,} bytes; export it as CSV"
            )
        relations = {str(part.get("Id")): str(part.get("Target")) for part in self._tree("xl/_rels/workbook.xml.rels")}
        root = self._tree("xl/workbook.xml")
        properties = next(iter(root.iter("{*}workbookPr")), None)
        self._begins = datetime(1904, 1, 1) if _is_true(properties, "date1904") else datetime(1899, 12, 30)  # noqa: DTZ001
        self._sheets: dict[str, str] = {}
        self._hidden: set[str] = set()
        for part in root.iter("{*}sheet"):
            link = next((str(value) for key, value in part.items() if str(key).endswith("}id")), "")
            target = relations.get(link, "")
            where = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
            if "worksheets/" in where:
                self._sheets[str(part.get("name"))] = where
                if part.get("state") in ("hidden", "veryHidden"):
                    self._hidden.add(str(part.get("name")))
        self._texts = self._shared_texts()
        self._formats = self._number_formats()

    def sheet(self, wanted: str | None) -> str:
        """Return the part of the sheet that the feed names, or of the only one that is shown and has a value."""
        if wanted is not None:
            if wanted not in self._sheets:
                raise LandingRefused(f"{self._name}: has no sheet '{wanted}'; it has {', '.join(self._sheets)}")
            return self._sheets[wanted]
        shown = [title for title in self._sheets if title not in self._hidden]
        filled = [
            title
            for title in shown
            if len(shown) == 1 or any(any(c.values()) for _, c in self.rows(self._sheets[title]))
        ]
        if len(filled) > 1:
            raise LandingRefused(
                f"{self._name}: has the sheets {', '.join(filled)}; declare one in the feed: sheet: {filled[0]}"
            )
        if not filled:
            raise LandingRefused(f"{self._name}: no sheet has a value; it may have been cut off: ask for a resend")
        return self._sheets[filled[0]]

    def rows(self, part: str) -> Iterator[tuple[int, dict[int, _Cell | None]]]:
        """Yield the number of each row of a sheet, and its cells by position."""
        number = 0
        for row in self._elements(part, "row"):
            given = str(row.get("r") or "")
            number = int(given) if given.isdecimal() and int(given) > number else number + 1
            cells: dict[int, _Cell | None] = {}
            position = -1
            for cell in row.iterchildren("{*}c"):
                place = _CELL.fullmatch(str(cell.get("r") or ""))
                position = _position(place[1]) if place else position + 1
                if position < _COLUMNS_MAX and (value := self._cell(cell)):
                    cells[position] = value
            yield number, cells

    def _cell(self, cell: etree._Element) -> _Cell:
        kind = cell.get("t") or "n"
        if kind == "inlineStr":
            return _Cell(_joined(next(cell.iterchildren("{*}is"), None)))
        stored = next(cell.iterchildren("{*}v"), None)
        value = "" if stored is None else stored.text or ""
        formula = next(cell.iterchildren("{*}f"), None)
        if formula is not None and stored is None:
            return _Cell(problem=_NO_RESULT.format(formula=_escaped(f"={formula.text or ''}"[:60])))
        match kind:
            case "e":
                return _Cell(problem=_ERROR.format(error=_escaped(value[:20])))
            case "s":
                position = int(value) if value.strip().isdecimal() else -1
                if not 0 <= position < len(self._texts):
                    raise LandingRefused(
                        f"{self._name}: a cell refers to a text that the workbook lacks; ask for a resend"
                    )
                return _Cell(self._texts[position])
            case "b":
                return _Cell({"1": "true", "0": "false"}.get(value.strip(), value))
            case "n" if value.strip():
                return self._figure(value.strip(), str(cell.get("s") or "0"))
            case _:
                return _Cell(value)

    def _figure(self, stored: str, style: str) -> _Cell:
        try:
            figure = Decimal(stored)
        except InvalidOperation:
            return _Cell(stored)
        if not figure.is_finite() or abs(figure.adjusted()) > 60:
            return _Cell(stored)
        digits = len(figure.as_tuple().digits)
        if 15 < digits <= 17 and figure != figure.to_integral_value():
            shortest = Decimal(repr(float(stored)))
            figure = shortest if len(shortest.as_tuple().digits) < digits else figure
        shown = self._formats.get(style, "")
        if abs(figure) > _EXACT_MAX and figure == figure.to_integral_value():
            return _Cell(problem=_TOO_LONG.format(figure=stored[:30]))
        if shown == "date" and (moment := self._moment(figure)):
            return _Cell(moment)
        return _Cell(figure=figure, shown=shown)

    def _moment(self, serial: Decimal) -> str | None:
        """Return a stored day and time as ISO text; None if it is no day of the calendar. A time alone has no day."""
        days = int(serial)
        part = timedelta(milliseconds=int(((serial - days) * 86_400_000).to_integral_value()))
        if not 0 <= serial < 2_958_466:
            return None
        if days == 0 and self._begins.year < 1904:
            return str((datetime(1900, 1, 1) + part).time())  # noqa: DTZ001
        early = 1 if self._begins.year < 1904 and days < 60 else 0  # the calendar has a 29 February 1900
        moment = self._begins + timedelta(days=days + early) + part
        return moment.date().isoformat() if not part else moment.isoformat()

    def _shared_texts(self) -> list[str]:
        part = "xl/sharedStrings.xml"
        if part not in self._archive.namelist():
            return []
        if self._archive.getinfo(part).file_size > _TEXTS_BYTES_MAX:
            raise LandingRefused(f"{self._name}: has more than {_TEXTS_BYTES_MAX:,} bytes of texts; export it as CSV")
        return [_joined(element) for element in self._elements(part, "si")]

    def _number_formats(self) -> dict[str, str]:
        """Return what a cell's style shows: `date`, `percent`, the zeros of a fixed number of digits, or nothing."""
        if "xl/styles.xml" not in self._archive.namelist():
            return {}
        root = self._tree("xl/styles.xml")
        custom = {str(part.get("numFmtId")): str(part.get("formatCode") or "") for part in root.iter("{*}numFmt")}
        kinds: dict[str, str] = {}
        styles = next(iter(root.iter("{*}cellXfs")), None)
        for number, style in enumerate(() if styles is None else styles.iterchildren("{*}xf")):
            given = str(style.get("numFmtId") or "0")
            code = _UNSHOWN.sub("", custom.get(given, "").partition(";")[0])
            builtin = int(given) if given.isdecimal() else 0
            if (given not in custom and builtin in _DATE_FORMATS) or (
                code.lower() != "general" and re.search("[dmyhs]", code.lower())
            ):
                kinds[str(number)] = "date"
            elif re.fullmatch("0{2,}", code):
                kinds[str(number)] = code
            elif "%" in code or (given not in custom and builtin in _PERCENT_FORMATS):
                kinds[str(number)] = "percent"
        return kinds

    def _tree(self, part: str) -> etree._Element:
        try:
            with self._archive.open(part) as stream:
                data = stream.read(_TEXTS_BYTES_MAX)
        except KeyError:
            raise LandingRefused(f"{self._name}: not an .xlsx workbook (it has no {part}); export it as CSV") from None
        _refuse_doctype(self._name, data[:4096])
        return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))

    def _elements(self, part: str, wanted: str) -> Iterator[etree._Element]:
        """Yield elements of a part one by one, releasing each before the next."""
        try:
            stream: IO[bytes] = self._archive.open(part)
        except KeyError:
            raise LandingRefused(f"{self._name}: the workbook lacks its part {part}; ask for a resend") from None
        with stream:
            _refuse_doctype(self._name, self._archive.open(part).read(4096))
            options: dict[str, Any] = {
                "resolve_entities": False,
                "no_network": True,
                "load_dtd": False,
                "huge_tree": False,
            }
            for _, element in etree.iterparse(stream, events=("end",), tag=f"{{*}}{wanted}", **options):
                yield element
                element.clear()
                while (before := element.getprevious()) is not None and (parent := element.getparent()) is not None:
                    parent.remove(before)


def _refuse_doctype(name: str, head: bytes) -> None:
    if b"<!DOCTYPE" in head.replace(b"\0", b"").upper():
        raise LandingRefused(f"{name}: its XML declares a document type, which no workbook does; ask who made it")


def _escaped(text: str) -> str:
    """Return a text of the file for a message that is formatted again."""
    return text.replace("{", "{{").replace("}", "}}")


def _joined(element: etree._Element | None) -> str:
    """Return the text of a cell in all its runs, without the readings of Japanese words."""
    if element is None:
        return ""
    return "".join(part.text or "" for part in element.iter("{*}t") if next(part.iterancestors("{*}rPh"), None) is None)


def _position(letters: str) -> int:
    """Return the position of a column by its letters.

    >>> _position("A"), _position("AB")
    (0, 27)
    """
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _is_true(element: etree._Element | None, name: str) -> bool:
    return element is not None and element.get(name) in ("1", "true")
