"""The least and the most that a charge's own line comes to: raised or cut, told, and followed by discount and tax."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing_recon.compute.terms import load_catalog
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.profile import Profile
from billing_recon_tests.compute.small_company import SmallCompany, catalog, day, rows

CALLS = 'charge_id: calls, kind: usage, model: per_unit, meter: events, unit_price: "1"'
SEATS = 'charge_id: seats, kind: subscription, model: per_unit, meter: seats, unit_price: "10"'


def company(charge: str, used: str | None = None, on: str = "2026-04-03", **more: Any) -> SmallCompany:
    terms = {name: more.pop(name) for name in ("since", "until", "contract", "quantity", "tax_region") if name in more}
    small = SmallCompany(catalog(f"{{{charge}}}", taxes='  - {tax_region: DE, rate: "0.19"}'), day(on), **more)
    small.subscribes(**terms)
    if used:
        small.uses(used, "2026-03-10")
    return small


def one(small: SmallCompany) -> dict[str, Any]:
    (line,) = small.expected()
    return line


def test_a_line_is_raised_to_its_minimum_and_says_so() -> None:
    line = one(company(f'{CALLS}, minimum: "50"', "30"))
    assert (line["kind"], line["quantity"], line["gross"], line["gross_raw"]) == ("usage", 30, 50, 50)
    assert line["sentence"] == (
        "30 events at USD 1.00 = USD 30.00; raised by USD 20.00 to the minimum of USD 50.00; total USD 50.00."
    )
    assert (
        '"bounds":{"minimum":"50.00","maximum":null,"charged":"30.00","cut":"0.00","raised":"20.00","part":1,"whole":1}'
        in line["working"]
    )


def test_a_line_is_cut_to_its_maximum_and_taxed_on_what_is_left() -> None:
    line = one(company(f'{CALLS}, maximum: "20"', "30", tax_region="DE"))
    assert (line["gross"], line["tax"], line["total"]) == (20, Decimal("3.80"), Decimal("23.80"))
    assert (
        "30 events at USD 1.00 = USD 30.00; cut by USD 10.00 to the maximum of USD 20.00; plus 19% tax"
        in line["sentence"]
    )


def test_a_price_between_the_two_stays_what_it_is() -> None:
    line = one(company(f'{CALLS}, minimum: "20", maximum: "50"', "30"))
    assert (line["gross"], line["sentence"]) == (30, "30 events at USD 1.00 = USD 30.00; total USD 30.00.")


def test_the_minimum_is_owed_for_no_usage_too() -> None:
    line = one(company(f'{CALLS}, minimum: "50"'))
    assert (line["quantity"], line["gross"]) == (0, 50)
    assert line["sentence"] == "no events; raised by USD 50.00 to the minimum of USD 50.00; total USD 50.00."


def test_a_run_has_its_share_of_both() -> None:
    """10 of 31 days of 62 are 20; seats for those days cost 20 x 10 / 31 = 6.45."""
    line = one(company(f'{SEATS}, minimum: "62"', quantity=2, until="2026-03-11"))
    assert (line["kind"], line["gross"]) == ("proration", 20)
    assert (
        "raised by USD 13.55 to the minimum of USD 20.00 (10 of 31 days of USD 62.00) = USD 20.00" in line["sentence"]
    )
    cut = one(company(f'{CALLS}, maximum: "62"', "100", until="2026-03-11"))
    assert cut["gross"] == 20


@pytest.mark.parametrize(
    ("order", "gross", "discount", "net"),
    [
        (("discount", "maximum", "minimum"), "377.50", "27.50", 350),
        (("maximum", "minimum", "discount"), "350.00", "35.00", 315),
    ],
)
def test_the_profile_says_whether_the_discount_comes_before(
    order: tuple[str, ...], gross: str, discount: str, net: int
) -> None:
    """275.00 with a minimum of 350 and 10% off: 350.00 discount first, 315.00 minimum first."""
    line = one(
        company(
            f'{CALLS}, minimum: "350"',
            "275",
            contract={"discount": {"rate": "0.1"}},
            profile=Profile.model_validate({"adjustments": order}),
        )
    )
    assert (line["gross"], line["discount"], line["taxable"]) == (Decimal(gross), Decimal(discount), net)


def test_what_comes_late_is_billed_only_above_what_the_minimum_had_charged() -> None:
    """March was billed 50 for 30 events; 40 more make 70: 20 are due."""
    small = company(f'{CALLS}, minimum: "50"', "30", on="2026-05-03")
    small.uses("40", "2026-03-31", arrived="2026-04-10")
    (late,) = [row for row in small.expected() if row["kind"] == "adjustment"]
    assert (late["quantity"], late["gross"]) == (40, 20)


def test_an_open_period_is_capped_and_not_yet_raised() -> None:
    for charge, amount in ((f'{CALLS}, maximum: "20"', 20), (f'{CALLS}, minimum: "50"', 30)):
        (open_,) = rows(company(charge, "30", on="2026-03-20").rated(), "SELECT amount FROM unbilled_usage")
        assert open_["amount"] == amount


def test_a_minimum_above_the_maximum_and_a_negative_one_are_refused_with_the_charge() -> None:
    text = """
plans:
  - plan_id: p
    plan_version: "1"
    currency: USD
    charges:
      - {charge_id: a, kind: usage, meter: m, model: per_unit, unit_price: "1", minimum: "5", maximum: "4"}
      - {charge_id: b, kind: usage, meter: n, model: per_unit, unit_price: "1", minimum: "-5"}
      - {charge_id: c, kind: subscription, model: per_unit, unit_price: "1", aggregation: max}
"""
    with pytest.raises(ConfigurationError) as refused:
        load_catalog([("plans.yaml", text)])
    told = "\n".join(refused.value.problems)
    assert "charge 'a': minimum 5 is above maximum 4; swap or correct them" in told
    assert "charges[1].minimum: -5 is below 0, the least that it can be" in told
    assert "charge 'c': a subscription charge has no events for aggregation max" in told
