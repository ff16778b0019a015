"""Workbooks: their sheets, and that of some days with tie-out, breaks, exceptions, control totals, roll-forwards, landing. Proper tables with types; sums are formulas.

Excel keeps 15 digits, so an amount that has more is written as text and says so. Text is written as text: no cell of a file is
ever a formula or a link, whatever it begins with. The same data gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.month_tasks import EXPLAINED
from billing_recon.core.shown_text import visible
from billing_recon.report import stored_rows
from billing_recon.report.day_tables import sides
from billing_recon.report.month_checklist import TITLE, WORDS
from billing_recon.report.stored_rows import Row

if TYPE_CHECKING:
    import xlsxwriter
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from billing_recon.core.month_books import RollForward
    from billing_recon.day.home import Home

LARGEST = 200_000
"""Rows of one sheet; Excel takes 1,048,576, and nobody reads them."""
LISTED = 10_000
"""Breaks and exceptions that are listed. Other breaks are added up in rows of their own, so that the sheets still foot."""
_DIGITS = 15
_MADE = datetime(2000, 1, 1)  # noqa: DTZ001 (a property of the file, the same in every file)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a sheet: its heading, the field of the row, and whether it is money, a count, a day or text."""

    heading: str
    field: str
    kind: str = "text"
    width: int = 14


_BREAKS = (
    Column("Break", "break_id", width=20),
    Column("Day", "day", "day", 12),
    Column("Pair", "pair", width=18),
    Column("Code", "code", width=24),
    Column("Disposition", "disposition", width=18),
    Column("Customer", "customer_id"),
    Column("Invoice", "invoice_id"),
    Column("Line", "line_id"),
    Column("Subscription", "subscription_id"),
    Column("Currency", "currency", width=10),
    *(Column(name.capitalize(), name, "money", 16) for name in ("expected", "billed", "rendered", "booked", "paid")),
    Column("Delta", "delta", "money", 16),
    Column("Owner", "owner", width=22),
    Column("Explanation", "explanation", width=90),
)
_EXCEPTIONS = (
    Column("Break", "break_id", width=20),
    Column("Day", "day", "day", 12),
    Column("Age in days", "age", "count", 12),
    Column("Code", "code", width=24),
    Column("Currency", "currency", width=10),
    Column("Delta", "delta", "money", 16),
    Column("Owner", "owner", width=22),
    Column("Assignee", "assignee", width=18),
    Column("Status", "status", width=40),
    Column("Decided by", "decided_by", width=20),
    Column("Reason", "reason", width=60),
)
_TOTALS = (
    Column("Day", "day", "day", 12),
    Column("Pair", "pair", width=18),
    Column("Currency or meter", "unit", width=18),
    Column("Cohort", "cohort"),
    Column("Variant", "variant"),
    Column("First layer", "left_amount", "money", 18),
    Column("Second layer", "right_amount", "money", 18),
    Column("Delta", "delta", "money", 16),
    Column("Breaks", "breaks", "count", 10),
    Column("Breaks, net", "break_net", "money", 16),
    Column("Breaks, gross", "break_gross", "money", 16),
    Column("Matched", "matched", "count", 10),
    Column("Not yet due", "pending", "count", 12),
)
_LANDING = (
    Column("Day", "day", "day", 12),
    Column("Table", "table", width=22),
    Column("Status", "status", width=12),
    Column("Rows in", "rows_in", "count", 12),
    Column("Accepted", "accepted", "count", 12),
    Column("Quarantined", "quarantined", "count", 12),
    Column("Duplicates", "duplicates", "count", 12),
    Column("Message", "message", width=80),
)


def write_workbook(home: Home, first: date, last: date, path: Path) -> Path:
    """Write the workbook of `first` to `last` to `path`, and return it."""
    breaks = _breaks(home, first, last)
    totals = [row for day in _days(home, first, last) for row in _totals(home, day)]
    with new_workbook(path) as made:
        sheets = Sheets(made)
        sheets.tie_out(home.company.name, first, last, totals)
        sheets.add(
            "Breaks",
            _BREAKS,
            breaks,
            f"The differences of these days; of more than {LISTED:,} the largest, and the sum of the others.",
        )
        sheets.add(
            "Exceptions",
            _EXCEPTIONS,
            _exceptions(home, first, last),
            f"Breaks that people work on or decided, the {LISTED:,} oldest; all: exceptions list --format csv.",
        )
        sheets.add(
            "Control totals",
            _TOTALS,
            totals,
            "Per pair, currency and cohort. Delta is the second layer minus the first.",
        )
        if rolls := _roll_forwards(home, first, last):
            sheets.roll_forward(rolls)
        sheets.add("Landing", _LANDING, _landing(home, first, last), "Rows in = accepted + quarantined + duplicates.")
    return path


def _breaks(home: Home, first: date, last: date) -> list[Row]:
    """The largest differences of each currency, and per pair and currency a row with the sum of all others."""
    ranked = (
        "SELECT *, row_number() OVER (PARTITION BY currency ORDER BY abs(delta) DESC, break_id) AS place "
        f"FROM ({stored_rows.breaks_sql(home, first, last)})"
    )
    placed = f"SELECT *, row_number() OVER (ORDER BY place, currency NULLS LAST) AS line FROM ({ranked})"
    listed = stored_rows.rows_of(
        f"SELECT * FROM ({placed}) WHERE line <= {LISTED} ORDER BY day, code, abs(delta) DESC, break_id"
    )
    if len(listed) < LISTED:
        return listed
    rest = stored_rows.rows_of(
        f"SELECT pair, currency, count(*) AS number, sum(delta) AS delta FROM ({placed}) WHERE line > {LISTED} "
        "GROUP BY pair, currency ORDER BY pair, currency NULLS LAST"
    )
    why = "Smaller differences, added up. Each is in breaks.csv beside its day's page."
    return [*listed, *({**row, "break_id": f"{row['number']:,} more", "explanation": why} for row in rest)]


def _days(home: Home, first: date, last: date) -> list[date]:
    return [day for day in home.warehouse.days("control_totals") if first <= day <= last]


def _totals(home: Home, day: date) -> list[Row]:
    rows = stored_rows.control_totals(home, day)
    return [{**row, "day": day, "unit": row["currency"] or row["meter"] or "units"} for row in rows]


def _exceptions(home: Home, first: date, last: date) -> list[Row]:
    from billing_recon.day.exceptions import exceptions
    from billing_recon.report.exceptions import decided

    found = []
    for one in exceptions(home, first, last, last)[:LISTED]:
        made = one.resolution
        found.append(
            {
                **one.row,
                "age": one.age,
                "assignee": one.assignee,
                "status": decided(one),
                "decided_by": made.decided_by if made else "",
                "reason": made.reason if made else "",
            }
        )
    return found


def _roll_forwards(home: Home, first: date, last: date) -> list[tuple[str, RollForward]]:
    """Those of each month of which all days are among these."""
    from billing_recon.day.month_books import month_books
    from billing_recon.day.month_days import month_days

    found = []
    for month in sorted({f"{day:%Y-%m}" for day in _days(home, first, last)}):
        days = month_days(home, month)
        if days and first <= days[0] and days[-1] <= last:
            found += [(month, one) for one in month_books(home, month).roll_forwards]
    return found


def _landing(home: Home, first: date, last: date) -> list[Row]:
    return [
        {
            "day": day,
            "table": report.table,
            "status": report.status.value,
            "rows_in": report.rows_in,
            "accepted": report.accepted,
            "quarantined": report.quarantined,
            "duplicates": report.duplicates,
            "message": report.message,
        }
        for day in _days(home, first, last)
        for report in home.control.landing_reports(day)
    ]


@contextmanager
def new_workbook(path: Path) -> Iterator[xlsxwriter.Workbook]:
    """A workbook that is at `path` once it is whole."""
    import xlsxwriter

    draft = path.with_name(f".{path.name}.tmp")
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(str(draft), {**options, "in_memory": True})
    book.set_properties({"title": "billing_recon", "created": _MADE})
    yield book
    book.close()
    draft.replace(path)


class Sheets:
    """The sheets of one workbook, with its formats."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self._book = book
        self._title = book.add_format({"bold": True, "font_size": 14})
        self._note = book.add_format({"font_color": "#5b6675"})
        self._bold = book.add_format({"bold": True})
        self._day = book.add_format({"num_format": "yyyy-mm-dd", "align": "left"})
        self._count = book.add_format({"num_format": "#,##0"})
        self._text = book.add_format({"num_format": "@"})
        self._wrong = book.add_format({"bg_color": "#fbecea", "font_color": "#a3211c", "bold": True})
        self._money: dict[int, Format] = {}

    def _amounts(self, currency: str | None) -> Format:
        decimals = EXPONENTS.get(currency or "", 2)
        if decimals not in self._money:
            places = f".{'0' * decimals}" if decimals else ""
            form = f"#,##0{places};[Red]-#,##0{places}"
            self._money[decimals] = self._book.add_format({"num_format": form, "align": "right"})
        return self._money[decimals]

    def _write(self, sheet: Worksheet, line: int, at: int, value: Any, kind: str, currency: str | None) -> None:
        """One cell, typed; what a number of Excel cannot hold exactly is text."""
        if value is None or value == "":
            return
        if kind == "day" and isinstance(value, date):
            sheet.write_datetime(line, at, datetime(value.year, value.month, value.day), self._day)  # noqa: DTZ001
        elif kind == "count":
            sheet.write_number(line, at, int(value), self._count)
        elif kind == "money" and isinstance(value, Decimal) and _fits(value):
            sheet.write_number(line, at, float(value), self._amounts(currency))
        else:
            text = f"{value:f}" if isinstance(value, Decimal) else str(value)
            sheet.write_string(line, at, visible(text)[:32_000], self._text)

    def add(
        self,
        name: str,
        columns: Sequence[Column],
        rows: Sequence[Row],
        note: str,
        rest: str = "all are in the day packs' breaks.csv.",
    ) -> None:
        """A sheet with one table; the headings stay in sight. `rest`: where the rows are that a sheet has no room for."""
        sheet = self._book.add_worksheet(name)
        sheet.write_string(0, 0, name, self._title)
        more = f" The first {len(rows):,}; {rest}" if len(rows) >= LARGEST else ""
        sheet.write_string(1, 0, note + more, self._note)
        for line, row in enumerate(rows, start=4):
            for at, column in enumerate(columns):
                self._write(sheet, line, at, row.get(column.field), column.kind, row.get("currency"))
        sheet.add_table(
            3,
            0,
            max(3 + len(rows), 4),
            len(columns) - 1,
            {
                "name": name.replace(" ", ""),
                "style": "Table Style Light 1",
                "columns": [{"header": column.heading} for column in columns],
            },
        )
        for at, column in enumerate(columns):
            sheet.set_column(at, at, column.width)
        sheet.freeze_panes(4, 1)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(3)

    def sums(self, title: str, note: str, currencies: Sequence[tuple[str, Sequence[tuple[str, Decimal]]]]) -> None:
        """A first sheet of sums per currency over the columns of the sheet Invoices, as formulas, and whether each line foots.

        The columns are Old, New, two more, Change, Meant, New fault and Old fault.
        """
        sheet = self._book.add_worksheet("Sums")
        sheet.write_string(0, 0, visible(title), self._title)
        sheet.write_string(1, 0, visible(note), self._note)
        headings = ["Currency", *(name for name, _ in currencies[0][1]), "Foots"] if currencies else ["Currency"]
        for at, heading in enumerate(headings):
            sheet.write_string(3, at, heading, self._bold)
        for line, (currency, columns) in enumerate(currencies, start=4):
            sheet.write_string(line, 0, currency, self._text)
            for at, (name, value) in enumerate(columns, start=1):
                formula = f'=SUMIFS(Invoices[{name}],Invoices[Currency],"{currency}")'
                sheet.write_formula(line, at, formula, self._amounts(currency), float(value))
            row, places = line + 1, EXPONENTS.get(currency, 2)
            formula = f'=IF(AND(ROUND(C{row}-B{row}-F{row},{places})=0,ROUND(F{row}-G{row}-H{row}+I{row},{places})=0),"yes","no")'
            held = dict(columns)
            foots = held["New"] - held["Old"] == held["Change"] == held["Meant"] + held["New fault"] - held["Old fault"]
            sheet.write_formula(line, len(columns) + 1, formula, None, "yes" if foots else "no")
        sheet.set_column(0, 0, 10)
        sheet.set_column(1, len(headings), 16)
        sheet.freeze_panes(4, 1)

    def roll_forward(self, rolls: Sequence[tuple[str, RollForward]]) -> None:
        """Receivables, revenue and tax of whole months: opening + lines = closing, which is held against the ledger's, as formulas."""
        sheet = self._book.add_worksheet("Roll-forward")
        sheet.write_string(0, 0, "Roll-forward", self._title)
        note = "Closing by our layers = opening + the lines between. It ties if what the ledger has more is explained, item by item."
        sheet.write_string(1, 0, note, self._note)
        lines = [words.capitalize() for words in WORDS.values()]
        closing = 4 + len(lines)
        explained = [words.capitalize() for words in EXPLAINED.values()]
        rest = ("Not explained", "Closing, by the ledger", "Items not explained", "Ties")
        headings = ("Month", "Of", "Currency", "Opening", *lines, "Closing, by our layers", *explained, *rest)
        for at, heading in enumerate(headings):
            sheet.write_string(3, at, heading, self._bold)
        booked = closing + len(explained) + 2
        for line, (month, one) in enumerate(rolls, start=4):
            money, row = self._amounts(one.currency), line + 1
            for at, text in enumerate((month, TITLE[one.measure], one.currency)):
                sheet.write_string(line, at, visible(text), self._text)
            known = {name: figure for name, figure, _ in one.lines}
            figures = [one.opening, *(known.get(name) for name in WORDS)]
            for at, figure in enumerate(figures, start=3):
                self._write(sheet, line, at, figure, "money", one.currency)
            between = f"{_letter(3)}{row}:{_letter(closing - 1)}{row}"
            sheet.write_formula(line, closing, f"=SUM({between})", money, float(one.closing))
            for at, why in enumerate(EXPLAINED, start=closing + 1):
                self._write(sheet, line, at, dict(one.explained).get(why), "money", one.currency)
            named = f"{_letter(closing)}{row}:{_letter(booked - 2)}{row}"
            formula = f"=ROUND({_letter(booked)}{row}-SUM({named}),6)"
            sheet.write_formula(line, booked - 1, formula, money, float(one.unexplained))
            self._write(sheet, line, booked, one.booked, "money", one.currency)
            sheet.write_number(line, booked + 1, one.unexplained_items, self._count)
            formula = f'=IF(AND({_letter(booked - 1)}{row}=0,{_letter(booked + 1)}{row}=0),"yes","no")'
            sheet.write_formula(line, booked + 2, formula, None, "yes" if one.ties else "no")
        sheet.set_column(0, 2, 12)
        sheet.set_column(3, len(headings) - 1, 18)
        sheet.freeze_panes(4, 3)

    def tie_out(self, company: str, first: date, last: date, totals: Sequence[Row]) -> None:
        """The first sheet: pairs per currency, as formulas over the sheets Control totals and Breaks, which must foot."""
        sheet = self._book.add_worksheet("Tie-out")
        when = f"{first}" if first == last else f"{first} to {last}"
        sheet.write_string(0, 0, visible(f"{company}: tie-out of {when}"), self._title)
        note = (
            "Every figure is a formula over the other sheets. A line foots if the breaks explain all of its difference."
        )
        sheet.write_string(1, 0, note, self._note)
        headings = (
            "Currency",
            "Compared",
            "First layer",
            "Second layer",
            "Difference",
            "Breaks, net",
            "Not explained",
            "Foots",
        )
        for at, heading in enumerate(headings):
            sheet.write_string(3, at, heading, self._bold)
        lines = sorted({(row["currency"], row["pair"]) for row in totals if row["currency"]})
        for line, (currency, pair) in enumerate(lines, start=4):
            mine = [row for row in totals if (row["currency"], row["pair"]) == (currency, pair)]
            left, right, delta = (
                sum((row[n] for row in mine), Decimal(0)) for n in ("left_amount", "right_amount", "delta")
            )
            net = sum((row["break_net"] for row in mine), Decimal(0))
            money, at = self._amounts(currency), line + 1
            sheet.write_string(line, 0, currency, self._text)
            sheet.write_string(line, 1, " and ".join(sides(pair)), self._text)
            # The file says what the formula gives, for readers that do not compute.
            for column, name, value in ((2, "First layer", left), (3, "Second layer", right)):
                formula = (
                    f'=SUMIFS(Controltotals[{name}],Controltotals[Currency or meter],"{currency}",'
                    f'Controltotals[Pair],"{pair}")'
                )
                sheet.write_formula(line, column, formula, money, float(value))
            sheet.write_formula(line, 4, f"=D{at}-C{at}", money, float(delta))
            formula = f'=SUMIFS(Breaks[Delta],Breaks[Currency],"{currency}",Breaks[Pair],"{pair}")'
            sheet.write_formula(line, 5, formula, money, float(net))
            sheet.write_formula(line, 6, f"=ROUND(E{at}-F{at},6)", money, float(delta - net))
            sheet.write_formula(line, 7, f'=IF(G{at}=0,"yes","no")', None, "yes" if delta == net else "no")
        if lines:
            area = f"H5:H{4 + len(lines)}"
            sheet.conditional_format(area, {"type": "cell", "criteria": "==", "value": '"no"', "format": self._wrong})
        sheet.set_column(0, 0, 10)
        sheet.set_column(1, 1, 24)
        sheet.set_column(2, 6, 18)
        sheet.freeze_panes(4, 2)


def _letter(column: int) -> str:
    """The letter of a column below 26, counted from 0.

    >>> _letter(3)
    'D'
    """
    return chr(ord("A") + column)


def _fits(value: Decimal) -> bool:
    """Whether Excel's binary number of 15 digits is this very amount."""
    digits = value.normalize().as_tuple().digits
    return len(digits) <= _DIGITS
