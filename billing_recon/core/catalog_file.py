"""Read catalog texts (YAML) into one Catalog and report every problem at once. No files are opened here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from billing_recon.core.catalog import Catalog, CatalogFile, Charge, Plan, TaxRate, indistinct_charges
from billing_recon.core.charge_models import RESTRICTED, models_reading
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.schema import LARGEST, Kind
from billing_recon.core.yaml_text import read_yaml

Part = TypeVar("Part", Charge, TaxRate)

DECIMALS: dict[Kind, int] = {Kind.QUANTITY: 10, Kind.PRICE: 12, Kind.AMOUNT: 12, Kind.RATE: 8}
"""Decimals that computing keeps of a figure of each kind (core.schema.SQL_TYPE)."""

FIGURES: dict[str, Kind] = {
    **dict.fromkeys(("amount", "unit_price", "package_price", "event_fee", "multiplier"), Kind.PRICE),
    **dict.fromkeys(("event_minimum", "event_maximum"), Kind.PRICE),
    **dict.fromkeys(("package_size", "free_units"), Kind.QUANTITY),
    **dict.fromkeys(("minimum", "maximum"), Kind.AMOUNT),
    "rate": Kind.RATE,
}
TIER_FIGURES: dict[str, Kind] = {
    **dict.fromkeys(("up_to", "first_unit", "block_size"), Kind.QUANTITY),
    **dict.fromkeys(("unit", "flat"), Kind.PRICE),
    "rate": Kind.RATE,
}
"""Figures of a charge and of a tier with the kind whose decimals they must fit."""


def load_catalog(paths: Iterable[tuple[str, str]]) -> Catalog:
    """The catalog of all texts together, each given as (name, text).

    Raises one ConfigurationError that lists every problem as `name: field: what is wrong and what to do`. The digest is
    the SHA-256 of the names and texts in the order of the names, so any change of any file changes it.
    """
    texts = sorted(paths)
    problems: list[str] = []
    files: list[CatalogFile] = []
    plans_seen: dict[tuple[str, str, str], str] = {}
    taxes_seen: dict[tuple[str, str], str] = {}
    for name, text in texts:
        read = True
        try:
            file = read_yaml(CatalogFile, text, name)
            files.append(file)
        except ConfigurationError as error:
            read = False
            problems += error.problems
            file = _readable(text)
            problems += [f"{name}: {problem}" for plan in file.plans for problem in _of_plan(plan)]
        for plan in file.plans:
            key = (plan.plan_id, plan.plan_version, plan.currency)
            problems += [f"{name}: {problem}" for problem in unused_fields(plan)]
            problems += [f"{name}: {problem}" for problem in figures_that_do_not_fit((plan,), ())]
            if not read:
                continue
            if key in plans_seen:
                problems.append(
                    f"{name}: plan '{key[0]}' version '{key[1]}' in {key[2]} is already in {plans_seen[key]}; "
                    "a version is never overwritten, give the new price a new plan_version"
                )
            plans_seen.setdefault(key, name)
        for tax in file.taxes:
            label = (tax.tax_region, tax.effective_from.isoformat())
            problems += [f"{name}: {problem}" for problem in figures_that_do_not_fit((), (tax,))]
            if label in taxes_seen:
                problems.append(
                    f"{name}: tax region '{label[0]}' has two rates from {label[1]} (the other in {taxes_seen[label]}); "
                    "give the later rate its own effective_from"
                )
            taxes_seen.setdefault(label, name)
    if problems:
        raise ConfigurationError(problems)
    digest = hashlib.sha256()
    for name, text in texts:
        digest.update(f"{len(name)}:{name}{len(text)}:{text}".encode())
    return Catalog(
        plans=tuple(plan for file in files for plan in file.plans),
        taxes=tuple(tax for file in files for tax in file.taxes),
        digest=digest.hexdigest(),
    )


def _readable(text: str) -> CatalogFile:
    """What can still be read of a file with problems, so that all other problems are reported at the same time.

    Only for reporting: charges and taxes that are refused are left out, and a plan is not validated.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        content = None
    found = content if isinstance(content, dict) else {}
    plans = tuple(
        Plan.model_construct(
            plan_id=str(one.get("plan_id", "")),
            plan_version=str(one.get("plan_version", "")),
            currency=str(one.get("currency", "")),
            charges=tuple(_valid(Charge, one.get("charges"))),
        )
        for one in _mappings(found.get("plans"))
    )
    return CatalogFile.model_construct(plans=plans, taxes=tuple(_valid(TaxRate, found.get("taxes"))))


def _mappings(listed: object) -> Iterator[dict[str, Any]]:
    return (one for one in (listed if isinstance(listed, list) else ()) if isinstance(one, dict))


def _valid(kind: type[Part], listed: object) -> Iterator[Part]:
    for one in _mappings(listed):
        with suppress(ValidationError):
            yield kind.model_validate(one)


def _of_plan(plan: Plan) -> Iterator[str]:
    return (f"plan '{plan.plan_id}' version '{plan.plan_version}': {p}" for p in indistinct_charges(plan.charges))


def unused_fields(plan: Plan) -> Iterator[str]:
    """Fields given to a charge whose model does not read them."""
    for charge in plan.charges:
        for field in RESTRICTED:
            models = models_reading(field)
            if getattr(charge, field) != Charge.model_fields[field].default and charge.model not in models:
                yield (
                    f"{_charge(plan, charge)}: {field} has no effect on model {charge.model}; "
                    f"remove it, or use model {' or '.join(models)}"
                )


def figures_that_do_not_fit(plans: Iterable[Plan], taxes: Iterable[TaxRate]) -> Iterator[str]:
    """Figures that are too large or have more decimals than computing keeps; rounding them silently would change a price."""
    for plan in plans:
        where = f"plan '{plan.plan_id}' version '{plan.plan_version}'"
        yield from _misfit(f"{where}: minimum", plan.minimum, Kind.AMOUNT)
        for charge in plan.charges:
            label = _charge(plan, charge)
            for field, kind in FIGURES.items():
                yield from _misfit(f"{label}: {field}", getattr(charge, field), kind)
            for number, tier in enumerate(charge.tiers, start=1):
                for field, kind in TIER_FIGURES.items():
                    yield from _misfit(f"{label}: tier {number}: {field}", getattr(tier, field), kind)
            for cell in charge.prices:
                yield from _misfit(f"{label}: price of {list(cell.values)}", cell.unit_price, Kind.PRICE)
            for field in ("divide_by", "multiply_by"):
                yield from _misfit(f"{label}: convert: {field}", getattr(charge.convert, field, None), Kind.QUANTITY)
    for tax in taxes:
        yield from _misfit(f"tax region '{tax.tax_region}' from {tax.effective_from}: rate", tax.rate, Kind.RATE)


def _charge(plan: Plan, charge: Charge) -> str:
    return f"plan '{plan.plan_id}' version '{plan.plan_version}': charge '{charge.charge_id}'"


def _misfit(label: str, figure: Decimal | None, kind: Kind) -> Iterator[str]:
    if figure is None:
        return
    if not figure.is_finite():
        yield f"{label}: {figure} is not a figure; write a decimal number in quotes"
    elif abs(figure) > Decimal(LARGEST[kind]):
        yield f"{label}: {figure} is larger than any {kind.value} can be ({LARGEST[kind]}); check its unit"
    elif figure != round(figure, DECIMALS[kind]):
        yield f"{label}: {figure} has more than the {DECIMALS[kind]} decimals kept of a {kind.value}; round it yourself"
