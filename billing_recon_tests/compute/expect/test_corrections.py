"""What is learnt of a contract after bills were due corrects every one of them: should have been, less billed, per period."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from billing_recon.compute.terms import load_catalog
from billing_recon.core.catalog import Catalog
from billing_recon.core.company import Profile
from billing_recon_tests.compute.small_company import SmallCompany, day, rows

SEATS = '{charge_id: seats, kind: subscription, model: per_unit, meter: seats, unit_price: "20"}'
CALLS = '{charge_id: calls, kind: usage, model: per_unit, meter: events, unit_price: "0.10"}'
DEAR = '{charge_id: calls, kind: usage, model: per_unit, meter: events, unit_price: "1.00"}'


def fee(amount: str, due: str = "in_advance") -> str:
    return f'{{charge_id: base, kind: subscription, model: flat, due: {due}, amount: "{amount}"}}'


def sold(minimum: str = "", **plans: tuple[str, ...]) -> Catalog:
    least = f'minimum: "{minimum}", ' if minimum else ""
    listed = "".join(
        f'  - {{plan_id: {name}, plan_version: "1", currency: USD, {least}charges: [{", ".join(charges)}]}}\n'
        for name, charges in plans.items()
    )
    taxes = '  - {tax_region: none, rate: "0"}\n  - {tax_region: DE, rate: "0.1"}\n'
    return load_catalog([("plans.yaml", f"plans:\n{listed}taxes:\n{taxes}")])


TERMS = sold(p=(fee("29.95"),), q=(fee("19.95"),), s=(SEATS,), u=(CALLS,), v=(DEAR,), a=(fee("30", "in_arrears"),))


def company(on: str, terms: Catalog = TERMS, **given: Any) -> SmallCompany:
    given.setdefault("lookback_days", 400)
    return SmallCompany(terms, day(on), **given)


def has(company: SmallCompany, since: str, known: str = "2026-01-01", until: str | None = None, **given: Any) -> None:
    """One interval of a subscription anchored on 1 January 2026, in the file of the day on which it is known."""
    if day(known) <= company.on:
        company.subscribes(since=since, until=until, landed=day(known), **{"billing_anchor": day("2026-01-01")} | given)


def bill(company: SmallCompany, due_on: str) -> list[tuple[str, str, str]]:
    """(kind, days, gross) of the lines of a due day, with tax or discount where there is one."""
    return sorted(
        (row["kind"], f"{row['period_start']:%m-%d}..{row['period_end']:%m-%d}", f"{row['gross']:.2f}")
        for row in company.expected()
        if row["due_on"] == day(due_on) and row["gross"]
    )


def cheaper(on: str, **given: Any) -> SmallCompany:
    """29.95 a month ahead; 19.95 from 15 January, known on 4 March, when January to March are billed."""
    known = company(on, **given)
    has(known, "2026-01-01", plan_id="p")
    has(known, "2026-01-15", "2026-03-04", plan_id="q")
    return known


PAIRS = [
    ("proration", "01-15..02-01", "-16.42"), ("proration", "01-15..02-01", "10.94"),
    ("subscription", "02-01..03-01", "-29.95"), ("subscription", "02-01..03-01", "19.95"),
    ("subscription", "03-01..04-01", "-29.95"), ("subscription", "03-01..04-01", "19.95"),
]  # fmt: skip


def test_a_lower_price_learnt_in_march_corrects_january_february_and_march() -> None:
    assert bill(cheaper("2026-03-06"), "2026-03-06") == PAIRS


def test_a_month_that_was_billed_before_the_change_was_known_is_corrected_though_it_was_not_yet_due() -> None:
    """March is due on the 3rd and was billed on the 1st; the change is known on the 2nd."""
    known = company("2026-03-04")
    has(known, "2026-01-01", plan_id="p")
    has(known, "2026-01-15", "2026-03-02", plan_id="q")
    assert bill(known, "2026-03-04") == PAIRS[:4]
    assert bill(known, "2026-03-03") == [("subscription", "03-01..04-01", "19.95")]
    known.billed("2026-03-01", observed="2026-03-01")
    known.lines[-1] |= {"kind": "subscription"}
    assert bill(known, "2026-03-04") == PAIRS


def test_what_was_due_before_the_change_was_known_stays_as_it_was() -> None:
    assert bill(cheaper("2026-03-04", issue_grace_days=5), "2026-03-03") == [("subscription", "03-01..04-01", "29.95")]
    assert bill(cheaper("2026-04-03"), "2026-04-03") == [("subscription", "04-01..05-01", "19.95")]


def test_corrections_wait_for_the_next_invoice_where_changes_do() -> None:
    waiting = Profile(changes_due="next_invoice")
    assert bill(cheaper("2026-03-06", profile=waiting), "2026-03-06") == []
    assert bill(cheaper("2026-04-03", profile=waiting), "2026-04-03") == [
        *PAIRS[:4], ("subscription", "03-01..04-01", "-29.95"), ("subscription", "03-01..04-01", "19.95"),
        ("subscription", "04-01..05-01", "19.95"),
    ]  # fmt: skip


def test_nothing_is_due_before_it_is_known_and_nothing_twice() -> None:
    assert [bill(cheaper(on), "2026-03-06") for on in ("2026-03-03", "2026-03-09")] == [[], []]


def test_seats_learnt_after_the_month_was_billed_in_arrears_are_charged_for_their_days() -> None:
    """20.00 a seat: 10 seats were 200.00; 11 from 16 March are 10 x 20 x 15/31 + 11 x 20 x 16/31 = 96.77 + 113.55."""
    for seats, more in (("11", "10.32"), ("12", "20.64"), ("9", "-10.33")):
        known = company("2026-04-07")
        has(known, "2026-01-01", plan_id="s", quantity="10")
        has(known, "2026-03-16", "2026-04-05", plan_id="s", quantity=seats)
        (line,) = [row for row in known.expected() if row["due_on"] == date(2026, 4, 7)]
        assert (line["kind"], f"{line['gross']:.2f}") == ("adjustment", more)
        assert (line["period_start"], line["period_end"]) == (date(2026, 3, 1), date(2026, 4, 1))
    assert line["sentence"].startswith(
        "seats of 2026-03-01 to 2026-04-01 by the contract known since 2026-04-05: USD 189.67, less USD 200.00 billed before"
    )  # fmt: skip


def test_two_months_billed_in_arrears_are_corrected_each_by_itself() -> None:
    """30.00 a month, given up on 16 February at midnight, known on 5 April: 13 of 28 days and the whole of March."""
    known = company("2026-04-07")
    has(known, "2026-01-01", plan_id="a")
    has(known, "2026-01-01", "2026-04-05", plan_id="a", until="2026-02-16")
    assert bill(known, "2026-04-07") == [
        ("adjustment", "02-01..03-01", "-13.93"),
        ("adjustment", "03-01..04-01", "-30.00"),
    ]


def test_usage_is_priced_anew_from_the_instant_of_a_price_change() -> None:
    """0.10 until 16 March 15:00, then 1.00, known on 5 April: 20 of 320 calls cost 0.90 more."""
    known = company("2026-04-07")
    has(known, "2026-01-01", plan_id="u")
    has(known, "2026-03-16T15:00", "2026-04-05", plan_id="v")
    known.uses("300", "2026-03-16")
    known.uses("20", "2026-03-17")
    assert bill(known, "2026-04-07") == [("adjustment", "03-01..04-01", "18.00")]


def test_a_minimum_is_filled_by_what_should_have_been_billed() -> None:
    """Of a minimum of 50.00, 32.00 were used and 18.00 topped up; at 1.00 the calls come to more."""
    known = company("2026-04-07", sold("50", u=(CALLS,), v=(DEAR,)))
    has(known, "2026-01-01", plan_id="u")
    has(known, "2026-01-01", "2026-04-05", plan_id="v")
    known.uses("320", "2026-03-16")
    assert bill(known, "2026-04-07") == [
        ("adjustment", "03-01..04-01", "-18.00"),
        ("adjustment", "03-01..04-01", "288.00"),
    ]


def test_tax_is_given_back_at_the_rate_charged_and_charged_at_the_right_one() -> None:
    known = company("2026-03-06")
    has(known, "2026-01-01", plan_id="p")
    has(known, "2026-02-01", "2026-03-04", plan_id="p", tax_region="DE")
    lines = [row for row in known.expected() if row["due_on"] == date(2026, 3, 6)]
    assert sorted(f"{row['gross']:.2f} {row['tax']:.2f}" for row in lines) == [
        "-29.95 0.00", "-29.95 0.00", "29.95 3.00", "29.95 3.00",
    ]  # fmt: skip


def test_a_term_that_changes_no_figure_corrects_nothing() -> None:
    """A coupon agreed in March for the time since January: coupons stay as they were used."""
    known = company("2026-03-06")
    has(known, "2026-01-01", plan_id="p")
    coupon = {"coupon_id": "c", "amount": "5", "valid_from": "2026-01-01", "valid_to": "2027-01-01"}
    has(known, "2026-01-01", "2026-03-04", plan_id="p", contract={"coupons": [coupon]})
    assert bill(known, "2026-03-06") == []


def test_a_discount_agreed_for_the_past_is_given_on_every_bill() -> None:
    known = company("2026-03-06")
    has(known, "2026-01-01", plan_id="p")
    has(known, "2026-01-01", "2026-03-04", plan_id="p", contract={"discount": {"rate": "0.10"}})
    lines = [row for row in known.expected() if row["due_on"] == date(2026, 3, 6)]
    assert len(lines) == 6
    assert sum(row["total"] for row in lines) == -9  # three times 3.00


def test_what_is_learnt_twice_corrects_what_the_first_correction_left() -> None:
    """Plan q from 15 January, known on 4 March; taken back on 10 March: everything is charged again."""
    known = company("2026-03-12")
    has(known, "2026-01-01", plan_id="p")
    has(known, "2026-01-15", "2026-03-04", plan_id="q")
    has(known, "2026-01-15", "2026-03-10", plan_id="p")
    assert sum(float(gross) for *_, gross in bill(known, "2026-03-12")) == pytest.approx(16.42 - 10.94 + 10 + 10)


def test_a_subscription_that_is_sent_late_is_billed_as_if_it_was_known() -> None:
    """Its first rows correct nothing: nobody billed it yet, and its bills are ordinary ones."""
    known = company("2026-03-03")
    has(known, "2026-01-01", "2026-03-02", plan_id="p")
    assert rows(known.rated(), "SELECT * FROM contract_corrections") == []
    assert bill(known, "2026-03-03") == [("subscription", "03-01..04-01", "29.95")]


def test_usage_out_of_reach_withholds_a_correction_by_name() -> None:
    known = company("2026-04-07", lookback_days=35)
    has(known, "2026-01-01", "2026-03-05", plan_id="u")
    has(known, "2026-01-01", "2026-04-05", plan_id="v")
    known.uses("300", "2026-02-16")
    con = known.rated()
    assert {row["reason"] for row in rows(con, "SELECT reason FROM unrated")} == {"usage_out_of_reach"}
    assert [row for row in rows(con, "SELECT * FROM expected_lines") if row["due_on"] == date(2026, 4, 7)] == []


def test_periods_from_before_the_first_day_are_neither_corrected_nor_withheld() -> None:
    """Since 1 January at 1.00, known on 5 April; the company's first day is 1 April, so only March is its own."""
    known = company("2026-04-07", first_day=date(2026, 4, 1), lookback_days=62)
    has(known, "2026-01-01", "2026-03-05", plan_id="u")
    has(known, "2026-01-01", "2026-04-05", plan_id="v")
    known.uses("300", "2026-02-16")
    known.uses("10", "2026-03-16")
    assert rows(known.rated(), "SELECT reason FROM unrated") == []
    assert bill(known, "2026-04-07") == [("adjustment", "03-01..04-01", "9.00")]
