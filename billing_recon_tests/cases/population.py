"""Stories of invoices that should be and are not, that are and should not be, or that cannot be read."""

from __future__ import annotations

from datetime import date, timedelta

from billing_recon.core.reason import Code, Pair
from billing_recon_tests.cases.story import Story
from billing_recon_tests.compute.reconcile.world import DAY, World


def an_invoice_for_an_account_that_no_contract_has() -> World:
    world = World()
    line = world.expect()
    world.bill("INV-1", line)
    world.bill("INV-2", line, line_id="2", subscription_id="S9", customer_id="C-9")
    return world


def a_line_that_could_not_be_read() -> World:
    world = World()
    for number, charge in enumerate(("base", "calls")):
        line = world.expect(charge=charge)
        if charge == "base":
            world.bill("INV-1", line, line_id=str(number))
    world.quarantine(
        "invoice_lines", invoice_id="INV-1", line_id="1", subscription_id="S1", kind="usage", meter="api_calls"
    )
    return world


def a_period_that_is_not_billed_by_the_end_of_the_grace() -> World:
    world = World()
    world.expect(due_on=DAY - timedelta(days=1))
    return world


def a_period_after_the_end_of_the_contract() -> World:
    world = World()
    line = world.expect()
    world.bill("INV-1", line)
    world.rows["expected_lines"].clear()
    return world


def a_retry_that_issues_the_same_bill_again() -> World:
    world = World()
    line = world.expect()
    world.bill("INV-1", line)
    world.bill("INV-2", line, line_id="2")
    return world


def a_period_that_begins_and_ends_a_day_late() -> World:
    world = World()
    line = world.expect(charge="base")
    world.bill("INV-1", line, period_start=date(2026, 2, 2), period_end=date(2026, 3, 2))
    return world


STORIES = (
    Story(
        Code.KEY_UNMAPPED,
        Pair.EXPECTED_BILLED,
        an_invoice_for_an_account_that_no_contract_has,
        "214.20",
        "INV-2 bills subscription S9, which has no contract: 1 line, USD 214.20 in total.",
    ),
    Story(
        Code.RECORD_QUARANTINED,
        Pair.EXPECTED_BILLED,
        a_line_that_could_not_be_read,
        "-214.20",
        "INV-1 has no usage api_calls line for 2026-02-01 to 2026-03-01, where USD 214.20 is due; the line "
        "was delivered and is in quarantine: USD -180.00 before tax, USD -214.20 in total.",
    ),
    Story(
        Code.INVOICE_MISSING,
        Pair.EXPECTED_BILLED,
        a_period_that_is_not_billed_by_the_end_of_the_grace,
        "-214.20",
        "No invoice bills S1 for 2026-02-01 to 2026-03-01: it was due on 2026-03-02 with 1 line, USD 214.20 in total.",
    ),
    Story(
        Code.INVOICE_UNEXPECTED,
        Pair.EXPECTED_BILLED,
        a_period_after_the_end_of_the_contract,
        "214.20",
        "INV-1 bills S1 for 2026-02-01 to 2026-03-01, a period that neither contract nor usage calls for: 1 "
        "line, USD 214.20 in total.",
    ),
    Story(
        Code.INVOICE_DUPLICATE,
        Pair.EXPECTED_BILLED,
        a_retry_that_issues_the_same_bill_again,
        "214.20",
        "INV-2 bills S1 again for 2026-02-01 to 2026-03-01, which INV-1 has billed already: 1 line, USD "
        "214.20 in total.",
    ),
    Story(
        Code.INVOICE_PERIOD,
        Pair.EXPECTED_BILLED,
        a_period_that_begins_and_ends_a_day_late,
        "0",
        "INV-1 bills S1 for 2026-02-02 to 2026-03-02 where the contract has 2026-02-01 to 2026-03-01: 1 line, "
        "USD +0.00 in total.",
    ),
)
