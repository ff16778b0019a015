"""Documents against what was billed: documents missing, duplicated, unmapped, or with other figures."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from billing_recon_tests.compute.reconcile.world import DAY, Outcome, World

PAIR = "billed_rendered"
YESTERDAY = DAY - timedelta(days=1)


def run(world: World) -> Outcome:
    outcome = world.run(PAIR)
    assert outcome.foots()
    return outcome


def test_a_document_with_the_billed_figures_matches() -> None:
    world = World()
    world.document(world.invoice())
    outcome = run(world)
    assert outcome.breaks() == []
    assert outcome.totals(PAIR)[0]["matched"] == 1


def test_a_document_of_prices_with_tax_in_them_has_it_once_in_its_total() -> None:
    world = World()
    world.document(world.invoice(gross=Decimal("119.00")), total=Decimal("119.00"))
    assert run(world).breaks() == []
    twice = World()
    twice.document(twice.invoice(gross=Decimal("119.00")), total=Decimal("138.00"))
    assert run(twice).codes() == [("RENDER_VALUE", Decimal("19.00"))]


def test_a_total_that_the_engine_itself_contradicts_is_told_of_its_line_alone() -> None:
    """The line's parts make 119.00 and its total is 122.37: the document shows the parts and asks for the total."""
    for shown, codes in ((Decimal("119.00"), []), (Decimal("118.00"), [("RENDER_VALUE", Decimal("-4.37"))])):
        world = World()
        invoice = world.invoice()
        invoice["total"] += Decimal("3.37")
        world.document(invoice, total=shown)
        assert run(world).codes() == codes


def test_an_absent_document_is_pending_and_then_missing_once() -> None:
    for days, codes, pending in ((0, [], 1), (1, [("RENDER_MISSING", Decimal("-119.00"))], 0), (2, [], 0)):
        world = World()
        world.invoice(on=DAY - timedelta(days=days))
        outcome = run(world)
        assert outcome.codes() == codes
        assert sum(t["pending"] for t in outcome.totals(PAIR)) == pending


def test_a_missing_document_that_sits_in_quarantine() -> None:
    world = World()
    world.invoice(on=YESTERDAY)
    world.quarantine("rendered_invoices", document_id="D1", number="INV-1")
    assert run(world).codes() == [("RECORD_QUARANTINED", Decimal("-119.00"))]


def test_a_second_document_is_a_duplicate_on_the_day_it_is_known() -> None:
    world = World()
    invoice = world.invoice(on=YESTERDAY)
    world.document(invoice, "D1", on=YESTERDAY)
    world.document(invoice, "D2")
    found = run(world).the_break()
    assert (found["code"], found["delta"]) == ("RENDER_DUPLICATE", Decimal("119.00"))
    assert found["explanation"] == "Document D2 shows INV-1 again, with USD 119.00; D1 shows it already."


def test_a_wrong_line_included_in_the_totals_is_one_break_of_the_line() -> None:
    world = World()
    invoice = world.invoice()
    document = world.document(invoice, lines=False, subtotal=Decimal(110), total=Decimal(129), payable=Decimal(129))
    world.document_line(document, invoice, amount=Decimal(110))
    found = run(world).the_break()
    assert (found["code"], found["level"], found["line_id"], found["delta"]) == ("RENDER_VALUE", "line", "1", 10)
    assert found["explanation"] == (
        "Document D1 shows line 1 of INV-1 with USD 110.00 before tax where USD 100.00 is billed: USD +10.00 in the amount payable."
    )


def test_a_wrong_line_with_a_wrong_tax_counts_with_its_tax() -> None:
    for named in (True, False):
        world = World()
        invoice = world.invoice()
        document = world.document(
            invoice,
            lines=False,
            subtotal=Decimal(110),
            tax=Decimal("20.90"),
            total=Decimal("130.90"),
            payable=Decimal("130.90"),
        )
        world.document_line(document, invoice, amount=Decimal(110), tax=Decimal("20.90") if named else None)
        assert run(world).codes() == [("RENDER_VALUE", Decimal("11.90"))]


def test_a_wrong_line_with_right_totals_has_no_delta() -> None:
    world = World()
    invoice = world.invoice()
    document = world.document(invoice, lines=False)
    world.document_line(document, invoice, amount=Decimal(90))
    found = run(world).the_break()
    assert (found["level"], found["delta"]) == ("line", 0)
    assert "the document's totals do not include the difference" in found["explanation"]


def test_a_line_that_the_document_lacks_or_invents() -> None:
    world = World()
    invoice = world.invoice()
    world.bill("INV-1", invoice, line_id="2")
    figures = {"subtotal": Decimal(120), "tax": Decimal(19), "total": Decimal(139), "payable": Decimal(139)}
    document = world.document(invoice, lines=False, **figures)
    world.document_line(document, invoice)
    world.document_line(document, invoice, line_id="9", amount=Decimal(20))
    outcome = run(world)
    assert sorted(b["line_id"] for b in outcome.breaks()) == ["2", "9"]
    assert sum(b["delta"] for b in outcome.breaks()) == Decimal("-99.00")


def test_the_document_of_another_invoice_is_one_break_of_what_it_asks_for() -> None:
    world = World()
    mine, other = world.invoice(line_id="A1"), world.invoice("INV-2", "178.50", line_id="B1")
    world.document(other, invoice_id="INV-1")
    assert mine["total"] == Decimal("119.00")
    found = next(one for one in run(world).breaks() if one["invoice_id"] == "INV-1")
    assert (found["code"], found["level"], found["delta"]) == ("RENDER_VALUE", "invoice", Decimal("59.50"))
    assert found["explanation"] == (
        "Document D1 addresses INV-1 to customer C-S-INV-2, not to C-S-INV-1, and asks for USD 178.50 where USD 119.00 is billed: "
        "USD +59.50."
    )


def test_a_document_with_line_ids_of_its_own_is_compared_by_its_header() -> None:
    for payable, codes in (("119.00", []), ("120.00", [("RENDER_VALUE", Decimal("1.00"))])):
        world = World()
        invoice = world.invoice()
        document = world.document(invoice, lines=False, payable=Decimal(payable), total=Decimal(payable))
        world.document_line(document, invoice, line_id="position 10")
        assert run(world).codes() == codes


def test_what_the_lines_do_not_explain_is_left_at_the_invoice() -> None:
    world = World()
    invoice = world.invoice()
    document = world.document(invoice, lines=False, total=Decimal(126), payable=Decimal(126))
    world.document_line(document, invoice, amount=Decimal(105))
    outcome = run(world)
    assert {(b["level"], b["delta"]) for b in outcome.breaks()} == {("line", Decimal(5)), ("invoice", Decimal(2))}


def test_a_wrong_header_is_one_break_at_the_invoice() -> None:
    world = World()
    world.document(world.invoice(), payable=Decimal("120.00"), total=Decimal("120.00"))
    found = run(world).the_break()
    assert (found["code"], found["level"], found["delta"]) == ("RENDER_VALUE", "invoice", Decimal("1.00"))


def test_a_wrong_total_with_a_right_amount_payable_counts_by_the_total() -> None:
    world = World()
    world.document(world.invoice(), total=Decimal("120.00"))
    found = run(world).the_break()
    assert (found["code"], found["delta"]) == ("RENDER_VALUE", Decimal("1.00"))
    assert "The amount payable is right" in found["explanation"]


def test_a_wrong_tax_with_right_totals_has_no_delta() -> None:
    world = World()
    world.document(world.invoice(), tax=Decimal("18.00"))
    assert run(world).codes() == [("RENDER_VALUE", Decimal(0))]


def test_a_total_may_be_before_or_after_credits() -> None:
    for total in ("119.00", "99.00"):
        world = World()
        invoice = world.invoice()
        credit = world.expect("S-INV-1", None, kind="credit", meter="GOODWILL", gross="0", credit="20")
        second = world.bill("INV-1", credit, line_id="2")
        document = world.document(invoice, total=Decimal(total), payable=Decimal("99.00"))
        world.document_line(document, second, amount=Decimal(-20) if total == "99.00" else Decimal(0))
        assert run(world).breaks() == []


def test_a_document_of_another_customer() -> None:
    world = World()
    world.document(world.invoice(), customer_id="C-9")
    found = run(world).the_break()
    assert (found["code"], found["delta"]) == ("RENDER_VALUE", 0)
    assert "to customer C-9, not to C-S-INV-1" in found["explanation"]


def test_a_document_in_another_currency_is_a_finding_in_each() -> None:
    world = World()
    world.document(world.invoice(), currency="EUR")
    assert {(b["code"], b["currency"], b["delta"]) for b in run(world).breaks()} == {
        ("CURRENCY_FX", "USD", Decimal("-119.00")),
        ("CURRENCY_FX", "EUR", Decimal("119.00")),
    }


def test_a_document_of_an_unknown_invoice_is_reported_after_the_lag() -> None:
    for on, codes in ((DAY, []), (YESTERDAY, [("KEY_UNMAPPED", Decimal("119.00"))])):
        world = World()
        invoice = world.invoice()
        world.rows["invoice_lines"].clear()
        world.document(invoice, on=on)
        assert run(world).codes() == codes


def test_documents_that_name_no_lines_are_compared_by_header() -> None:
    world = World()
    invoice = world.invoice()
    document = world.document(invoice, lines=False)
    world.document_line(document, invoice, line_id=None, amount=Decimal(40))
    world.document_line(document, invoice, line_id=None, line_no=2, amount=Decimal(60))
    assert run(world).breaks() == []


def test_documents_of_void_invoices_are_no_difference() -> None:
    world = World()
    world.document(world.invoice(status="void"))
    assert run(world).breaks() == []
