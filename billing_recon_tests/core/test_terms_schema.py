"""The JSON Schemas that init writes accept what the reader accepts, and refuse what it refuses for a term by itself."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from billing_recon.core.catalog import CatalogFile, Contract
from billing_recon.core.contract_terms import Fault, problems_of_contract
from billing_recon.core.terms_schema import SCHEMAS, schema_of, schema_text

VALID = Draft202012Validator(schema_of(Contract))
TEXTS = [
    "0",
    "0.10",
    "1",
    "1.0",
    "00.5",
    "10",
    "-0.1",
    "-0",
    "1e3",
    "1_000",
    "1,5",
    "abc",
    "0.1234567890123",
    "0.100000000000000",
    "1.00000001",
]
FIGURE = st.sampled_from([*TEXTS, "", " 1", "\u0661", 5, 0, -1, 0.1, True, None, {}, []])
DAY = st.sampled_from(["2026-01-01", "2026-1-1", "20260101", "2026-01-01T00:00:00", "0226-01-01", "", 20260101, None])
NAME = st.sampled_from(["base", "", " base", 7, None])


def term(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with some of its keys, and sometimes one that does not exist."""
    return st.fixed_dictionaries({}, optional={**required, **optional, "amuont": st.just("1")})


CONTRACT = st.fixed_dictionaries(
    {},
    optional={
        "discount": term({"rate": FIGURE}, {"valid_from": DAY, "valid_to": DAY}),
        "coupons": st.lists(
            term({"coupon_id": NAME, "amount": FIGURE, "valid_from": DAY}, {"charges": st.lists(NAME, max_size=2)}),
            max_size=1,
        ),
        "allowances": st.lists(
            term({"meter": NAME, "units": FIGURE}, {"rollover": st.sampled_from(["none", "later"])}), max_size=1
        ),
        "minimum": FIGURE,
        "overrides": st.dictionaries(st.sampled_from(["base", " x", ""]), FIGURE, max_size=1),
        "cap": FIGURE,
        "discuont": st.just({}),
    },
)


@given(contract=CONTRACT)
@settings(max_examples=400, deadline=None)
def test_the_schema_and_the_reader_agree_on_every_term_by_itself(contract: dict[str, Any]) -> None:
    of_terms = [p for p in problems_of_contract(json.dumps(contract), None) if p.fault is not Fault.CONTRADICTION]
    assert VALID.is_valid(contract) == (not of_terms), (of_terms, [e.message for e in VALID.iter_errors(contract)])


def test_the_schemas_are_valid_and_say_what_every_key_means() -> None:
    for name, model in SCHEMAS.items():
        schema = json.loads(schema_text(name))
        Draft202012Validator.check_schema(schema)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        for part in (schema, *schema["$defs"].values()):
            assert part["additionalProperties"] is False
            assert [key for key, one in part["properties"].items() if "description" not in one] == []
        assert list(schema["properties"]) == list(model.model_fields)


def test_the_catalogs_schema_and_its_reader_agree_on_charges() -> None:
    charge: dict[str, Any] = {"charge_id": "c", "kind": "usage", "meter": "m", "model": "per_unit", "unit_price": "1"}
    for changed in (
        {},
        {"unit_price": "-1"},
        {"unit_price": 0.5},
        {"model": "surge"},
        {"free_units": "-5"},
        {"quantitiy": "1"},
        {"kind": "monthly"},
        {"free_units": Decimal("1e-11").__format__("f")},
        {"convert": {"divide_by": "1000", "decimals": 11}},
    ):
        file = {
            "plans": [{"plan_id": "p", "plan_version": "1", "currency": "USD", "charges": [charge | changed]}],
            "taxes": [{"tax_region": "DE", "rate": "0.19", "effective_from": "2021-01-01"}],
        }
        try:
            CatalogFile.model_validate(file)
            accepted = True
        except ValidationError:
            accepted = False
        assert Draft202012Validator(schema_of(CatalogFile)).is_valid(file) == accepted, changed
