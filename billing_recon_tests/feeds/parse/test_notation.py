"""Figures and dates in a declared notation are read exactly; other notations are quarantined."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from billing_recon.compute.engine import session
from billing_recon.core.company import Feed
from billing_recon.core.feed import Written
from billing_recon.core.landing import LandingStatus
from billing_recon.feeds.parse import notation, types
from billing_recon_tests.feeds.desk import DAY, Desk

Desks = Callable[..., Desk]
HEADER = "entry_id;journal_id;posted_on;account;role;debit;credit;currency"
GERMAN: dict[str, Any] = {"delimiter": ";", "decimal_mark": ",", "thousands_mark": "."}


def amounts(desk_of: Desks, *texts: str, currency: str = "EUR", **written: Any) -> list[Decimal | str]:
    """The debits that are read, or what is said of them, in the order of the texts."""
    desk = desk_of(currencies=(), feeds={"ledger_entries": {"delimiter": ";"} | written})
    rows = [f"{n};J;2026-03-02;1200;ar;{text};0;{currency}" for n, text in enumerate(texts, 1)]
    desk.put("\n".join([HEADER, *rows, ""]), table="ledger_entries")
    report = desk.land("ledger_entries")
    assert report.status is LandingStatus.PRESENT, report.message
    found = desk.con.execute(
        "SELECT source_row, debit, NULL FROM landed UNION ALL SELECT source_row, NULL, reason FROM landed_quarantine "
        "ORDER BY source_row"
    ).fetchall()
    return [reason if amount is None else amount for _, amount, reason in found]


BAD = "UNPARSABLE"


@pytest.mark.parametrize(
    ("written", "texts", "figures"),
    [
        (
            {"decimal_mark": ","},
            ["12,50", "12.50", ",5", "1.234,5", "+3,", "12"],
            ["12.50", BAD, "0.5", BAD, "3", "12"],
        ),
        (
            {"decimal_mark": ",", "thousands_mark": "."},
            ["1.234.567,89", "1234567,89", "1.23,4", "12.34", "0,1", "1.234", "12.34.567,5", "1234.567,8", ".234,5"],
            ["1234567.89", "1234567.89", BAD, BAD, "0.1", "1234", "1234567.5", BAD, BAD],
        ),
        (
            {"thousands_mark": ","},
            ['"12,34,567.50"', '"1,234.5"', "1234.5", '"1,2345"', '"1,234,56"', "1.5e3"],
            ["1234567.50", "1234.5", "1234.5", BAD, BAD, "1500"],
        ),
        (
            {"decimal_mark": ",", "thousands_mark": " "},
            ["1 234,5", "1\u00a0234,5", "1\u202f234\u2009567,5", "1  234,5", "1 23,5"],
            ["1234.5", "1234.5", "1234567.5", BAD, BAD],
        ),
        ({"thousands_mark": "'"}, ["1'234.50", "1\u2019234.50", "1234.50"], ["1234.50", "1234.50", "1234.50"]),
        ({"symbols": ["$", "EUR"]}, ["$ 5.00", "5.00 EUR", "5.00", "EUR5$", "£5"], ["5", "5", "5", "5", BAD]),
        ({"empty": ["-", "n/a"]}, ["-", "n/a", "", "1"], ["0", "0", "0", "1"]),
    ],
)
def test_a_figure_is_read_as_it_is_declared_and_not_otherwise(
    desk_of: Desks, written: dict[str, Any], texts: list[str], figures: list[str]
) -> None:
    read = amounts(desk_of, *texts, **written)
    assert read == [figure if figure == BAD else Decimal(figure) for figure in figures]


@pytest.mark.parametrize(
    ("written", "text", "figure"),
    [
        ({"parentheses": True}, "(1,234.50)", "-1234.50"),
        ({"parentheses": True, "symbols": ["$"]}, "($1,234.50)", "-1234.50"),
        ({"parentheses": True}, "(-5)", None),
        ({"parentheses": True}, "(5", None),
        ({"trailing_minus": True}, "5.00-", "-5.00"),
        ({"trailing_minus": True}, "-5.00-", None),
        ({"symbols": ["$"]}, "-$5.00", "-5.00"),
        ({"symbols": ["$"]}, "$-5.00", "-5.00"),
        ({"symbols": ["kr."], "decimal_mark": ",", "thousands_mark": "."}, "\u22121.234,50 kr.", "-1234.50"),
        ({}, "5.00-", None),
        ({}, "(5.00)", None),
    ],
)
def test_a_minus_may_be_written_in_several_ways(written: dict[str, Any], text: str, figure: str | None) -> None:
    assert plain(text, {"thousands_mark": ","} | written) == figure


CON = session()
for macro in types.MACROS + notation.MACROS:
    CON.execute(macro)


def plain(text: str, written: dict[str, Any]) -> str | None:
    """A figure in our notation."""
    sql = notation.figure_text("t", Written.model_validate(written))
    return CON.execute(f"SELECT {sql} FROM (SELECT ?::VARCHAR AS t)", [text]).fetchall()[0][0]  # type: ignore[no-any-return]


MARKS = st.sampled_from([(",", "."), (".", ","), (",", " "), (".", "'"), (",", None), (".", None), (".", " ")])


@given(
    figure=st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**15), max_value=10**15),
    marks=MARKS,
)
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_what_is_read(figure: Decimal, marks: tuple[str, str | None]) -> None:
    point, mark = marks
    text = f"{figure:,f}".replace(",", "T").replace(".", "P").replace("T", mark or "").replace("P", point)
    read = plain(text, {"decimal_mark": point, "thousands_mark": mark})
    assert read is not None
    assert Decimal(read) == figure


@given(text=st.text(alphabet="0123456789.,' -+()eE\u00a0$", max_size=12), marks=MARKS)
@settings(max_examples=300, deadline=None)
def test_no_text_is_read_as_two_figures(text: str, marks: tuple[str, str | None]) -> None:
    """Where a text is read, taking its marks out by hand gives the same figure."""
    point, mark = marks
    read = plain(text.strip(), {"decimal_mark": point, "thousands_mark": mark})
    if read is not None:
        by_hand = (
            text.strip().replace(mark or "\0", "").replace("\u00a0" if mark == " " else "\0", "").replace(point, ".")
        )
        assert Decimal(read) == Decimal(by_hand)


@pytest.mark.parametrize(
    ("currency", "text", "amount"),
    [
        ("USD", "1050", "10.50"),
        ("USD", "5", "0.05"),
        ("USD", "-5", "-0.05"),
        ("JPY", "1050", "1050"),
        ("KWD", "1050", "1.050"),
        ("CLF", "1050", "0.1050"),
        ("EUR", "0", "0"),
        ("EUR", "15.0", "0.15"),
    ],
)
def test_minor_units_are_those_of_the_rows_currency(desk_of: Desks, currency: str, text: str, amount: str) -> None:
    desk = desk_of(currencies=(), feeds={"payments": {"minor_units": True}})
    desk.put(
        "payment_id,kind,customer_id,amount,fee,currency,status,processed_at\n"
        f"P-1,payment,C,1,{text},{currency},succeeded,2026-03-02T00:00:00Z\n"
    )
    assert desk.land().accepted == 1, desk.messages()
    assert desk.rows("fee") == [(Decimal(amount),)]


def test_minor_units_of_no_currency_set_the_row_aside(desk_of: Desks) -> None:
    assert amounts(desk_of, "100", currency="XXX", minor_units=True) == [BAD]


@pytest.mark.parametrize(("minor_units", "amount"), [("EUR", "12.5"), ("cur", "1250"), ("JPY", "1250")])
def test_a_table_without_currency_names_one_or_a_column(desk_of: Desks, minor_units: str, amount: str) -> None:
    desk = desk_of(feeds={"rendered_lines": {"minor_units": minor_units, "unknown_columns": "ignore"}})
    desk.put(
        "document_id,line_no,description,quantity,unit_price,amount,cur\nD,1,x,10,125,1250,JPY\n",
        table="rendered_lines",
    )
    assert desk.land("rendered_lines").accepted == 1, desk.messages()
    assert desk.rows("quantity, amount, unit_price * 10") == [(Decimal(10), Decimal(amount), Decimal(amount))]


@pytest.mark.parametrize(
    ("minor_units", "says"),
    [(True, "the table has no currency that defines its minor units"), ("XYZ", "is neither a currency nor a column")],
)
def test_minor_units_of_nothing_refuse_the_file(desk_of: Desks, minor_units: object, says: str) -> None:
    desk = desk_of(feeds={"rendered_lines": {"minor_units": minor_units}})
    desk.put("document_id,line_no,description,quantity,unit_price,amount\nD,1,x,10,125,1250\n", table="rendered_lines")
    assert says in desk.land("rendered_lines").message


def test_a_rate_in_percent_is_a_rate(desk_of: Desks) -> None:
    desk = desk_of(feeds={"rendered_lines": {"percent": True}})
    rows = "".join(f"D,{n},x,1,1,1,{text}\n" for n, text in enumerate(("19", "7.7%", "5.5 %", "0", "", "x%"), 1))
    desk.put(f"document_id,line_no,description,quantity,unit_price,amount,tax_rate\n{rows}", table="rendered_lines")
    desk.land("rendered_lines")
    assert desk.rows("line_no, tax_rate") == [
        (1, Decimal("0.19")),
        (2, Decimal("0.077")),
        (3, Decimal("0.055")),
        (4, Decimal(0)),
        (5, None),
    ]
    assert desk.quarantined() == [(6, "UNPARSABLE", "tax_rate")]


def postings(desk_of: Desks, header: str, *rows: str, **columns: Any) -> Desk:
    """Postings with amounts in columns of their own."""
    desk = desk_of(
        feeds={
            "ledger_entries": {
                **GERMAN,
                "columns": {
                    "entry_id": "Nr",
                    "journal_id": "Nr",
                    "posted_on": {"value": str(DAY)},
                    "account": {"value": "1200"},
                    "role": {"value": "ar"},
                    "currency": {"value": "EUR"},
                    **columns,
                },
            }
        }
    )
    desk.put("\n".join([header, *rows, ""]), table="ledger_entries")
    assert desk.land("ledger_entries").status is LandingStatus.PRESENT, desk.land("ledger_entries").message
    return desk


SIDES = [("1", "1234.50", "0"), ("2", "0", "5.00"), ("3", "0", "0")]


def sides(desk: Desk) -> list[tuple[str, str, str]]:
    found = desk.rows("entry_id, debit, credit")
    return [
        (n, f"{debit:.2f}".replace("0.00", "0"), f"{credit:.2f}".replace("0.00", "0")) for n, debit, credit in found
    ]


def test_one_signed_column_is_two_sides(desk_of: Desks) -> None:
    desk = postings(
        desk_of,
        "Nr;Betrag",
        *("1;1.234,50", "2;-5,00", "3;0,00", "4;5.0"),
        debit={"column": "Betrag", "keep": "positive"},
        credit={"column": "Betrag", "keep": "negative"},
    )
    assert sides(desk) == SIDES
    assert desk.quarantined() == [(4, "UNPARSABLE", "debit")]
    assert "also wrong: credit" in desk.messages()[0]


def test_an_amount_with_a_side_is_two_sides(desk_of: Desks) -> None:
    sign = {"column": "SH", "plus": ["S", "D"], "minus": ["H"]}
    desk = postings(
        desk_of,
        "Nr;Betrag;SH",
        *("1;1.234,50;S", "2;5,00;H", "3;-0;S", "4;5,00;X", "5;5,00;", "6;-7,00;S"),
        debit={"column": "Betrag", "sign": sign, "keep": "positive"},
        credit={"column": "Betrag", "sign": sign, "keep": "negative"},
    )
    assert sides(desk) == [*SIDES, ("6", "0", "7.00")]
    assert desk.quarantined("source_row, value") == [(4, "5,00 X"), (5, "5,00")]
    assert "with S or D or H" in desk.messages()[0]


def test_two_columns_are_one_signed_amount(desk_of: Desks) -> None:
    desk = desk_of(feeds={"rendered_lines": {**GERMAN, "columns": {"amount": {"column": "Soll", "minus": "Haben"}}}})
    rows = ("1;1.000,50;", "2;;5,25", "3;10,00;2,50", "4;;", "5;1.0;2,00", "6;1,00;x")
    body = "".join(f"D;{row.split(';')[0]};x;1;1;{';'.join(row.split(';')[1:])}\n" for row in rows)
    desk.put(f"document_id;line_no;description;quantity;unit_price;Soll;Haben\n{body}", table="rendered_lines")
    report = desk.land("rendered_lines")
    assert report.status is LandingStatus.PRESENT, report.message
    assert desk.rows("line_no, amount") == [(1, Decimal("1000.5")), (2, Decimal("-5.25")), (3, Decimal("7.5"))]
    assert desk.quarantined("source_row, reason, value") == [
        (4, "MISSING_VALUE", None),
        (5, "UNPARSABLE", "1.0 less 2,00"),
        (6, "UNPARSABLE", "1,00 less x"),
    ]


def test_their_plus_may_be_our_minus(desk_of: Desks) -> None:
    desk = desk_of(feeds={"rendered_lines": {"columns": {"amount": {"column": "amount", "negate": True}}}})
    desk.put(
        "document_id,line_no,description,quantity,unit_price,amount\nD,1,x,1,1,-5\nD,2,x,1,1,+7.5\n",
        table="rendered_lines",
    )
    desk.land("rendered_lines")
    assert desk.rows("amount") == [(Decimal("-7.5"),), (Decimal(5),)]


def dated(desk_of: Desks, *texts: str, **written: Any) -> list[str]:
    """The instants that are read (in UTC), or what is said of them."""
    desk = desk_of(feeds={"payments": written})
    rows = [f'P-{n:02},payment,C,1,EUR,succeeded,"{text}"' for n, text in enumerate(texts, 1)]
    desk.put("\n".join(["payment_id,kind,customer_id,amount,currency,status,processed_at", *rows, ""]))
    assert desk.land().status is LandingStatus.PRESENT
    return [
        row[1]
        for row in desk.con.execute(
            "SELECT source_row, CAST(processed_at AS VARCHAR) FROM landed UNION ALL "
            "SELECT source_row, reason FROM landed_quarantine ORDER BY 1"
        ).fetchall()
    ]


@pytest.mark.parametrize(
    ("written", "texts", "instants"),
    [
        (
            {"dates": ["%d.%m.%Y %H:%M", "%d.%m.%Y"]},
            ["02.03.2026 10:15", "2.3.2026", "02.03.26", "31.02.2026", "2026-03-02", "02.03.2026 10:15x"],
            ["2026-03-02 10:15:00+00", "2026-03-02 00:00:00+00", BAD, BAD, BAD, BAD],
        ),
        ({"dates": ["%m/%d/%y %I:%M %p"]}, ["3/2/26 1:05 PM", "03/02/26 01:05 pm"], ["2026-03-02 13:05:00+00"] * 2),
        (
            {"dates": ["%Y-%m-%d %H:%M"], "timezone": "Europe/Berlin"},
            ["2026-03-02 10:15", "2026-03-02T10:15:00Z"],
            ["2026-03-02 09:15:00+00", BAD],
        ),
        (
            {"timezone": "America/New_York"},
            ["2026-03-02 10:15", "2026-03-02T10:15:00Z", "2026-03-02T10:15:00+01:00", "2026-03-02"],
            ["2026-03-02 15:15:00+00", "2026-03-02 10:15:00+00", "2026-03-02 09:15:00+00", BAD],
        ),
        ({"dates": ["%Y%m%d"]}, ["20260302", "2026032", "260302"], ["2026-03-02 00:00:00+00", BAD, BAD]),
        (
            {"dates": ["%d %b %Y", "iso"]},
            ["2 Mar 2026", "02 mar 2026", "2026-03-02T01:00:00Z"],
            ["2026-03-02 00:00:00+00", "2026-03-02 00:00:00+00", "2026-03-02 01:00:00+00"],
        ),
        (
            {"dates": ["unix"]},
            ["1772409600", "1772409600.5", "1772409600123"],
            ["2026-03-02 00:00:00+00", "2026-03-02 00:00:00.5+00", BAD],
        ),
        ({"dates": ["unix_ms"]}, ["1772409600123"], ["2026-03-02 00:00:00.123+00"]),
        ({"dates": ["%d/%b/%Y:%H:%M:%S %z"]}, ["02/Mar/2026:10:00:00 +0200"], ["2026-03-02 08:00:00+00"]),
    ],
)
def test_an_instant_is_read_as_it_is_declared(
    desk_of: Desks, written: dict[str, Any], texts: list[str], instants: list[str]
) -> None:
    assert dated(desk_of, *texts, **written) == instants


def test_a_day_is_read_as_it_is_declared(desk_of: Desks) -> None:
    desk = desk_of(feeds={"ledger_entries": {"dates": ["%d/%m/%Y", "unix"], "timezone": "Asia/Tokyo"}})
    header = HEADER.replace(";", ",")
    rows = ("E-1,J,02/03/2026,1,ar,1,,EUR", "E-2,J,1772377200,1,ar,1,,EUR", "E-3,J,2026-03-02,1,ar,1,,EUR")
    desk.put("\n".join([header, *rows, ""]), table="ledger_entries")
    desk.land("ledger_entries")
    assert desk.rows("entry_id, posted_on") == [("E-1", date(2026, 3, 2)), ("E-2", date(2026, 3, 2))]
    assert "is not a date in this feed's notation: %d/%m/%Y or unix" in desk.messages()[0]


@pytest.mark.parametrize(
    ("feed", "says"),
    [
        ({"dates": ["%d/%m/%Y", "%m/%d/%Y"]}, "read the same text as different days"),
        ({"dates": ["%m/%Y"]}, "is not a date pattern"),
        ({"dates": ["%d.%m.%Y %I:%M"]}, "does not tell morning from afternoon"),
        ({"dates": ["%d.%m.%Y %H:%M %p"]}, "does not tell morning from afternoon"),
        ({"dates": ["yyyy-mm-dd"]}, "is not a date pattern"),
        ({"dates": ["%Q-%m-%d-%Y"]}, "is not a date pattern"),
        ({"decimal_mark": ",", "thousands_mark": ","}, "cannot be both"),
        ({"thousands_mark": "."}, "cannot be both"),
        ({"symbols": ["1"]}, "symbols are texts around figures"),
        ({"timezone": "Mars"}, "not in the IANA database"),
        ({"columns": {"amount": {"value": "1", "minus": "x"}}}, "give column too"),
        ({"columns": {"amount": {"column": "x", "sign": {"column": "y"}}}}, "say which values of y count"),
        (
            {"columns": {"amount": {"column": "x", "sign": {"column": "y", "plus": ["S"], "minus": ["S"]}}}},
            "counts in one way",
        ),
        ({"delimiter": ""}, "at least 1 character"),
        ({"day_column": "x", "path": "{day}.csv"}, "day_column is for a file that holds many"),
    ],
)
def test_a_declaration_that_cannot_be_is_a_configuration_error(feed: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Feed.model_validate(feed)


def test_a_column_may_be_written_otherwise_than_its_file(desk_of: Desks) -> None:
    desk = desk_of(
        feeds={
            "ledger_entries": {
                **GERMAN,
                "columns": {"credit": {"column": "credit", "decimal_mark": ".", "thousands_mark": ","}},
            }
        }
    )
    desk.put(
        f"{HEADER}\nE-1;J;2026-03-02;1;ar;1.234,5;;EUR\nE-2;J;2026-03-02;1;ar;;1,234.5;EUR\n", table="ledger_entries"
    )
    desk.land("ledger_entries")
    assert desk.rows("debit + credit") == [(Decimal("1234.5"),)] * 2


def test_constants_and_expressions_are_ours_already(desk_of: Desks) -> None:
    columns = {"debit": {"value": "1.5"}, "credit": {"sql": "figure('0.0') * 1"}}
    desk = desk_of(feeds={"ledger_entries": {**GERMAN, "columns": columns, "unknown_columns": "ignore"}})
    desk.put(f"{HEADER}\nE-1;J;2026-03-02;1;ar;x;y;EUR\n", table="ledger_entries")
    assert desk.land("ledger_entries").accepted == 1, desk.messages()
    assert desk.rows("debit") == [(Decimal("1.5"),)]


def test_a_bank_statement_has_lines_before_and_after_its_rows(desk_of: Desks) -> None:
    desk = desk_of(feeds={"ledger_entries": {**GERMAN, "skip": 3, "skip_last": 2}})
    rows = ("E-1;J;2026-03-02;1;ar;1,5;;EUR", "kaputt", "E-2;J;2026-03-02;1;ar;2,5;;EUR")
    text = "\n".join(["Bank X", '"Konto";1', "", HEADER, *rows, "Summe;;4,0", "", "Ende", ""])
    desk.put(text, table="ledger_entries")
    report = desk.land("ledger_entries")
    assert (report.rows_in, report.reasons) == (3, {"BROKEN_ROW": 1}), report.message
    assert desk.rows("entry_id, source_row") == [("E-1", 1), ("E-2", 3)]
    assert desk.quarantined() == [(2, "BROKEN_ROW", None)]


def test_a_footer_in_the_width_of_the_rows_is_left_out_by_condition(desk_of: Desks) -> None:
    desk = desk_of(feeds={"ledger_entries": {**GERMAN, "where": "entry_id <> 'Summe'"}})
    desk.put(f"{HEADER}\nE-1;J;2026-03-02;1;ar;1,5;;EUR\nSumme;;;;;1,5;;\n", table="ledger_entries")
    assert desk.land("ledger_entries").rows_in == 1


def test_a_file_without_header_has_its_names_in_the_feed(desk_of: Desks) -> None:
    desk = desk_of(feeds={"ledger_entries": {**GERMAN, "header": HEADER.split(";")}})
    desk.put("E-1;J;2026-03-02;1;ar;1,5;;EUR\nx\nE-2;J;2026-03-02;1;ar;1,5;;EUR\n", table="ledger_entries")
    desk.land("ledger_entries")
    assert desk.rows("entry_id, source_row") == [("E-1", 1), ("E-2", 3)]
    assert desk.quarantined() == [(2, "BROKEN_ROW", None)]


def test_columns_that_a_file_may_lack_are_empty_in_it(desk_of: Desks) -> None:
    desk = desk_of(
        feeds={
            "ledger_entries": {
                "optional_columns": ["vat", "Memo"],
                "columns": {"memo": {"sql": "coalesce(memo, vat, 'none')"}},
            }
        }
    )
    header = HEADER.replace(";", ",")
    desk.put(f"{header}\nE-1,J,2026-03-02,1,ar,1,,EUR\n", table="ledger_entries")
    assert desk.land("ledger_entries").accepted == 1, desk.messages()
    assert desk.rows("memo") == [("none",)]
    desk.put(f"{header},MEMO\nE-1,J,2026-03-02,1,ar,1,,EUR,x\n", table="ledger_entries")
    assert desk.land("ledger_entries").accepted == 1, desk.messages()
    assert desk.rows("memo") == [("x",)]


def test_a_row_set_aside_is_read_as_declared_when_it_is_released(desk_of: Desks) -> None:
    """What nobody could read stands behind a question mark, so that a release does not take 12.34 for something else."""
    desk = desk_of(feeds={"ledger_entries": GERMAN})
    desk.put(f"{HEADER}\nE-1;J;2026-03-02;1;ar;1.234,50;12.34;XXX\n", table="ledger_entries")
    desk.land("ledger_entries")
    ((reading, value),) = desk.quarantined("reading::JSON->>'$.debit', reading::JSON->>'$.credit'")
    assert (reading, value) == ("1234.50", "?12.34")


def test_a_rule_of_the_feed_sets_rows_aside_or_reports_them(desk_of: Desks) -> None:
    feed = {
        "set_aside": {"is booked on a closed account": "account = '9999'"},
        "report": {"is larger than usual": "figure(debit) > 100"},
    }
    desk = desk_of(feeds={"ledger_entries": feed})
    header = HEADER.replace(";", ",")
    rows = (
        "E-1,J,2026-03-02,9999,ar,1,,EUR",
        "E-2,J,2026-03-02,1,ar,101,,EUR",
        "E-3,J,2026-03-02,1,ar,1,,EUR",
        "E-4,J,2026-03-02,1,ar,x,,EUR",
    )
    desk.put("\n".join([header, *rows, ""]), table="ledger_entries")
    report = desk.land("ledger_entries")
    assert (report.rows_in, report.accepted, report.quarantined) == (4, 2, 2)
    assert desk.quarantined() == [(1, "TABLE_RULE", None), (4, "UNPARSABLE", None)]
    assert "the row is booked on a closed account" in desk.messages()[0]
    assert desk.rows("source_row, code, says", of="landed_warnings") == [(2, "ODD", "is larger than usual")]
    assert "1 warning on rows that landed (1 ODD)" in report.message


EVERYTHING: dict[str, Any] = {
    **GERMAN,
    "dates": ["%d.%m.%Y"],
    "parentheses": True,
    "symbols": ["€"],
    "minor_units": True,
    "empty": ["-"],
    "columns": {
        "debit": {"column": "debit", "minus": "credit", "keep": "positive"},
        "credit": {"column": "debit", "minus": "credit", "keep": "negative"},
    },
    "report": {"is on account 1": "account = '1'"},
    "set_aside": {"is on a high account": "figure(account) > 5"},
}
ALL_AT_ONCE = Desk(
    Path(tempfile.mkdtemp(prefix="billing-recon-written-")), session(), feeds={"ledger_entries": EVERYTHING}
)
CELLS = st.sampled_from(
    [
        "1.234,50",
        "12,5",
        "(3,00)",
        "€ 5",
        "-",
        "",
        "x",
        "1e3",
        "-7",
        "\0",
        '"a;b"',
        '"',
        "9" * 45,
        "02.03.2026",
        "JPY",
        "6",
    ]
)
POSTING = ["J", "02.03.2026", "1", "ar", "1,00", "-", "EUR"]
ROWS = st.lists(st.lists(st.tuples(st.integers(0, 6), CELLS), max_size=2), max_size=6)


@pytest.mark.long
@given(rows=ROWS)
@settings(max_examples=20, deadline=timedelta(seconds=5))
def test_nothing_is_lost_however_figures_are_written(rows: list[list[tuple[int, str]]]) -> None:
    """All declarations at once. The deadline is for SQL that grows with the power of what is declared.

    Two cells that are one quotation mark each may hold the lines between them as one quoted cell, which is one row.
    """
    lines = [HEADER]
    for number, changes in enumerate(rows):
        cells = [f"E-{number}", *POSTING]
        for at, cell in changes:
            cells[at + 1] = cell
        lines.append(";".join(cells))
    ALL_AT_ONCE.put("\n".join([*lines, ""]), table="ledger_entries")
    report = ALL_AT_ONCE.land("ledger_entries")
    assert report.equation_holds
    assert len(ALL_AT_ONCE.rows("entry_id")) == report.accepted
    assert len(ALL_AT_ONCE.quarantined()) == report.quarantined
    marks = sum(cell == '"' for changes in rows for cell in dict(changes).values())
    assert (
        report.status is LandingStatus.REFUSED
        or report.rows_in == len(rows)
        or (marks > 1 and report.rows_in < len(rows))
    )
