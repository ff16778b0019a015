"""The catalog and the feeds as recorded: one text per plan version and tax rate, one for the feeds, and what differs between two states."""

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


FEEDS = "feeds of company.yaml"
"""The entry of all feeds."""
LEAVING_OUT = frozenset({"where", "preset", "take", "query", "table", "skip_last"})
"""Settings of a feed by which rows of a delivery are left out without a trace in quarantine."""


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
    def tables_left_out(self) -> tuple[tuple[str, str], ...]:
        """Of the feeds: each change of a setting that leaves rows out, with its table. A feed taken out of `also` is one."""
        if self.entry != FEEDS or self.is_new:
            return ()
        named = ((re.split(r"[.\[]", line, maxsplit=1)[0], line) for line in self.details)
        return tuple(
            (table, line)
            for table, line in named
            if line.split(" ", 1)[0].rsplit(".", 1)[-1] in LEAVING_OUT
            or (line.split(" ", 1)[0].startswith(f"{table}.also[") and line.endswith("-> not given"))
        )

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


def feeds_entry(company: Company) -> dict[str, str]:
    """The feeds as company.yaml states them. An upgrade that has other defaults is no change of it."""
    declared = {table: feed.model_dump(mode="json", exclude_unset=True) for table, feed in company.feeds.items()}
    return {FEEDS: json.dumps(declared, sort_keys=True)}


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
