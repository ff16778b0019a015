"""Terms that could bill wrongly are refused when the catalog is loaded: all at once, each with file, path and what to do."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from billing_recon.core.catalog_file import load_catalog
from billing_recon.core.errors import ConfigurationError


def problems(charge: dict[str, Any] | None = None, **plan: Any) -> list[str]:
    """What is wrong with a catalog of one plan with one charge."""
    known = {"charge_id": "c", "kind": "usage", "meter": "m", "model": "per_unit", "unit_price": "1"}
    given = {
        "plan_id": "p",
        "plan_version": "1",
        "currency": "USD",
        "charges": [{**known, **(charge or {})}],
        **plan,
    }
    try:
        load_catalog([("plans.yaml", yaml.safe_dump({"plans": [given]}))])
    except ConfigurationError as error:
        return error.problems
    return []


def tiered(*tiers: dict[str, Any], model: str = "graduated") -> dict[str, Any]:
    return {"model": model, "unit_price": None, "tiers": list(tiers)}


@pytest.mark.parametrize(
    ("charge", "says"),
    [
        (
            tiered({"up_to": "10", "unit": "1"}, {"first_unit": "9", "unit": "1"}),
            "tier 2 overlaps the tier before: it begins at 9, which ends at 10; write first_unit 10, or 11 for whole units",
        ),
        (
            tiered({"up_to": "10", "unit": "1"}, {"first_unit": "12", "unit": "1"}),
            "tier 2 leaves a gap to the tier before: it begins at 12, which ends at 10",
        ),
        (tiered({"up_to": "10", "unit": "1"}, {"up_to": "10", "unit": "1"}, {"unit": "1"}), "up_to must rise"),
        (tiered({"up_to": "10", "unit": "1"}), "tiers must run to infinity; leave up_to empty on the last tier only"),
        (
            tiered({"up_to": "10", "unit": "1"}, {}),
            'the last tier has no price; write unit: "0" if what is above 10 is free',
        ),
        (tiered({"up_to": "10", "rate": "0.1"}, {"unit": "1"}, model="graduated_percentage"), "tier 2 has no rate"),
        (tiered({"unit": "1"}, model="graduated_blocks"), "tier 1 needs block_size above 0"),
        (
            tiered({"block_size": 5, "unit": "1"}, {"block_size": 9, "unit": "1"}, model="volume_blocks"),
            "tier 1 never ends, so tier 2 is never reached; give it max_blocks",
        ),
        ({"unit_price": None}, "model per_unit needs unit_price"),
        ({"model": "percentage", "unit_price": None}, "model percentage needs rate"),
        ({"model": "matrix", "unit_price": None}, "model matrix needs prices"),
        ({"model": "surge"}, "Input should be 'flat', 'per_unit'"),
        ({"unit_price": "-1"}, ""),
        (
            {"model": "percentage", "unit_price": None, "rate": "0.1", "event_minimum": "5", "event_maximum": "3"},
            "event_minimum 5 is above event_maximum 3; swap or correct them",
        ),
        ({"free_units": "-5"}, "free_units: -5 is below 0, the least that it can be"),
        ({"aggregation": "unique_count"}, "needs unique, the dimension whose values are counted"),
        ({"convert": {"divide_by": "10", "multiply_by": "2"}}, "give either divide_by or multiply_by, above 0"),
        ({"convert": {"divide_by": "0"}}, "give either divide_by or multiply_by, above 0"),
        ({"prorated": True}, "prorated events are priced by model graduated or volume only"),
        (
            {
                "model": "matrix",
                "unit_price": None,
                "dimensions": ["a", "b"],
                "prices": [{"values": ["x"], "unit_price": "1"}],
            },
            "['x'] must have one value for each of ['a', 'b']",
        ),
        (tiered({"unit": "1", "rate": "0.1"}), "tier 1: rate has no effect on model graduated, whose tiers have up_to"),
        (
            tiered({"block_size": 5, "unit": "1", "up_to": 9}, model="volume_blocks"),
            "tier 1: up_to has no effect on model volume_blocks, whose tiers have block_size, max_blocks, unit; remove it",
        ),
        ({"unique": "user"}, "unique has no effect on aggregation sum; remove it, or write aggregation: unique_count"),
        ({"quantitiy": "1"}, "quantitiy: is no key here; the keys are charge_id"),
        ({"unit_prize": "1"}, "unit_prize: is no key here; did you mean 'unit_price'?"),
        ({"currency": "EUR"}, "currency: is no key here; a plan has one currency; sell it in another one as an entry"),
        ({"model": "percentage", "unit_price": None, "rate": "20"}, "rate: 20 is above 1, the most that it can be"),
        (
            {"model": "package", "unit_price": None, "package_price": "1", "package_size": "-5"},
            "package_size: -5 is below 0",
        ),
        ({"charge_id": " c"}, "charge_id: ' c' is empty or has spaces around it"),
        ({"unit_price": "1.000,00"}, "unit_price: '1.000,00' is not a figure"),
        ({"due": "in_advance"}, "usage is billed in arrears; remove due: in_advance"),
        ({"rate": "0.1"}, "rate has no effect on model per_unit; remove it, or use model percentage"),
    ],
)
def test_a_charge_that_could_bill_wrongly_is_refused_with_its_place(charge: dict[str, Any], says: str) -> None:
    found = problems(charge)
    if not says:
        assert found == []  # a credit for each unit is a price
        return
    assert any(says in problem and problem.startswith("plans.yaml:") for problem in found), found


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (
            {"currency": "XYZ"},
            "plans.yaml:8: plans[0].currency: plan 'p' version '1': currency 'XYZ' is not an active ISO 4217 code",
        ),
        (
            {"effective_from": "2026-03-01", "effective_to": "2026-02-01"},
            "plans.yaml:10: plans[0].effective_to: plan 'p' version '1': it ends (2026-02-01) before it starts (2026-03-01); swap the two",
        ),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_its_place(plan: dict[str, Any], says: str) -> None:
    assert any(problem.startswith(says) for problem in problems(**plan))


@pytest.mark.parametrize(
    ("tax", "says"),
    [
        ('{tax_region: DE, rate: "19"}', 'taxes[0].rate: 19 is above 1, the most that it can be; it is a fraction, so write 19% as "0.19"'),
        ('{tax_region: DE, rate: "19%"}', "taxes[0].rate: '19%' is not a figure; write the fraction \"0.19\""),
        ('{tax_region: DE, rate: "-0.1"}', "taxes[0].rate: -0.1 is below 0"),
        ('{tax_region: DE, rate: "0.1", effective_from: 20210101}', "'20210101' is not a day between 1900 and 2199; write it as YYYY-MM-DD"),
        ('{tax_region: DE, rate: "0.1", since: 2021-01-01}', "taxes[0].since: is no key here; the keys are tax_region, rate, effective_from"),
    ],
)  # fmt: skip
def test_a_tax_rate_that_cannot_be_meant_is_refused(tax: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match="taxes") as refused:
        load_catalog([("taxes.yaml", f"taxes:\n  - {tax}\n")])
    assert says in str(refused.value)


def test_every_problem_of_a_catalog_is_told_at_once() -> None:
    charges = [
        {"charge_id": "a", "kind": "usage", "meter": "a", "model": "per_unit"},
        {"charge_id": "b", "kind": "usage", "meter": "b", **tiered({"up_to": "5", "unit": "1"}, {"first_unit": "9"})},
        {"charge_id": "c", "kind": "usage", "meter": "c", "model": "barter"},
    ]
    found = problems(charges=charges)
    assert [problem.split(": ")[1] for problem in found] == [
        f"plans[0].charges[{n}]{p}" for n, p in enumerate(("", "", ".model"))
    ]
    assert "leaves a gap" in found[1]
    assert "the last tier has no price" in found[1]


def test_a_fee_and_a_price_per_seat_are_told_apart_by_a_meter_and_the_refusal_says_so() -> None:
    seats = {"charge_id": "seats", "kind": "subscription", "model": "per_unit", "unit_price": "15"}
    base = {"charge_id": "base", "kind": "subscription", "model": "flat", "amount": "10"}
    (said,) = problems(charges=[base, seats])
    assert "charges base and seats are all of kind subscription without a meter" in said
    assert "(for example 'meter: seats')" in said
    assert problems(charges=[base, seats | {"meter": "seats"}]) == []


EVERY_FAULT = """
plans:
  - plan_id: a
    plan_version: "1"
    currency: USX
    effective_from: 2026-02-01
    effective_to: 2026-01-01
    minimum: 0.5
    charges:
      - {charge_id: overlap, kind: usage, meter: m1, model: graduated, tiers: [{up_to: 10, unit: "1"}, {first_unit: 9, unit: "1"}]}
      - {charge_id: gap, kind: usage, meter: m2, model: volume, tiers: [{up_to: 10, unit: "1"}, {first_unit: 15, unit: "1"}]}
      - {charge_id: priceless, kind: usage, meter: m3, model: per_unit}
      - {charge_id: surge, kind: usage, meter: m4, model: surge, unit_price: "1"}
      - {charge_id: bounds, kind: usage, meter: m5, model: percentage, rate: "0.1", event_minimum: "5", event_maximum: "3"}
      - {charge_id: idle, kind: usage, meter: m6, model: per_unit, unit_price: "1", rate: "0.1"}
      - {charge_id: fine, kind: usage, meter: m7, model: per_unit, unit_price: "0.0000000000001"}
      - {charge_id: fine, kind: usage, meter: m7, model: per_unit, unit_price: "1"}
taxes:
  - {tax_region: DE, rate: 0.19}
  - {tax_region: FR, rate: "0.2"}
  - {tax_region: FR, rate: "0.21"}
"""


def test_all_faults_of_all_files_are_told_at_once_each_with_its_file_and_place() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_catalog([("bad.yaml", EVERY_FAULT), ("worse.yaml", "plans: [")])
    told = refused.value.problems
    for place, what in [
        ("bad.yaml:5: plans[0].currency: ", "currency 'USX' is not an active ISO 4217 code; for example USD"),
        ("bad.yaml:7: plans[0].effective_to: ", "it ends (2026-01-01) before it starts (2026-02-01); swap the two"),
        ("bad.yaml:8: plans[0].minimum: ", 'write the figure in quotes ("0.5")'),
        ("bad.yaml:10: plans[0].charges[0]: ", "tier 2 overlaps the tier before"),
        ("bad.yaml:11: plans[0].charges[1]: ", "tier 2 leaves a gap to the tier before"),
        ("bad.yaml:12: plans[0].charges[2]: ", "model per_unit needs unit_price"),
        ("bad.yaml:13: plans[0].charges[3].model: ", "Input should be 'flat', 'per_unit'"),
        ("bad.yaml:14: plans[0].charges[4]: ", "event_minimum 5 is above event_maximum 3"),
        ("bad.yaml: plan 'a' version '1': charge 'idle': ", "rate has no effect on model per_unit; remove it"),
        ("bad.yaml:16: plans[0].charges[6].unit_price: ", "has more than the 12 decimals kept of a price"),
        ("bad.yaml: plan 'a' version '1': ", "charge_id must be unique within the plan; fine is given twice"),
        ("bad.yaml: plan 'a' version '1': ", "charges fine and fine are all of kind usage with meter m7"),
        ("bad.yaml:19: taxes[0].rate: ", 'write the figure in quotes ("0.19")'),
        ("bad.yaml: tax region 'FR' has two rates from 1970-01-01", "give the later rate its own effective_from"),
        ("worse.yaml:2: ", "not valid YAML"),
    ]:
        assert [p for p in told if p.startswith(place) and what in p], (place, what)
    assert len(told) == 15
