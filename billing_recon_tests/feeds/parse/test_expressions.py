"""Expressions of company.yaml see one row each: what they cannot judge is set aside, what they must not do is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.core.landing import LandingStatus
from billing_recon_tests.feeds.desk import DAY, Desk

Desks = Callable[..., Desk]
HEADER = "id,amount,paid,zone,t"
REST: dict[str, Any] = {
    "payment_id": "id",
    "kind": {"value": "payment"},
    "customer_id": {"value": "C-1"},
    "currency": {"value": "EUR"},
    "status": {"value": "succeeded"},
    "processed_at": "paid",
}


def landed(
    desk_of: Desks, *rows: str, header: str = HEADER, columns: dict[str, Any] | None = None, **feed: Any
) -> Desk:
    declared = {"columns": REST | (columns or {}), "unknown_columns": "ignore"} | feed
    desk = desk_of(feeds={"payments": declared}, timezone="Europe/Berlin")
    desk.put("\n".join([header, *rows, ""]))
    return desk


NOON = f"{DAY}T12:00:00Z"


def test_a_row_on_which_where_is_neither_true_nor_false_is_set_aside(desk_of: Desks) -> None:
    desk = landed(desk_of, f"1,10,{NOON},,a", f"2,20,{NOON},,", f"3,30,{NOON},,x", where="t <> 'x'")
    report = desk.land()
    assert (report.rows_in, report.accepted, report.quarantined) == (2, 1, 1)
    assert "row 2: the row may or may not be one of this table" in desk.messages()[0]


def test_a_row_whose_time_zone_is_none_is_set_aside_and_its_column_named(desk_of: Desks) -> None:
    columns = {"processed_at": {"sql": "CAST(paid AS TIMESTAMP) AT TIME ZONE zone"}}
    rows = (
        f"1,10,{DAY} 12:00:00,Europe/Berlin,",
        f"2,20,{DAY} 12:00:00,PDT,",
        f"3,30,{DAY} 12:00:00,america/new_york,",
    )
    desk = landed(desk_of, *rows, columns=columns)
    desk.land()
    assert desk.rows("payment_id, hour(processed_at AT TIME ZONE 'UTC')") == [("1", 11), ("3", 17)]
    assert desk.quarantined() == [(2, "UNPARSABLE", "processed_at")]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("sum(figure(amount))", "sum() is computed from many rows"),
        ("(SELECT max(amount) FROM x)", "contains a subquery"),
        ("row_number() OVER (ORDER BY paid)", "the position of a row in its file is the column row_number"),
        ("unnest([1, 2])", "makes several rows of one"),
        ("random()", "gives another result on another run"),
        ("today()", "gives another result on another run"),
        ("amount) FROM read_csv('/etc/passwd') --", "cannot be computed"),
        ("1); DROP TABLE landing_typed; SELECT (1", "is not one expression"),
        ("nosuch(amount)", "nosuch"),
        ("figure(nocolumn)", "nocolumn"),
        ("figure(amount", "syntax error"),
        ("strptime(paid, '%Q')", "%Q"),
        ("CAST(paid AS TIMESTAMP) AT TIME ZONE 'PDT'", "PDT"),
    ],
)
def test_what_an_expression_must_not_do_is_refused_naming_table_and_column(desk_of: Desks, sql: str, says: str) -> None:
    desk = landed(
        desk_of,
        f"1,10,{DAY} 12:00:00,,",
        columns={"customer_id": {"sql": sql}},
    )
    report = desk.land()
    assert report.status is LandingStatus.REFUSED
    assert "feeds.payments.columns.customer_id.sql" in report.message
    assert says in report.message


def test_a_condition_that_is_no_condition_is_refused(desk_of: Desks) -> None:
    report = landed(desk_of, f"1,10,{NOON},,a", where="length(t)").land()
    assert report.status is LandingStatus.REFUSED
    assert "feeds.payments.where gives BIGINT, which is no condition" in report.message


def test_a_file_without_ids_numbers_its_rows(desk_of: Desks) -> None:
    columns = {"payment_id": {"sql": "'2026-03/' || row_number"}, "invoice_id": {"column": "row_number"}}
    desk = landed(desk_of, f"x,10,{NOON},,", f"x,20,{NOON},,", columns=columns)
    assert desk.land().accepted == 2, desk.messages()
    assert desk.rows("payment_id, invoice_id, amount") == [
        ("2026-03/1", "1", Decimal(10)),
        ("2026-03/2", "2", Decimal(20)),
    ]


def test_a_column_of_the_file_that_is_called_row_number_stays_the_files(desk_of: Desks) -> None:
    desk = landed(
        desk_of, f"7,10,{NOON}", header="row_number,amount,paid", columns={"payment_id": {"sql": "row_number"}}
    )
    assert desk.land().accepted == 1, desk.messages()
    assert desk.rows("payment_id") == [("7",)]


def test_a_short_name_that_means_several_zones_is_set_aside(desk_of: Desks) -> None:
    """DuckDB takes BST for Bangladesh, six hours east of UTC; who writes it in London means one."""
    columns = {"processed_at": {"sql": "CAST(paid AS TIMESTAMP) AT TIME ZONE zone"}}
    rows = (f"1,10,{DAY} 12:00:00,BST,", f"2,20,{DAY} 12:00:00,CET,", f"3,20,{DAY} 12:00:00,AST,")
    desk = landed(desk_of, *rows, columns=columns)
    desk.land()
    assert desk.rows("payment_id") == [("2",)]
    assert len([says for says in desk.messages() if "processed_at cannot be computed" in says]) == 2


@pytest.mark.parametrize(
    "columns",
    [
        {"amount": {"sql": "figure(t) + 1"}, "fee": {"sql": "figure(t) * 2"}},
        {"amount": {"sql": "CASE WHEN figure(t) < 0 THEN -figure(t) ELSE figure(t) END"}},
    ],
)
def test_a_figure_that_two_expressions_read_fails_its_row_alone(desk_of: Desks, columns: dict[str, Any]) -> None:
    """DuckDB computed what they have in common once, before both and outside their TRY: one bad row ended the landing."""
    desk = landed(desk_of, f"1,,{NOON},,5.00", f'2,,{NOON},,"1,100.00"', f"3,,{NOON},,7.00", columns=columns)
    report = desk.land()
    assert (report.status, report.accepted, report.quarantined) == (LandingStatus.PRESENT, 2, 1), report
    assert desk.quarantined("source_row, reason, field") == [(2, "UNPARSABLE", "amount")]


def test_a_rule_and_a_column_that_read_one_figure_fail_its_row_alone(desk_of: Desks) -> None:
    rules = {"set_aside": {"is large": "figure(t) > 100"}, "where": "figure(t) <> 3"}
    columns = {"amount": {"sql": "figure(t) + 1"}}
    desk = landed(desk_of, f"1,,{NOON},,5.00", f"2,,{NOON},,five", f"3,,{NOON},,3", columns=columns, **rules)
    report = desk.land()
    assert (report.status, report.accepted, report.quarantined, report.left_out) == (LandingStatus.PRESENT, 1, 1, 1)


def test_the_size_of_a_signed_amount_is_read_in_the_notation_of_the_feed(desk_of: Desks) -> None:
    desk = landed(
        desk_of, f"1,1.234,{NOON},,x", f'2,"-12,50",{NOON},,x', f'3,"+7,00",{NOON},,x', f"4,12.34,{NOON},,x",
        columns={"amount": {"column": "amount", "keep": "absolute"}}, decimal_mark=",", thousands_mark=".",
    )  # fmt: skip
    desk.land()
    assert desk.rows("payment_id, amount") == [("1", Decimal(1234)), ("2", Decimal("12.5")), ("3", Decimal(7))]
    assert desk.quarantined("source_row, field") == [(4, "amount")]


def test_a_fee_in_whole_units_beside_amounts_in_cents_is_not_a_hundredth_of_it(desk_of: Desks) -> None:
    columns = {"amount": "amount", "fee": {"column": "t"}}
    rows = (f"1,1190,{NOON},,30", f"2,1190,{NOON},,0.30", f"3,12.50,{NOON},,", f"4,1190.0,{NOON},,")
    desk = landed(desk_of, *rows, columns=columns, minor_units=True)
    desk.land()
    assert desk.rows("payment_id, amount, fee") == [
        ("1", Decimal("11.9"), Decimal("0.3")),
        ("4", Decimal("11.9"), None),
    ]
    assert desk.quarantined("source_row, field") == [(2, "fee"), (3, "amount")]
    assert "in whole minor units" in desk.messages()[0]
