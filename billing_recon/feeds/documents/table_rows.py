"""Read rows of a table on a page as texts by column: by pattern, by position under headers, or from HTML tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

from billing_recon.core.document import DocumentUnreadable
from billing_recon.feeds.documents.html_page import HtmlPage, grid, text_of
from billing_recon.feeds.documents.template import TableRule
from billing_recon.feeds.documents.template_patterns import Search

Row = dict[str, str]
_SEGMENT = re.compile(r"\S+(?: \S+)*")
"""The text of one cell: single spaces are inside a cell, two separate cells."""


def rows_of(table: TableRule, text: str, page: HtmlPage | None, search: Search) -> list[Row]:
    """Return every row that has the needed columns, in page order. `page` is None for a PDF."""
    if table.rows is not None and page is not None:
        found = _by_cells(table, page, search)
    elif table.select is not None and page is not None:
        found = _by_grid(table, page, search)
    elif table.columns:
        found = _by_place(table, text, search)
    else:
        found = _by_pattern(table, text, search)
    return _continued(table, found)


def _continued(table: TableRule, found: Iterator[Row]) -> list[Row]:
    """Keep rows with the needed columns; from other rows, append the text of the `continues` column to the row above."""
    rows: list[Row] = []
    for cells in found:
        row = {name: " ".join(text.split()) for name, text in cells.items() if text.strip()}
        if all(name in row or name in table.fixed for name in table.needs):
            rows.append({**table.fixed, **row})
        elif rows and table.continues is not None and table.continues in row:
            rows[-1][table.continues] = " ".join((rows[-1].get(table.continues, ""), row[table.continues])).strip()
    return rows


def _by_pattern(table: TableRule, text: str, search: Search) -> Iterator[Row]:
    """Yield matches of the patterns. Of overlapping matches the first to begin wins, then the pattern given first."""
    for region in _regions(table, text, search, whole_line=False):
        found = [
            (match.start(), number, match)
            for number, part in enumerate(table.row)
            for match in search.all(part, region)
        ]
        end = 0
        for start, _, match in sorted(found, key=lambda place: place[:2]):
            if start < end or match.end() == start:
                continue
            if end:
                yield from _rest(table, region[end:start])
            yield {name: value for name, value in match.groupdict().items() if value is not None}
            end = match.end()
        if end:
            yield from _rest(table, region[end:])


def _rest(table: TableRule, text: str) -> Iterator[Row]:
    if table.continues is not None:
        yield {table.continues: text}


def _by_place(table: TableRule, text: str, search: Search) -> Iterator[Row]:
    """Yield cells under a line with the headers of all needed columns; the next such line replaces it."""
    headed = False
    for region in _regions(table, text, search, whole_line=True):
        spans: list[tuple[int, int, str | None]] = []
        for line in re.split(r"[\n\f]", region):
            if header := _header(table, line):
                spans, headed = header, True
            elif spans:
                cells: dict[str, list[str]] = {}
                for segment in _SEGMENT.finditer(line):
                    name = _under(spans, segment.start(), segment.end())
                    if name is not None:
                        cells.setdefault(name, []).append(segment[0])
                yield {name: " ".join(parts) for name, parts in cells.items()}
    if not headed and not table.optional:
        raise DocumentUnreadable(f"no line of its pages has the headers {_said(table)}")


def _header(table: TableRule, line: str) -> list[tuple[int, int, str | None]] | None:
    """Return start, end and column of each header in a line (column None for an unmapped header); None if it is no header line."""
    sought = sorted(
        ((text, name) for name, texts in table.columns.items() for text in texts), key=lambda part: -len(part[0])
    )
    spans: list[tuple[int, int, str | None]] = []
    rest = line
    for text, name in sought:
        words = r"\s+".join(re.escape(word) for word in text.split())
        found = re.search(rf"(?<!\w){words}(?!\w)", rest, re.IGNORECASE)
        if found is not None and all(name != taken for _, _, taken in spans):
            spans.append((found.start(), found.end(), name))
            rest = rest[: found.start()] + " " * (found.end() - found.start()) + rest[found.end() :]
    named = {name for _, _, name in spans}
    if not all(name in named or name in table.fixed for name in table.needs):
        return None
    return sorted(
        [*spans, *((part.start(), part.end(), None) for part in _SEGMENT.finditer(rest))], key=lambda span: span[:2]
    )


def _under(spans: list[tuple[int, int, str | None]], start: int, end: int) -> str | None:
    """Return the column whose header overlaps a cell most, or is nearest to it."""
    return max(spans, key=lambda span: min(end, span[1]) - max(start, span[0]))[2]


def _by_grid(table: TableRule, page: HtmlPage, search: Search) -> Iterator[Row]:
    """Read the tables that a selector finds. At least one must have the needed headers; others are skipped."""
    headed = False
    for element in page.selected(table.select or ""):
        places: dict[int, str] = {}
        in_header = True
        for cells in grid(element):
            line = "  ".join(cell for cell in cells if cell)
            if in_header:  # it may have several rows, some of whose cells span others
                named = _named(table, cells, places)
                in_header = not _has_needed(table, places) or bool(named)
                places |= named
                headed = headed or _has_needed(table, places)
            if in_header:
                continue
            if table.end is not None and search.first(table.end, line):
                break
            if not _skipped(table, line, search):
                yield {name: cells[place] for place, name in places.items() if place < len(cells)}
    if not headed and not table.optional:
        raise DocumentUnreadable(f"no table of '{table.select}' has the headers {_said(table)}")


def _named(table: TableRule, cells: list[str], places: dict[int, str]) -> dict[int, str]:
    """Return table column -> our column for headers in this row that no row above named."""
    folded = [cell.casefold() for cell in cells]
    found: dict[int, str] = {}
    for name, texts in table.columns.items():
        wanted = [" ".join(text.split()).casefold() for text in texts]
        place = next((folded.index(text) for text in wanted if text in folded), None)
        if place is not None and name not in places.values():
            found[place] = name
    return found


def _has_needed(table: TableRule, places: dict[int, str]) -> bool:
    return all(name in (*places.values(), *table.fixed) for name in table.needs)


def _by_cells(table: TableRule, page: HtmlPage, search: Search) -> Iterator[Row]:
    for element in page.selected(table.rows or ""):
        if not _skipped(table, text_of(element), search):
            yield {
                name: text_of(found[0])
                for name, selector in table.cells.items()
                if (found := page.selected(selector, element))
            }


def _regions(table: TableRule, text: str, search: Search, *, whole_line: bool) -> Iterator[str]:
    """Yield the parts of the text from each start to the next end, without skipped lines.

    A part begins after its start and ends before its end; with `whole_line` both at the beginning of their line.
    """
    place = 0
    while place <= len(text):
        begin = before = place
        if table.start is not None:
            found = search.first(table.start, text, place)
            if found is None:
                return
            begin = text.rfind("\n", 0, found.start()) + 1 if whole_line else found.end()
            place = found.end()
        stop = search.first(table.end, text, place) if table.end is not None else None
        following = search.first(table.start, text, place) if table.start is not None else None
        ends = [match.start() for match in (stop, following) if match is not None]
        end = min(ends, default=len(text))
        if whole_line and ends:
            end = max(text.rfind("\n", 0, end) + 1, begin)
        lines = re.split(r"(?<=[\n\f])", text[begin:end])
        yield "".join(line for line in lines if not _skipped(table, line, search))
        if table.start is None or end >= len(text):
            return
        place = max(end, before + 1)


def _skipped(table: TableRule, line: str, search: Search) -> bool:
    return any(search.first(pattern, line) for pattern in table.skip)


def _said(table: TableRule) -> str:
    return ", ".join(f"'{texts[0]}'" for name, texts in table.columns.items() if name in table.needs)
