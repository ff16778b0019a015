"""A contract refuses what cannot be, lets pass what is merely wrong, and says so alike in both of its forms."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_recon.contracts.day_rules import day_rules
from billing_recon.contracts.quarantine_reasons import Reason
from billing_recon.contracts.registry import TABLE_RULES, contract_of
from billing_recon.contracts.rule import POLARS_TYPE
from billing_recon.contracts.subscriptions import catalog_rules
from billing_recon.core.schema import BY_NAME, CANONICAL, LARGEST, Kind, TableSpec

DAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

GOOD: dict[Kind, Any] = {
    Kind.TEXT: "x",
    Kind.QUANTITY: Decimal("1.5"),
    Kind.PRICE: Decimal("0.01"),
    Kind.AMOUNT: Decimal("10.50"),
    Kind.RATE: Decimal("0.19"),
    Kind.DATE: DAY,
    Kind.TIMESTAMP: NOON,
    Kind.INTEGER: 1,
    Kind.JSON: "{}",
    Kind.CURRENCY: "EUR",
    Kind.TIMEZONE: "Europe/Berlin",
}
BAD: dict[Kind, list[Any]] = {
    Kind.QUANTITY: [Decimal(-1), Decimal(LARGEST[Kind.QUANTITY]) + Decimal("0.0000000001")],
    Kind.PRICE: [Decimal(-1), Decimal(LARGEST[Kind.PRICE]) + Decimal("0.000000000001")],
    Kind.AMOUNT: [Decimal(-1), Decimal(0), -Decimal(LARGEST[Kind.AMOUNT]) - Decimal("0.000000000001")],
    Kind.RATE: [Decimal(-1), Decimal("10.00000001")],
    Kind.DATE: [DAY + timedelta(days=1), DAY - timedelta(days=500)],
    Kind.TIMESTAMP: [NOON + timedelta(days=1), NOON - timedelta(days=500), NOON + timedelta(days=500)],
    Kind.INTEGER: [-1, 0],
    Kind.JSON: ["[]", '{"discount": {"rate": 0.1}}'],
    Kind.CURRENCY: ["XXX", "GBP", ""],
    Kind.TIMEZONE: ["CEST+2", ""],
    Kind.TEXT: ["", "y"],
}


def good_row(spec: TableSpec) -> dict[str, Any]:
    row = {c.name: c.one_of[0] if c.one_of else GOOD[c.kind] for c in spec.columns}
    if spec.name == "subscriptions":
        row["valid_to"] = NOON + timedelta(days=1)
    if spec.name == "invoice_lines":
        row["period_end"] = DAY + timedelta(days=1)
    if spec.name == "ledger_entries":
        row["credit"] = Decimal(0)
    if spec.name == "usage_events":
        row["corrects"] = "another"
    return row


def frame(spec: TableSpec, *rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={c.name: POLARS_TYPE[c.kind] for c in spec.columns}, orient="row")


def broken(spec: TableSpec, **changed: Any) -> list[tuple[str, Reason]]:
    """What a good row breaks once some of its values are changed."""
    contract = contract_of(spec.name, ("EUR", "USD"))
    if spec.name == "subscriptions":
        contract = contract.on_day(catalog_rules(None, DAY, 62, "UTC"))
    rows = frame(spec, good_row(spec) | changed)
    faults = contract.worded(contract.faults(rows), rows).sort("position")
    return [(row["field"], Reason(row["reason"])) for row in faults.to_dicts()]


def test_every_canonical_table_has_a_contract() -> None:
    assert list(TABLE_RULES) == [spec.name for spec in CANONICAL]


@pytest.mark.parametrize("spec", CANONICAL, ids=lambda spec: spec.name)
def test_a_good_row_is_accepted_and_each_needed_value_is_needed(spec: TableSpec) -> None:
    assert broken(spec) == []
    for column in spec.columns:
        needed = not column.nullable and column.default is None
        expected = [(column.name, Reason.MISSING_VALUE)] if needed else []
        assert broken(spec, **{column.name: None}) == expected, column.name


@pytest.mark.parametrize(
    ("table", "changed", "expected"),
    [
        ("invoice_lines", {"period_end": DAY}, [("period_end", Reason.TABLE_RULE)]),
        ("invoice_lines", {"currency": "GBP"}, [("currency", Reason.UNKNOWN_CURRENCY)]),
        ("invoice_lines", {"currency": "ZZZ"}, [("currency", Reason.UNKNOWN_CURRENCY)]),
        ("invoice_lines", {"tax_rate": Decimal("10.01")}, [("tax_rate", Reason.OUT_OF_RANGE)]),
        ("invoice_lines", {"total": Decimal("-1e6")}, []),
        ("invoice_lines", {"total": Decimal("999"), "tax": Decimal("-5")}, []),
        ("rendered_invoices", {"payable": Decimal("1")}, []),
        ("ledger_entries", {"credit": Decimal("1")}, [("credit", Reason.TABLE_RULE)]),
        ("ledger_entries", {"debit": Decimal("-1")}, [("debit", Reason.OUT_OF_RANGE)]),
        ("usage_events", {"quantity": Decimal("-1")}, [("quantity", Reason.OUT_OF_RANGE)]),
        ("usage_events", {"received_at": NOON - timedelta(hours=23)}, []),
        ("usage_events", {"received_at": NOON - timedelta(hours=25)}, [("received_at", Reason.TABLE_RULE)]),
        ("usage_events", {"corrects": "x"}, [("corrects", Reason.TABLE_RULE)]),
        ("subscriptions", {"valid_to": None}, []),
        ("subscriptions", {"valid_to": NOON}, [("valid_to", Reason.TABLE_RULE)]),
        ("subscriptions", {"contract": '{"minimum": "5.00"}'}, []),
        ("subscriptions", {"contract": '{"minimum": 5.5}'}, [("contract", Reason.UNPARSABLE)]),
        ("payments", {"amount": Decimal("-0.01"), "fee": Decimal("-0.01")}, [("amount", Reason.OUT_OF_RANGE)]),
    ],
)
def test_what_cannot_be_is_refused_and_what_is_merely_wrong_is_not(
    table: str, changed: dict[str, Any], expected: list[tuple[str, Reason]]
) -> None:
    assert broken(BY_NAME[table], **changed) == expected


@given(data=st.data(), spec=st.sampled_from(CANONICAL))
@settings(max_examples=60, deadline=None)
def test_both_forms_of_a_contract_agree_on_every_row(data: st.DataObject, spec: TableSpec) -> None:
    values = st.fixed_dictionaries(
        {c.name: st.sampled_from([good_row(spec)[c.name]] * 12 + [None, *BAD.get(c.kind, [])]) for c in spec.columns}
    )
    rows = frame(spec, *data.draw(st.lists(values, min_size=1, max_size=8))).with_row_index("row")
    contract = contract_of(spec.name, ("EUR", "USD")).on_day(day_rules(spec, DAY, 62, "Asia/Tokyo"))
    if spec.name == "subscriptions":
        contract = contract.on_day(catalog_rules(None, DAY, 62, "Asia/Tokyo"))
    suspects = contract.suspects(rows)["row"].to_list()
    found = contract.faults(rows.select(contract.columns))["index"].unique().sort().to_list()
    assert suspects == found


def test_bounds_are_exact_to_the_last_decimal() -> None:
    spec = BY_NAME["payments"]
    most = Decimal(LARGEST[Kind.AMOUNT])
    assert broken(spec, amount=most) == []
    assert broken(spec, amount=most + Decimal("0.000000000001")) == [("amount", Reason.OUT_OF_RANGE)]


def test_a_frame_of_other_types_is_a_bug_and_raises() -> None:
    from pandera.errors import SchemaErrors

    wrong = frame(BY_NAME["payments"], good_row(BY_NAME["payments"])).with_columns(pl.col("amount").cast(pl.Float64))
    with pytest.raises(SchemaErrors):
        contract_of("payments").faults(wrong)


def test_the_code_location_loads_neither_polars_nor_pandera() -> None:
    code = (
        "import sys, billing_recon.feeds, billing_recon.contracts; "
        "print([m for m in ('polars', 'pandera', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
