"""Tables of a session made from specs: exact types, empty columns, and rows that do not fit are refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from billing_recon.compute.registration import arrow_types, register
from billing_recon.core.schema import METRICS, PAYMENTS, SQL_TYPE, Kind
from billing_recon.core.schema.catalogue import CATALOGUE
from billing_recon_tests.sessions import session


def test_every_table_has_its_declared_types_whether_empty_or_not() -> None:
    con = session()
    for table in CATALOGUE:
        for rows in ((), [{}]):
            register(con, table, rows)
            found = con.execute(f"SELECT column_name, column_type FROM (DESCRIBE {table.name})").fetchall()
            declared = [
                (c.name, c.sql_type.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE")) for c in table.registered
            ]
            assert found == declared


def test_each_kind_has_a_type_in_both_worlds() -> None:
    assert set(SQL_TYPE) == set(arrow_types()) == set(Kind)


def test_rows_may_be_mappings_or_sequences_and_text_is_read_exactly() -> None:
    con = session()
    paid = datetime(2026, 3, 2, 9, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
    register(con, PAYMENTS, [{"payment_id": "P1", "amount": "0.1", "processed_at": paid, "day": "2026-03-02"}], "given")
    (found,) = con.execute("SELECT payment_id, amount, processed_at, day, fee FROM given").fetchall()
    assert found == ("P1", Decimal("0.100000000000"), paid.astimezone(UTC), date(2026, 3, 2), None)
    register(con, METRICS, [(date(2026, 3, 2), "m", None, "all", "control", 1, 2, Decimal("0.5"))])
    found = con.execute("SELECT metric, numerator, value FROM metrics").fetchall()
    assert found == [("m", Decimal(1), Decimal("0.5"))]


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"amount": 0.1}, "float"),
        ({"amont": "0.1"}, "no column amont"),
        (("P1",), "values"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(row: object, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        register(session(), PAYMENTS, [row])  # type: ignore[list-item]


def test_a_figure_with_more_decimals_than_are_kept_is_refused_and_never_rounded() -> None:
    with pytest.raises(pa.ArrowInvalid):
        register(session(), PAYMENTS, [{"amount": "0.0000000000001"}])
