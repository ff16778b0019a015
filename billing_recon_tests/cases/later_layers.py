"""Stories of documents, ledger and money that do not follow a right bill of USD 119.00."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from billing_recon.core.reason import Code, Pair
from billing_recon_tests.cases.story import Story
from billing_recon_tests.compute.reconcile.world import DAY, World


def _ago(days: int) -> date:
    return DAY - timedelta(days=days)


def an_invoice_without_its_document() -> World:
    world = World()
    world.invoice(on=_ago(1))
    return world


def two_documents_of_one_invoice() -> World:
    world = World()
    invoice = world.invoice()
    world.document(invoice, "D1")
    world.document(invoice, "D2")
    return world


def a_document_that_asks_for_more() -> World:
    world = World()
    world.document(world.invoice(), total=Decimal("126.00"), payable=Decimal("126.00"))
    return world


def a_batch_that_the_ledger_never_got() -> World:
    world = World()
    world.invoice(on=_ago(2))
    return world


def a_batch_posted_twice() -> World:
    world = World()
    invoice = world.invoice()
    world.journal(invoice, "J1")
    world.journal(invoice, "J2")
    return world


def a_journal_that_balances_at_another_amount() -> World:
    world = World()
    world.journal(world.invoice(), ar="124.00", revenue="105.00")
    return world


def revenue_on_the_tax_account() -> World:
    world = World()
    world.journal(world.invoice(), revenue="90.00", tax="29.00")
    return world


def a_journal_dated_into_the_month_before() -> World:
    world = World()
    world.journal(world.invoice(), posted_on=date(2026, 2, 27))
    return world


def a_void_invoice_that_the_ledger_keeps() -> World:
    world = World()
    invoice = world.invoice(on=_ago(2), status="void")
    world.journal(invoice, on=_ago(2))
    return world


def an_invoice_that_nobody_tries_to_collect() -> World:
    world = World()
    world.invoice(on=_ago(30))
    return world


def a_card_charged_twice() -> World:
    world = World()
    invoice = world.invoice(on=_ago(6))
    world.payment(invoice, "P1", on=_ago(5))
    world.payment(invoice, "P2", on=_ago(4))
    return world


def a_payment_short_by_some_cents() -> World:
    world = World()
    world.payment(world.invoice(on=_ago(6)), amount="118.69", on=_ago(5))
    return world


def another_customers_money() -> World:
    world = World()
    world.payment(world.invoice(on=_ago(6)), customer_id="C-9", on=_ago(5))
    return world


def a_chargeback_of_half() -> World:
    world = World()
    invoice = world.invoice(on=_ago(6))
    world.payment(invoice, "P1", on=_ago(5))
    world.payment(invoice, "P2", "59.50", on=_ago(2), kind="chargeback")
    return world


STORIES = (
    Story(
        Code.RENDER_MISSING,
        Pair.BILLED_RENDERED,
        an_invoice_without_its_document,
        "-119.00",
        "INV-1 for USD 119.00 has no document; 1 day is allowed from issue to document.",
    ),
    Story(
        Code.RENDER_DUPLICATE,
        Pair.BILLED_RENDERED,
        two_documents_of_one_invoice,
        "119.00",
        "Document D2 shows INV-1 again, with USD 119.00; D1 shows it already.",
    ),
    Story(
        Code.RENDER_VALUE,
        Pair.BILLED_RENDERED,
        a_document_that_asks_for_more,
        "7.00",
        "Document D1 asks for USD 126.00 where INV-1 bills USD 119.00: USD +7.00.",
    ),
    Story(
        Code.LEDGER_MISSING,
        Pair.BILLED_BOOKED,
        a_batch_that_the_ledger_never_got,
        "-119.00",
        "INV-1 for USD 119.00, issued on 2026-03-01, is not booked; 2 days are allowed.",
    ),
    Story(
        Code.LEDGER_DUPLICATE,
        Pair.BILLED_BOOKED,
        a_batch_posted_twice,
        "119.00",
        "INV-1 for USD 119.00 is booked by 2 journals, USD 238.00 in all: USD +119.00.",
    ),
    Story(
        Code.LEDGER_AMOUNT,
        Pair.BILLED_BOOKED,
        a_journal_that_balances_at_another_amount,
        "5.00",
        "INV-1 is booked at USD 124.00 where USD 119.00 is billed: USD +5.00.",
    ),
    Story(
        Code.LEDGER_ACCOUNT,
        Pair.BILLED_BOOKED,
        revenue_on_the_tax_account,
        "0",
        "INV-1 is booked at the right amount, USD 119.00, but revenue is USD 90.00 where USD 100.00 is earned.",
    ),
    Story(
        Code.LEDGER_PERIOD,
        Pair.BILLED_BOOKED,
        a_journal_dated_into_the_month_before,
        "0",
        "INV-1 for USD 119.00 was issued on 2026-03-03 but booked on 2026-02-27, in another month.",
    ),
    Story(
        Code.REVERSAL_NOT_PROPAGATED,
        Pair.BILLED_BOOKED,
        a_void_invoice_that_the_ledger_keeps,
        "119.00",
        "INV-1 is void, but USD 119.00 of it is still booked.",
    ),
    Story(
        Code.PAYMENT_MISSING,
        Pair.BILLED_PAID,
        an_invoice_that_nobody_tries_to_collect,
        "-119.00",
        "INV-1 over USD 119.00, issued on 2026-02-01, was never collected: no attempt in 30 days.",
    ),
    Story(
        Code.PAYMENT_DUPLICATE,
        Pair.BILLED_PAID,
        a_card_charged_twice,
        "119.00",
        "INV-1 over USD 119.00 was paid 2 times, USD 238.00 in all: USD +119.00.",
    ),
    Story(
        Code.PAYMENT_AMOUNT,
        Pair.BILLED_PAID,
        a_payment_short_by_some_cents,
        "-0.31",
        "INV-1 over USD 119.00 was paid with USD 118.69: USD -0.31.",
    ),
    Story(
        Code.PAYMENT_MISAPPLIED,
        Pair.BILLED_PAID,
        another_customers_money,
        "0",
        "Customer C-9 paid USD 119.00 on INV-1, which is customer C-S-INV-1's and over USD 119.00.",
    ),
    Story(
        Code.REFUND_DISPUTE,
        Pair.BILLED_PAID,
        a_chargeback_of_half,
        "-59.50",
        "INV-1 over USD 119.00 keeps USD 59.50: USD 59.50 was refunded or charged back.",
    ),
)
