"""What is wrong with a contract: its text, each term, terms against one another, and terms against the plan. No rows here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from billing_recon.core.catalog import Contract, Plan
from billing_recon.core.config_problems import problems_of
from billing_recon.core.exact import OUT_OF_RANGE


class Fault(StrEnum):
    """The kind of a contract's problem."""

    UNREADABLE = "unreadable"
    """The text is no JSON object, or a value is no figure, day or list."""
    MISSING = "missing"
    """A key that a term needs is not there."""
    UNKNOWN = "unknown"
    """A key that does not exist, or a charge, meter or plan that the catalog does not have."""
    OUT_OF_RANGE = "out_of_range"
    """A figure that cannot be meant: a rate above 1, an amount below zero."""
    CONTRADICTION = "contradiction"
    """Terms that contradict each other, or would do nothing."""


@dataclass(frozen=True, slots=True)
class TermProblem:
    """One problem: its kind, the path within the contract (empty: the whole), and what is wrong and what to do."""

    fault: Fault
    path: str
    says: str

    def __str__(self) -> str:
        return f"{self.path}: {self.says}" if self.path else self.says


_FAULTS = {"missing": Fault.MISSING, "extra_forbidden": Fault.UNKNOWN, OUT_OF_RANGE: Fault.OUT_OF_RANGE}


def problems_of_contract(text: str, plan: Plan | None) -> tuple[TermProblem, ...]:
    """Every problem of a contract's JSON, on its own and against the plan that it changes (None: not known)."""
    try:
        terms = json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except ValueError as error:
        return (TermProblem(Fault.UNREADABLE, "", f"is not JSON: {error}; have it sent again"),)
    if terms is None:
        return ()
    if not isinstance(terms, dict):
        return (TermProblem(Fault.UNREADABLE, "", "is not an object of terms; docs/contracts.md lists its keys"),)
    try:
        contract = Contract.model_validate(terms)
    except ValidationError as error:
        return tuple(
            TermProblem(_FAULTS.get(kind, Fault.UNREADABLE), path, says)
            for kind, path, says, _ in problems_of(error, Contract)
        )
    return (*_contradictions(contract), *(_against_plan(contract, plan) if plan else ()))


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)} is given twice, and only one of them can hold")
    return dict(pairs)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no figure")


def _contradictions(contract: Contract) -> Iterator[TermProblem]:
    """Terms that cannot all hold, and terms that would do nothing."""

    def contradiction(path: str, says: str) -> TermProblem:
        return TermProblem(Fault.CONTRADICTION, path, says)

    for path, names, cure in (
        ("coupons", [c.coupon_id for c in contract.coupons], "give each coupon its own coupon_id"),
        ("credits", [c.credit_id for c in contract.credits], "give each credit its own credit_id"),
        ("allowances", [a.meter for a in contract.allowances], "add their units up in one entry"),
    ):
        for name in _twice(names):
            yield contradiction(path, f"'{name}' is given twice; {cure}")
    discount = contract.discount
    spans = [("discount", discount.valid_from, discount.valid_to, "valid_to", "valid_from")] if discount else []
    spans += [
        (f"coupons[{n}]", c.valid_from, c.valid_to, "valid_to", "valid_from") for n, c in enumerate(contract.coupons)
    ]
    spans += [
        (f"credits[{n}]", c.granted_on, c.expires_on, "expires_on", "granted_on")
        for n, c in enumerate(contract.credits)
    ]
    for path, begins, ends, end, begin in spans:
        if begins and ends and ends <= begins:
            yield contradiction(
                f"{path}.{end}", f"{ends} is not after {begin} {begins}, so it never holds; correct one of them"
            )
    for n, coupon in enumerate(contract.coupons):
        for name in _twice(coupon.charges):
            yield contradiction(f"coupons[{n}].charges", f"'{name}' is given twice; leave one out")
    for n, allowance in enumerate(contract.allowances):
        if allowance.rollover == "next_period" and allowance.since is None:
            yield TermProblem(
                Fault.MISSING,
                f"allowances[{n}].since",
                "is missing; rollover next_period needs the first day on which a period may begin that leaves any",
            )
        if allowance.rollover == "none" and allowance.since is not None:
            yield contradiction(
                f"allowances[{n}].since", "has no effect on rollover none; leave it out, or write next_period"
            )
    if contract.minimum is not None and contract.cap is not None and contract.minimum > contract.cap:
        yield contradiction("minimum", f"{contract.minimum} is above the cap {contract.cap}; correct one of them")


def _against_plan(contract: Contract, plan: Plan) -> Iterator[TermProblem]:
    """Terms for charges and meters that the plan does not have, or whose models cannot take them."""
    charges = {charge.charge_id: charge for charge in plan.charges}
    name = f"plan '{plan.plan_id}' version '{plan.plan_version}'"
    known = f"its charges are {', '.join(charges)}"
    named = [(f"overrides.{charge_id}", charge_id) for charge_id in contract.overrides]
    named += [(f"coupons[{n}].charges", charge) for n, one in enumerate(contract.coupons) for charge in one.charges]
    for path, charge_id in named:
        if charge_id not in charges:
            yield TermProblem(Fault.UNKNOWN, path, f"{name} has no charge '{charge_id}'; {known}")
    for charge_id in contract.overrides:
        charge = charges.get(charge_id)
        if charge and charge.agreed_price is None:
            yield TermProblem(
                Fault.CONTRADICTION,
                f"overrides.{charge_id}",
                f"the charge has no single price to replace, since its model is {charge.model}; "
                "sell the agreed prices as a plan_version of their own",
            )
    meters = [charge.meter for charge in plan.charges if charge.kind == "usage" and charge.meter]
    allowed = [charge.meter for charge in plan.charges if charge.takes_allowance and charge.meter]
    for n, allowance in enumerate(contract.allowances):
        if allowance.meter not in meters:
            yield TermProblem(
                Fault.UNKNOWN,
                f"allowances[{n}].meter",
                f"{name} has no usage charge on '{allowance.meter}'; its meters are {', '.join(meters) or 'none'}",
            )
        elif allowance.meter not in allowed:
            yield TermProblem(
                Fault.CONTRADICTION,
                f"allowances[{n}].meter",
                f"{name} does not charge '{allowance.meter}' by its units, so included units would count for nothing; "
                "take the allowance out",
            )
    if contract.cap is not None and contract.minimum is None and (plan.minimum or 0) > contract.cap:
        yield TermProblem(
            Fault.CONTRADICTION,
            "cap",
            f"{contract.cap} is below the minimum {plan.minimum} of {name}; correct it, or agree a minimum as well",
        )


def _twice(names: Iterable[str]) -> list[str]:
    listed = list(names)
    return sorted({name for name in listed if listed.count(name) > 1})
