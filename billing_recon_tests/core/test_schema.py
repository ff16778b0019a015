"""The catalogue of tables: complete, without contradictions, and the only place that declares columns."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import billing_recon
from billing_recon.core.policy import Windows
from billing_recon.core.profile import Profile
from billing_recon.core.schema import BREAKS, INVOICE_LINES, METERED_USAGE, METRICS, QUARANTINE, SQL_TYPE, Kind
from billing_recon.core.schema.catalogue import CATALOGUE
from billing_recon.core.schema.parameters import RUN_PARAMS, RunParams

PACKAGE = Path(billing_recon.__file__).parent

OWN_TABLES = {"warehouse/mirror.py"}
"""Modules that create a table whose columns are no table's of the catalogue: the files that a mirror holds."""


def test_each_table_is_declared_once_and_its_key_and_day_are_columns_of_it() -> None:
    names = [table.name for table in CATALOGUE]
    assert sorted(names) == sorted(set(names))
    wrong = [
        f"{table.name}.{name}"
        for table in CATALOGUE
        for name in (*table.key, *filter(None, (table.own_day, table.money)))
        if name not in table.names
    ]
    assert wrong == []
    assert [t.name for t in CATALOGUE if len(set(t.names)) < len(t.names)] == []


def test_each_table_and_each_figure_says_what_it_means() -> None:
    assert [table.name for table in CATALOGUE if not table.doc.endswith(".")] == []
    plain = {"quantity", "unit_price", "package_price", "package_size", "free_units", "discount", "tax", "rate"}
    plain |= {"tax_rate", "discount_rate", "amount", "debit", "credit", "value", "numerator", "denominator"}
    unexplained = [
        f"{table.name}.{column.name}"
        for table in CATALOGUE
        for column in table.columns
        if column.kind in (Kind.AMOUNT, Kind.RAW, Kind.PRICE, Kind.QUANTITY, Kind.INTEGER, Kind.SMALL)
        and not column.doc
        and column.name not in plain | {"total", "prior_value", "cycle_value"}
    ]
    assert unexplained == []


def test_money_is_a_decimal_of_some_currency_and_units_are_no_money() -> None:
    assert INVOICE_LINES.column("total").is_money
    assert not INVOICE_LINES.column("quantity").is_money
    assert not METRICS.column("value").is_money
    assert BREAKS.column("booked").shown_unit == "currency"
    assert {SQL_TYPE[c.kind][:7] for t in CATALOGUE for c in t.columns if c.is_money} == {"DECIMAL"}


def test_the_warehouse_keeps_lineage_of_landed_rows_and_names_their_own_day_column_anew() -> None:
    kept = [c.name for c in METERED_USAGE.stored]
    assert kept == [
        "subscription_id",
        "meter",
        "usage_day",
        "quantity",
        "events",
        "observed_on",
        "source_file",
        "source_row",
    ]
    assert "day" not in {c.name for c in BREAKS.stored}
    assert [c.name for c in BREAKS.registered][:2] == ["day", "break_id"]
    assert QUARANTINE.of("payments").name == "quarantine_payments"
    assert RUN_PARAMS.registered == RUN_PARAMS.columns


def test_every_window_of_the_policy_is_a_column_of_run_params_with_its_meaning() -> None:
    row = RunParams(
        day=date(2026, 3, 2), windows=Windows(late_window_days=4), profile=Profile(credit="before_tax")
    ).row()
    assert set(row) == set(RUN_PARAMS.names)
    assert (row["late_window_days"], row["credit_policy"], row["first_day"]) == (4, "before_tax", date(1970, 1, 1))
    for name, field in Windows.model_fields.items():
        column = RUN_PARAMS.column(name)
        assert (column.sql_type, column.unit, column.doc) == ("INTEGER", "days", field.description)


def test_no_module_of_the_day_writes_out_the_columns_of_a_table() -> None:
    listed = re.compile(r"CREATE (?:OR REPLACE )?TABLE [\w{}.]+ ?\((?!\{)")
    offenders = [
        str(path.relative_to(PACKAGE))
        for room in ("core", "day", "warehouse", "report", "control", "defs", "cli", "explain")
        for path in sorted((PACKAGE / room).rglob("*.py"))
        if listed.search(path.read_text(encoding="utf-8"))
    ]
    assert set(offenders) <= OWN_TABLES
