"""What holds of every day, whatever was changed in the files: nothing lost, nothing twice, everything foots, nothing depends on order."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_recon.core.reason import STAGE_OF, Code, Stage
from billing_recon_tests.compute.reconcile.world import DAY, Outcome, World

pytestmark = pytest.mark.long

AMOUNTS = ("gross", "discount", "credit", "taxable", "tax", "total")
_STAGES = list(Stage)


def company(size: int = 8) -> World:
    """`size` invoices of three lines each, with documents, journals and payments, all in order."""
    world = World()
    for n in range(size):
        sub = f"S{n:02}"
        lines = [
            world.expect(sub, "base", discount_rate="0.1"),
            world.expect(sub, "calls", quantity=1_000 + 111 * n, rate="0.20"),
            world.expect(sub, None, kind="credit", meter="GOODWILL", gross="0", credit="5"),
        ]
        for number, line in enumerate(lines):
            world.bill(f"INV-{n:02}", line, line_id=str(number))
    return world


def follow(world: World) -> None:
    """Documents, journals and money for the invoices as billed now."""
    invoices: dict[str, list[dict[str, Any]]] = {}
    for row in world.rows["invoice_lines"]:
        invoices.setdefault(row["invoice_id"], []).append(row)
    for invoice_id, lines in invoices.items():
        sums = {name: sum((line[name] for line in lines), Decimal(0)) for name in AMOUNTS}
        whole = lines[0] | sums
        document = world.document(whole, f"D-{invoice_id}", lines=False)
        for line in lines:
            world.document_line(document, line)
        world.journal(whole, f"J-{invoice_id}")
        world.payment(whole, f"P-{invoice_id}")


def everything(outcome: Outcome) -> list[list[dict[str, Any]]]:
    return [outcome.rows(f"FROM {name} ORDER BY ALL") for name in ("breaks", "control_totals", "assessments")]


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 23),
        st.sampled_from(
            [
                *AMOUNTS,
                "quantity",
                "tax_rate",
                "plan_version",
                "currency",
                "kind",
                "meter",
                "period_end",
                "subscription_id",
                "gone",
                "again",
                "status",
            ]
        ),
        st.integers(-5_000, 5_000).filter(bool),
    ),
    min_size=1,
    max_size=10,
)


def apply(world: World, changes: list[tuple[int, str, int]]) -> None:
    """Mutate landed lines as a careless hand would, without making anything follow."""
    rows = world.rows["invoice_lines"]
    for number, name, by in changes:
        row = rows[number % len(rows)]
        if name in AMOUNTS:
            row[name] += Decimal(by).scaleb(-2)
        elif name == "quantity":
            row[name] = max(row[name] + by, Decimal(0))
        elif name == "tax_rate":
            row[name] = [None, Decimal("0.20"), Decimal("0.07")][by % 3]
        elif name == "period_end":
            row[name] += timedelta(days=by % 5)
        elif name == "gone" and len(rows) > 1:
            rows.remove(row)
        elif name == "again":
            rows.append(row | {"line_id": f"{row['line_id']}-{len(rows)}", "source_row": 100 + len(rows)})
        else:
            values = {
                "plan_version": "v1",
                "currency": "EUR",
                "kind": ["usage", "adjustment", "minimum", "proration"][by % 4],
                "meter": "tokens",
                "subscription_id": f"S{by % 9:02}",
                "status": "void",
            }
            if name in values:
                row[name] = values[name]


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(CHANGES)
def test_whatever_is_changed_every_stage_sums_every_total_foots_and_every_row_is_told_once(
    changes: list[tuple[int, str, int]],
) -> None:
    world = company()
    apply(world, changes)
    outcome = world.run("expected_billed")
    found = outcome.breaks()
    for one in found:
        stages = json.loads(one["stage_deltas"])
        assert sum(map(Decimal, stages.values())) == one["delta"], one
        order = [_STAGES.index(STAGE_OF[Code(code)]) for code in stages]
        assert order == sorted(order), stages
        assert one["explanation"], one
        assert "{" not in one["explanation"], one["explanation"]
        assert (one["delta"] == 0) or one["code"] in stages
    assert len({one["break_id"] for one in found}) == len(found)
    assert outcome.foots()
    known = {
        f"{row['invoice_id']}\x1f{row['line_id']}" for row in world.rows["invoice_lines"] if row["status"] == "issued"
    }
    strays = {row["invoice_id"] for row in outcome.rows("FROM stray_bills")}
    told = [row["right_key"] for row in outcome.rows("FROM assessments WHERE right_key LIKE '%' || chr(31) || '%'")]
    assert sorted(told) == sorted(set(told))
    assert set(told) | {key for key in known if key.split("\x1f")[0] in strays} == known


def test_the_order_of_rows_changes_nothing() -> None:
    world = company(4)
    apply(world, [(0, "gross", 700), (4, "again", 1), (5, "gone", 1), (7, "currency", 1), (8, "period_end", 2)])
    follow(world)
    plain = everything(world.run())
    assert plain[0]
    assert plain == everything(world.run(shuffle=1)) == everything(world.run(shuffle=2))


def test_a_matched_bill_more_changes_no_break() -> None:
    world = company(2)
    apply(world, [(0, "gross", 700), (4, "quantity", 50)])
    before = world.run("expected_billed").breaks()
    world.bill("INV-99", world.expect("S99"))
    assert world.run("expected_billed").breaks() == before


def test_a_wrong_bill_that_everything_follows_is_told_once_by_its_own_layer() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, **world.refigure(line, "200"))
    follow(world)
    outcome = world.run()
    assert [(b["pair"], b["code"]) for b in outcome.breaks()] == [("expected_billed", "TIER_RATE")]
    assert outcome.foots()


def test_a_break_keeps_its_id_when_its_amount_is_corrected() -> None:
    ids = set()
    for gross in ("200", "210"):
        world = World()
        line = world.expect()
        world.bill("INV-1", line, **world.refigure(line, gross))
        ids.add(world.run("expected_billed").the_break()["break_id"])
    assert len(ids) == 1
    (only,) = ids
    assert only[0] == "B"
    assert len(only) == 17


def test_every_invoice_document_journal_and_payment_is_in_exactly_one_item() -> None:
    world = company(4)
    follow(world)
    world.rows["rendered_invoices"].pop()
    world.rows["payments"].pop()
    outcome = world.run()
    for pair in ("billed_rendered", "billed_booked", "billed_paid"):
        keys = [row["left_key"] for row in outcome.rows(f"FROM assessments WHERE pair = '{pair}'") if row["left_key"]]
        assert sorted(keys) == [f"INV-{n:02}" for n in range(4)], pair
    statuses = {row["status"] for row in outcome.rows("FROM assessments")}
    assert statuses == {"matched", "pending"}


def test_a_day_without_anything_has_no_breaks_and_no_totals() -> None:
    outcome = World(date(2026, 3, 3)).run()
    assert outcome.breaks() == []
    assert outcome.rows("FROM control_totals") == []


def test_the_day_of_a_break_is_the_day_it_was_known() -> None:
    world = World()
    line = world.expect()
    world.bill("INV-1", line, **world.refigure(line, "200"))
    assert world.run("expected_billed").the_break()["day"] == DAY
