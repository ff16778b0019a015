"""The books of February: what the ledger's receivables, revenue and tax must be, and which difference is explained by what."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.compute import close
from billing_recon.compute.engine import build, session
from billing_recon.compute.registration import register
from billing_recon.compute.terms import register_terms
from billing_recon.core.catalog import Catalog
from billing_recon.core.company import Company
from billing_recon.core.month_books import (
    Account,
    BookDifference,
    BookSum,
    DifferenceSum,
    MonthBooks,
    RollForward,
    Unbalanced,
    roll_forwards,
)
from billing_recon.core.month_tasks import ties, trial_balance
from billing_recon.core.schema import INVOICE_LINES, KEY_MAP, LEDGER_ENTRIES, PAYMENTS
from billing_recon.core.schema.parameters import CLOSE_ACCEPTED, CLOSE_PARAMS, PAIRS_COMPARED, RUN_PARAMS, RunParams
from billing_recon.core.verdict import Verdict
from billing_recon.day.month_books import DIFFERENCE_SUMS
from billing_recon_tests.compute.reconcile.world import PLANS, TAXES, World

FIRST, LAST, CUT_OFF = date(2026, 2, 1), date(2026, 2, 28), date(2026, 3, 3)
MID, LATE, MARCH = date(2026, 2, 10), date(2026, 2, 28), date(2026, 3, 1)


def books(
    world: World, *, accepted: list[tuple[str, str]] | None = None, first_day: date = date(2026, 1, 1)
) -> MonthBooks:
    """February's books of a world, as known on 3 March."""
    con = session()
    register_terms(con, Catalog(plans=PLANS, taxes=TAXES, digest=""), Company(name="c", currencies=("USD",)))
    register(con, RUN_PARAMS, [RunParams(day=CUT_OFF, first_day=first_day).row()])
    register(con, CLOSE_PARAMS, [(first_day, FIRST, LAST)])
    register(con, CLOSE_ACCEPTED, accepted or [])
    register(con, PAIRS_COMPARED, [("billed_booked",), ("paid_booked",)])
    for table in (INVOICE_LINES, PAYMENTS, LEDGER_ENTRIES, KEY_MAP):
        names = {c.name for c in table.registered}
        register(con, table, [{k: v for k, v in row.items() if k in names} for row in world.rows[table.name]])
    build(con, close.RELATIONS)

    def rows(kind: Any, relation: str) -> tuple[Any, ...]:
        names = ", ".join(kind.__dataclass_fields__)
        return tuple(kind(*row) for row in con.execute(f"SELECT {names} FROM {relation} ORDER BY ALL").fetchall())

    made = MonthBooks(
        rows(Account, "trial_balance"),
        rows(Unbalanced, "unbalanced_journals"),
        len(rows(Unbalanced, "unbalanced_journals")),
        roll_forwards(
            rows(BookSum, "close_sums"),
            rows(DifferenceSum, f"({DIFFERENCE_SUMS})"),
            rows(BookDifference, "close_differences"),
        ),
    )
    con.close()
    return made


def of(found: MonthBooks, measure: str) -> RollForward:
    (one,) = found.of(measure)
    return one


def lines(one: RollForward) -> dict[str, Decimal]:
    return {line: figure for line, figure, _ in one.lines}


def entries(world: World, journal_id: str, on: date, amounts: dict[str, str], **refs: Any) -> None:
    """A journal: role -> amount, debits positive."""
    for n, (role, text) in enumerate(amounts.items()):
        world.add(
            "ledger_entries",
            on=on,
            entry_id=f"{journal_id}-{n}",
            journal_id=journal_id,
            posted_on=on,
            account=role,
            role=role,
            debit=max(Decimal(text), Decimal(0)),
            credit=max(-Decimal(text), Decimal(0)),
            currency="USD",
            **refs,
        )


def paid_and_booked(
    world: World, invoice: dict[str, Any], payment_id: str, on: date, booked_on: date | None = None
) -> None:
    payment = world.payment(invoice, payment_id, on=on)
    entries(
        world,
        f"R-{payment_id}",
        booked_on or on,
        {"cash": str(payment["amount"]), "ar": str(-payment["amount"])},
        invoice_id=payment_id,
        customer_id=invoice["customer_id"],
    )


def test_what_was_billed_collected_and_credited_is_what_the_ledger_owes() -> None:
    """January leaves 119.00; February bills 238.00, credits 59.50 and collects 119.00: 178.50 are owed."""
    world = World()
    january = world.invoice("INV-0", "119.00", on=date(2026, 1, 20))
    world.journal(january, "J0", on=date(2026, 1, 20))
    billed = world.invoice("INV-1", "238.00", on=MID)
    world.journal(billed, "J1", on=MID)
    credit = world.invoice("CN-1", "-59.50", on=MID, invoice_kind="credit_note")
    world.journal(credit, "J2", on=MID)
    paid_and_booked(world, january, "P1", date(2026, 2, 12))
    found = books(world)
    receivables = of(found, "ar")
    assert receivables.opening == 119
    assert lines(receivables) == {"invoiced": 238, "credited": Decimal("-59.50"), "received": -119}
    assert receivables.closing == receivables.booked == Decimal("178.50")
    assert receivables.ties
    assert (of(found, "revenue").booked, of(found, "tax").booked) == (150, Decimal("28.50"))
    assert all(ties(found, measure).verdict is Verdict.PASS for measure in ("ar", "revenue", "tax"))
    assert trial_balance(found).verdict is Verdict.PASS
    assert [a.closing for a in found.accounts if a.role == "ar"] == [Decimal("178.50")]


def test_an_invoice_booked_after_the_months_end_is_explained_and_not_hidden() -> None:
    world = World()
    world.journal(world.invoice("INV-0", "119.00", on=MID), "J0", on=MID)
    world.journal(world.invoice("INV-1", "119.00", on=LATE), "J1", on=MARCH)
    found = books(world)
    for measure, amount in (("ar", 119), ("revenue", 100), ("tax", 19)):
        one = of(found, measure)
        assert (one.closing, one.booked, one.explained) == (2 * amount, amount, (("timing", -amount),))
        assert one.ties
    assert "-119.00 USD booked on the other side of the month's end" in ties(found, "ar").sentence


@pytest.mark.parametrize(
    ("paid", "on_receivables", "explained", "ties_out"),
    [("119.00", "116.10", "2.90", True), ("116.10", "119.00", "-2.90", True), ("119.00", "115.00", "4.00", False)],
    ids=["booked net of its fee", "stated net of its fee", "another difference than the fee"],
)
def test_a_receipt_that_differs_by_the_fee_that_the_payment_states_is_explained_and_no_other(
    paid: str, on_receivables: str, explained: str, ties_out: bool
) -> None:
    world = World()
    billed = world.invoice("INV-1", "119.00", on=MID)
    world.journal(billed, "J1", on=MID)
    payment = world.payment(billed, "P1", paid, on=MID, fee=Decimal("2.90"))
    booked = {"cash": on_receivables, "ar": f"-{on_receivables}"}
    entries(world, "R1", MID, booked, invoice_id="P1", customer_id=payment["customer_id"])
    found = books(world)
    receivables = of(found, "ar")
    assert receivables.ties is ties_out
    shown = receivables.explained if ties_out else (("fees", receivables.unexplained_net),)
    assert shown == (("fees", Decimal(explained)),)
    assert ("of fees that the payments state" in ties(found, "ar").sentence) is ties_out


def test_a_receipt_booked_net_of_its_fee_after_the_months_end_is_timing() -> None:
    world = World()
    billed = world.invoice("INV-1", "119.00", on=MID)
    world.journal(billed, "J1", on=MID)
    payment = world.payment(billed, "P1", "119.00", on=LATE, fee=Decimal("2.90"))
    entries(
        world, "R1", MARCH, {"cash": "116.10", "ar": "-116.10"}, invoice_id="P1", customer_id=payment["customer_id"]
    )
    assert of(books(world), "ar").explained == (("timing", 119),)


def test_a_receipt_booked_after_the_months_end_is_explained() -> None:
    world = World()
    billed = world.invoice("INV-1", "119.00", on=MID)
    world.journal(billed, "J1", on=MID)
    paid_and_booked(world, billed, "P1", LATE, MARCH)
    receivables = of(books(world), "ar")
    assert (receivables.closing, receivables.booked, receivables.ties) == (0, 119, True)


def test_two_errors_that_cancel_each_other_out_do_not_tie() -> None:
    """+10.00 on one invoice and -10.00 on another leave the sum right; each is an item that nobody has explained."""
    world = World()
    for number, booked in (("1", "129.00"), ("2", "109.00")):
        world.journal(world.invoice(f"INV-{number}", "119.00", on=MID), f"J{number}", on=MID, ar=booked)
    receivables = of(books(world), "ar")
    assert receivables.unexplained == 0
    assert {item.item: item.delta for item in receivables.shown} == {"INV-1": 10, "INV-2": -10}
    answer = ties(books(world), "ar")
    assert answer.verdict is Verdict.FAIL
    assert "INV-1 (119.00 by our layers, 129.00 booked)" in answer.sentence


def test_an_accepted_break_is_explained_by_name_and_only_for_its_own_item() -> None:
    world = World()
    world.journal(world.invoice("INV-1", "119.00", on=MID), "J1", on=MID, ar="119.01")
    assert not of(books(world, accepted=[("invoice", "INV-9")]), "ar").ties
    receivables = of(books(world, accepted=[("invoice", "INV-1")]), "ar")
    assert receivables.ties
    assert receivables.explained == (("accepted", Decimal("0.01")),)


def test_a_journal_of_nobody_on_receivables_does_not_tie() -> None:
    world = World()
    world.journal(world.invoice("INV-1", "119.00", on=MID), "J1", on=MID)
    entries(world, "M1", MID, {"ar": "-20.00", "other": "20.00"})
    found = books(world)
    assert of(found, "ar").unexplained == -20
    assert "-20.00 USD in journals of no invoice or payment" in ties(found, "ar").sentence


def test_a_write_off_and_a_credit_applied_are_lines_of_the_roll_forward() -> None:
    """Our layers have no write-offs; the ledger's are shown by name, and the receivable is what is left."""
    world = World()
    world.journal(world.invoice("INV-1", "119.00", on=MID), "J1", on=MID)
    entries(world, "W1", LATE, {"write_off": "19.00", "ar": "-19.00"})
    entries(world, "A1", LATE, {"customer_credit": "30.00", "ar": "-30.00"})
    receivables = of(books(world), "ar")
    assert lines(receivables)["written_off"] == -19
    assert lines(receivables)["credit_applied"] == -30
    assert receivables.ties
    assert receivables.booked == 70


def test_receivables_from_before_the_first_day_are_the_ledgers_opening_balance() -> None:
    world = World()
    entries(world, "O1", date(2026, 1, 31), {"ar": "500.00", "other": "-500.00"})
    world.journal(world.invoice("INV-1", "119.00", on=MID), "J1", on=MID)
    receivables = of(books(world, first_day=FIRST), "ar")
    assert (receivables.opening, receivables.booked, receivables.ties) == (500, 619, True)


def test_what_an_earlier_month_left_unexplained_is_not_forgotten() -> None:
    world = World()
    world.journal(world.invoice("INV-0", "119.00", on=date(2026, 1, 20)), "J0", on=date(2026, 1, 20), ar="129.00")
    assert not of(books(world), "ar").ties


def test_a_journal_out_of_balance_is_named() -> None:
    world = World()
    entries(world, "M1", MID, {"other": "20.00", "fees": "-19.00"})
    answer = trial_balance(books(world))
    assert answer.verdict is Verdict.FAIL
    assert "M1 (debit 20.00, credit 19.00 USD)" in answer.sentence


def test_a_posting_of_two_invoices_keeps_each_of_its_accounts_in_the_trial_balance() -> None:
    """Sales are booked in sums that name no invoice, a part of them deferred: matching divides them, the accounts do not change."""
    world = World()
    for number, amounts in (("1", {"ar": "119.00"}), ("2", {"ar": "119.00"})):
        world.invoice(f"INV-{number}", "119.00", on=MID)
        entries(world, f"J{number}", MID, amounts, invoice_id=f"INV-{number}")
    entries(world, "J3", MID, {"revenue": "-150.00", "deferred_revenue": "-50.00", "tax_payable": "-38.00"})
    for row in world.rows["ledger_entries"]:
        row["journal_id"] = "DAY"
    found = books(world)
    assert {a.account: a.closing for a in found.accounts} == {
        "ar": 238,
        "revenue": -150,
        "deferred_revenue": -50,
        "tax_payable": -38,
    }
    assert trial_balance(found).verdict is Verdict.PASS
    assert all(ties(found, measure).verdict is Verdict.PASS for measure in ("ar", "revenue", "tax"))


def test_without_a_ledger_nothing_ties_and_nothing_fails() -> None:
    world = World()
    world.invoice("INV-1", "119.00", on=MID)
    found = books(world)
    assert trial_balance(found).verdict is Verdict.INCONCLUSIVE
    assert ties(found, "ar").verdict is Verdict.INCONCLUSIVE


def test_a_ledger_that_books_no_cash_leaves_receivables_open() -> None:
    found = MonthBooks((Account("1200", "ar", "USD", *[Decimal(0)] * 4),), books_cash=False)
    assert ties(found, "ar").verdict is Verdict.INCONCLUSIVE
    assert ties(found, "tax").verdict is Verdict.PASS
