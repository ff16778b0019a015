"""A catalog that could bill wrongly is refused when it is read."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from billing_recon.core.catalog import Charge, Contract, Plan

FLAT: dict[str, Any] = {"charge_id": "base", "kind": "subscription", "model": "flat", "amount": "10.00"}


def test_a_price_written_as_a_yaml_float_is_refused() -> None:
    with pytest.raises(ValidationError, match="in quotes"):
        Charge.model_validate({**FLAT, "amount": 10.1})


@pytest.mark.parametrize(
    ("charge", "complaint"),
    [
        ({"charge_id": "a", "kind": "usage", "model": "per_unit", "unit_price": "1"}, "needs a meter"),
        ({"charge_id": "a", "kind": "subscription", "model": "flat"}, "needs amount"),
        ({"charge_id": "a", "kind": "usage", "meter": "m", "model": "package", "package_price": "1"}, "package_size"),
        ({"charge_id": "a", "kind": "usage", "meter": "m", "model": "graduated", "tiers": []}, "infinity"),
        (
            {"charge_id": "a", "kind": "usage", "meter": "m", "model": "graduated", "tiers": [{"up_to": "10"}]},
            "infinity",
        ),
        (
            {
                "charge_id": "a",
                "kind": "usage",
                "meter": "m",
                "model": "volume",
                "tiers": [{"up_to": "10"}, {"up_to": "10"}, {}],
            },
            "rise",
        ),
        ({**FLAT, "price": "1"}, "Extra inputs"),
        ({**FLAT, "model": "surge"}, "Input should be"),
    ],
)
def test_an_incomplete_charge_is_refused_with_its_reason(charge: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Charge.model_validate(charge)


def test_a_plan_whose_lines_could_not_be_distinguished_is_refused() -> None:
    with pytest.raises(ValidationError, match="distinguished"):
        Plan.model_validate(
            {"plan_id": "p", "plan_version": "1", "currency": "USD", "charges": [FLAT, {**FLAT, "charge_id": "b"}]}
        )


def test_a_plan_in_an_unknown_currency_is_refused() -> None:
    with pytest.raises(ValidationError, match="ISO 4217"):
        Plan.model_validate({"plan_id": "p", "plan_version": "1", "currency": "XXZ", "charges": [FLAT]})


def test_a_contract_with_a_field_that_nothing_reads_is_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Contract.model_validate({"discounts": [{"rate": "0.1"}]})
