"""The ledger against what was billed, and against documents if the engine has no invoice."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing_recon_tests.compute.reconcile.world import DAY, Outcome, World

PAIR = "billed_booked"


def run(world: World) -> Outcome:
    outcome = world.run(PAIR)
    assert outcome.foots()
    return outcome


def test_a_journal_of_the_billed_amounts_matches() -> None:
    world = World()
    world.journal(world.invoice())
    outcome = run(world)
    assert outcome.breaks(PAIR) == []
    assert outcome.totals(PAIR)[0]["matched"] == 1


def test_what_is_earned_is_without_the_tax_that_prices_include() -> None:
    """119.00 with 19.00 of tax in it: 100.00 are revenue, and a journal of 119.00 and 19.00 would not balance."""
    world = World()
    world.journal(world.invoice(gross=Decimal("119.00")), revenue="100.00")
    assert run(world).breaks(PAIR) == []


def test_settlements_are_no_invoice_postings() -> None:
    world = World()
    invoice = world.invoice()
    world.journal(invoice)
    for role, debit, credit in (("cash", 119, 0), ("ar", 0, 119)):
        world.add(
            "ledger_entries",
            entry_id=f"P1-{role}",
            journal_id="P1",
            posted_on=DAY,
            account=role,
            role=role,
            debit=debit,
            credit=credit,
            currency="USD",
            invoice_id="INV-1",
        )
    assert run(world).breaks(PAIR) == []


def test_an_invoice_not_booked_is_pending_and_then_missing_once() -> None:
    for days, codes, pending in ((0, [], 1), (1, [], 1), (2, [("LEDGER_MISSING", Decimal("-119.00"))], 0), (3, [], 0)):
        world = World()
        world.invoice(on=DAY - timedelta(days=days))
        outcome = run(world)
        assert outcome.codes(PAIR) == codes
        assert sum(t["pending"] for t in outcome.totals(PAIR)) == pending


def test_a_missing_posting_that_sits_in_quarantine() -> None:
    world = World()
    world.invoice(on=DAY - timedelta(days=2))
    world.quarantine("ledger_entries", journal_id="J1", invoice_id="INV-1")
    assert run(world).codes(PAIR) == [("RECORD_QUARANTINED", Decimal("-119.00"))]


def test_a_journal_that_only_lacks_a_quarantined_entry_is_not_out_of_balance() -> None:
    world = World()
    world.journal(world.invoice())
    world.rows["ledger_entries"] = [row for row in world.rows["ledger_entries"] if row["role"] != "revenue"]
    world.quarantine("ledger_entries", journal_id="J1", invoice_id="INV-1", credit="n/a")
    found = run(world).the_break(PAIR)
    assert (found["code"], found["delta"]) == ("RECORD_QUARANTINED", Decimal(0))


def test_an_invoice_booked_twice() -> None:
    world = World()
    invoice = world.invoice(on=DAY - timedelta(days=1))
    world.journal(invoice, "J1", on=DAY - timedelta(days=1))
    world.journal(invoice, "J2")
    found = run(world).the_break(PAIR)
    assert (found["code"], found["delta"]) == ("LEDGER_DUPLICATE", Decimal("119.00"))
    assert found["explanation"] == "INV-1 for USD 119.00 is booked by 2 journals, USD 238.00 in all: USD +119.00."


def test_a_second_journal_that_is_nearly_the_invoice_books_it_again() -> None:
    for second, code in (("119.01", "LEDGER_DUPLICATE"), ("5.00", "LEDGER_AMOUNT"), ("-119.01", "LEDGER_AMOUNT")):
        world = World()
        invoice = world.invoice()
        world.journal(invoice, "J1")
        world.journal(invoice, "J2", ar=second, tax="0")
        assert run(world).codes(PAIR) == [(code, Decimal(second))]


def test_two_journals_that_are_both_wrong_are_no_second_booking() -> None:
    world = World()
    invoice = world.invoice()
    world.journal(invoice, "J1", ar="118.00")
    world.journal(invoice, "J2", ar="119.01")
    assert run(world).codes(PAIR) == [("LEDGER_AMOUNT", Decimal("118.01"))]


def test_another_amount_in_balance() -> None:
    world = World()
    world.journal(world.invoice(), ar="124.00", revenue="105.00")
    found = run(world).the_break(PAIR)
    assert (found["code"], found["delta"]) == ("LEDGER_AMOUNT", Decimal("5.00"))
    assert found["explanation"] == "INV-1 is booked at USD 124.00 where USD 119.00 is billed: USD +5.00."


def test_a_journal_out_of_balance_with_the_right_receivable() -> None:
    world = World()
    world.journal(world.invoice(), revenue="90.00")
    found = run(world).the_break(PAIR)
    assert (found["code"], found["delta"]) == ("LEDGER_AMOUNT", 0)
    assert "USD 10.00 apart" in found["explanation"]


def test_revenue_booked_as_tax() -> None:
    world = World()
    world.journal(world.invoice(), revenue="110.00", tax="9.00")
    found = run(world).the_break(PAIR)
    assert (found["code"], found["delta"], found["stage_deltas"]) == ("LEDGER_ACCOUNT", 0, '{"LEDGER_ACCOUNT": "0.00"}')
    assert "revenue is USD 110.00 where USD 100.00 is earned" in found["explanation"]


def test_a_receivable_of_another_customer() -> None:
    world = World()
    world.journal(world.invoice(), customer_id="C-9")
    assert run(world).codes(PAIR) == [("LEDGER_ACCOUNT", Decimal(0))]


def test_credits_are_booked_in_addition_to_the_receivable() -> None:
    world = World()
    invoice = world.invoice()
    credit = world.expect("S-INV-1", None, kind="credit", meter="GOODWILL", gross="0", credit="20")
    world.bill("INV-1", credit, line_id="2")
    world.journal(invoice, ar="99.00", revenue="100.00")
    assert [b["explanation"] for b in run(world).breaks(PAIR)] == [
        "A journal of INV-1 does not balance: debits and credits are USD 20.00 apart."
    ]
    world.add(
        "ledger_entries",
        entry_id="J1-9",
        journal_id="J1",
        posted_on=DAY,
        account="2300",
        role="customer_credit",
        debit=20,
        credit=0,
        currency="USD",
        invoice_id=None,
    )
    assert run(world).breaks(PAIR) == []


def test_a_posting_in_another_month_beyond_the_lag() -> None:
    for posted_on, codes in ((date(2026, 4, 1), [("LEDGER_PERIOD", Decimal(0))]), (date(2026, 3, 31), [])):
        world = World(date(2026, 4, 1))
        invoice = world.invoice(on=date(2026, 3, 20))
        world.journal(invoice, posted_on=posted_on)
        assert run(world).codes(PAIR) == codes


def test_a_posting_after_the_month_end_within_the_lag_is_in_order() -> None:
    world = World(date(2026, 4, 1))
    world.journal(world.invoice(on=date(2026, 3, 31)))
    assert run(world).breaks(PAIR) == []


def test_a_posting_in_another_currency_is_a_finding_in_each() -> None:
    world = World()
    world.journal(world.invoice(), currency="EUR")
    assert {(b["code"], b["currency"], b["delta"]) for b in run(world).breaks(PAIR)} == {
        ("CURRENCY_FX", "USD", Decimal("-119.00")),
        ("CURRENCY_FX", "EUR", Decimal("119.00")),
    }


def test_a_posting_of_an_unknown_invoice_is_reported_after_the_lag() -> None:
    for days, codes in ((1, []), (2, [("KEY_UNMAPPED", Decimal("119.00"))])):
        world = World()
        invoice = world.invoice()
        world.rows["invoice_lines"].clear()
        world.journal(invoice, on=DAY - timedelta(days=days))
        assert run(world).codes(PAIR) == codes


def test_a_sale_that_names_no_invoice_cannot_be_traced() -> None:
    world = World()
    invoice = world.invoice(on=DAY - timedelta(days=2))
    world.journal(invoice, on=DAY - timedelta(days=2), invoice_id=None, ar="300.00")
    assert run(world).codes(PAIR) == [("KEY_UNMAPPED", Decimal("300.00")), ("LEDGER_MISSING", Decimal("-119.00"))]


def test_a_void_invoice_must_be_reversed_within_the_lag() -> None:
    for days, reversed_, codes in (
        (2, False, [("REVERSAL_NOT_PROPAGATED", Decimal("119.00"))]),
        (2, True, []),
        (1, False, []),
        (3, False, []),
    ):
        world = World()
        issued = DAY - timedelta(days=10)
        invoice = world.invoice(on=issued)
        world.journal(invoice, on=issued)
        voided = DAY - timedelta(days=days)
        world.add(
            "invoice_lines",
            on=voided,
            **{k: v for k, v in invoice.items() if k not in ("observed_on", "day", "source_file", "source_row")}
            | {"status": "void"},
        )
        if reversed_:
            world.journal(invoice, "J-reversal", on=voided, ar="-119.00", tax="-19.00")
        assert run(world).codes(PAIR) == codes


def test_documents_and_journals_of_an_invoice_that_the_engine_lacks() -> None:
    for ar, codes in (("119.00", []), ("110.00", [("LEDGER_AMOUNT", Decimal("-9.00"))])):
        world = World()
        invoice = world.invoice()
        world.rows["invoice_lines"].clear()
        world.document(invoice)
        world.journal(invoice, ar=ar)
        outcome = run(world)
        assert outcome.codes("rendered_booked") == codes
        (total,) = outcome.totals("rendered_booked")
        assert (total["left_amount"], total["right_amount"]) == (Decimal("119.00"), Decimal(ar))


NOTED: dict[str, tuple[list[str], list[tuple[str, str, str]], list[tuple[str, str]]]] = {
    "the note in full": (["-119.00"], [("J2", "INV-1", "-119.00")], []),
    "the note in part": (["-40.00"], [("J2", "INV-1", "-40.00")], []),
    "two equal notes": (["-40.00", "-40.00"], [("J2", "INV-1", "-40.00"), ("J3", "INV-1", "-40.00")], []),
    "one of two equal notes": (
        ["-40.00", "-40.00"],
        [("J2", "INV-1", "-40.00")],
        [("REVERSAL_NOT_PROPAGATED", "40.00")],
    ),
    "under both numbers": (
        ["-40.00"],
        [("J2", "CN-1", "-40.00"), ("J3", "INV-1", "-40.00")],
        [("LEDGER_AMOUNT", "-40.00")],
    ),
    "no note is of that amount": (
        ["-40.00"],
        [("J2", "INV-1", "-30.00")],
        [("LEDGER_AMOUNT", "-30.00"), ("REVERSAL_NOT_PROPAGATED", "40.00")],
    ),
    "booked twice and reversed once, note not booked": (
        ["-119.00"],
        [("J2", "INV-1", "119.00"), ("J3", "INV-1", "-119.00")],
        [("REVERSAL_NOT_PROPAGATED", "119.00")],
    ),
}
"""Credit notes of INV-1, journals after its own, what remains."""


@pytest.mark.parametrize("story", NOTED)
def test_a_credit_note_may_be_booked_under_the_number_of_its_invoice(story: str) -> None:
    """Both are known two days ago, so that what is missing is missing today, and what is wrong is told once."""
    notes, journals, expected = NOTED[story]
    world = World()
    two_days_ago = DAY - timedelta(days=2)
    invoice = world.invoice(on=two_days_ago, subscription_id="S1")
    world.journal(invoice, on=two_days_ago)
    given = {
        f"CN-{n}": world.invoice(f"CN-{n}", total, on=two_days_ago, subscription_id="S1", invoice_kind="credit_note")
        for n, total in enumerate(notes, 1)
    }
    for journal_id, named, ar in journals:
        like = next((note for note in given.values() if str(note["total"]) == ar), invoice)
        tax = like["tax"] if abs(Decimal(ar)) == abs(like["total"]) else Decimal("-4.79")
        world.journal({**like, "invoice_id": named}, journal_id, on=two_days_ago, ar=ar, tax=tax)
    then, now = World(two_days_ago), world
    then.rows = world.rows
    found = [*run(then).codes(PAIR), *run(now).codes(PAIR)]
    assert sorted(found) == [(code, Decimal(delta)) for code, delta in expected]
