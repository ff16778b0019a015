"""Their files under their own names: mapped by company.yaml alone, refused where the mapping does not fit."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.core.landing import LandingStatus
from billing_recon_tests.feeds.desk import DAY, Desk

Desks = Callable[..., Desk]

THEIRS = "Nr;Typ;Kunde;Netto;Steuer;Zeit;Notiz"
COLUMNS: dict[str, Any] = {
    "payment_id": "Nr",
    "kind": {"column": "Typ", "map": {"Z": "payment", "E": "refund"}},
    "customer_id": "Kunde",
    "amount": {"sql": "figure(replace(Netto, ',', '.')) + figure(replace(Steuer, ',', '.'))"},
    "currency": {"value": "EUR"},
    "status": {"value": "succeeded"},
    "processed_at": {"sql": "Zeit || 'T00:00:00Z'"},
}
FEED: dict[str, Any] = {
    "path": "export/{day}/zahlungen.txt",
    "format": "csv",
    "delimiter": ";",
    "encoding": "cp1252",
    "columns": COLUMNS,
    "unknown_columns": "ignore",
}


def german(desk_of: Desks, *rows: str, header: str = THEIRS, **changed: Any) -> Desk:
    desk = desk_of(feeds={"payments": FEED | changed})
    path = desk.home / "export" / str(DAY) / "zahlungen.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join([header, *rows, ""]).encode("cp1252"))
    return desk


def test_columns_constants_expressions_and_value_maps_give_canonical_rows(desk_of: Desks) -> None:
    desk = german(desk_of, "1;Z;Müller;100,10;19,02;2026-03-02;x", "2;E;Groß;0,30;0,00;2026-03-01;y")
    report = desk.land()
    assert report.accepted == 2, report.message
    assert desk.rows("payment_id, kind, customer_id, amount, currency") == [
        ("1", "payment", "Müller", Decimal("119.12"), "EUR"),
        ("2", "refund", "Groß", Decimal("0.30"), "EUR"),
    ]
    assert report.files[0][0] == f"export/{DAY}/zahlungen.txt"


def test_a_value_that_the_map_does_not_list_is_judged_as_it_is(desk_of: Desks) -> None:
    desk = german(desk_of, "1;X;Müller;1;0;2026-03-02;x")
    desk.land()
    assert desk.quarantined("reason, field, value") == [("NOT_ALLOWED", "kind", "X")]


def test_an_expression_that_fails_on_a_row_sets_that_row_aside(desk_of: Desks) -> None:
    desk = german(desk_of, "1;Z;A;zehn;0;2026-03-02;x", "2;Z;B;1;0;2026-03-02;x", "3;Z;C;;0;2026-03-02;x")
    desk.land()
    assert desk.rows("payment_id") == [("2",)]
    assert desk.quarantined() == [(1, "UNPARSABLE", "amount"), (3, "MISSING_VALUE", "amount")]


def test_rows_outside_the_condition_are_another_tables(desk_of: Desks) -> None:
    desk = german(desk_of, "1;Z;A;1;0;2026-03-02;x", "2;Z;B;1;0;2026-03-02;intern", where="Notiz <> 'intern'")
    report = desk.land()
    assert (report.rows_in, report.accepted) == (1, 1)
    desk = german(desk_of, "1;Z;A;1;0;2026-03-02;x", "2;Z;B;1;0;2026-03-02;5", where="CAST(Notiz AS INTEGER) = 5")
    report = desk.land()
    assert desk.quarantined() == [(1, "UNPARSABLE", None)], "a row that the condition cannot judge is not lost"
    assert report.rows_in == 2


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"unknown_columns": "refuse"}, "1 unknown column: Notiz"),
        (
            {"columns": COLUMNS | {"customer_id": "Client"}},
            "the column 'Client' named by feeds.payments.columns.customer_id",
        ),
        ({"columns": COLUMNS | {"amount": {"sql": "Brutto"}}}, "feeds.payments.columns.amount.sql cannot be computed"),
        ({"columns": COLUMNS | {"amount": {"sql": "(("}}}, "feeds.payments.columns.amount.sql cannot be computed"),
        (
            {"columns": COLUMNS | {"amount": {"sql": "CAST(Netto AS DOUBLE)"}}},
            "gives a binary DOUBLE, which loses cents",
        ),
        ({"columns": COLUMNS | {"amout": "Netto"}}, "'amout' is not a column of payments"),
        ({"columns": {k: v for k, v in COLUMNS.items() if k != "amount"}}, "1 needed column is missing: amount"),
        ({"where": "Nirgends = 1"}, "feeds.payments.where cannot be computed"),
        (
            {"path": "export/{day}/zahlungen.txt", "format": None},
            "declare format: csv, tsv, jsonl, json, parquet or xlsx",
        ),
    ],
)
def test_a_mapping_that_does_not_fit_refuses_the_file(desk_of: Desks, changed: dict[str, Any], says: str) -> None:
    report = german(desk_of, "1;Z;Müller;100;19;2026-03-02;x", **changed).land()
    assert report.status is LandingStatus.REFUSED
    assert says in report.message


def test_every_problem_of_a_mapping_is_named_at_once(desk_of: Desks) -> None:
    columns = COLUMNS | {"customer_id": "Client", "amount": {"sql": "Brutto"}}
    message = german(desk_of, "1;Z;A;1;0;2026-03-02;x", columns=columns, unknown_columns="refuse").land().message
    assert message.count("zahlungen.txt: ") == 3


def test_a_day_may_come_in_several_files(desk_of: Desks) -> None:
    desk = german(desk_of, "1;Z;A;1;0;2026-03-02;x", path="export/{day}/*.txt")
    other = desk.home / "export" / str(DAY) / "mehr.txt"
    other.write_text(f"{THEIRS}\n2;Z;B;1;0;2026-03-02;x\n1;Z;A;1;0;2026-03-02;x\nkaputt\n")
    report = desk.land()
    assert (report.rows_in, report.accepted, report.duplicates, report.quarantined) == (4, 2, 1, 1)
    assert desk.rows("payment_id, source_file, source_row") == [
        ("1", f"export/{DAY}/mehr.txt", 2),
        ("2", f"export/{DAY}/mehr.txt", 1),
    ]
    assert desk.quarantined("source_file, source_row") == [(f"export/{DAY}/mehr.txt", 3)]


def test_an_account_without_a_role_has_the_one_of_the_chart_of_accounts(desk_of: Desks) -> None:
    desk = desk_of(roles={"1200": "ar", "4000": "revenue"})
    header = "entry_id,journal_id,posted_on,account,debit,credit,currency"
    rows = ("E-1,J,2026-03-02,1200,5,,EUR", "E-2,J,2026-03-02,4000,,5,EUR", "E-3,J,2026-03-02,9999,5,,EUR")
    desk.put("\n".join([header, *rows, ""]), table="ledger_entries")
    desk.land("ledger_entries")
    assert desk.rows("entry_id, role, debit, credit") == [
        ("E-1", "ar", Decimal(5), Decimal(0)),
        ("E-2", "revenue", Decimal(0), Decimal(5)),
    ]
    assert desk.quarantined() == [(3, "MISSING_VALUE", "role")]


def test_columns_that_may_be_left_out_have_their_defaults(desk: Desk) -> None:
    header = (
        "invoice_id,line_id,customer_id,subscription_id,plan_id,plan_version,kind,period_start,period_end,quantity,"
        "unit_price,gross,discount,credit,taxable,tax_rate,tax,total,currency,issued_on,calculated_at"
    )
    row = "I-1,1,C-1,S-1,pro,1,usage,2026-02-01,2026-03-01,1,2,2,,,2,0.1,0.2,2.2,USD,2026-03-02,2026-03-02T00:00:00Z"
    desk.put(f"{header}\n{row}\n", table="invoice_lines")
    assert desk.land("invoice_lines").accepted == 1
    assert desk.rows("invoice_kind, status, variant, cohort, meter, discount, credit") == [
        ("invoice", "issued", None, "all", None, Decimal(0), Decimal(0))
    ]
