"""Summary postings that are off: the break stands on the invoice that alone explains it, else on the posting with what would.

Each fault has a currency of its own, since a posting is over invoices of its currency: one run judges them all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.money import Rounding, settle_at
from billing_recon.report.batch_shares import shares_of
from billing_recon_tests.compute.reconcile.world import DAY, Outcome, World

PAIR = "billed_booked"
THEN = DAY - timedelta(days=2)
"""What was posted then is decided on DAY: the lag is two days."""
NETS = (21_17, 48_39, 103_11, 77_05, 310_43, 15_29, 262_81, 91_67, 150_33, 39_07)
"""Net amounts of ten invoices, in minor units; no two of their sums or differences are alike."""

Invoice = dict[str, Any]
Figures = dict[str, Decimal]


def issue(world: World, currency: str, on: date = THEN, *, nets: tuple[int, ...] = NETS) -> list[Invoice]:
    """A day's invoices of a currency, one per customer, taxed at 19%; a negative net is a credit note."""
    unit = Decimal(1).scaleb(-EXPONENTS[currency])
    issued = []
    for number, net in enumerate(nets):
        gross = net * unit
        tax = settle_at(gross * Decimal("0.19"), EXPONENTS[currency], Rounding.HALF_UP)
        name = f"{currency}-{on:%d}-{number}"
        issued.append(
            world.add(
                "invoice_lines", on=on, invoice_id=name, line_id="1", customer_id=f"C-{name}", subscription_id=f"S-{name}",
                kind="subscription", plan_id="api", plan_version="v2", period_start=on, period_end=on + timedelta(30),
                quantity=Decimal(1), unit_price=gross, gross=gross, discount=Decimal(0), credit=Decimal(0),
                taxable=gross, tax_rate=Decimal("0.19"), tax=tax, total=gross + tax, currency=currency, issued_on=on,
                status="issued", variant="control", cohort="all",
                invoice_kind="credit_note" if net < 0 else "invoice",
            )
        )  # fmt: skip
    return issued


def summed(invoices: list[Invoice]) -> Figures:
    """What one posting over these invoices books, by role."""
    return {
        "ar": sum((one["total"] for one in invoices), Decimal(0)),
        "revenue": sum((one["gross"] for one in invoices), Decimal(0)),
        "tax_payable": sum((one["tax"] for one in invoices), Decimal(0)),
    }


def post(world: World, journal_id: str, figures: Figures, currency: str, on: date = THEN, **changes: Any) -> None:
    """A summary posting: one entry per account, without invoice or customer."""
    for role, amount in figures.items():
        debited = amount if role in ("ar", "other") else -amount
        world.add(
            "ledger_entries", on=on, entry_id=f"{journal_id}-{role}", journal_id=journal_id, posted_on=on, account=role,
            role=role, debit=max(debited, Decimal(0)), credit=max(-debited, Decimal(0)), currency=currency,
            **{"invoice_id": None, "customer_id": None, "memo": "Daily summary"} | changes,
        )  # fmt: skip


def booked(world: World, currency: str, *, on: date = THEN, off: Figures | None = None) -> None:
    """A day's invoices and their summary posting, off by these figures."""
    invoices = issue(world, currency, on)
    figures = summed(invoices)
    for role, amount in (off or {}).items():
        figures[role] = figures.get(role, Decimal(0)) + amount
    post(world, f"J-{currency}-{on:%d}", figures, currency, on)


def times(invoice: Invoice, factor: int) -> Figures:
    return {role: amount * factor for role, amount in summed([invoice]).items()}


def both(one: Figures, other: Figures) -> Figures:
    return {role: one[role] + other[role] for role in one}


def faulty(off: Callable[[list[Invoice]], Figures], *, nets: tuple[int, ...] = NETS) -> Callable[[World, str], None]:
    def story(world: World, currency: str) -> None:
        invoices = issue(world, currency, nets=nets)
        figures = summed(invoices)
        for role, amount in off(invoices).items():
            figures[role] = figures.get(role, Decimal(0)) + amount
        post(world, f"J-{currency}", figures, currency)

    return story


def posted_again(world: World, currency: str) -> None:
    figures = summed(issue(world, currency))
    post(world, f"J-{currency}", figures, currency)
    post(world, f"J-{currency}-again", figures, currency)


def beside_it(world: World, currency: str) -> None:
    post(world, f"J-{currency}", summed(issue(world, currency)), currency)
    post(world, f"M-{currency}", {"ar": Decimal(13), "revenue": Decimal(13)}, currency)


def named_as_well(world: World, currency: str) -> None:
    invoices = issue(world, currency)
    post(world, f"J-{currency}", summed(invoices), currency)
    world.journal(invoices[4], f"N-{currency}", on=THEN)


def out_of_a_list(world: World, currency: str) -> None:
    invoices = issue(world, currency)
    memo = " ".join(one["invoice_id"] for one in invoices)
    post(world, f"J-{currency}", summed(invoices[:3] + invoices[4:]), currency, memo=memo)


def voided_since(world: World, currency: str) -> None:
    invoices = issue(world, currency)
    post(world, f"J-{currency}", summed(invoices), currency)
    world.journal(invoices[3] | {"total": -invoices[3]["total"], "tax": -invoices[3]["tax"]}, f"V-{currency}", on=DAY)
    invoices[3]["status"] = "void"


FAULTS: dict[str, tuple[str, Callable[[World, str], None], list[tuple[str, str | None]]]] = {
    "nothing": ("USD", faulty(lambda _: {}), []),
    "one left out": ("EUR", faulty(lambda day: times(day[3], -1)), [("LEDGER_MISSING", "3")]),
    "one doubled": ("GBP", faulty(lambda day: times(day[3], 1)), [("LEDGER_DUPLICATE", "3")]),
    "one with the wrong sign": ("CHF", faulty(lambda day: times(day[3], -2)), [("LEDGER_AMOUNT", "3")]),
    "one a hundred times too large": ("KWD", faulty(lambda day: times(day[3], 99)), [("LEDGER_AMOUNT", "3")]),
    "one without its tax": (
        "SEK",
        faulty(lambda day: {"ar": -day[3]["tax"], "tax_payable": -day[3]["tax"]}),
        [("LEDGER_AMOUNT", "3")],
    ),
    "the revenue of one booked as tax": (
        "JPY",
        faulty(lambda day: {"revenue": -day[3]["gross"], "tax_payable": day[3]["gross"]}),
        [("LEDGER_ACCOUNT", "3")],
    ),
    "the revenue of one on another account": (
        "NOK",
        faulty(lambda day: {"revenue": -day[3]["gross"], "other": -day[3]["gross"]}),
        [("LEDGER_ACCOUNT", "3")],
    ),
    "a credit note left out": (
        "DKK",
        faulty(lambda day: times(day[10], -1), nets=(*NETS, -17_51)),
        [("REVERSAL_NOT_PROPAGATED", "10")],
    ),
    "one left out, another doubled": (
        "PLN",
        faulty(lambda day: both(times(day[3], -1), times(day[6], 1))),
        [("LEDGER_DUPLICATE", "6"), ("LEDGER_MISSING", "3")],
    ),
    "two left out": (
        "BHD",
        faulty(lambda day: both(times(day[1], -1), times(day[8], -1))),
        [("LEDGER_MISSING", "1"), ("LEDGER_MISSING", "8")],
    ),
    "a manual amount in it": ("AUD", faulty(lambda _: {"ar": Decimal(7), "revenue": Decimal(7)}), [("LEDGER_AMOUNT", None)]),
    "a manual entry beside it": ("NZD", beside_it, [("KEY_UNMAPPED", None)]),
    "one of several alike left out": (
        "CAD",
        faulty(lambda day: times(day[3], -1), nets=(49_00, 99_00, 49_00, 49_00, 99_00, 199_00)),
        [("LEDGER_MISSING", None)],
    ),
    "the whole posted again": ("CZK", posted_again, [("LEDGER_DUPLICATE", None)]),
    "one booked by name as well": ("HUF", named_as_well, [("LEDGER_DUPLICATE", "4")]),
    "one left out of the invoices that its memo lists": ("RON", out_of_a_list, [("LEDGER_MISSING", "3")]),
    "one voided and reversed since": ("ISK", voided_since, []),
}  # fmt: skip
"""Fault -> the currency it has, what makes it, and exactly the breaks: code, and number of the invoice or none."""


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    world = World()
    for currency, story, _ in FAULTS.values():
        story(world, currency)
    return world.run(PAIR)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_summary_posting_is_one_break_where_it_lies(outcome: Outcome, fault: str) -> None:
    currency, _, wanted = FAULTS[fault]
    found = [one for one in outcome.breaks(PAIR) if one["currency"] == currency]
    shown = sorted((one["code"], one["invoice_id"] and one["invoice_id"].rsplit("-")[-1]) for one in found)
    assert shown == wanted, [one["explanation"] for one in found]


def test_all_of_it_foots_and_no_two_breaks_share_an_id(outcome: Outcome) -> None:
    assert outcome.foots()
    ids = [one["break_id"] for one in outcome.breaks(PAIR)]
    assert len(ids) == len(set(ids))


def test_the_break_names_the_posting_and_what_it_is_over(outcome: Outcome) -> None:
    (left_out,) = (one for one in outcome.breaks(PAIR) if one["currency"] == "EUR")
    assert left_out["explanation"] == (
        "EUR-01-3 for EUR 91.69, issued on 2026-03-01, is left out of journal J-EUR, which books 10 invoices of "
        "2026-03-01 (EUR 1,331.98) at once."
    )
    shown = json.loads(left_out["evidence"])
    assert (shown["first_journal"], shown["posting_over"], Decimal(shown["off_by"])) == ("J-EUR", 10, Decimal("-91.69"))
    assert Decimal(shown["invoices_sum"]) + Decimal(shown["off_by"]) == Decimal(shown["posting_books"])
    (doubtful,) = (one for one in outcome.breaks(PAIR) if one["currency"] == "CAD")
    assert doubtful["explanation"].endswith(
        "3 explanations fit it to the cent, so none is chosen: CAD-01-0 left out; CAD-01-2 left out; CAD-01-3 left out."
    )


def test_two_postings_that_are_off_on_two_days_are_each_held_to_their_own_day() -> None:
    world = World()
    yesterday = THEN - timedelta(days=1)
    for currency in ("EUR", "JPY"):
        for day in range(6, 1, -1):
            booked(world, currency, on=THEN - timedelta(days=day))
        booked(world, currency, on=yesterday, off={"ar": Decimal(5), "revenue": Decimal(5)})
        booked(world, currency, off={"ar": Decimal(8), "revenue": Decimal(8)})
    earlier = _as_of(world, DAY - timedelta(days=1)).breaks(PAIR)
    today = world.run(PAIR).breaks(PAIR)
    assert sorted((one["currency"], one["delta"]) for one in earlier) == [("EUR", 5), ("JPY", 5)]
    assert sorted((one["currency"], one["delta"]) for one in today) == [("EUR", 8), ("JPY", 8)]
    assert len({one["break_id"] for one in earlier + today}) == 4


@pytest.mark.parametrize(
    ("factor", "code"),
    [("2", "LEDGER_DUPLICATE"), ("10", "LEDGER_AMOUNT"), ("-1", "LEDGER_AMOUNT"), ("0.1", "LEDGER_AMOUNT")],
)
def test_a_day_with_one_invoice_has_a_posting_as_well_where_the_company_posts_by_the_day(
    factor: str, code: str
) -> None:
    world = World()
    for day in range(6, 1, -1):
        booked(world, "EUR", on=THEN - timedelta(days=day))
    (invoice,) = issue(world, "EUR", nets=(90_00,))
    post(world, "J", {role: amount * Decimal(factor) for role, amount in summed([invoice]).items()}, "EUR")
    found = world.run(PAIR).the_break(PAIR)
    assert (found["invoice_id"], found["code"]) == (invoice["invoice_id"], code)
    assert found["delta"] == invoice["total"] * (Decimal(factor) - 1)


def test_a_journal_of_twice_an_invoice_is_not_its_posting_where_nobody_posts_by_the_day() -> None:
    world = World()
    (invoice,) = issue(world, "EUR", nets=(90_00,))
    post(world, "J", times(invoice, 2), "EUR")
    found = world.run(PAIR).breaks(PAIR)
    assert sorted(one["code"] for one in found) == ["KEY_UNMAPPED", "LEDGER_MISSING"]


def test_an_invoice_that_the_next_days_posting_books_is_booked() -> None:
    world = World()
    first, second = issue(world, "KWD"), issue(world, "KWD", THEN + timedelta(days=1), nets=tuple(n + 7 for n in NETS))
    post(world, "J-1", summed(first[:3] + first[4:]), "KWD")
    post(world, "J-2", summed([*second, first[3]]), "KWD", THEN + timedelta(days=1))
    assert world.run(PAIR).breaks(PAIR) == []


def test_a_journal_that_takes_back_what_was_doubled_puts_it_right() -> None:
    world = World()
    invoices = issue(world, "KWD")
    post(world, "J", both(summed(invoices), times(invoices[3], 1)), "KWD")
    world.journal(invoices[3] | {name: -invoices[3][name] for name in ("total", "tax")}, "BACK", on=DAY)
    assert world.run(PAIR).breaks(PAIR) == []


def test_a_posting_over_a_weekend_is_over_all_of_its_days() -> None:
    world = World()
    days = [THEN - timedelta(days=n) for n in (2, 1, 0)]
    invoices = [
        one for n, day in enumerate(days) for one in issue(world, "EUR", day, nets=tuple(net + n for net in NETS))
    ]
    post(world, "J", summed(invoices[:13] + invoices[14:]), "EUR")
    assert _as_of(world, DAY - timedelta(days=1)).the_break(PAIR)["invoice_id"] == invoices[13]["invoice_id"]
    assert world.run(PAIR).breaks(PAIR) == []


def test_among_hundreds_of_invoices_no_pair_is_guessed() -> None:
    world = World()
    nets = tuple(1_000 + 37 * n for n in range(300))
    invoices = issue(world, "EUR", nets=nets)
    post(world, "J", both(summed(invoices), both(times(invoices[17], -1), times(invoices[230], -1))), "EUR")
    found = world.run(PAIR).the_break(PAIR)
    assert (found["code"], found["invoice_id"]) == ("LEDGER_AMOUNT", None)


def _as_of(world: World, day: date) -> Outcome:
    earlier = World(day)
    earlier.rows = {
        table: [row for row in rows if row.get("observed_on", row["day"]) <= day] for table, rows in world.rows.items()
    }
    return earlier.run(PAIR)


def test_a_posting_lists_each_of_its_invoices_with_what_is_billed_and_booked(outcome: Outcome) -> None:
    rows = shares_of(outcome.con, "J-EUR", "EUR").rows
    assert [(row[0], row[3], row[5]) for row in rows[:1]] == [("EUR-01-3", "0.00", "left out")]
    assert [(row[2], row[4]) for row in rows[1:-1]] == [(row[3], "") for row in rows[1:-1]]
    assert len(rows) == len(NETS) + 1
    doubled = shares_of(outcome.con, "J-GBP", "GBP").rows[0]
    assert (doubled[0], doubled[5]) == ("GBP-01-3", "booked twice")
    unexplained = shares_of(outcome.con, "J-AUD", "AUD").rows
    assert (unexplained[0][0], unexplained[0][4], unexplained[-1][4]) == ("journal J-AUD", "+7.00", "+7.00")
