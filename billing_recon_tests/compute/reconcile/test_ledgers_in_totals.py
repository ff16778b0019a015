"""Ledgers that book sales in totals: a journal per account and day, and receivables by invoice with sales in one sum.

Each story has a currency of its own, so one run judges them all.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from billing_recon_tests.compute.reconcile.test_batches import PAIR, THEN, Invoice, issue, post, summed
from billing_recon_tests.compute.reconcile.world import DAY, Outcome, World


def by_account(world: World, invoices: list[Invoice], currency: str, **off: Decimal) -> None:
    """One journal per account, none of which names an invoice or is whole by itself."""
    for role, amount in summed(invoices).items():
        post(world, f"{role}-{currency}", {role: amount + off.get(role, Decimal(0))}, currency)


def by_contra_account(world: World, invoices: list[Invoice], currency: str, **off: Decimal) -> None:
    """Bookings of two sides, as in DATEV: the receivable against each account for sales, and against tax."""
    figures = summed(invoices)
    parts = {"services": figures["revenue"] - 100, "goods": Decimal(100) + off.get("revenue", Decimal(0))}
    for name, amount in parts.items():
        post(world, f"{name}-{currency}", {"ar": amount, "revenue": amount}, currency)
    post(world, f"tax-{currency}", {"ar": figures["tax_payable"], "tax_payable": figures["tax_payable"]}, currency)


def in_two_summaries(world: World, invoices: list[Invoice], currency: str, **off: Decimal) -> None:
    """One summary for each of two branches; neither names an invoice."""
    for name, part in (("north", invoices[:2]), ("south", invoices[2:])):
        figures = summed(part)
        post(world, f"{name}-{currency}", figures, currency)


def by_customer(world: World, invoices: list[Invoice], currency: str, **off: Decimal) -> None:
    """The same for each invoice, on the account of its customer and without its number."""
    for one in invoices:
        for role, amount in (
            ("revenue", one["gross"] + off.get(one["invoice_id"], Decimal(0))),
            ("tax_payable", one["tax"]),
        ):
            who = {"customer_id": one["customer_id"], "memo": None}
            post(world, f"{role}-{one['invoice_id']}", {"ar": amount, role: amount}, currency, **who)


def by_invoice(world: World, invoices: list[Invoice], currency: str, **off: Decimal) -> None:
    """One journal with a receivable for each invoice, and revenue and tax as sums. `off` by invoice id or role."""
    on = invoices[0]["issued_on"]
    for one in invoices:
        debit = one["total"] + off.get(one["invoice_id"], Decimal(0))
        world.add(
            "ledger_entries", on=on, entry_id=f"AR-{one['invoice_id']}", journal_id=f"J-{currency}", posted_on=on,
            account="ar", role="ar", debit=debit, credit=Decimal(0), currency=currency, invoice_id=one["invoice_id"],
            customer_id=one["customer_id"], memo=None,
        )  # fmt: skip
    sums = {role: amount + off.get(role, Decimal(0)) for role, amount in summed(invoices).items() if role != "ar"}
    post(world, f"J-{currency}", sums, currency, on, memo=None)


def all_but_one(book: Callable[..., None]) -> Callable[[World, str], None]:
    def story(world: World, currency: str) -> None:
        invoices = issue(world, currency)
        book(world, invoices[:3] + invoices[4:], currency)

    return story


def all_of(book: Callable[..., None], on: date = DAY, **off: str) -> Callable[[World, str], None]:
    def story(world: World, currency: str) -> None:
        named = {name.replace("third", f"{currency}-{on:%d}-3"): Decimal(amount) for name, amount in off.items()}
        book(world, issue(world, currency, on), currency, **named)

    return story


STORIES: dict[str, tuple[str, Callable[[World, str], None], list[tuple[str, str | None]]]] = {
    "by account, right": ("USD", all_of(by_account, THEN), []),
    "by account, one left out": ("EUR", all_but_one(by_account), [("LEDGER_MISSING", "3")]),
    "by account, revenue 7.00 too high": ("GBP", all_of(by_account, THEN, revenue="7"), [("LEDGER_AMOUNT", None)]),
    "by contra account, right": ("PLN", all_of(by_contra_account, THEN), []),
    "by contra account, one left out": ("CZK", all_but_one(by_contra_account), [("LEDGER_MISSING", "3")]),
    "by contra account, revenue 7.00 too high": (
        "HUF",
        all_of(by_contra_account, THEN, revenue="7"),
        [("LEDGER_AMOUNT", None)],
    ),
    "in two summaries, right": ("ILS", all_of(in_two_summaries, THEN), []),
    "by customer, right": ("RON", all_of(by_customer, THEN), []),
    "by customer, one left out": ("TRY", all_but_one(by_customer), [("LEDGER_MISSING", "3")]),
    "by invoice, right": ("CHF", all_of(by_invoice), []),
    "by invoice, one left out": ("SEK", all_but_one(by_invoice), [("LEDGER_MISSING", "3")]),
    "by invoice, a receivable 5.00 too low": ("NOK", all_of(by_invoice, third="-5"), [("LEDGER_AMOUNT", "3")]),
    "by invoice, revenue 7.00 too high": ("DKK", all_of(by_invoice, THEN, revenue="7"), [("LEDGER_ACCOUNT", None)]),
}


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    world = World()
    for currency, story, _ in STORIES.values():
        story(world, currency)
    return world.run(PAIR)


@pytest.mark.parametrize("story", STORIES)
def test_a_ledger_in_totals_is_matched_and_a_fault_is_one_break(outcome: Outcome, story: str) -> None:
    currency, _, wanted = STORIES[story]
    found = [one for one in outcome.breaks(PAIR) if one["currency"] == currency]
    shown = [(one["code"], one["invoice_id"] and one["invoice_id"].rsplit("-")[-1]) for one in found]
    assert shown == wanted, [one["explanation"] for one in found]


def test_all_of_it_foots(outcome: Outcome) -> None:
    assert outcome.foots()
