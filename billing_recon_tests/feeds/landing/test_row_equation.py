"""Every line of a file is a row, or is told: skipped, left out, of another day, set aside. A file that is not taken is named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.core.feed import Feed
from billing_recon.core.landing import LandingReport, LandingStatus
from billing_recon_tests.feeds.desk import DAY, PAYMENT, Desk, payment
from billing_recon_tests.feeds.sheets import workbook

Desks = Callable[..., Desk]
ROWS = [payment(payment_id=f"P-{n}", amount=f"{n}0.00", fee="0") for n in (1, 2, 3)]
"""Three payments of 10, 20 and 30."""


def landed(desk_of: Desks, content: str | bytes, **feed: Any) -> tuple[Desk, LandingReport]:
    desk = desk_of(feeds={"payments": feed})
    desk.put(content)
    return desk, desk.land()


def text(*lines: str) -> str:
    return "\n".join([*lines, ""])


@pytest.mark.parametrize(
    ("preamble", "skip"), [(['"Statement', 'of account"'], 2), (['"Acme'], 1), (["", 'a "b" c'], 2), (["x,y,z"], 1)]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines_before_the_header_are_lines_whatever_quotes_they_have(
    desk_of: Desks, preamble: list[str], skip: int, newline: str
) -> None:
    content = newline.join([*preamble, PAYMENT, *ROWS, ""])
    desk, report = landed(desk_of, content, skip=skip)
    assert (report.rows_in, report.accepted, report.skipped) == (3, 3, skip), report.message
    assert desk.rows("sum(amount), min(source_row), max(source_row)") == [(Decimal(60), 1, 3)]
    assert f"{skip} line{'' if skip == 1 else 's'} skipped" in str(report)


def test_a_row_after_a_preamble_keeps_its_number_beside_broken_lines(desk_of: Desks) -> None:
    desk, report = landed(desk_of, text("Bank", PAYMENT, ROWS[0], "broken", ROWS[1], "total"), skip=1, skip_last=1)
    assert (report.rows_in, report.accepted, report.quarantined, report.skipped) == (3, 2, 1, 2)
    assert desk.rows("source_row") == [(1,), (3,)]
    assert desk.quarantined() == [(2, "BROKEN_ROW", None)]


def test_a_footer_that_is_a_row_refuses_the_file(desk_of: Desks) -> None:
    """A file that comes without its footer would lose its last payment."""
    _, report = landed(desk_of, text(PAYMENT, *ROWS), skip_last=1)
    assert report.status is LandingStatus.REFUSED
    assert "1 of the 1 last line, which skip_last leaves out, reads as a row of payments" in report.message
    for footer in ("Total,,,,60.00,USD,,,,", "sum: 60.00", '"', ""):
        _, report = landed(desk_of, text(PAYMENT, *ROWS, footer or "3 rows"), skip_last=1)
        assert (report.accepted, report.skipped) == (3, 1), report.message


def test_rows_that_where_leaves_out_are_counted(desk_of: Desks) -> None:
    _, report = landed(desk_of, text(PAYMENT, *ROWS, "broken"), where="payment_id <> 'P-2'")
    assert (report.in_files, report.left_out, report.rows_in) == (4, 1, 3)
    assert "4 rows in the files = 1 left out by where + 3; 3 rows in = 2 accepted" in str(report)
    _, report = landed(desk_of, text(PAYMENT, *ROWS), where="payment_id = 'P-9'")
    assert (report.status, report.in_files, report.left_out) == (LandingStatus.EMPTY, 3, 3)


def test_a_line_of_another_encoding_is_a_row_in_no_reading_of_the_file(desk_of: Desks) -> None:
    """A file is read several times, for other columns each time, and DuckDB checks the encoding of those alone."""
    odd = ROWS[1].encode().replace(b"C-1", b"M\xfcller")
    lines = [PAYMENT.encode(), odd, ROWS[0].encode(), ROWS[2].encode(), b""]
    desk, report = landed(desk_of, b"\n".join(lines), where="payment_id <> 'P-1'")
    assert (report.in_files, report.left_out, report.accepted, report.quarantined) == (3, 1, 1, 1), str(report)
    assert desk.rows("payment_id, source_row") == [("P-3", 3)]


@pytest.mark.parametrize("odd", ["customer_id", "note"])
def test_a_line_of_another_encoding_moves_no_row_to_another_day(desk_of: Desks, odd: str) -> None:
    """Also where only a column that nobody mapped has it: the line is quarantined, and the rows after it keep their places."""
    names = f"{PAYMENT},note"
    rows = [payment(payment_id=f"P-{n}", processed_at=f"2026-03-0{n}T10:00:00Z") + ",x" for n in (1, 2, 3)]
    rows.insert(2, rows[1].replace("P-2", "P-4").replace("0.30", "little"))
    place = names.split(",").index(odd)
    cells = rows[0].encode().split(b",")
    cells[place] = b"M\xfcller"
    desk = desk_of(feeds={"payments": {"path": "all.csv", "day_column": "processed_at", "unknown_columns": "ignore"}})
    content = b"\n".join([names.encode(), b",".join(cells), *(row.encode() for row in rows[1:]), b""])
    (desk.home / "all.csv").write_bytes(content)
    report = desk.land()
    assert (report.in_files, report.of_other_days, report.rows_in) == (4, 1, 3), str(report)
    assert desk.rows("payment_id, source_row") == [("P-2", 2)]
    assert desk.quarantined() == [(1, "BAD_ENCODING", None), (3, "UNPARSABLE", "fee")]
    assert "declare it in the feed" in desk.messages()[0]


def test_rows_of_other_days_are_counted(desk_of: Desks) -> None:
    rows = [payment(payment_id=f"P-{day}", processed_at=f"2026-03-0{day}T10:00:00Z") for day in (1, 2, 2, 3)]
    rows[2] = rows[2].replace("P-2", "P-4")
    desk = desk_of(
        feeds={"payments": {"path": "all.csv", "day_column": "processed_at", "where": "payment_id <> 'P-4'"}}
    )
    (desk.home / "all.csv").write_text(text(PAYMENT, *rows))
    report = desk.land()
    assert (report.in_files, report.left_out, report.of_other_days, report.rows_in) == (4, 1, 2, 1)
    assert report.equation_holds


@pytest.mark.parametrize("path", ["in/{month}.csv", "in/*.csv", "in/x_{day:%Y%m}.csv"])
def test_days_without_rows_between_two_months_files_are_empty(desk_of: Desks, path: str) -> None:
    """The last of February was on the 27th, the first of March on the 2nd; nobody was paid between."""
    desk = desk_of(feeds={"payments": {"path": path, "day_column": "processed_at"}})
    names = {"in/{month}.csv": "{}-{}.csv", "in/*.csv": "{}{}.csv", "in/x_{day:%Y%m}.csv": "x_{}{}.csv"}[path]
    (desk.home / "in").mkdir()

    def deliver(month: str, *days: str) -> None:
        rows = [payment(payment_id=day, processed_at=f"{day}T10:00:00Z") for day in days]
        (desk.home / "in" / names.format("2026", month)).write_text(text(PAYMENT, *rows))

    def status(month: int, day: int) -> LandingStatus:
        return desk.land(day=date(2026, month, day)).status

    deliver("02", "2026-02-03", "2026-02-27")
    assert status(2, 27) is LandingStatus.PRESENT
    assert status(2, 28) is LandingStatus.MISSING, "February may not be complete yet"
    deliver("03", "2026-03-02", "2026-03-05")
    assert [status(2, 28), status(3, 1)] == [LandingStatus.EMPTY, LandingStatus.EMPTY]
    assert [status(3, 2), status(3, 3), status(3, 6)] == [
        LandingStatus.PRESENT,
        LandingStatus.EMPTY,
        LandingStatus.MISSING,
    ]


def test_a_file_that_covers_its_month_has_no_missing_days(desk_of: Desks) -> None:
    desk = desk_of(feeds={"payments": {"path": "{month}.csv", "day_column": "processed_at", "covers": "period"}})
    (desk.home / "2026-03.csv").write_text(text(PAYMENT, ROWS[0]))
    assert desk.land(day=date(2026, 3, 31)).status is LandingStatus.EMPTY
    assert desk.land(day=date(2026, 4, 1)).status is LandingStatus.MISSING


@pytest.mark.parametrize(
    ("feed", "says"),
    [
        ({"path": "ftp://bucket/x.csv"}, "path ftp://... is not read; s3://, gs://, abfs:// are"),
        ({"path": "x_{date}.csv"}, "{date} is not known; write {day}"),
        ({"path": "x_{day:}.csv"}, "{day:} is not known"),
        ({"path": "x_{day:%H}.csv"}, "{day:%H} is not known"),
        ({"path": "x_{day.csv"}, "a brace is open"),
        ({"path": "x_{month}.csv"}, "name the column that gives a row's day: day_column"),
        ({"path": "x_{day:%d%m%y}.csv", "day_column": "processed_at"}, "holds one day"),
        ({"path": "x.csv", "covers": "period"}, "covers is for files of a month or week"),
    ],
)
def test_a_path_that_can_never_be_read_is_refused(feed: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match="path") as refused:
        Feed.model_validate(feed)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("in/x_{day:%Y%m%d}.csv", "in/x_20260302.csv"),
        ("in/{month}/pay-{day:%d}-*.csv", "in/2026-03/pay-02-final.csv"),
        ("in/{day:%y.%j}.csv", "in/26.061.csv"),
    ],
)
def test_file_names_by_pattern_are_read(desk_of: Desks, path: str, name: str) -> None:
    desk = desk_of(feeds={"payments": {"path": path}})
    file = desk.home / name
    file.parent.mkdir(parents=True)
    file.write_text(text(PAYMENT, *ROWS))
    report = desk.land()
    assert (report.accepted, report.files[0][0]) == (3, name)


def test_an_ending_in_upper_case_is_read(desk: Desk) -> None:
    desk.put(text(PAYMENT, *ROWS), name=f"{DAY}.CSV")
    assert desk.land().accepted == 3


def test_a_file_of_the_day_in_a_format_that_is_not_read_is_refused_by_name(desk: Desk) -> None:
    desk.put(b"PK\x03\x04", name=f"{DAY}.docx")
    report = desk.land()
    assert report.status is LandingStatus.REFUSED
    assert f"landing/payments holds {DAY}.docx, whose ending names no format that is read" in report.message


def test_missing_names_the_files_that_are_there(desk_of: Desks) -> None:
    desk = desk_of(feeds={"payments": {"path": "in/pay_{day}.csv"}})
    (desk.home / "in").mkdir()
    for name in ("pay_2026-03-01.csv", "pay_20260302.csv", "PAY_2026-03-02.CSV"):
        (desk.home / "in" / name).write_text(text(PAYMENT, *ROWS))
    report = desk.land()
    assert report.status is LandingStatus.MISSING
    assert (
        report.message
        == "no file in/pay_2026-03-02.csv; in holds PAY_2026-03-02.CSV, pay_20260302.csv, which is not taken"
    )


def test_decimals_of_fifty_digits_are_kept(desk_of: Desks) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    figure = Decimal("1234567.123456789012")
    columns = {
        "payment_id": ["P-1"], "kind": ["payment"], "customer_id": ["C-1"], "currency": ["USD"], "status": ["succeeded"],
        "processed_at": [f"{DAY}T10:00:00Z"], "amount": pa.array([figure], pa.decimal256(50, 12)),
    }  # fmt: skip
    desk = desk_of()
    path = desk.put(b"", name=f"{DAY}.parquet")
    pq.write_table(pa.table(columns), path)
    report = desk.land()
    assert report.accepted == 1, (report.message, desk.messages())
    assert desk.rows("amount") == [(figure,)]
    nested = pa.array([{"amount": figure}], pa.struct([("amount", pa.decimal256(50, 12))]))
    pq.write_table(pa.table(columns | {"more": nested}), path)
    assert "more has decimals of more than 38 digits within" in desk.land().message


def test_skip_is_of_text(desk_of: Desks) -> None:
    desk = desk_of(feeds={"payments": {"skip": 1}})
    path = desk.put(b"", name=f"{DAY}.parquet")
    desk.con.execute(f"COPY (SELECT 1 AS payment_id) TO '{path}' (FORMAT parquet)")
    assert "skip, skip_last and header are for lines of text" in desk.land().message


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (workbook(("R", [["a"]])), "it is a ZIP archive, or a workbook (declare format: xlsx), not CSV text"),
        (b"PK\x03\x04\x14\0\0", "cannot be unpacked"),
        (b"\x28\xb5\x2f\xfd\0", "cannot be unpacked"),
        ("id;amount\n1;2\n".encode("utf-16"), "encoding: utf-16"),
        (b"payment_id;kind;amount\n1;payment;2\n", 'declare delimiter: ";"'),
        (b"payment_id\tkind\tamount\n1\tpayment\t2\n", 'declare delimiter: "\\t"'),
    ],
)
def test_a_header_that_cannot_be_read_names_the_cure(desk: Desk, head: bytes, says: str) -> None:
    desk.put(head)
    report = desk.land()
    assert report.status is LandingStatus.REFUSED
    assert says in report.message


def test_a_ledger_comes_a_file_a_month(desk_of: Desks) -> None:
    """Each posting lands on its own day, with the role of its account's pattern; the others are counted."""
    feed = {"format": "hledger", "path": "books/{month}.journal", "day_column": "posted_on"}
    desk = desk_of(feeds={"ledger_entries": feed}, roles={"12*": "ar", "4???": "revenue"})
    (desk.home / "books").mkdir()
    for month, days in (("02", ("03", "27")), ("03", ("02", "05"))):
        entries = [f"2026-{month}-{day} Sale\n    1201    10.00 EUR\n    4711   -10.00 EUR\n" for day in days]
        (desk.home / "books" / f"2026-{month}.journal").write_text("\n".join(entries))
    report = desk.land("ledger_entries")
    assert (report.accepted, report.of_other_days, report.in_files) == (2, 2, 4), (report.message, desk.messages())
    assert desk.rows("account, role, debit, credit") == [
        ("1201", "ar", Decimal(10), Decimal(0)),
        ("4711", "revenue", Decimal(0), Decimal(10)),
    ]
    for day, status in ((date(2026, 2, 28), "empty"), (date(2026, 3, 1), "empty"), (date(2026, 3, 6), "missing")):
        assert desk.land("ledger_entries", day=day).status.value == status
