"""A contract is computed as it stands or refused with the path of the term, what is wrong, and what to write instead."""

from __future__ import annotations

import json
from typing import Any

import pytest

from billing_recon.core.catalog import Plan
from billing_recon.core.contract_terms import Fault, problems_of_contract

PLAN = Plan.model_validate(
    {
        "plan_id": "team",
        "plan_version": "2026-01",
        "currency": "USD",
        "minimum": "20",
        "charges": [
            {"charge_id": "base", "kind": "subscription", "model": "flat", "amount": "10"},
            {"charge_id": "seats", "kind": "subscription", "model": "per_unit", "meter": "seats", "unit_price": "5"},
            {"charge_id": "calls", "kind": "usage", "meter": "calls", "model": "graduated", "tiers": [{"unit": "1"}]},
            {"charge_id": "fees", "kind": "usage", "meter": "paid", "model": "percentage", "rate": "0.01"},
        ],
    }
)
COUPON = {"coupon_id": "WELCOME", "amount": "5", "valid_from": "2026-01-01"}
CREDIT = {"credit_id": "GOODWILL", "amount": "5", "granted_on": "2026-01-15"}
CALLS = {"meter": "calls", "units": "100"}


def problems(contract: Any) -> list[tuple[Fault, str, str]]:
    text = contract if isinstance(contract, str) else json.dumps(contract)
    return [(problem.fault, problem.path, problem.says) for problem in problems_of_contract(text, PLAN)]


@pytest.mark.parametrize(
    "contract",
    [
        {},
        "null",
        {"discount": {"rate": "1"}},
        {"discount": {"rate": "0.10", "valid_from": "2026-01-01", "valid_to": "2027-01-01"}},
        {"coupons": [COUPON, {**COUPON, "coupon_id": "AGAIN", "valid_to": "2026-02-01", "charges": ["base", "calls"]}]},
        {"credits": [{**CREDIT, "expires_on": "2026-12-31"}]},
        {"allowances": [{**CALLS, "rollover": "next_period", "since": "2026-01-01"}]},
        {"minimum": 25, "cap": "99.50", "overrides": {"base": "8", "seats": "-1"}},
    ],
)
def test_a_contract_that_can_be_computed_is_accepted(contract: Any) -> None:
    assert problems(contract) == []


@pytest.mark.parametrize(
    ("contract", "fault", "path", "says"),
    [
        ("{", Fault.UNREADABLE, "", "is not JSON"),
        ("[]", Fault.UNREADABLE, "", "is not an object of terms; docs/contracts.md lists its keys"),
        ('{"minimum": "5", "minimum": "6"}', Fault.UNREADABLE, "", "minimum is given twice, and only one of them can hold"),
        ('{"minimum": NaN}', Fault.UNREADABLE, "", "NaN is no figure"),
        ({"minimum": 5.5}, Fault.UNREADABLE, "minimum", 'write the figure in quotes ("5.5")'),
        ({"minimum": "1,000"}, Fault.UNREADABLE, "minimum", "'1,000' is not a figure; write digits with a point"),
        ({"minimum": "5 USD"}, Fault.UNREADABLE, "minimum", "'5 USD' is not a figure"),
        ({"minimum": "1e3"}, Fault.UNREADABLE, "minimum", "'1e3' is not a figure"),
        ({"minimum": True}, Fault.UNREADABLE, "minimum", "is not a figure"),
        ({"coupons": [{**COUPON, "valid_from": 20260101}]}, Fault.UNREADABLE, "coupons[0].valid_from", "write it as YYYY-MM-DD"),
        ({"coupons": [{**COUPON, "valid_from": "0226-01-01"}]}, Fault.UNREADABLE, "coupons[0].valid_from", "between 1900 and"),
        ({"coupons": COUPON}, Fault.UNREADABLE, "coupons", "tuple"),
        ({"discount_pct": "10"}, Fault.UNKNOWN, "discount_pct", "is no key here; did you mean 'discount'?"),
        ({"discount": {"rtae": "0.1"}}, Fault.MISSING, "discount.rate", "is missing; add it: as a fraction: 0.10 is 10%"),
        ({"discount": {"rate": "0.1", "from": "x"}}, Fault.UNKNOWN, "discount.from", "the keys are rate, valid_from, valid_to"),
        ({"coupons": [{**COUPON, "ammount": "1"}]}, Fault.UNKNOWN, "coupons[0].ammount", "did you mean 'amount'?"),
        ({"allowances": [{**CALLS, "quantitiy": "1"}]}, Fault.UNKNOWN, "allowances[0].quantitiy", "the keys are meter, units"),
        ({"discount": {"rate": "10"}}, Fault.OUT_OF_RANGE, "discount.rate", '10 is above 1, the most that it can be; it is a fraction, so write 10% as "0.1"'),
        ({"discount": {"rate": "-0.1"}}, Fault.OUT_OF_RANGE, "discount.rate", "-0.1 is below 0"),
        ({"coupons": [{**COUPON, "amount": "-5"}]}, Fault.OUT_OF_RANGE, "coupons[0].amount", "-5 is below 0"),
        ({"allowances": [{**CALLS, "units": "-5"}]}, Fault.OUT_OF_RANGE, "allowances[0].units", "-5 is below 0"),
        ({"cap": "0.0000000000001"}, Fault.OUT_OF_RANGE, "cap", "has more than the 12 decimals kept of an amount"),
        ({"minimum": "99999999999999999"}, Fault.OUT_OF_RANGE, "minimum", "is larger than any amount can be"),
        ({"allowances": [CALLS, CALLS]}, Fault.CONTRADICTION, "allowances", "'calls' is given twice; add their units up in one entry"),
        ({"coupons": [COUPON, COUPON]}, Fault.CONTRADICTION, "coupons", "'WELCOME' is given twice; give each coupon its own"),
        ({"credits": [CREDIT, CREDIT]}, Fault.CONTRADICTION, "credits", "'GOODWILL' is given twice"),
        ({"coupons": [{**COUPON, "valid_to": "2025-12-31"}]}, Fault.CONTRADICTION, "coupons[0].valid_to", "2025-12-31 is not after valid_from 2026-01-01, so it never holds"),
        ({"credits": [{**CREDIT, "expires_on": "2026-01-15"}]}, Fault.CONTRADICTION, "credits[0].expires_on", "is not after granted_on"),
        ({"discount": {"rate": "0.1", "valid_from": "2026-02-01", "valid_to": "2026-01-01"}}, Fault.CONTRADICTION, "discount.valid_to", "never holds"),
        ({"allowances": [{**CALLS, "rollover": "next_period"}]}, Fault.MISSING, "allowances[0].since", "rollover next_period needs the first day"),
        ({"allowances": [{**CALLS, "since": "2026-01-01"}]}, Fault.CONTRADICTION, "allowances[0].since", "has no effect on rollover none"),
        ({"minimum": "50", "cap": "40"}, Fault.CONTRADICTION, "minimum", "50 is above the cap 40; correct one of them"),
        ({"cap": "15"}, Fault.CONTRADICTION, "cap", "15 is below the minimum 20 of plan 'team' version '2026-01'"),
        ({"overrides": {"setup": "5"}}, Fault.UNKNOWN, "overrides.setup", "plan 'team' version '2026-01' has no charge 'setup'; its charges are base, seats, calls, fees"),
        ({"overrides": {"calls": "5"}}, Fault.CONTRADICTION, "overrides.calls", "has no single price to replace, since its model is graduated"),
        ({"coupons": [{**COUPON, "charges": ["base", "setup"]}]}, Fault.UNKNOWN, "coupons[0].charges", "has no charge 'setup'"),
        ({"coupons": [{**COUPON, "charges": ["base", "base"]}]}, Fault.CONTRADICTION, "coupons[0].charges", "'base' is given twice"),
        ({"allowances": [{**CALLS, "meter": "call"}]}, Fault.UNKNOWN, "allowances[0].meter", "has no usage charge on 'call'; its meters are calls, paid"),
        ({"allowances": [{**CALLS, "meter": "paid"}]}, Fault.CONTRADICTION, "allowances[0].meter", "does not charge 'paid' by its units"),
    ],
)  # fmt: skip
def test_a_contract_that_cannot_be_meant_is_refused_with_path_and_cure(
    contract: Any, fault: Fault, path: str, says: str
) -> None:
    found = problems(contract)
    assert [one for one in found if one[:2] == (fault, path) and says in one[2]], found


def test_every_problem_is_reported_not_only_the_first() -> None:
    found = problems({"discount": {"rate": "10"}, "minimun": "5", "cap": 1.5})
    assert [path for _, path, _ in found] == ["discount.rate", "cap", "minimun"]
