"""The field checklist: shares of what came, of rows set aside too, and no share where nothing came."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from billing_recon.compute.checklist import CHECKLIST, LAYERS
from billing_recon.compute.engine import build
from billing_recon.compute.registration import register
from billing_recon.core.schema import BY_NAME, QUARANTINE
from billing_recon_tests.sessions import session


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    """A session with every table of a day, empty."""
    con = session()
    for table in (*(BY_NAME[name] for name in LAYERS), QUARANTINE):
        register(con, table)
    return con


def put(con: duckdb.DuckDBPyConnection, table: str, *rows: dict[str, Any]) -> None:
    for row in rows:
        con.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' for _ in row)})", [*row.values()])


def aside(table: str, *fields: str, decision: str | None = None, **read: str | None) -> dict[str, Any]:
    """A row set aside for faults in `fields`, of which this was read; nothing read at all: the line was no row."""
    faults = [{"field": field, "value": "x", "reason": "UNPARSABLE", "says": "is wrong"} for field in fields]
    return {
        "table_name": table,
        "reading": json.dumps(read) if read else None,
        "faults": json.dumps(faults or [{"field": None, "value": None, "reason": "BROKEN_ROW", "says": "is no row"}]),
        "decision": decision,
    }


def checked(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, tuple[Any, ...]]:
    """column -> rows, filled, faulty, filled_share, fault_share of one layer."""
    build(con, [CHECKLIST])
    found = con.execute(
        "SELECT column_name, rows, filled, faulty, filled_share, fault_share FROM checklist WHERE table_name = ?",
        [table],
    ).fetchall()
    return {row[0]: row[1:] for row in found}


def test_every_business_field_is_looked_for_in_some_layer(con: duckdb.DuckDBPyConnection) -> None:
    build(con, [CHECKLIST])
    found = con.execute("SELECT field, position FROM checklist ORDER BY position").fetchall()
    assert {field for field, _ in found} == {
        "customer", "plan", "period", "invoice date", "currency", "tax region", "quantity", "unit price", "discounts",
        "credits", "renewal", "payment status",
    }  # fmt: skip
    assert [position for _, position in found] == list(range(42))


def test_what_is_filled_and_what_is_faulty_is_a_share_of_all_that_came(con: duckdb.DuckDBPyConnection) -> None:
    put(con, "payments", *({"customer_id": "C-1", "currency": "USD", "status": "succeeded"} for _ in range(2)))
    put(
        con,
        "quarantine",
        aside("payments", "currency", "status", customer_id="C-2", currency="XXQ", status=None),
        aside("payments", "amount", customer_id="C-3", currency="USD", status="failed"),
    )
    found = checked(con, "payments")
    assert found["customer_id"] == (4, 4, 0, Decimal(1), Decimal(0))
    assert found["currency"] == (4, 4, 1, Decimal(1), Decimal("0.25"))
    assert found["status"] == (4, 3, 1, Decimal("0.75"), Decimal("0.25"))


def test_a_released_row_counts_once_as_landed_and_stays_a_fault_of_what_came(con: duckdb.DuckDBPyConnection) -> None:
    put(con, "payments", {"customer_id": "C-1", "currency": "USD", "status": "succeeded"})
    put(con, "quarantine", aside("payments", "currency", decision="released", customer_id="C-1", currency="XXQ"))
    assert checked(con, "payments")["currency"] == (1, 1, 1, Decimal(1), Decimal(1))


def test_a_discarded_row_and_a_line_that_was_no_row_came_too(con: duckdb.DuckDBPyConnection) -> None:
    put(con, "payments", {"customer_id": "C-1", "currency": "USD", "status": "succeeded"})
    put(con, "quarantine", aside("payments"), aside("payments", "status", decision="discarded", customer_id="C-1"))
    assert checked(con, "payments")["customer_id"] == (3, 2, 0, Decimal("0.66666667"), Decimal(0))


def test_a_layer_without_rows_is_no_data(con: duckdb.DuckDBPyConnection) -> None:
    put(con, "payments", {"customer_id": "C-1"})
    for figures in checked(con, "invoice_lines").values():
        assert figures == (0, 0, 0, None, None)
    assert set(checked(con, "invoice_lines")) >= {"customer_id", "plan_id", "tax_rate", "discount"}


def test_a_layer_of_which_all_was_set_aside_has_shares(con: duckdb.DuckDBPyConnection) -> None:
    put(con, "quarantine", aside("metered_usage", "day", day="soon", quantity="5"))
    assert checked(con, "metered_usage")["usage_day"] == (1, 1, 1, Decimal(1), Decimal(1))


@pytest.mark.parametrize(
    "contract", [None, "{}", '{"credits": []}', '{"credits": null}', '{"discount": {"rate": "0.1"}}']
)
def test_a_contract_without_credits_has_none(con: duckdb.DuckDBPyConnection, contract: str | None) -> None:
    put(con, "subscriptions", {"contract": contract}, {"contract": '{"credits": [{"credit_id": "K-1"}]}'})
    put(con, "quarantine", aside("subscriptions", "plan_id", contract=contract, plan_id="x"))
    assert checked(con, "subscriptions")["contract.credits"][:3] == (3, 1, 0)


def test_a_contract_that_is_no_json_is_a_fault_of_what_it_would_hold(con: duckdb.DuckDBPyConnection) -> None:
    put(con, "quarantine", aside("subscriptions", "contract", contract="{", plan_id="x"))
    assert checked(con, "subscriptions")["contract.credits"][:3] == (1, 0, 1)
