"""Laws of the later layers, whatever the faults: each row in exactly one item, swapped sides flip the sign, repeats change nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_recon_tests.compute.reconcile.world import DAY, Outcome, World

pytestmark = pytest.mark.long

few = settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
PAIRS = ("billed_rendered", "billed_booked", "billed_paid")
AMOUNTS = st.integers(1, 10_000).map(lambda cents: Decimal(cents).scaleb(-2))
BEFORE = DAY - timedelta(days=5)


def in_order(world: World, invoice: dict[str, Any]) -> None:
    """Add document, journal and payment of an invoice, all correct and decided today."""
    number = invoice["invoice_id"]
    world.document(invoice, f"D-{number}")
    world.journal(invoice, f"J-{number}", posted_on=BEFORE)
    world.payment(invoice, f"P-{number}", on=BEFORE)


def company(size: int = 5) -> World:
    world = World()
    for n in range(size):
        in_order(world, world.invoice(f"INV-{n}", f"{100 + n}.00", on=BEFORE))
    return world


TABLES = {"billed_rendered": "rendered_invoices", "billed_booked": "ledger_entries", "billed_paid": "payments"}
FIGURE = {"rendered_invoices": "payable", "ledger_entries": "debit", "payments": "amount"}
FAULTS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["gone", "again", "amount", "stranger", "nameless"]), AMOUNTS),
    min_size=1,
    max_size=5,
)


def damage(world: World, table: str, changes: list[tuple[int, str, Decimal]]) -> None:
    """Make documents, journals (all their entries) or payments go missing, repeat, differ in amount or name another invoice."""
    of = {"rendered_invoices": "document_id", "ledger_entries": "journal_id", "payments": "payment_id"}[table]
    for number, what, by in changes:
        rows = world.rows[table]
        ids = sorted({row[of] for row in rows})
        if len(ids) < 2:
            return
        chosen = [row for row in rows if row[of] == ids[number % len(ids)]]
        if what == "gone":
            world.rows[table] = [row for row in rows if row not in chosen]
        elif what == "again":
            for row in chosen:
                fresh = {of: f"{row[of]}+{len(rows)}", "source_row": 1_000 + len(rows)}
                fresh |= {"entry_id": f"{row['entry_id']}+{len(rows)}"} if "entry_id" in row else {}
                rows.append(row | fresh)
        elif what == "amount":
            chosen[0][FIGURE[table]] += by
        else:
            for row in chosen:
                row["invoice_id"] = None if what == "nameless" and table != "rendered_invoices" else f"X-{row[of]}"


def items(outcome: Outcome, pair: str) -> list[dict[str, Any]]:
    return outcome.rows(f"FROM assessments WHERE pair = '{pair}' ORDER BY ALL")


@pytest.mark.parametrize("pair", PAIRS)
@few
@given(changes=FAULTS)
def test_every_invoice_document_journal_and_payment_is_in_exactly_one_item(
    pair: str, changes: list[tuple[int, str, Decimal]]
) -> None:
    world = company()
    damage(world, TABLES[pair], changes)
    outcome = world.run(pair)
    assert outcome.foots()
    found = items(outcome, pair)
    for side in ("left_key", "right_key"):
        keys = [row[side] for row in found if row[side] is not None]
        assert len(keys) == len(set(keys)), side
    assert {row["status"] for row in found} <= {"matched", "pending", "break"}
    for row in found:
        broken = row["left_amount"] != row["right_amount"]
        assert row["status"] in ("break", "pending") or not broken, row


@pytest.mark.parametrize("pair", PAIRS)
@few
@given(billed=AMOUNTS, in_layer=AMOUNTS)
def test_swapping_the_sides_flips_the_sign(pair: str, billed: Decimal, in_layer: Decimal) -> None:
    def deltas(left: Decimal, right: Decimal) -> list[Decimal]:
        world = World()
        invoice = world.invoice(on=BEFORE, tax=Decimal(0))
        invoice |= dict.fromkeys(("gross", "taxable", "total"), left)
        other = invoice | dict.fromkeys(("gross", "taxable", "total"), right)
        in_order(world, other)
        return [one["delta"] for one in world.run(pair).breaks(pair)]

    there, back = deltas(billed, in_layer), deltas(in_layer, billed)
    assert sum(there) == in_layer - billed
    assert sum(back) == -sum(there)


@few
@given(left=AMOUNTS, right=AMOUNTS)
def test_swapping_expected_and_billed_flips_the_sign(left: Decimal, right: Decimal) -> None:
    def deltas(expected: Decimal, billed: Decimal) -> Decimal:
        world = World()
        line = world.expect(charge="base", gross=expected)
        world.bill("INV-1", line, **world.refigure(line, billed))
        return sum((one["delta"] for one in world.run("expected_billed").breaks()), Decimal(0))

    assert deltas(left, right) == -deltas(right, left)


def _repeated(world: World) -> None:
    """Deliver every file again with the same rows, on another day: within a day, landing deduplicates."""
    for table in ("invoice_lines", "rendered_invoices", "rendered_lines", "ledger_entries", "payments"):
        world.rows[table] += [
            row | {"source_file": f"again/{table}", "day": row["day"] - timedelta(days=1)} for row in world.rows[table]
        ]


def _with_another_matched_invoice(world: World) -> None:
    in_order(world, world.invoice("INV-99", "77.00", on=BEFORE))


def _shuffled(world: World) -> None:
    for rows in world.rows.values():
        rows.reverse()


@pytest.mark.parametrize(
    "change", [_repeated, _with_another_matched_invoice, _shuffled], ids=lambda one: one.__name__[1:]
)
@pytest.mark.parametrize("pair", PAIRS)
def test_changes_without_effect_on_facts_change_no_break(pair: str, change: Callable[[World], None]) -> None:
    def breaks(harmless: Callable[[World], None] | None) -> list[tuple[Any, ...]]:
        world = company()
        damage(world, TABLES[pair], [(0, "gone", Decimal(1)), (1, "amount", Decimal(3)), (2, "again", Decimal(1))])
        if harmless:
            harmless(world)
        found = world.run(pair).breaks(pair)
        return [(one["break_id"], one["code"], one["delta"], one["explanation"]) for one in found]

    before = breaks(None)
    assert before
    assert breaks(change) == before
