"""Subscription charges billed in advance: when they are due, what a change gives back, and what bears coupons and minimums."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from billing_recon.compute.terms import load_catalog
from billing_recon.core.catalog import Catalog
from billing_recon.core.company import Profile
from billing_recon.core.errors import ConfigurationError
from billing_recon_tests.compute.small_company import SmallCompany, day, rows

CALLS = '{charge_id: calls, kind: usage, model: per_unit, meter: events, unit_price: "0.125"}'
SEATS = '{charge_id: seats, kind: subscription, model: per_unit, meter: seats, due: in_advance, unit_price: "31"}'


def base(amount: str, due: str = "in_advance") -> str:
    return f'{{charge_id: base, kind: subscription, model: flat, due: {due}, amount: "{amount}"}}'


def sold(minimum: str = "", **plans: tuple[str, ...]) -> Catalog:
    """Plans of version 1 in USD by their names, and tax regions without a tax and with 10%, 20% from 10 January."""
    least = f'minimum: "{minimum}", ' if minimum else ""
    listed = "".join(
        f'  - {{plan_id: {name}, plan_version: "1", currency: USD, {least}charges: [{", ".join(charges)}]}}\n'
        for name, charges in plans.items()
    )
    taxes = (
        '  - {tax_region: none, rate: "0"}\n  - {tax_region: DE, rate: "0.1"}\n'
        '  - {tax_region: DE, rate: "0.2", effective_from: 2026-01-10}\n'
    )
    return load_catalog([("plans.yaml", f"plans:\n{listed}taxes:\n{taxes}")])


BOTH = sold(p=(base("100"), CALLS), q=(base("200"), CALLS), s=(SEATS,), a=(base("100", "in_arrears"), CALLS))


def company(on: str, terms: Catalog = BOTH, **given: Any) -> SmallCompany:
    given.setdefault("lookback_days", 400)
    return SmallCompany(terms, day(on), **given)


def has(company: SmallCompany, since: str, until: str | None = None, **given: Any) -> None:
    """One interval of a subscription anchored on 1 January 2026, known from its first day."""
    given = {"billing_anchor": day("2026-01-01"), "landed": day(since)} | given
    if given["landed"] <= company.on:
        company.subscribes(since=since, until=until, **given)


def bill(company: SmallCompany, due_on: str | None = None) -> list[tuple[str, str, str, str]]:
    """(kind, days, due on, gross) of the lines, those of one due day if given."""
    found = [
        (row["kind"], f"{row['period_start']:%m-%d}..{row['period_end']:%m-%d}", f"{row['due_on']:%m-%d}", f"{row['gross']:.2f}")
        for row in company.expected()
    ]  # fmt: skip
    return sorted(line for line in found if due_on is None or line[2] == due_on)


def test_a_base_fee_is_due_when_its_period_begins_and_usage_when_it_ends() -> None:
    first = company("2026-01-03")
    has(first, "2026-01-01")
    assert bill(first) == [("subscription", "01-01..02-01", "01-03", "100.00")]
    second = company("2026-02-03")
    has(second, "2026-01-01")
    second.uses("80", "2026-01-05")
    assert bill(second, "02-03") == [
        ("subscription", "02-01..03-01", "02-03", "100.00"),
        ("usage", "01-01..02-01", "02-03", "10.00"),
    ]


def test_nothing_is_due_before_or_after_the_grace() -> None:
    for on in ("2026-01-02", "2026-01-05"):
        early = company(on)
        has(early, "2026-01-01")
        assert bill(early) == []


def test_an_upgrade_gives_back_what_was_billed_ahead_and_charges_the_new_share() -> None:
    """16 of 31 days are left on 16 January: 100 x 16/31 = 51.61 back, 200 x 16/31 = 103.23."""
    changed = company("2026-01-18")
    has(changed, "2026-01-01", "2026-01-16")
    has(changed, "2026-01-16", plan_id="q")
    assert bill(changed, "01-18") == [
        ("proration", "01-16..02-01", "01-18", "-51.61"),
        ("proration", "01-16..02-01", "01-18", "103.23"),
    ]
    back = next(row for row in changed.expected() if row["gross"] < 0)
    assert back["sentence"] == (
        "given back: flat fee of USD 100.00 for 16 of 31 days = USD -51.61; total USD -51.61."
    )  # fmt: skip


def test_a_charge_in_advance_has_its_own_minimum_and_gives_its_share_of_it_back() -> None:
    """Seats at 31 with at least 100: two seats are raised to 100.00; 100 x 16/31 = 51.61 back, five seats 155 x 16/31 = 80.00."""
    least = sold(s=(SEATS.replace("}", ', minimum: "100"}'),))
    begun = company("2026-01-03", least)
    has(begun, "2026-01-01", plan_id="s", quantity=2)
    assert bill(begun) == [("subscription", "01-01..02-01", "01-03", "100.00")]
    changed = company("2026-01-18", least)
    has(changed, "2026-01-01", "2026-01-16", plan_id="s", quantity=2)
    has(changed, "2026-01-16", plan_id="s", quantity=5)
    assert bill(changed, "01-18") == [
        ("proration", "01-16..02-01", "01-18", "-51.61"),
        ("proration", "01-16..02-01", "01-18", "80.00"),
    ]


def test_a_change_that_is_known_later_alters_nothing_that_was_due_before() -> None:
    """On 3 January nobody knew of the change; what was due then stays, and the pair comes beside it."""
    before = company("2026-01-03")
    has(before, "2026-01-01")
    after = company("2026-01-18")
    has(after, "2026-01-01", "2026-01-16")
    has(after, "2026-01-16", plan_id="q")
    assert bill(after, "01-03") == bill(before)


def test_a_change_that_is_sent_late_is_due_when_it_is_known() -> None:
    """From 10 January, in a file of the 20th: due on 22 January and not on the 12th."""
    for on, due in (("2026-01-12", False), ("2026-01-22", True)):
        late = company(on)
        has(late, "2026-01-01")
        has(late, "2026-01-10", plan_id="q", landed=day("2026-01-20"))
        assert (("proration", "01-10..02-01", "01-22", "141.94") in bill(late)) is due


def test_an_opening_load_with_an_old_change_expects_nothing_of_it() -> None:
    opened = company("2026-01-20", first_day=date(2026, 1, 18))
    has(opened, "2026-01-01", "2026-01-10", landed=day("2026-01-18"))
    has(opened, "2026-01-10", plan_id="q", landed=day("2026-01-18"))
    assert bill(opened) == []


def test_a_cancellation_gives_back_the_days_that_are_left() -> None:
    gone = company("2026-01-18")
    has(gone, "2026-01-01", "2026-01-16")
    assert bill(gone, "01-18") == [("proration", "01-16..02-01", "01-18", "-51.61")]
    after = company("2026-02-03")
    has(after, "2026-01-01", "2026-01-16")
    assert bill(after, "02-03") == [("usage", "01-01..01-16", "02-03", "0.00")]


def test_a_pause_gives_back_and_its_end_charges_the_share_that_is_left() -> None:
    """Paused from 11 to 21 January: 21 days back, 11 days charged."""
    paused = company("2026-01-23")
    has(paused, "2026-01-01", "2026-01-11")
    has(paused, "2026-01-11", "2026-01-21", status="paused")
    has(paused, "2026-01-21")
    assert bill(paused) == [
        ("proration", "01-11..02-01", "01-13", "-67.74"),
        ("proration", "01-21..02-01", "01-23", "35.48"),
        ("subscription", "01-01..02-01", "01-03", "100.00"),
    ]


def test_a_trial_is_free_and_its_end_is_the_first_day_charged() -> None:
    tried = company("2026-01-17")
    has(tried, "2026-01-01", "2026-01-15", status="trialing")
    has(tried, "2026-01-15")
    assert bill(tried) == [("proration", "01-15..02-01", "01-17", "54.84")]


def test_a_subscription_that_begins_inside_a_period_pays_its_share_from_its_first_day() -> None:
    begun = company("2026-01-22")
    has(begun, "2026-01-20")
    assert bill(begun) == [("proration", "01-20..02-01", "01-22", "38.71")]


@pytest.mark.parametrize(
    ("policy", "seats", "expected"),
    [
        ("prorate", 8, ["-80.00", "128.00"]),
        ("prorate", 3, ["-80.00", "48.00"]),
        ("at_period_end", 8, ["-80.00", "128.00"]),
        ("at_period_end", 3, []),
        ("none", 8, []),
    ],
)
def test_seats_that_change_under_each_policy(policy: str, seats: int, expected: list[str]) -> None:
    """5 seats at 31 are 155.00; 16 of 31 days of 5, 8 and 3 seats are 80, 128 and 48."""
    changed = company("2026-01-18", profile=Profile.model_validate({"on_change": policy}))
    has(changed, "2026-01-01", "2026-01-16", plan_id="s", quantity=5)
    has(changed, "2026-01-16", plan_id="s", quantity=seats)
    assert [gross for *_, gross in bill(changed, "01-18")] == expected


def test_after_a_downgrade_that_waits_an_upgrade_is_measured_against_what_was_billed() -> None:
    """5 seats, 3 from the 10th (waits), 6 from the 16th: back are 5 seats, not 3; 4 from the 16th would wait too."""
    for seats, expected in ((6, ["-80.00", "96.00"]), (4, [])):
        changed = company("2026-01-18", profile=Profile(on_change="at_period_end"))
        has(changed, "2026-01-01", "2026-01-10", plan_id="s", quantity=5)
        has(changed, "2026-01-10", "2026-01-16", plan_id="s", quantity=3)
        has(changed, "2026-01-16", plan_id="s", quantity=seats)
        assert [gross for *_, gross in bill(changed, "01-18")] == expected
    following = company("2026-02-03", profile=Profile(on_change="at_period_end"))
    has(following, "2026-01-01", "2026-01-10", plan_id="s", quantity=5)
    has(following, "2026-01-10", plan_id="s", quantity=3)
    assert bill(following, "02-03") == [("subscription", "02-01..03-01", "02-03", "93.00")]


def test_a_cancellation_gives_nothing_back_where_changes_wait() -> None:
    gone = company("2026-01-18", profile=Profile(on_change="at_period_end"))
    has(gone, "2026-01-01", "2026-01-16")
    assert bill(gone, "01-18") == []


def test_changes_may_wait_for_the_next_invoice() -> None:
    changed = company("2026-02-03", profile=Profile(changes_due="next_invoice"))
    has(changed, "2026-01-01", "2026-01-16")
    has(changed, "2026-01-16", plan_id="q")
    assert bill(changed, "02-03") == [
        ("proration", "01-16..02-01", "02-03", "-51.61"),
        ("proration", "01-16..02-01", "02-03", "103.23"),
        ("subscription", "02-01..03-01", "02-03", "200.00"),
        ("usage", "01-01..01-16", "02-03", "0.00"),
        ("usage", "01-16..02-01", "02-03", "0.00"),
    ]
    assert bill(company_of(changed, "2026-01-18"), "01-18") == []


def company_of(other: SmallCompany, on: str) -> SmallCompany:
    """The same company on another day."""
    again = company(on, other.catalog, profile=other.profile)
    again.subscriptions = [row for row in other.subscriptions if row["observed_on"] <= again.on]
    return again


def test_an_annual_plan_is_billed_once_a_year_and_given_back_by_its_days() -> None:
    """Upgraded on 2 July: 183 of 365 days are left."""
    annual = company("2026-01-03")
    has(annual, "2026-01-01", billing_interval="year")
    assert bill(annual) == [("subscription", "01-01..01-01", "01-03", "100.00")]
    changed = company("2026-07-04")
    has(changed, "2026-01-01", "2026-07-02", billing_interval="year")
    has(changed, "2026-07-02", billing_interval="year", plan_id="q")
    assert [gross for *_, gross in bill(changed, "07-04")] == ["-50.14", "100.27"]


@pytest.mark.parametrize("until", ["2026-01-20", None])
def test_a_one_off_charge_in_advance_is_due_when_it_begins(until: str | None) -> None:
    once = company("2026-01-12")
    has(once, "2026-01-10", until, billing_interval="once")
    end = "01-20" if until else "01-11"
    assert bill(once) == [("subscription", f"01-10..{end}", "01-12", "100.00")]


@pytest.mark.parametrize(
    ("profile", "back"),
    [
        ({"proration": "by_second"}, "-50.00"),
        ({"fixed_days": 30}, "-50.00"),
        ({"proration": "by_day"}, "-51.61"),
        ({"engine": "flexprice"}, "-51.61"),
        ({"proration": "none"}, None),
    ],
)
def test_the_share_is_counted_as_the_profile_counts_it(profile: dict[str, Any], back: str | None) -> None:
    """From noon of 16 January by the second, from its midnight by day; of a fixed month 15 of 30 days are left."""
    conventions = Profile.model_validate(profile)
    noon = "T12:00" if conventions.proration == "by_second" else ""
    if "engine" in profile:
        back = "-50.00" if conventions.proration == "by_second" else back
        noon = "T12:00" if conventions.proration == "by_second" else ""
    changed = company("2026-01-18", profile=conventions)
    changed.subscribes(
        since="2026-01-01", until=f"2026-01-16{noon}", billing_anchor=day("2026-01-01"), landed=day("2026-01-01")
    )
    found = [gross for *_, gross in bill(changed, "01-18")]
    assert found == ([back] if back else [])


def test_tax_is_that_of_the_day_on_which_terms_were_billed() -> None:
    """10% on 1 January, 20% from the 10th: the old terms go back at 10%, the new ones are charged at 20%."""
    changed = company("2026-01-18")
    has(changed, "2026-01-01", "2026-01-16", tax_region="DE")
    has(changed, "2026-01-16", plan_id="q", tax_region="DE")
    assert [(str(round(r["tax_rate"], 2)), f"{r['tax']:.2f}") for r in changed.expected() if r["kind"] == "proration"] == [
        ("0.10", "-5.16"),
        ("0.20", "20.65"),
    ]  # fmt: skip


def test_a_discount_is_given_back_with_the_charge_that_bore_it() -> None:
    changed = company("2026-01-18")
    has(changed, "2026-01-01", "2026-01-16", contract={"discount": {"rate": "0.10"}})
    has(changed, "2026-01-16", plan_id="q")
    lines = {f"{r['gross']:.2f}": f"{r['discount']:.2f}" for r in changed.expected()}
    assert lines == {"100.00": "10.00", "-51.61": "-5.16", "103.23": "0.00"}


def test_a_minimum_counts_what_was_billed_ahead_for_its_period_and_not_what_is_for_the_next() -> None:
    """150 less the base of 100 billed a month ago and 10 of usage leaves 40; February's base is on the invoice too."""
    ended = company("2026-02-03", sold("150", p=(base("100"), CALLS)))
    has(ended, "2026-01-01")
    ended.uses("80", "2026-01-05")
    assert bill(ended, "02-03") == [
        ("minimum", "01-01..02-01", "02-03", "40.00"),
        ("subscription", "02-01..03-01", "02-03", "100.00"),
        ("usage", "01-01..02-01", "02-03", "10.00"),
    ]


def coupon(amount: str, valid_from: str) -> dict[str, Any]:
    return {"coupon_id": "c", "amount": amount, "valid_from": valid_from, "valid_to": "2027-01-01"}


def test_a_coupon_takes_from_what_is_due_together() -> None:
    """From the first invoice, which closes no period; then from usage and the next base together; from no change."""
    agreed = {"coupons": [coupon("105", "2026-01-01")]}
    first = company("2026-01-03")
    has(first, "2026-01-01", contract=agreed)
    assert [f"{r['discount']:.2f}" for r in first.expected()] == ["100.00", "0.00"]
    second = company("2026-02-03")
    has(second, "2026-01-01", contract=agreed)
    second.uses("80", "2026-01-05")
    lines = [r for r in second.expected() if r["due_on"] == date(2026, 2, 3)]
    assert sum(r["total"] for r in lines) == 5
    assert {r["expected_line_id"][-10:] == "first bill" for r in second.expected() if r["kind"] == "discount"} == {
        True,
        False,
    }
    changed = company("2026-01-18")
    has(changed, "2026-01-01", "2026-01-16", contract=agreed)
    has(changed, "2026-01-16", plan_id="q", contract=agreed)
    assert {r["kind"] for r in changed.expected() if r["due_on"] == date(2026, 1, 18)} == {"proration"}


def test_a_credit_is_used_on_the_invoice_that_closes_its_period() -> None:
    agreed = {"credits": [{"credit_id": "c", "amount": "30", "granted_on": "2026-01-01"}]}
    first = company("2026-01-03")
    has(first, "2026-01-01", contract=agreed)
    assert bill(first) == [("subscription", "01-01..02-01", "01-03", "100.00")]
    second = company("2026-02-03")
    has(second, "2026-01-01", contract=agreed)
    assert sum(r["credit"] for r in second.expected()) == 30


def test_a_tax_on_the_invoice_is_on_all_that_is_due_together() -> None:
    ended = company("2026-02-03", profile=Profile(tax_point="invoice"))
    has(ended, "2026-01-01", tax_region="DE")
    ended.uses("80", "2026-01-05")
    taxes = [r for r in ended.expected() if r["meter"] == "tax" and r["due_on"] == date(2026, 2, 3)]
    assert [f"{r['tax']:.2f}" for r in taxes] == ["22.00"]


def test_two_bases_one_in_advance_and_one_in_arrears_follow_each_other_when_the_plan_changes() -> None:
    """In arrears until 16 January, then in advance: the old share when the period ends, the new one at once."""
    changed = company("2026-01-18")
    has(changed, "2026-01-01", "2026-01-16", plan_id="a")
    has(changed, "2026-01-16", plan_id="q")
    assert bill(changed, "01-18") == [("proration", "01-16..02-01", "01-18", "103.23")]
    ended = company("2026-02-03")
    has(ended, "2026-01-01", "2026-01-16", plan_id="a")
    has(ended, "2026-01-16", plan_id="q")
    assert ("proration", "01-01..01-16", "02-03", "48.39") in bill(ended, "02-03")


def test_terms_without_a_tax_rate_are_withheld_when_they_are_due_ahead() -> None:
    unknown = company("2026-01-03")
    has(unknown, "2026-01-01", tax_region="XX")
    assert bill(unknown) == []
    assert [r["reason"] for r in rows(unknown.rated(), "SELECT reason FROM unrated")] == ["no_tax_rate"]


def test_usage_cannot_be_billed_in_advance() -> None:
    with pytest.raises(ConfigurationError, match="usage is billed in arrears"):
        sold(p=(CALLS.replace("kind: usage", "kind: usage, due: in_advance"),))


def test_a_minimum_counts_what_was_billed_ahead_before_the_company_s_first_day() -> None:
    ended = company("2026-02-03", sold("150", p=(base("100"), CALLS)), first_day=date(2026, 2, 1))
    has(ended, "2026-01-01", landed=day("2026-02-01"))
    assert ("minimum", "01-01..02-01", "02-03", "50.00") in bill(ended)
