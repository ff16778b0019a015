"""A file that cannot be read as what it claims to be is refused whole, with what to do; nothing of it lands."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from billing_recon.core.landing import LandingStatus
from billing_recon_tests.feeds.desk import DAY, PAID, PAYMENT, Desk, payment

GOOD = f"{PAYMENT}\n{PAID}\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty and has no header"),
        (b"  \n", "the file is empty and has no header"),
        (GOOD + payment(payment_id="P-2")[:30], "row 2, the last, stops in the middle"),
        (GOOD + 'P-2,payment,"C-1,INV-2,1,USD\n' + PAID + "\n", "row 2 opens a quote that is not closed"),
        (GOOD + 'P-2,payment,"C-1,INV-2,1,USD\n', "row 2"),
        (GOOD.replace("fee", "fee,tip,iban").replace("0.30", "0.30,1,2"), "2 unknown columns: tip, iban"),
        (GOOD.replace("amount", "betrag"), "1 needed column is missing: amount"),
        (GOOD.replace("fee", "Amount"), "the header names amount, Amount twice"),
        (GOOD.encode("utf-16"), "encoding: utf-16"),
        (GOOD.replace("fee", "gebühr").encode("latin-1"), "not UTF-8 text"),
        (f"{PAYMENT}\r\n{PAID}\r\n{payment(payment_id='P-2')}\n{payment(payment_id='P-3')}\r\n", "line ends are mixed"),
        (GOOD.replace(",", ";"), "unknown column"),
    ],
)
def test_a_broken_csv_file_is_refused_with_what_to_do(desk: Desk, content: str | bytes, says: str) -> None:
    desk.put(content)
    report = desk.land()
    assert report.status is LandingStatus.REFUSED
    assert says in report.message
    assert report.message.startswith("landing/payments/2026-03-02.csv: ")
    assert report.rows_in == report.accepted == report.quarantined == 0
    assert [name for name, _ in report.files] == ["landing/payments/2026-03-02.csv"]
    assert desk.rows() == desk.quarantined() == []


def test_a_quote_left_open_in_a_large_file_loses_no_rows_silently(desk: Desk) -> None:
    rows = [payment(payment_id=f"P-{n}") for n in range(60_000)]
    rows[30_000] = rows[30_000].replace("C-1", '"C-1')
    report = desk.payments(*rows)
    assert report.status is LandingStatus.REFUSED
    assert "row 30001 opens a quote" in report.message


def test_a_large_file_that_was_cut_off_is_refused(desk: Desk) -> None:
    rows = [payment(payment_id=f"P-{n}") for n in range(60_000)]
    desk.put("\n".join([PAYMENT, *rows])[:-40])
    assert "row 60000, the last, stops in the middle" in desk.land().message


def test_json_lines_that_were_cut_off_are_refused(desk: Desk) -> None:
    names, values = PAYMENT.split(","), PAID.split(",")
    line = json.dumps(dict(zip(names, values, strict=True)))
    desk.put(f"{line}\n{line[:60]}", name=f"{DAY}.jsonl")
    assert "line 2, the last, stops in the middle" in desk.land().message
    desk.put(f"{line}\n{line[:60]}\n", name=f"{DAY}.jsonl")
    assert desk.land().status is LandingStatus.PRESENT, "with its line end it is a bad row, not the end of a file"


def test_a_file_in_another_encoding_is_read_in_it(desk_of: Callable[..., Desk]) -> None:
    desk = desk_of(feeds={"payments": {"encoding": "utf-16"}})
    desk.put(f"{PAYMENT}\n{payment(customer_id='Žižka')}\nbroken\n".encode("utf-16"))
    assert desk.land().reasons == {"BROKEN_ROW": 1}
    assert desk.rows("customer_id") == [("Žižka",)]


def test_unknown_columns_name_the_key_that_would_allow_them(desk: Desk) -> None:
    desk.put(GOOD.replace("fee", "fee,tip").replace("0.30", "0.30,1"))
    message = desk.land().message
    assert "feeds.payments.columns" in message
    assert "feeds.payments.unknown_columns: ignore" in message


def test_no_file_is_missing_a_header_alone_is_empty(desk: Desk) -> None:
    assert desk.land().status is LandingStatus.MISSING
    desk.put(PAYMENT + "\n")
    assert desk.land().status is LandingStatus.EMPTY
    desk.put(PAYMENT)
    assert desk.land().status is LandingStatus.EMPTY


def test_two_formats_for_one_day_are_refused(desk: Desk) -> None:
    desk.put(GOOD)
    desk.put("{}\n", name=f"{DAY}.jsonl")
    report = desk.land()
    assert report.status is LandingStatus.REFUSED
    assert "keep the right one" in report.message


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"PAR1 and then nothing", f"{DAY}.parquet", "not a whole Parquet file"),
        (b"", f"{DAY}.parquet", "not a whole Parquet file"),
        (b'{"payment_id": "P-1", "ki', f"{DAY}.jsonl", "may have been cut off"),
        (b"[1, 2]\n[3]\n", f"{DAY}.jsonl", "has more after its array"),
        (b'{"payment_id": "P-1"}\n{"payment_id": "P-', f"{DAY}.jsonl", "missing"),
    ],
)
def test_a_broken_file_of_another_format_is_refused(desk: Desk, content: bytes, name: str, says: str) -> None:
    desk.put(content, name=name)
    report = desk.land()
    assert report.status is LandingStatus.REFUSED
    assert says in report.message


def test_a_wrongly_declared_encoding_names_the_line(desk_of: Callable[..., Desk]) -> None:
    desk = desk_of(feeds={"payments": {"encoding": "ascii"}})
    desk.put(f"{PAYMENT}\n{PAID}\n{payment(customer_id='Müller')}\n")
    assert "line 3 has a byte (0xc3) that is not ascii text" in desk.land().message
    desk = desk_of(feeds={"payments": {"encoding": "klingon"}})
    assert "encoding 'klingon' is unknown" in desk.land().message


def test_a_refused_file_leaves_nothing_of_the_one_before(desk: Desk) -> None:
    assert desk.payments(PAID).accepted == 1
    desk.put("")
    assert desk.land().status is LandingStatus.REFUSED
    assert desk.rows() == []
