"""Recorded versions of catalog and company: what is new is recorded by the run that first sees it, an edit of what is in use only as a
named change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

from billing_recon.compute.engine import scratch
from billing_recon.control import CatalogVersion
from billing_recon.core.catalog_record import (
    COMPANY,
    EntryChange,
    catalog_changes,
    company_entry,
    entries,
    plan_entry,
    tax_entry,
)
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.landing import LandingStatus
from billing_recon.core.schema import SUBSCRIPTIONS
from billing_recon.day import reasons
from billing_recon.day.home import Home
from billing_recon.day.session import window


def pending_changes(home: Home) -> tuple[EntryChange, ...]:
    """How catalog/ and company.yaml differ from what is recorded."""
    return catalog_changes(home.control.catalog_entries(), entries(home.catalog) | company_entry(home.company))


def admit_catalog(home: Home, actor: str) -> None:
    """Record what is new in catalog/ and company.yaml. ConfigurationError if an entry that landed subscriptions use is edited or
    removed, or if company.yaml decides otherwise than before what of the landed days or rows is compared.

    An entry that nothing uses yet may be edited: the change is recorded and nothing is refused.
    """
    changes = pending_changes(home)
    if not changes:
        return
    _refuse_other_decisions(home, changes)
    used = entries_in_use(home) if any(not change.is_new for change in changes) else frozenset()
    edits = [change for change in changes if not change.is_new and change.entry in used]
    if edits:
        cure = (
            "Undo it and give the new terms a new plan_version or effective_from; or, if the recorded terms were never right, "
            "record the correction: billing-recon catalog apply --note WHY"
        )
        raise ConfigurationError([*(f"catalog/: {edit}; it is in use" for edit in edits), f"catalog/: {cure}"])
    first = home.control.catalog_history() == []
    note = "first import of catalog/" if first else "first seen by a run"
    home.control.apply_catalog({c.entry: c.after for c in changes}, actor, note)


def _refuse_other_decisions(home: Home, changes: Sequence[EntryChange]) -> None:
    deciding = [one for change in changes for one in change.deciding]
    if not deciding:
        return
    statuses = home.control.landing_statuses(date.min, date.max)
    landed = {table for (table, _), status in statuses.items() if status is LandingStatus.PRESENT}
    found = [f"{COMPANY}: {line}" for table, line in deciding if (table in landed if table else landed)]
    if found:
        raise ConfigurationError(
            [
                *found,
                f"{COMPANY}: that decides what is compared, and days were landed without it. Undo it, or record who changes it and why: "
                "billing-recon company apply --note WHY",
            ]
        )


def apply_catalog(home: Home, actor: str, note: str, *, company: bool = False) -> CatalogVersion | None:
    """Record catalog/ as it is, or company.yaml, edits included; None if nothing differs.

    ConfigurationError if the note is no reason.
    """
    why = reasons.reason(note, "a change of the company" if company else "a correction of the catalog", "--note")
    of_kind = {c.entry: c.after for c in pending_changes(home) if (c.entry == COMPANY) is company}
    return home.control.apply_catalog(of_kind, actor, why)


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
