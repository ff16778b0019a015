"""Read catalog texts (YAML) into one Catalog and report every problem at once. No files are opened here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from billing_recon.core.catalog import Catalog, CatalogFile, Charge, Plan, TaxRate, indistinct_charges
from billing_recon.core.charge_models import RESTRICTED, models_reading
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.yaml_text import read_yaml, values_of


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
            file = _readable(text)
            unseen = [
                p for plan in file.plans for p in _of_plan(plan) if not any(p in found for found in error.problems)
            ]
            problems += [*error.problems, *(f"{name}: {problem}" for problem in unseen)]
        for plan in file.plans:
            key = (plan.plan_id, plan.plan_version, plan.currency)
            problems += [f"{name}: {problem}" for problem in unused_fields(plan)]
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

    Only for reporting: taxes that are refused are left out, and a plan is not validated.
    """
    content = values_of(text)
    found = content if isinstance(content, dict) else {}
    plans = tuple(
        Plan.model_construct(
            plan_id=str(one.get("plan_id", "")),
            plan_version=str(one.get("plan_version", "")),
            currency=str(one.get("currency", "")),
            charges=tuple(_identified(one.get("charges"))),
        )
        for one in _mappings(found.get("plans"))
    )
    return CatalogFile.model_construct(plans=plans, taxes=tuple(_valid(found.get("taxes"))))


def _mappings(listed: object) -> Iterator[dict[str, Any]]:
    return (one for one in (listed if isinstance(listed, list) else ()) if isinstance(one, dict))


def _valid(listed: object) -> Iterator[TaxRate]:
    for one in _mappings(listed):
        with suppress(ValidationError):
            yield TaxRate.model_validate(one)


def _identified(listed: object) -> Iterator[Charge]:
    """Charges as they are; of one that is refused only what identifies it."""
    for one in _mappings(listed):
        try:
            yield Charge.model_validate(one)
        except ValidationError:
            if one.get("charge_id") and one.get("kind"):
                yield Charge.model_construct(**{name: one.get(name) for name in ("charge_id", "kind", "meter")})


def _of_plan(plan: Plan) -> Iterator[str]:
    return (f"plan '{plan.plan_id}' version '{plan.plan_version}': {p}" for p in indistinct_charges(plan.charges))


def unused_fields(plan: Plan) -> Iterator[str]:
    """Fields given to a charge whose model does not read them."""
    for charge in plan.charges:
        for field in RESTRICTED:
            models = models_reading(field)
            if getattr(charge, field) != Charge.model_fields[field].default and charge.model not in models:
                yield (
                    f"plan '{plan.plan_id}' version '{plan.plan_version}': charge '{charge.charge_id}': {field} has no effect "
                    f"on model {charge.model}; "
                    f"remove it, or use model {' or '.join(models)}"
                )
