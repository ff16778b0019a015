"""A journal exported from a spreadsheet: titles, a header line below them, rows. Each format interprets its rows."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.journal import LedgerOptions, LedgerUnreadable, Period
from billing_recon.feeds.ledgers import sheet_days
from billing_recon.feeds.ledgers.csv_rows import delimiter_of, encoding_of, rows_of
from billing_recon.feeds.ledgers.ledger_figures import excerpt, grouped_figure

TITLES_MAX = 30
"""Lines that are searched for the header."""

AMOUNT_MAX = 100
"""Characters of a cell beyond which it is not an amount."""

Names = Mapping[str, tuple[str, ...]]
"""Our column name -> names in the file, folded, by preference."""

_MONEY = re.compile(
    r"(?P<open>\()?\s*(?P<sign>[-+−])?\s*(?P<before>[$€£¥]|[A-Z]{3}|[A-Z]{1,3}\$)?\s*(?P<sign2>[-+−])?\s*"
    r"(?P<digits>[0-9.,][0-9., '’\u00a0\u202f]*?)\s*(?P<after>[$€£¥]|[A-Z]{3})?\s*(?P<sign3>-)?\s*(?P<close>\))?"
)
_NOTHING = frozenset({"", "-", "–", "—"})


def folded(name: str) -> str:
    """Return a header cell for comparison: its letters, digits and number sign in lower case."""
    return re.sub(r"[^0-9a-z#]", "", name.casefold())


def columns_in(cells: list[str], names: Names) -> dict[str, int]:
    """Return our columns that a line names, with their positions. A position serves one column only."""
    found: dict[str, int] = {}
    cells = [folded(cell) for cell in cells]
    for ours, theirs in names.items():
        for name in theirs:
            if name in cells and cells.index(name) not in found.values():
                found[ours] = cells.index(name)
                break
    return found


def header_in_head(head: bytes, names: Names, needed: tuple[frozenset[str], ...]) -> bool:
    """Whether one of the first lines names all columns of one of `needed`. Never raises."""
    text = decoded(head)
    lines = text.splitlines()[:TITLES_MAX]
    return any(_is_header(columns_in(_cells(line, delimiter_of(line)), names), needed) for line in lines)


def _cells(line: str, delimiter: str) -> list[str]:
    """Return the cells of a possible header line; none if it cannot be split."""
    try:
        return next(csv.reader(io.StringIO(line), delimiter=delimiter), [])
    except csv.Error:
        return []


def decoded(head: bytes) -> str:
    """The first bytes of a file as text; what is not UTF-8 is replaced. Never raises."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head.decode("utf-16", errors="replace")
    return head.decode("utf-8-sig", errors="replace")


def _is_header(columns: dict[str, int], needed: tuple[frozenset[str], ...]) -> bool:
    return any(one <= columns.keys() for one in needed)


@dataclass(frozen=True, slots=True)
class Row:
    """One line below the header, by our names; `first` is its first non-empty cell, `only` whether it is the only one."""

    line: int
    cells: dict[str, str]
    first: str
    only: bool

    def __getitem__(self, name: str) -> str:
        return self.cells.get(name, "")


@dataclass(slots=True)
class Table:
    """A file with its header. `titles` are the texts above it."""

    path: Path
    options: LedgerOptions
    names: Names
    needed: tuple[frozenset[str], ...]
    encoding: str = ""
    delimiter: str = ","
    columns: dict[str, int] = field(default_factory=dict)
    titles: list[str] = field(default_factory=list)
    header_line: int = 0
    order: sheet_days.Order | None = None

    def open(self, *more_days: str) -> None:
        """Find the header and the order of days; `more_days` are further columns with days. Raise LedgerUnreadable."""
        self.encoding = encoding_of(self.path, self.options.encoding, None)
        with self.path.open(encoding=self.encoding, newline="") as stream:
            head = [line for line, _ in zip(stream, range(TITLES_MAX), strict=False)]
        for text in head:
            delimiter = self.options.delimiter or delimiter_of(text)
            if _is_header(columns_in(_cells(text, delimiter), self.names), self.needed):
                self.delimiter = delimiter
                break
        for line, cells in rows_of(self.path, self.encoding, self.delimiter):
            columns = columns_in(cells, self.names)
            if _is_header(columns, self.needed):
                self.columns, self.header_line = columns, line
                break
            if line > TITLES_MAX:
                break
            self.titles += [cell.strip()[:200] for cell in cells if cell.strip()]
        if not self.header_line:
            wanted = " or ".join(", ".join(sorted(one)) for one in self.needed)
            raise LedgerUnreadable(
                f"{self.path.name}: no header among the first {TITLES_MAX} lines; it names columns for {wanted}"
            )
        texts = ((row.line, row[name]) for row in self.rows() for name in ("date", *more_days) if row[name])
        self.order = sheet_days.order_of(texts, self.options.dates, self.path.name)

    @property
    def period(self) -> Period:
        return next((found for title in self.titles if (found := sheet_days.period_of(title))), Period())

    def rows(self) -> Iterator[Row]:
        """Yield every line below the header, including blank ones. Raise LedgerUnreadable."""
        for line, cells in rows_of(self.path, self.encoding, self.delimiter):
            if line <= self.header_line:
                continue
            texts = [cell.strip() for cell in cells]
            filled = [text for text in texts if text]
            yield Row(
                line,
                {ours: texts[at] for ours, at in self.columns.items() if at < len(texts)},
                filled[0] if filled else "",
                len(filled) == 1,
            )

    def day(self, row: Row, name: str = "date") -> date:
        return sheet_days.day(row[name], self.order, f"{self.path.name}: line {row.line}")

    def money(self, row: Row, name: str) -> tuple[Decimal | None, str | None]:
        """Return a cell's amount and its currency symbol or code. Raise LedgerUnreadable."""
        text = row[name]
        if text in _NOTHING:
            return None, None
        where = f"{self.path.name}: line {row.line}: {name}"
        match = _MONEY.fullmatch(text) if len(text) <= AMOUNT_MAX else None
        if match is None or bool(match["open"]) != bool(match["close"]):
            raise LedgerUnreadable(f"{where} is '{excerpt(text)}', which is not an amount")
        figure = grouped_figure(match["digits"].strip(), self.options.decimal_mark or ".", where)
        minuses = sum(bool(match[name]) and match[name] != "+" for name in ("open", "sign", "sign2", "sign3"))
        if minuses > 1:
            raise LedgerUnreadable(f"{where} is '{excerpt(text)}', which is negative twice")
        return (figure.copy_negate() if minuses else figure), match["before"] or match["after"]

    def currency(self, stated: str, symbol: str | None) -> str | None:
        """The row's own column, else what its amount carries, else the declared one. A bare $ is ambiguous."""
        named = stated or symbol
        if named is None:
            return self.options.currency
        mapped = self.options.commodities.get(named, {"€": "EUR", "£": "GBP"}.get(named, named))
        return mapped if mapped in EXPONENTS else self.options.currency or mapped
