"""The simulator's engine against small bills worked out by hand from docs/rating.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing_recon.core.catalog import Charge, Contract, Coupon, Credit, Discount, Plan, TaxRate, Tier
from billing_recon.core.company import Profile
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.money import Rounding
from billing_recon.core.period import Period
from billing_recon.simulate.engine import EngineLine, bill_period, retotal
from billing_recon.simulate.price_book import PriceBook, rate_charge
from billing_recon.simulate.spans import Span

D = Decimal
APRIL = Period(date(2026, 4, 1), date(2026, 5, 1))
TAXES = (
    TaxRate(tax_region="none", rate=D(0)),
    TaxRate(tax_region="DE", rate=D("0.16"), effective_from=date(2020, 7, 1)),
    TaxRate(tax_region="DE", rate=D("0.19"), effective_from=date(2021, 1, 1)),
)
BASE = Charge(charge_id="base", kind="subscription", model="flat", amount=D("60"))
SEATS = Charge(charge_id="seats", kind="subscription", model="per_unit", meter="seats", unit_price=D("12"))
CALLS = Charge(
    charge_id="calls",
    kind="usage",
    model="graduated",
    meter="calls",
    tiers=(Tier(up_to=D(1000)), Tier(unit=D("0.01"))),
)


def plan(*charges: Charge, plan_id: str = "basic", currency: str = "USD", minimum: str | None = None) -> Plan:
    return Plan(
        plan_id=plan_id,
        plan_version="1",
        currency=currency,
        charges=charges,
        minimum=None if minimum is None else D(minimum),
    )


def span(first: int = 1, last: int = 30, **changes: object) -> Span:
    """The days `first` to `last` of April, both counted."""
    given = Span(
        start=date(2026, 4, first),
        end=date(2026, 4, last) + timedelta(days=1),
        plan_id="basic",
        plan_version="1",
        currency="USD",
        tax_region="none",
        quantity=D(1),
        customer_id="C",
    )
    return replace(given, **changes)  # type: ignore[arg-type]


def used(meter: str = "calls", **by_day: str) -> Mapping[str, Mapping[date, Decimal]]:
    """`used(d3="500")`: 500 units on the 3rd of April."""
    return {meter: {date(2026, 4, int(day[1:])): D(units) for day, units in by_day.items()}}


def bill(
    plans: Plan | tuple[Plan, ...],
    spans: list[Span],
    usage: Mapping[str, Mapping[date, Decimal]] | None = None,
    profile: Profile | None = None,
) -> list[EngineLine]:
    book = PriceBook((plans,) if isinstance(plans, Plan) else plans, TAXES)
    return bill_period(APRIL, spans, usage or {}, book, profile)


def shown(lines: list[EngineLine]) -> list[tuple[str, str | None, str]]:
    return [(line.kind, line.meter, str(line.total)) for line in lines]


def test_the_minimum_is_compared_after_the_discount() -> None:
    calls = Charge(
        charge_id="calls",
        kind="usage",
        model="graduated",
        meter="calls",
        tiers=(Tier(up_to=D(10_000)), Tier(unit=D("0.015"))),
    )
    base = BASE.model_copy(update={"amount": D(200)})
    lines = bill(
        plan(base, calls, minimum="350"),
        [span(contract=Contract(discount=Discount(rate=D("0.10"))))],
        used(d2="10000", d28="12000"),
    )
    assert [(line.kind, line.gross, line.discount) for line in lines] == [
        ("subscription", D(200), D(20)),
        ("usage", D(180), D(18)),
        ("minimum", D(8), D(0)),
    ]
    assert sum(line.total for line in lines) == D(350)


def test_a_seat_change_prorates_the_seats_and_leaves_the_base_whole() -> None:
    lines = bill(plan(BASE, SEATS), [span(1, 10, quantity=D(10)), span(11, 30, quantity=D(16))])
    assert shown(lines) == [
        ("subscription", None, "60.00"),
        ("proration", "seats", "40.00"),
        ("proration", "seats", "128.00"),
    ]
    assert [(line.period_start.day, line.quantity) for line in lines] == [(1, D(1)), (1, D(10)), (11, D(16))]
    assert lines[1].unit_price == D(12)


def test_equal_seats_before_and_after_are_one_run() -> None:
    lines = bill(plan(SEATS), [span(1, 10, quantity=D(5)), span(11, 30, quantity=D(5), customer_id="NEW")])
    assert shown(lines) == [("subscription", "seats", "60.00")]
    assert lines[0].customer_id == "NEW"


def test_an_upgrade_in_mid_cycle_bills_both_plans_for_their_days_and_their_own_usage() -> None:
    better = plan(BASE.model_copy(update={"amount": D(90)}), CALLS, plan_id="better")
    lines = bill(
        (plan(BASE, CALLS), better),
        [span(1, 10), span(11, 30, plan_id="better")],
        used(d10="1500", d11="1500"),
    )
    # The day of the change belongs to the new plan, and each run has the whole allowance of 1,000 calls.
    assert [(line.plan_id, *row) for line, row in zip(lines, shown(lines), strict=True)] == [
        ("basic", "proration", None, "20.00"),
        ("basic", "usage", "calls", "5.00"),
        ("better", "proration", None, "60.00"),
        ("better", "usage", "calls", "5.00"),
    ]


def test_a_coupon_never_makes_an_invoice_negative_and_coupons_count_in_order() -> None:
    def coupon(name: str, amount: str, begin: date = APRIL.start, end: date = date(2026, 6, 1)) -> Coupon:
        return Coupon(coupon_id=name, amount=D(amount), valid_from=begin, valid_to=end)

    coupons = (coupon("a", "45"), coupon("b", "100"), coupon("c", "1"))
    lines = bill(plan(BASE), [span(contract=Contract(coupons=coupons))])
    assert shown(lines) == [("subscription", None, "60.00"), ("discount", "a", "-45.00"), ("discount", "b", "-15.00")]
    assert (lines[1].gross, lines[1].discount, lines[1].taxable) == (0, 45, -45)
    # Valid from the day on which the period ends, not valid any more on the day on which the coupon ends.
    begins, ended = coupon("x", "5", APRIL.end), coupon("y", "5", APRIL.start, APRIL.end)
    assert [line.meter for line in bill(plan(BASE), [span(contract=Contract(coupons=(begins, ended)))])] == [None, "x"]


def test_a_credit_is_used_up_to_the_invoice_with_its_tax() -> None:
    credit = Credit(credit_id="sorry", amount=D(500), granted_on=date(2026, 4, 30))
    lines = bill(plan(BASE), [span(tax_region="DE", contract=Contract(credits=(credit,)))])
    assert shown(lines) == [("subscription", None, "71.40"), ("credit", "sorry", "-71.40")]
    assert (lines[1].credit, lines[1].taxable, lines[1].tax) == (D("71.40"), 0, 0)
    later = credit.model_copy(update={"granted_on": APRIL.end})
    assert len(bill(plan(BASE), [span(contract=Contract(credits=(later,)))])) == 1


def test_a_credit_before_tax_lowers_the_tax() -> None:
    credit = Credit(credit_id="sorry", amount=D(10), granted_on=date(2026, 4, 2))
    lines = bill(
        plan(BASE),
        [span(tax_region="DE", contract=Contract(credits=(credit,)))],
        profile=Profile(credit="before_tax"),
    )
    assert [(line.taxable, line.tax, line.total) for line in lines] == [
        (D("60.00"), D("11.40"), D("71.40")),
        (D("-10.00"), D("-1.90"), D("-11.90")),
    ]


def test_yen_have_no_decimals() -> None:
    yen = plan(BASE.model_copy(update={"amount": D(1000)}), currency="JPY")
    lines = bill(yen, [span(1, 10, currency="JPY", tax_region="DE")])
    assert [(str(line.gross), str(line.tax), str(line.total)) for line in lines] == [("333", "63", "396")]


def test_a_pause_makes_two_runs_and_a_trial_none() -> None:
    paused = [span(1, 9), span(10, 15, status="paused"), span(16, 30)]
    assert shown(bill(plan(BASE), paused)) == [("proration", None, "18.00"), ("proration", None, "30.00")]
    assert shown(bill(plan(BASE), [span(1, 14, status="trialing"), span(15, 30)])) == [("proration", None, "32.00")]
    assert bill(plan(BASE), [span(1, 30, status="trialing")]) == []


def test_usage_of_a_trial_is_not_charged_and_no_usage_makes_no_line() -> None:
    trial = [span(1, 14, status="trialing"), span(15, 30)]
    assert shown(bill(plan(CALLS), trial, used(d14="5000", d15="1200"))) == [("usage", "calls", "2.00")]
    assert bill(plan(CALLS), trial, used(d14="5000")) == []


def test_the_minimum_of_a_run_is_prorated_and_spans_seat_changes() -> None:
    spans = [span(1, 10, quantity=D(1)), span(11, 15, quantity=D(2))]
    lines = bill(plan(SEATS, minimum="90"), spans)
    # 90 x 15/30 = 45.00; seats come to 4.00 and 4.00.
    assert shown(lines) == [
        ("proration", "seats", "4.00"),
        ("proration", "seats", "4.00"),
        ("minimum", None, "37.00"),
    ]
    assert (lines[2].period_start.day, lines[2].period_end.day) == (1, 16)


def test_a_contracts_minimum_replaces_the_plans() -> None:
    lines = bill(plan(BASE, minimum="500"), [span(contract=Contract(minimum=D(75)))])
    assert shown(lines) == [("subscription", None, "60.00"), ("minimum", None, "15.00")]


def test_a_discount_counts_when_valid_on_the_first_day_of_the_period() -> None:
    def discounted(valid_from: date | None, valid_to: date | None) -> Decimal:
        contract = Contract(discount=Discount(rate=D("0.5"), valid_from=valid_from, valid_to=valid_to))
        return bill(plan(BASE), [span(contract=contract)])[0].discount

    assert discounted(None, None) == D(30)
    assert discounted(date(2026, 4, 1), date(2026, 4, 2)) == D(30)
    assert discounted(date(2026, 4, 2), None) == D(0)
    assert discounted(None, date(2026, 4, 1)) == D(0)


def test_a_charge_can_be_kept_out_of_the_discount() -> None:
    fixed = BASE.model_copy(update={"discountable": False})
    lines = bill(plan(fixed, SEATS), [span(contract=Contract(discount=Discount(rate=D("0.25"))))])
    assert [line.discount for line in lines] == [D(0), D(3)]


def test_tax_is_the_regions_rate_on_the_end_of_the_period() -> None:
    book = PriceBook((), TAXES)
    assert book.tax_rate("DE", date(2020, 12, 31)) == D("0.16")
    assert book.tax_rate("DE", date(2021, 1, 1)) == D("0.19")
    with pytest.raises(ConfigurationError, match="no tax rate of 'DE' on 2020-06-30"):
        book.tax_rate("DE", date(2020, 6, 30))


def test_each_figure_is_rounded_once_by_the_profiles_rule() -> None:
    odd = Charge(charge_id="u", kind="usage", model="per_unit", meter="calls", unit_price=D("0.125"))
    for rounding, gross in ((Rounding.HALF_UP, "0.13"), (Rounding.HALF_EVEN, "0.12"), (Rounding.DOWN, "0.12")):
        (line,) = bill(plan(odd), [span()], used(d1="1"), Profile(rounding=rounding))
        assert (str(line.gross), line.gross_raw) == (gross, D("0.125"))
    (line,) = bill(plan(odd), [span()], used(d1="1"), Profile(decimals=3))
    assert str(line.gross) == "0.125"


@pytest.mark.parametrize(
    ("model", "units", "price"),
    [
        ("graduated", "0", "0"),
        ("graduated", "100", "1.00"),
        ("graduated", "100.5", "6.04"),
        ("graduated", "300", "22.00"),
        ("volume", "100", "1.00"),
        ("volume", "100.5", "13.04"),
        ("package", "50", "0"),
        ("package", "51", "3"),
        ("package", "60", "3"),
        ("package", "60.1", "6"),
    ],
)
def test_charge_models_price_their_edges(model: str, units: str, price: str) -> None:
    tiers = (Tier(up_to=D(100), unit=D("0.01")), Tier(unit=D("0.08"), flat=D(5)))
    charge = {
        "graduated": Charge(charge_id="c", kind="usage", model="graduated", meter="m", tiers=tiers),
        "volume": Charge(charge_id="c", kind="usage", model="volume", meter="m", tiers=tiers),
        "package": Charge(
            charge_id="c",
            kind="usage",
            model="package",
            meter="m",
            package_size=D(10),
            package_price=D(3),
            free_units=D(50),
        ),
    }[model]
    assert rate_charge(charge, D(units)) == D(price)


def test_a_changed_line_is_totalled_again() -> None:
    (line,) = bill(plan(BASE), [span(tax_region="DE")])
    wrong = retotal(line, Profile(), tax_rate=D("0.20"))
    assert (wrong.tax, wrong.total) == (D("12.00"), D("72.00"))
    kept = retotal(line, Profile(), tax=D("11.39"))
    assert (kept.tax, kept.total) == (D("11.39"), D("71.39"))


def test_a_plan_that_nobody_defined_is_named() -> None:
    with pytest.raises(ConfigurationError, match="no plan 'basic' version '1' in EUR"):
        bill(plan(BASE), [span(currency="EUR")])
