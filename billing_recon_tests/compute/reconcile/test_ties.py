"""Which invoices tie with document and ledger, and that every other invoice is compared in full."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from billing_recon_tests.compute.reconcile.world import DAY, Outcome, World

BEFORE = DAY - timedelta(days=2)


def in_order(world: World, number: str) -> list[dict[str, Any]]:
    """An invoice with its document and journal in order; the journal's entries."""
    invoice = world.invoice(number, on=BEFORE)
    world.document(invoice, f"D-{number}")
    return world.journal(invoice, f"J-{number}", posted_on=BEFORE)


def untied(outcome: Outcome) -> dict[str, list[str]]:
    """Invoices that do not tie, by layer."""
    return {
        layer: [row["invoice_id"] for row in outcome.rows(f"FROM {layer}_ties WHERE NOT tied ORDER BY invoice_id")]
        for layer in ("rendered", "booked")
    }


def items(outcome: Outcome, pair: str) -> list[tuple[str, str, str]]:
    return [
        (row["left_key"], row["currency"], row["status"])
        for row in outcome.rows(f"FROM assessments WHERE pair = '{pair}' ORDER BY left_key, currency")
    ]


def test_equal_figures_tie_and_match_without_further_comparison() -> None:
    world = World()
    in_order(world, "INV-1")
    booked, rendered = world.run("billed_booked"), world.run("billed_rendered")
    assert untied(booked) == {"rendered": [], "booked": []}
    assert booked.rows("FROM booked_placed") == rendered.rows("FROM rendered_placed") == []
    assert items(booked, "billed_booked") == [("INV-1", "USD", "matched")]
    assert items(rendered, "billed_rendered") == [("INV-1", "USD", "matched")]


def test_an_invoice_that_ties_in_one_currency_only_is_compared_in_both() -> None:
    world = World()
    in_order(world, "INV-1")
    line = world.rows["invoice_lines"][0]
    world.rows["invoice_lines"].append(line | {"line_id": "other", "currency": "EUR", "source_row": 500})
    booked, rendered = world.run("billed_booked"), world.run("billed_rendered")
    assert [item[1] for item in items(booked, "billed_booked")] == ["EUR", "USD"]
    assert len(rendered.rows("FROM rendered_placed")) == len(booked.rows("FROM booked_placed")) == 2
    assert booked.foots()
    assert rendered.foots()


def test_a_journal_of_two_invoices_is_counted_once_for_each_though_only_one_ties() -> None:
    world = World()
    in_order(world, "INV-1")
    for entry in (wrong := in_order(world, "INV-2")):
        entry["journal_id"] = "J-INV-1"
    wrong[0]["debit"] += Decimal("1.00")
    outcome = world.run("billed_booked")
    assert untied(outcome)["booked"] == ["INV-2"]
    assert items(outcome, "billed_booked") == [("INV-1", "USD", "matched"), ("INV-2", "USD", "break")]
    assert outcome.codes("billed_booked") == [("LEDGER_AMOUNT", Decimal("1.00"))]


def test_a_payment_booked_in_the_ledger_does_not_keep_the_invoice_from_tying() -> None:
    world = World()
    for entry in in_order(world, "INV-1")[:1]:
        for role, debit, credit in (("cash", entry["debit"], 0), ("ar", 0, entry["debit"])):
            paid = {"entry_id": f"P-{role}", "journal_id": "P", "role": role, "debit": debit, "credit": credit}
            world.rows["ledger_entries"].append(entry | paid | {"source_row": 500 + debit})
    outcome = world.run("billed_booked")
    assert untied(outcome)["booked"] == []
    assert items(outcome, "billed_booked") == [("INV-1", "USD", "matched")]


def test_a_journal_that_names_its_invoice_in_some_entries_does_not_tie_but_may_match() -> None:
    world = World()
    in_order(world, "INV-1")[1]["invoice_id"] = None
    outcome = world.run("billed_booked")
    assert untied(outcome)["booked"] == ["INV-1"]
    assert items(outcome, "billed_booked") == [("INV-1", "USD", "matched")]


def test_a_tied_document_is_a_break_if_its_lines_differ() -> None:
    world = World()
    in_order(world, "INV-1")
    world.rows["rendered_lines"][0]["amount"] += Decimal("5.00")
    outcome = world.run("billed_rendered")
    assert outcome.rows("SELECT tied FROM rendered_ties") == [{"tied": True}]
    assert items(outcome, "billed_rendered") == [("INV-1", "USD", "break")]
    assert outcome.codes("billed_rendered") == [("RENDER_VALUE", Decimal(0))]


def test_a_documents_total_is_the_invoices_before_or_after_its_credits_whatever_else_its_lines_hold() -> None:
    """A document may state 3.00 in its total that is neither net nor tax; as the engine's lines it holds them too."""
    for stated, tied in (("3.00", True), ("4.00", False)):
        world = World()
        in_order(world, "INV-1")
        line, document = world.rows["invoice_lines"][0], world.rows["rendered_invoices"][0]
        nothing = dict.fromkeys(("gross", "discount", "credit", "taxable", "tax"), Decimal(0))
        for line_id, changed in (
            ("rest", {"total": Decimal("3.00")}),
            ("prepaid", {"credit": Decimal("2.00"), "total": Decimal("-2.00")}),
        ):
            world.rows["invoice_lines"].append(
                line | nothing | {"line_id": line_id, "kind": "credit", "source_row": 500} | changed
            )
        document["total"] += Decimal(stated)
        document["payable"] += Decimal("1.00")
        outcome = world.run("billed_rendered")
        assert [row["tied"] for row in outcome.rows("SELECT tied FROM rendered_ties")] == [tied]
        assert items(outcome, "billed_rendered") == [("INV-1", "USD", "matched" if tied else "break")]
