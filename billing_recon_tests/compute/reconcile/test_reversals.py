"""Credit notes take back earlier charges: nothing twice, nothing lost, the earliest first, whatever the order of the rows."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_recon.compute.engine import build, scratch
from billing_recon.compute.match import REVERSALS
from billing_recon.compute.registration import register
from billing_recon.core.schema import CURRENCIES
from billing_recon.core.schema.parameters import RUN_PARAMS, RunParams

DAY = date(2026, 3, 1)
Key = tuple[str, str]


@dataclass(frozen=True)
class Line:
    """A line of one unit price per product; units below zero are credited."""

    invoice_id: str
    on: int
    units: Decimal
    customer: str = "C1"
    product: str | None = "tea"
    price: Decimal = Decimal("2.50")

    def row(self) -> dict[str, Any]:
        credit = self.units < 0
        return {
            "line_key": f"{self.invoice_id}/1",
            "invoice_id": self.invoice_id,
            "line_id": "1",
            "customer_id": self.customer,
            "meter": self.product,
            "unit_price": self.price,
            "currency": "GBP",
            "issued_on": DAY + timedelta(days=self.on),
            "invoice_kind": "credit_note" if credit else "invoice",
            "quantity": self.units,
            "gross": self.units * self.price,
            "status": "issued",
            "variant": "control",
        }


SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("line_key", "invoice_id", "line_id", "customer_id", "meter")]
    + [("unit_price", pa.decimal128(24, 12)), ("currency", pa.string()), ("issued_on", pa.date32())]
    + [("invoice_kind", pa.string()), ("quantity", pa.decimal128(28, 10)), ("gross", pa.decimal128(38, 12))]
    + [("status", pa.string()), ("variant", pa.string())]
)


def reversed_by(lines: list[Line], **changed: object) -> tuple[dict[str, dict[str, Any]], Counter[tuple[str, str]]]:
    """The coverage of each credit note, and the units taken per (credit note, charge)."""
    with scratch() as con:
        table = pa.Table.from_pylist([line.row() | changed for line in lines], SCHEMA)
        con.register("given", table)
        con.execute("CREATE TABLE engine_lines AS FROM given")
        register(con, CURRENCIES, [("GBP", 2, 2)])
        register(con, RUN_PARAMS, [RunParams(day=date(2026, 3, 2)).row()])
        build(con, REVERSALS)
        cursor = con.execute("FROM credit_coverage ORDER BY invoice_id")
        names = [column[0] for column in cursor.description]
        found = {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}
        taken: Counter[tuple[str, str]] = Counter()
        for credit, charge, units in con.execute("FROM reversals").fetchall():
            taken[credit[:-2], charge[:-2]] += units
        con.unregister("given")
    return found, taken


def test_a_credit_note_takes_back_the_earliest_charges_first() -> None:
    lines = [
        Line("I1", 0, Decimal(3)),
        Line("I2", 1, Decimal(5)),
        Line("K1", 2, Decimal(-4)),
        Line("K2", 3, Decimal(-6)),
    ]
    found, taken = reversed_by(lines)
    assert taken == {("K1", "I1"): 3, ("K1", "I2"): 1, ("K2", "I2"): 4}
    assert [
        (c["state"], c["covered_quantity"], c["credited"], c["covered"], c["uncovered"]) for c in found.values()
    ] == [
        ("covered", 4, 10, 10, 0),
        ("partly", 4, 15, 10, 5),
    ]
    assert [(t["invoice_id"], t["quantity"]) for t in found["K1"]["charges"]] == [("I1", 3), ("I2", 1)]


def test_what_was_credited_before_it_was_charged_stays_uncovered() -> None:
    found, taken = reversed_by([Line("K1", 0, Decimal(-2)), Line("I1", 1, Decimal(2)), Line("K2", 2, Decimal(-2))])
    assert [found[name]["state"] for name in ("K1", "K2")] == ["uncovered", "covered"]
    assert taken == {("K2", "I1"): 2}


def test_a_charge_of_the_same_day_is_an_earlier_one() -> None:
    found, _ = reversed_by([Line("A-credit", 0, Decimal(-2)), Line("B-invoice", 0, Decimal(2))])
    assert found["A-credit"]["state"] == "covered"


def test_another_customer_product_or_price_is_another_thing() -> None:
    lines = [
        Line("I1", 0, Decimal(9), customer="C2"),
        Line("I2", 0, Decimal(9), product="coffee"),
        Line("I3", 0, Decimal(9), price=Decimal("2.51")),
        Line("I4", 0, Decimal(9), product=None),
        Line("K1", 1, Decimal(-1)),
    ]
    found, taken = reversed_by(lines)
    assert (found["K1"]["state"], taken) == ("uncovered", {})


def test_drafts_charge_nobody_and_bills_of_a_new_engine_charge_like_any() -> None:
    lines = [Line("I1", 0, Decimal(1)), Line("K1", 1, Decimal(-1))]
    assert reversed_by(lines, status="draft")[0] == {}
    assert reversed_by(lines, variant="candidate") == reversed_by(lines)


def test_a_credit_note_without_units_is_uncovered_with_its_money() -> None:
    with scratch() as con:
        row = Line("K1", 0, Decimal(-4)).row() | {"quantity": None, "unit_price": None}
        con.register("given", pa.Table.from_pylist([row], SCHEMA))
        con.execute("CREATE TABLE engine_lines AS FROM given")
        register(con, CURRENCIES, [("GBP", 2, 2)])
        register(con, RUN_PARAMS, [RunParams(day=date(2026, 3, 2)).row()])
        build(con, REVERSALS)
        found = con.execute("SELECT state, credited, covered, uncovered FROM credit_coverage").fetchall()
        con.unregister("given")
    assert found == [("uncovered", 10, 0, 10)]


def by_queue(lines: list[Line]) -> Counter[tuple[str, str]]:
    """The same by a person with a queue of charges for each customer, product and price."""
    taken: Counter[tuple[str, str]] = Counter()
    queues: dict[tuple[object, ...], list[list[Any]]] = {}
    for line in sorted(lines, key=lambda one: (one.on, one.units < 0, one.invoice_id)):
        queue = queues.setdefault((line.customer, line.product, line.price), [])
        if line.units > 0:
            queue.append([line.invoice_id, line.units])
            continue
        wanted = -line.units
        while wanted and queue:
            units = min(wanted, queue[0][1])
            taken[line.invoice_id, queue[0][0]] += units
            wanted -= units
            queue[0][1] -= units
            if not queue[0][1]:
                queue.pop(0)
    return taken


UNITS = st.integers(-600, 600).filter(bool).map(lambda n: Decimal(n).scaleb(-2))
LINES = st.lists(
    st.builds(
        Line,
        invoice_id=st.just(""),
        on=st.integers(0, 6),
        units=UNITS,
        customer=st.sampled_from(["C1", "C2"]),
        product=st.sampled_from(["tea", None]),
        price=st.sampled_from([Decimal("2.50"), Decimal("0.333")]),
    ),
    max_size=40,
).map(lambda lines: [Line(f"N{n:03}", x.on, x.units, x.customer, x.product, x.price) for n, x in enumerate(lines)])


@pytest.mark.long
@settings(max_examples=30, deadline=None, derandomize=True)
@given(LINES, st.randoms())
def test_it_is_what_a_queue_gives_and_nothing_is_lost_or_used_twice(lines: list[Line], shuffler: random.Random) -> None:
    found, taken = reversed_by(lines)
    assert taken == by_queue(lines)

    charged = {line.invoice_id: line.units for line in lines if line.units > 0}
    for charge in charged:
        assert sum(units for (_, of), units in taken.items() if of == charge) <= charged[charge], "used once"
    credits = {line.invoice_id: line for line in lines if line.units < 0}
    assert found.keys() == credits.keys()
    for name, row in found.items():
        assert row["covered_quantity"] == sum(units for (of, _), units in taken.items() if of == name)
        assert row["covered"] + row["uncovered"] == row["credited"] == -credits[name].units * credits[name].price
        assert 0 <= row["covered_quantity"] <= row["quantity"] == -credits[name].units

    shuffled = list(lines)
    shuffler.shuffle(shuffled)
    assert reversed_by(shuffled) == (found, taken)
