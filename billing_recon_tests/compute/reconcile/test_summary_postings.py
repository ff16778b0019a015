"""Journals that name no invoice: booked by reference, by amount, as a sum, or left alone where more than one sum fits."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_recon_tests.compute.reconcile.world import DAY, Outcome, World

PAIR = "billed_booked"
THEN = DAY - timedelta(days=2)
"""Two days ago: what was issued then and is not booked by today is missing."""


def invoices(world: World, *totals: str, customer: str | None = "C-1", on: date = THEN) -> list[dict[str, Any]]:
    """Invoices of these totals, INV-1 upwards, of one customer or (None) of one customer each."""
    start = len(world.rows["invoice_lines"]) + 1
    return [
        world.invoice(f"INV-{n}", total, on=on, customer_id=customer or f"C-{n}")
        for n, total in enumerate(totals, start)
    ]


def posting(world: World, journal_id: str, booked: list[dict[str, Any]], *, off: int = 0, **changes: Any) -> None:
    """One journal over several invoices that names none of them; `off` is booked too much."""
    names = ("gross", "discount", "credit", "tax", "total")
    whole = booked[0] | {name: sum((one[name] for one in booked), Decimal(0)) for name in names}
    world.journal(whole, journal_id, ar=whole["total"] + off, **{"on": DAY, "invoice_id": None, **changes})


def run(world: World) -> Outcome:
    outcome = world.run(PAIR)
    assert outcome.foots()
    return outcome


def statuses(outcome: Outcome) -> dict[str, str]:
    """Invoice or journal -> status of its item."""
    rows = outcome.rows(f"SELECT coalesce(left_key, right_key) AS item, status FROM assessments WHERE pair = '{PAIR}'")
    assert len({row["item"] for row in rows}) == len(rows)
    return {row["item"]: row["status"] for row in rows}


@pytest.mark.parametrize("memo", ["Invoice INV-2, thank you.", "(INV-2)", "Bank ref 77 INV-2"])
def test_a_journal_books_the_invoice_that_its_memo_names(memo: str) -> None:
    world = World()
    first, second = invoices(world, "119.00", "119.00")
    world.journal(first, "J1")
    posting(world, "J2", [second], memo=memo, customer_id="C-other")
    outcome = run(world)
    assert {one["code"] for one in outcome.breaks(PAIR)} <= {"LEDGER_ACCOUNT"}  # it is another customer's receivable
    assert set(statuses(outcome)) == {"INV-1", "INV-2"}


def test_two_journals_whose_memos_name_one_invoice_book_it_together() -> None:
    world = World()
    (invoice,) = invoices(world, "119.00")
    posting(world, "J1", [invoice], off=-60, memo="INV-1 part 1", tax="9.00")
    posting(world, "J2", [invoice], off=-59, memo="INV-1 part 2", tax="10.00")
    outcome = run(world)
    assert outcome.breaks(PAIR) == []
    assert statuses(outcome) == {"INV-1": "matched"}


def test_a_journal_of_the_customer_and_amount_within_the_lag_books_the_invoice() -> None:
    world = World()
    small, large = invoices(world, "119.00", "238.00")
    posting(world, "J2", [large])
    posting(world, "J1", [small])
    outcome = run(world)
    assert outcome.breaks(PAIR) == []
    assert statuses(outcome) == {"INV-1": "matched", "INV-2": "matched"}


def test_as_many_journals_as_invoices_alike_are_matched_in_their_order() -> None:
    world = World()
    for number, invoice in enumerate(invoices(world, "119.00", "119.00", "119.00")):
        posting(world, f"J{number}", [invoice])
    assert run(world).breaks(PAIR) == []


def test_one_journal_for_several_invoices_of_a_customer() -> None:
    world = World()
    posting(world, "J1", invoices(world, "119.00", "238.00", "59.50"))
    invoices(world, "77.00", customer="C-2", on=DAY)
    outcome = run(world)
    assert outcome.breaks(PAIR) == []
    assert statuses(outcome) == {"INV-1": "matched", "INV-2": "matched", "INV-3": "matched", "INV-4": "pending"}


def test_one_journal_for_all_invoices_of_a_day_whoever_owes_them() -> None:
    world = World()
    posting(world, "BATCH", invoices(world, "119.00", "238.00", "59.50", customer=None), customer_id=None)
    assert run(world).breaks(PAIR) == []


def test_an_invoice_of_a_batch_that_was_paid_at_once_is_booked_by_its_batch_all_the_same() -> None:
    """The journal that names the invoice books its payment, not the sale."""
    world = World()
    booked = invoices(world, "119.00", "238.00", customer=None)
    posting(world, "BATCH", booked, customer_id=None)
    for role, debit, credit in (("cash", 119, 0), ("ar", 0, 119)):
        world.add(
            "ledger_entries", entry_id=f"CASH-{role}", journal_id="CASH", posted_on=DAY, account=role, role=role,
            debit=Decimal(debit), credit=Decimal(credit), currency="USD", invoice_id="INV-1", customer_id="C-1",
        )  # fmt: skip
    assert run(world).breaks(PAIR) == []


def test_a_journal_that_books_the_sale_to_an_account_of_no_role_is_balanced_and_wrong() -> None:
    world = World()
    (invoice,) = invoices(world, "119.00")
    posting(world, "J1", [invoice], memo="Invoice INV-1")
    (revenue,) = (row for row in world.rows["ledger_entries"] if row["role"] == "revenue")
    revenue["role"] = "other"
    found = run(world).the_break(PAIR)
    assert (found["code"], found["delta"]) == ("LEDGER_ACCOUNT", 0)


@pytest.mark.parametrize("also_booked", ["nothing", "its sale"])
def test_a_receivable_against_an_account_of_no_role_is_the_sale_of_the_invoice_it_names_unless_that_is_booked(
    also_booked: str,
) -> None:
    world = World()
    (invoice,) = invoices(world, "119.00")
    if also_booked == "its sale":
        posting(world, "J0", [invoice], memo="Invoice INV-1")
    posting(world, "J1", [invoice], memo="Moved INV-1 to another receivable")
    for row in world.rows["ledger_entries"]:
        if row["journal_id"] == "J1" and row["role"] != "ar":
            row["role"] = "other"
    breaks = run(world).breaks(PAIR)
    assert [(b["code"], b["delta"]) for b in breaks] == ([("LEDGER_ACCOUNT", 0)] if also_booked == "nothing" else [])


def test_a_batch_with_a_wrong_sum_is_a_break_of_the_rest_and_its_invoices_are_booked() -> None:
    world = World()
    posting(world, "BATCH", invoices(world, "119.00", "238.00", customer=None), off=13, customer_id=None, on=THEN)
    found = run(world).the_break(PAIR)
    assert (found["code"], found["delta"]) == ("LEDGER_AMOUNT", Decimal("13.00"))
    assert found["explanation"] == (
        "Journal BATCH books 2 invoices of 2026-03-01 (USD 357.00) at once and is USD +13.00 off. "
        "No invoice left out, doubled or booked otherwise explains it alone."
    )


@pytest.mark.parametrize(("off", "breaks"), [(13, 0), (-13, 1)])
def test_what_a_batch_books_beyond_its_invoices_waits_for_engine_rows_of_its_day_in_quarantine(
    off: int, breaks: int
) -> None:
    world = World()
    posting(world, "BATCH", invoices(world, "119.00", "238.00", customer=None), off=off, customer_id=None, on=THEN)
    world.quarantine("invoice_lines", invoice_id="INV-9", issued_on=THEN, total="13.00O")
    outcome = run(world)
    assert len(outcome.breaks(PAIR)) == breaks
    assert outcome.foots()


def test_a_sum_with_more_than_one_match_books_nothing_and_the_break_says_so() -> None:
    world = World()
    three = invoices(world, "119.00", "119.00", "119.00")
    posting(world, "J1", three[:2], on=THEN)
    outcome = run(world)
    assert outcome.codes(PAIR) == [("KEY_UNMAPPED", Decimal("238.00")), *[("LEDGER_MISSING", Decimal("-119.00"))] * 3]
    (unmapped,) = (one for one in outcome.breaks(PAIR) if one["code"] == "KEY_UNMAPPED")
    assert unmapped["explanation"] == (
        "Journal J1 books USD 238.00 and names no invoice; more than one match fits, so none is made."
    )


def test_a_nameless_journal_posted_twice_books_its_invoice_twice() -> None:
    world = World()
    (invoice,) = invoices(world, "119.00")
    posting(world, "J1", [invoice], on=THEN)
    posting(world, "J2", [invoice], on=DAY)
    outcome = run(world)
    assert outcome.codes(PAIR) == [("LEDGER_DUPLICATE", Decimal("119.00"))]
    assert statuses(outcome) == {"INV-1": "break"}


def test_journals_alike_in_their_receivable_alone_cannot_both_book_an_invoice() -> None:
    world = World()
    (invoice,) = invoices(world, "119.00")
    posting(world, "J1", [invoice], on=THEN)
    posting(world, "J2", [invoice], on=THEN, tax="0.00")
    outcome = run(world)
    assert [code for code, _ in outcome.codes(PAIR)] == ["KEY_UNMAPPED", "KEY_UNMAPPED", "LEDGER_MISSING"]
    assert sum(one["delta"] for one in outcome.breaks(PAIR)) == Decimal("119.00")


def test_a_nameless_journal_posted_twice_for_two_invoices_alike_is_left_in_doubt() -> None:
    world = World()
    alike = invoices(world, "119.00", "119.00")
    for name in ("J1", "J2", "J3"):
        posting(world, name, alike[:1], on=THEN)
    assert "LEDGER_DUPLICATE" not in [code for code, _ in run(world).codes(PAIR)]


def test_an_invoice_that_a_journal_names_is_not_booked_by_amount_as_well() -> None:
    world = World()
    (invoice,) = invoices(world, "119.00")
    world.journal(invoice, "J1", on=THEN)
    posting(world, "J2", [invoice], on=THEN)
    assert run(world).codes(PAIR) == [("KEY_UNMAPPED", Decimal("119.00"))]


def test_the_order_of_rows_changes_no_match() -> None:
    world = World()
    posting(world, "J1", invoices(world, "119.00", "238.00", "59.50"))
    posting(world, "J2", invoices(world, "10.00", "10.00", "10.00", customer="C-2")[:2])
    for number, invoice in enumerate(invoices(world, "33.00", "33.00", customer="C-3")):
        posting(world, f"J{number + 3}", [invoice])

    def matches(shuffle: int | None) -> list[dict[str, Any]]:
        return world.run(PAIR, shuffle=shuffle).rows("FROM journal_matches ORDER BY ALL")

    plain = matches(None)
    assert {row["pass"] for row in plain} == {0, 3, 4}
    assert plain == matches(1) == matches(2)


@pytest.mark.parametrize("customer", [None, "C-2"])
def test_a_void_invoice_of_a_summary_posting_may_be_taken_back_by_a_journal_without_its_number(
    customer: str | None,
) -> None:
    world = World(day=DAY + timedelta(days=2))
    booked = invoices(world, "138.54", "131.09", "119.58", customer=None)
    posting(world, "J1", booked, on=THEN, customer_id=None)
    world.add("invoice_lines", **{**booked[1], "status": "void", "observed_on": DAY, "day": DAY})
    void = booked[1] | {name: -booked[1][name] for name in ("gross", "tax", "total")}
    posting(world, "J2", [void], on=DAY, customer_id=customer)
    assert run(world).breaks(PAIR) == []
    posting(world, "J3", [void], on=DAY, customer_id=customer)
    codes = ["KEY_UNMAPPED", "KEY_UNMAPPED", "REVERSAL_NOT_PROPAGATED"]
    assert sorted(one["code"] for one in run(world).breaks(PAIR)) == codes, "two fit, so neither is taken"
