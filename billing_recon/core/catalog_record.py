"""The catalog and the company as recorded: one text per plan version and tax rate, one for company.yaml, and what differs between two states."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from billing_recon.core.catalog import Catalog
from billing_recon.core.company import Company

FOR_READERS = frozenset({"name", "effective_from", "effective_to"})
"""Fields of a plan that change no bill; an edit of them is not an edit of the version."""


COMPANY = "company.yaml"
"""The entry of the company: its days, profile, roles of accounts and feeds."""
LEAVING_OUT = frozenset({"where", "preset", "take", "query", "table", "skip_last"})
"""Settings of a feed by which rows of a delivery are left out without a trace in quarantine."""
DECIDING = frozenset({"first_day", "last_day", "history_from", "timezone", "profile", "roles"})
"""Settings of the company by which other days or figures are compared."""


@dataclass(frozen=True, slots=True)
class EntryChange:
    """How one entry of the catalog differs: `details` has a line per figure that changed, none for a new entry."""

    entry: str
    before: str | None
    after: str | None
    details: tuple[str, ...] = ()

    @property
    def is_new(self) -> bool:
        return self.before is None

    @property
    def deciding(self) -> tuple[tuple[str, str], ...]:
        """Of the company: each change that decides what is compared, with the table that it is about, or empty for all.

        A feed that is taken out of `also` is one.
        """
        found = []
        for line in self.details if self.entry == COMPANY and not self.is_new else ():
            path = line.split(" ", 1)[0]
            top, *below = re.split(r"[.\[]", path)
            if top in DECIDING:
                found.append(("", line))
            elif top == "feeds" and below and (below[-1] in LEAVING_OUT or _is_feed_less(below, line)):
                found.append((below[0], line))
        return tuple(found)

    def __str__(self) -> str:
        if self.is_new:
            return f"{self.entry}: new"
        return f"{self.entry}: {'; '.join(self.details) if self.after is not None else 'removed'}"


def plan_entry(plan_id: str, version: str, currency: str) -> str:
    return f"plan '{plan_id}' version '{version}' in {currency}"


def tax_entry(region: str, since: date) -> str:
    return f"tax rate of '{region}' from {since}"


def entries(catalog: Catalog) -> dict[str, str]:
    """Each plan version and tax rate by its name, as JSON of the terms that bill. Equal terms give equal texts."""
    plans = {
        plan_entry(p.plan_id, p.plan_version, p.currency): p.model_dump(exclude_defaults=True, exclude=set(FOR_READERS))
        for p in catalog.plans
    }
    taxes = {tax_entry(t.tax_region, t.effective_from): t.model_dump() for t in catalog.taxes}
    return {name: json.dumps(terms, default=_text, sort_keys=True) for name, terms in (plans | taxes).items()}


def company_entry(company: Company) -> dict[str, str]:
    """The company as its file states it. An upgrade that has other defaults is no change of it."""
    return {COMPANY: json.dumps(company.model_dump(mode="json", exclude_unset=True), sort_keys=True)}


def _is_feed_less(below: list[str], line: str) -> bool:
    return len(below) > 1 and below[1] == "also" and line.endswith("-> not given")


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no term of a catalog")


def catalog_changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[EntryChange, ...]:
    """Every entry that is new, changed or gone, by its name."""
    return tuple(
        EntryChange(name, old, new, tuple(_details(old, new)) if old and new else ())
        for name in sorted(before.keys() | after.keys())
        if (old := before.get(name)) != (new := after.get(name))
    )


def _details(before: str, after: str) -> Iterator[str]:
    old, new = dict(_figures(json.loads(before))), dict(_figures(json.loads(after)))
    for path in dict.fromkeys((*old, *new)):
        if old.get(path) != new.get(path):
            yield f"{path} {old.get(path, 'not given')} -> {new.get(path, 'not given')}"


def _figures(terms: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each figure with its path; charges by their id, tiers and cells by their place.

    >>> dict(_figures({"charges": [{"charge_id": "base", "amount": "10"}], "minimum": "5"}))
    {'charges[base].charge_id': 'base', 'charges[base].amount': '10', 'minimum': '5'}
    """
    if isinstance(terms, dict):
        for name, one in terms.items():
            yield from _figures(one, f"{path}.{name}" if path else name)
    elif isinstance(terms, list):
        for number, one in enumerate(terms):
            name = one.get("charge_id", number) if isinstance(one, dict) else number
            yield from _figures(one, f"{path}[{name}]")
    else:
        yield path, str(terms)
