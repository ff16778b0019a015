"""The catalog's recorded versions: new entries are recorded by the run that first sees them, edits only as a named correction."""

from __future__ import annotations

import json

from billing_recon.compute.engine import scratch
from billing_recon.control import CatalogVersion
from billing_recon.core.catalog_record import EntryChange, catalog_changes, entries, plan_entry, tax_entry
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.schema import SUBSCRIPTIONS
from billing_recon.day.home import Home
from billing_recon.day.session import window


def pending_changes(home: Home) -> tuple[EntryChange, ...]:
    """How catalog/ differs from what is recorded."""
    return catalog_changes(home.control.catalog_entries(), entries(home.catalog))


def admit_catalog(home: Home, actor: str) -> None:
    """Record what is new in catalog/. ConfigurationError if it edits or removes an entry that landed subscriptions use.

    An entry that nothing uses yet may be edited: the change is recorded and nothing is refused.
    """
    changes = pending_changes(home)
    if not changes:
        return
    used = entries_in_use(home) if any(not change.is_new for change in changes) else frozenset()
    edits = [change for change in changes if not change.is_new and change.entry in used]
    if edits:
        cure = (
            "Undo it and give the new terms a new plan_version or effective_from; or, if the recorded terms were never right, "
            "record the correction: billing-recon catalog apply --note WHY"
        )
        raise ConfigurationError([*(f"catalog/: {edit}; it is in use" for edit in edits), f"catalog/: {cure}"])
    first = home.control.catalog_history() == []
    apply_catalog(home, actor, "first import of catalog/" if first else "first seen by a run")


def apply_catalog(home: Home, actor: str, note: str) -> CatalogVersion | None:
    """Record catalog/ as it is, edits included; None if nothing differs."""
    return home.control.apply_catalog({c.entry: c.after for c in pending_changes(home)}, actor, note)


def changes_of_versions(home: Home) -> list[tuple[CatalogVersion, tuple[EntryChange, ...]]]:
    """Every version with what it changed, the first first."""
    known: dict[str, str] = {}
    found = []
    for version in home.control.catalog_history():
        before = dict(known)
        for entry, text in json.loads(version.changes).items():
            known.pop(entry, None) if text is None else known.update({entry: text})
        found.append((version, catalog_changes(before, known)))
    return found


def entries_in_use(home: Home) -> frozenset[str]:
    """Entries that a landed subscription names: its plan version, and the rates of its tax region."""
    days = home.warehouse.days(SUBSCRIPTIONS.name)
    if not days:
        return frozenset()
    with scratch(home.limits(0)) as con:
        source, _ = window(con, home, SUBSCRIPTIONS, min(days), max(days))
        rows = con.execute(f"SELECT DISTINCT plan_id, plan_version, currency, tax_region FROM ({source})").fetchall()
    regions = {region for *_, region in rows}
    recorded = (json.loads(text) for text in home.control.catalog_entries().values())
    rates = {tax_entry(t["tax_region"], t["effective_from"]) for t in recorded if t.get("tax_region") in regions}
    return frozenset({plan_entry(plan, version, currency) for plan, version, currency, _ in rows} | rates)
