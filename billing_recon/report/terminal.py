"""Tables and lines: drawn on a terminal, plain aligned text in a pipe or a file. Control characters are escaped."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from billing_recon.core.shown_text import visible

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 140
"""Width of a terminal, in characters, from which spare table columns are shown; a pipe always gets all columns."""

VERDICT_STYLES = {"PASS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow"}
"""Colours add to the word and never replace it."""


@dataclass(frozen=True, slots=True)
class Col:
    """One column of a table. Figures are right-aligned and never wrapped; a narrow terminal leaves out `spare` columns.

    `cell` is what `table_of` shows of a row: a field by name, or a function of the row.
    """

    name: str
    cell: str | Callable[[Any], str] = ""
    right: bool = False
    wrap: bool = False
    spare: bool = False

    def text(self, row: Any) -> str:
        """The row's cell: empty for None, whole numbers with their thousands separated."""
        if callable(self.cell):
            return self.cell(row)
        value = row[self.cell]
        if value is None:
            return ""
        return f"{value:,}" if isinstance(value, int) else str(value)


@dataclass(slots=True)
class Table:
    """A small table of texts."""

    columns: Sequence[Col]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    title: str = ""
    last_is_total: bool = False

    def add(self, *cells: str) -> None:
        """Add one row; as many cells as there are columns."""
        if len(cells) != len(self.columns):
            raise ValueError(f"{len(cells)} cells for {len(self.columns)} columns in '{self.title}'")
        self.rows.append(tuple(visible(cell, cell=True) for cell in cells))


def is_terminal() -> bool:
    """Whether stdout is a terminal. FORCE_COLOR makes it one; NO_COLOR only removes the colours."""
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


class Screen:
    """Where a command writes: results to stdout, progress and errors to stderr."""

    def __init__(self) -> None:
        self.rich = is_terminal()
        self._console: Console | None = None

    @property
    def console(self) -> Console:
        """Rich, imported only if something is drawn."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(highlight=False, soft_wrap=False)
        return self._console

    def say(self, text: str = "", style: str = "") -> None:
        """One line of text."""
        text = visible(text)
        if self.rich:
            self.console.print(text, style=style or None, markup=False)
        else:
            sys.stdout.write(text + "\n")

    def verdict(self, verdict: str, text: str) -> None:
        """A line that begins with a verdict."""
        text = visible(text)
        if self.rich:
            from rich.text import Text

            line = Text(f" {verdict} ", style=f"{VERDICT_STYLES.get(verdict, 'bold')} reverse")
            self.console.print(line.append(f"  {text}", style="not reverse bold default"))
        else:
            sys.stdout.write(f"{verdict}  {text}\n")

    def table(self, table: Table) -> None:
        """A whole table."""
        if self.rich:
            self._draw(table)
        else:
            sys.stdout.write(plain_table(table))

    def warn(self, text: str) -> None:
        """One line to stderr: progress in a pipe, or an error."""
        sys.stderr.write(visible(text) + "\n")

    def _draw(self, table: Table) -> None:
        from rich import box
        from rich.table import Table as RichTable
        from rich.text import Text

        drawn = RichTable(
            box=box.SIMPLE_HEAD,
            header_style="bold",
            pad_edge=False,
            show_edge=False,
        )
        shown = [n for n, col in enumerate(table.columns) if not col.spare or self.console.width >= WIDE]
        for col in (table.columns[n] for n in shown):
            drawn.add_column(col.name, justify="right" if col.right else "left", no_wrap=not col.wrap, overflow="fold")
        for number, row in enumerate(table.rows):
            total = table.last_is_total and number == len(table.rows) - 1
            if total:
                drawn.add_section()
            cells = [Text(row[n], style=VERDICT_STYLES.get(row[n], "")) for n in shown]
            drawn.add_row(*cells, style="bold" if total else None)
        if table.title:
            self.console.print(Text(table.title, style="bold"))
        self.console.print(drawn)
        self.console.print()

    @contextmanager
    def progress(self, what: str, total: int | None = None) -> Iterator[Callable[[str, int], None]]:
        """Show the progress of long work: call the yielded function with a text and the number of steps done.

        A terminal shows a bar. Otherwise each call writes one plain line to stderr, so that a log shows the progress.
        """
        if not self.rich:
            self.warn(what)
            yield lambda text, _done: self.warn(f"  {text}")
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30)]
        if total is not None:
            columns.append(MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task(what, total=total)
            yield lambda text, done: bars.update(task, description=f"{what}: {text}", completed=done)


def table_of(rows: Iterable[Any], columns: Sequence[Col], title: str = "", *, last_is_total: bool = False) -> Table:
    """A table with one line per row, each cell as its column says."""
    table = Table(columns, title=title, last_is_total=last_is_total)
    for row in rows:
        table.add(*(col.text(row) for col in columns))
    return table


def plain_table(table: Table) -> str:
    """The table as aligned text: two spaces between columns, nothing wrapped or cut.

    >>> print(plain_table(Table([Col("code"), Col("delta", right=True)], [("ROUNDING", "+0.01")])).rstrip())
    code      delta
    ROUNDING  +0.01
    """
    header = tuple(col.name for col in table.columns)
    lines = [header, *table.rows]
    widths = [max(len(line[n]) for line in lines) for n in range(len(header))]
    written = [table.title] if table.title else []
    for line in lines:
        cells = [
            cell.rjust(width) if col.right else cell.ljust(width)
            for cell, width, col in zip(line, widths, table.columns, strict=True)
        ]
        written.append("  ".join(cells).rstrip())
    return "\n".join(written) + "\n\n"
