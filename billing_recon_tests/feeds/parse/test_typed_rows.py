"""A bad row is quarantined alone, with its reason, field, next step and money at risk; the other rows land."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal

import pytest

from billing_recon.core.landing import LandingStatus
from billing_recon_tests.feeds.desk import PAID, PAYMENT, Desk, payment

BAD_VALUES: list[tuple[dict[str, str], str]] = [
    ({"amount": "ten"}, "UNPARSABLE"),
    ({"amount": "1_000"}, "UNPARSABLE"),
    ({"amount": "0x10"}, "UNPARSABLE"),
    ({"amount": "NaN"}, "UNPARSABLE"),
    ({"amount": "inf"}, "UNPARSABLE"),
    ({"amount": "-Infinity"}, "UNPARSABLE"),
    ({"amount": "10.50 USD"}, "UNPARSABLE"),
    ({"amount": "1.2.3"}, "UNPARSABLE"),
    ({"amount": "1e"}, "UNPARSABLE"),
    ({"amount": "1e30"}, "OUT_OF_RANGE"),
    ({"amount": "1e99999"}, "OUT_OF_RANGE"),
    ({"amount": "9" * 40}, "OUT_OF_RANGE"),
    ({"amount": "1000000000000000.01"}, "OUT_OF_RANGE"),
    ({"amount": "-0.01"}, "OUT_OF_RANGE"),
    ({"amount": "0." + "1" * 40}, "TOO_MANY_DECIMALS"),
    ({"amount": "1e-13"}, "TOO_MANY_DECIMALS"),
    ({"amount": "0.1234567890123"}, "TOO_MANY_DECIMALS"),
    ({"amount": ""}, "MISSING_VALUE"),
    ({"currency": "XXX"}, "UNKNOWN_CURRENCY"),
    ({"currency": "usd"}, "UNKNOWN_CURRENCY"),
    ({"currency": "GBP"}, "UNKNOWN_CURRENCY"),
    ({"status": "lost"}, "NOT_ALLOWED"),
    ({"status": "Succeeded"}, "NOT_ALLOWED"),
    ({"processed_at": "2026-02-29T10:00:00Z"}, "UNPARSABLE"),
    ({"processed_at": "02/03/2026 10:00"}, "UNPARSABLE"),
    ({"processed_at": "2026-03-02"}, "UNPARSABLE"),
    ({"processed_at": "infinity"}, "UNPARSABLE"),
    ({"processed_at": "2026-03-02T10:00:00+99:00"}, "UNPARSABLE"),
    ({"processed_at": "2026-03-03T00:00:00Z"}, "WRONG_DAY"),
    ({"processed_at": "2025-12-29T23:59:59Z"}, "WRONG_DAY"),
    ({"attempt": "1.5"}, "UNPARSABLE"),
    ({"attempt": "-1"}, "OUT_OF_RANGE"),
    ({"attempt": "1" * 20}, "OUT_OF_RANGE"),
    ({"customer_id": ""}, "MISSING_VALUE"),
    ({"customer_id": "C\0-1"}, "BAD_ENCODING"),
    ({"payment_id": "  "}, "MISSING_VALUE"),
]


def test_an_id_that_is_padded_to_a_width_is_the_id(desk: Desk) -> None:
    """A database that pads CHAR columns and one that does not name the same invoice."""
    padded = (" INV-1", "INV-1   ", "INV-1\u00a0", "\ufeffINV-1", "INV-1\t", "INV-1")
    desk.payments(*(payment(payment_id=f"P-{n} ", invoice_id=name) for n, name in enumerate(padded)))
    assert desk.rows("payment_id, invoice_id") == [(f"P-{n}", "INV-1") for n in range(len(padded))]


def test_a_bad_value_is_named_with_its_row_and_field(desk: Desk) -> None:
    rows = [payment(**{"payment_id": f"P-{n}"} | changed) for n, (changed, _) in enumerate(BAD_VALUES, 2)]
    report = desk.payments(PAID, *rows, payment(payment_id="P-99"))
    assert desk.rows("payment_id, source_row") == [("P-1", 1), ("P-99", len(rows) + 2)]
    expected = [(n, reason, next(iter(changed))) for n, (changed, reason) in enumerate(BAD_VALUES, 2)]
    assert desk.quarantined() == expected
    assert report.reasons == Counter(reason for _, reason in BAD_VALUES)
    stored = desk.quarantined("message, payload")
    unnamed = [
        message
        for (n, _, field), (changed, _), (message, payload) in zip(expected, BAD_VALUES, stored, strict=True)
        if not message.startswith(f"landing/payments/2026-03-02.csv row {n}: {field} ")
        or json.loads(payload)[field] != (changed[field] or None)
    ]
    assert unnamed == []


FIGURES = [
    ("10", "10"),
    ("10.", "10"),
    (".5", "0.5"),
    ("+7.25", "7.25"),
    (" 12.5 ", "12.5"),
    ("-0", "0"),
    ("0010.50", "10.50"),
    ("0.1000000000000000000000000", "0.1"),
    ("5.5E-6", "0.0000055"),
    ("1.0e-12", "0.000000000001"),
    ("1.5e3", "1500"),
    ("12e+2", "1200"),
    ("100e-14", "0.000000000001"),
    ("0e-40", "0"),
    ("1000000000000000", "1000000000000000"),
    ("999999999999999.999999999999", "999999999999999.999999999999"),
]


def test_a_figure_is_read_exactly_in_any_notation(desk: Desk) -> None:
    desk.payments(*(payment(payment_id=f"P-{n}", amount=text) for n, (text, _) in enumerate(FIGURES)))
    assert desk.quarantined() == []
    read = desk.rows("source_row, amount, typeof(amount)")
    assert read == [(n, Decimal(amount), "DECIMAL(38,12)") for n, (_, amount) in enumerate(FIGURES, 1)]


INSTANTS = [
    ("2026-03-02T10:00:00Z", "2026-03-02 10:00:00+00"),
    ("2026-03-02 10:00:00", "2026-03-02 10:00:00+00"),
    ("2026-03-02T10:00+05:30", "2026-03-02 04:30:00+00"),
    ("2026-03-02T10:00:00.123456000Z", "2026-03-02 10:00:00.123456+00"),
    ("2026-03-02 10:00:00 UTC", "2026-03-02 10:00:00+00"),
    ("2026-03-02 10:00:00-0800", "2026-03-02 18:00:00+00"),
]


def test_an_instant_without_offset_is_in_utc(desk: Desk) -> None:
    desk.payments(*(payment(payment_id=f"P-{n}", processed_at=text) for n, (text, _) in enumerate(INSTANTS)))
    assert desk.quarantined() == []
    read = desk.rows("source_row, CAST(processed_at AS VARCHAR)")
    assert read == [(n, instant) for n, (_, instant) in enumerate(INSTANTS, 1)]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("P-2,payment,C-1", "has 3 of 10 fields"),
        (PAID + ",x,y", "has 12 fields, but the header has 10"),
        ('P-2,pay"ment" x,"C"-1,INV,1,USD,succeeded,2026-03-02T10:00:00Z,1,0', "has text after a closing quote"),
    ],
)
def test_a_ragged_row_is_quarantined_and_later_rows_keep_their_number(desk: Desk, line: str, says: str) -> None:
    report = desk.payments(PAID, line, payment(payment_id="P-3"), "a,b", payment(payment_id="P-5"))
    assert desk.quarantined() == [(2, "BROKEN_ROW", None), (4, "BROKEN_ROW", None)]
    assert says in desk.messages()[0]
    assert json.loads(desk.quarantined("payload")[0][0])["line"].startswith(line)
    assert desk.rows("payment_id, source_row") == [("P-1", 1), ("P-3", 3), ("P-5", 5)]
    assert report.equation_holds


def test_bytes_in_another_encoding_quarantine_their_row(desk: Desk) -> None:
    desk.put(f"{PAYMENT}\n{PAID}\n{payment(payment_id='P-2', customer_id='Müller')}\n".encode("cp1252"))
    report = desk.land()
    assert (report.rows_in, report.accepted, report.quarantined) == (2, 1, 1)
    assert desk.quarantined() == [(2, "BAD_ENCODING", None)]
    assert "encoding" in desk.messages()[0]


def test_several_faults_of_a_row_are_one_row_that_names_them_all(desk: Desk) -> None:
    desk.payments(payment(amount="x", attempt="y", processed_at="z"))
    assert desk.quarantined() == [(1, "UNPARSABLE", "amount")]
    assert desk.messages()[0].endswith("; also wrong: processed_at, attempt")
    desk.payments(payment(amount="-1", currency="GBP", status="lost"))
    assert desk.quarantined() == [(1, "OUT_OF_RANGE", "amount")]
    assert desk.messages()[0].endswith("; also wrong: currency, status")


def test_money_at_risk_is_known_where_the_amount_can_be_read(desk: Desk) -> None:
    desk.payments(payment(status="lost", amount="12.34"), payment(payment_id="P-2", amount="x"))
    assert desk.quarantined("money_at_risk, currency") == [(Decimal("12.34"), "USD"), (None, "USD")]
    assert desk.quarantined("owner") == [("finance",), ("finance",)]


def test_quotes_commas_line_breaks_and_windows_line_ends_are_content(desk: Desk) -> None:
    rows = (payment(customer_id='"Smith, ""Bob"""'), payment(payment_id="P-2", customer_id='"two\r\nlines"'), "a,b")
    report = desk.payments(*rows, newline="\r\n")
    assert desk.rows("customer_id, source_row") == [('Smith, "Bob"', 1), ("two\r\nlines", 2)]
    assert desk.quarantined() == [(3, "BROKEN_ROW", None)]
    assert report.rows_in == 3


def test_a_byte_order_mark_is_no_part_of_the_first_column(desk: Desk) -> None:
    desk.put(b"\xef\xbb\xbf" + f"{PAYMENT}\n{PAID}\n".encode())
    assert desk.land().accepted == 1


def test_the_last_row_needs_no_line_end(desk: Desk) -> None:
    desk.put(f"{PAYMENT}\n{PAID}")
    assert desk.land().accepted == 1


def test_the_message_of_the_report_counts_the_reasons(desk: Desk) -> None:
    report = desk.payments(PAID, payment(payment_id="P-2", amount="x"), payment(payment_id="P-3", currency="ABC"))
    assert report.status is LandingStatus.PRESENT
    assert report.message == "2 of 3 rows are in quarantine (1 UNKNOWN_CURRENCY, 1 UNPARSABLE)"
