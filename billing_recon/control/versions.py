"""What has numbered versions: the policy in force, the catalog as recorded, and baselines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from billing_recon.control import audit
from billing_recon.control.base import StoreBase
from billing_recon.control.database import reading, writing
from billing_recon.control.records import Baseline, BaselineValue, CatalogVersion, PolicyVersion
from billing_recon.control.schema import baseline_values, baselines, catalog_versions, policies


class VersionStore(StoreBase):
    """Versions of the policy, the catalog and of baselines."""

    def apply_policy(self, text: str, actor: str, note: str, approved_by: str = "") -> PolicyVersion:
        """Make `text` the policy in force. A text equal to the current one is no new version."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        with writing(self._engine) as connection:
            current = _current_policy(connection)
            if current is not None and current.digest == digest:
                return current
            number = current.number + 1 if current else 1
            version = PolicyVersion(number, digest, text, actor, note, self._now(), approved_by)
            audit.decide(connection, policies, asdict(version))
        return version

    def current_policy(self) -> PolicyVersion | None:
        """The policy in force; None before the first was applied."""
        with reading(self._engine) as connection:
            return _current_policy(connection)

    def policy_history(self) -> list[PolicyVersion]:
        """Every version, the first first."""
        with reading(self._engine) as connection:
            return [_policy(row) for row in connection.execute(select(policies).order_by(policies.c.number))]

    def apply_catalog(self, changes: Mapping[str, str | None], actor: str, note: str) -> CatalogVersion | None:
        """Record entries of the catalog that are new, other or gone (None). Those recorded already are no change."""
        with writing(self._engine) as connection:
            known = _recorded_entries(_catalog_versions(connection))
            real = {entry: text for entry, text in changes.items() if known.get(entry) != text}
            if not real:
                return None
            number = len(_catalog_versions(connection)) + 1
            version = CatalogVersion(number, audit.canonical(real), actor, note, self._now())
            audit.decide(connection, catalog_versions, asdict(version))
        return version

    def catalog_history(self) -> list[CatalogVersion]:
        """Every recorded change of the catalog, the first first."""
        with reading(self._engine) as connection:
            return _catalog_versions(connection)

    def catalog_entries(self) -> dict[str, str]:
        """The catalog as recorded: each entry with its terms."""
        return _recorded_entries(self.catalog_history())

    def capture_baseline(
        self,
        name: str,
        first: date,
        last: date,
        rows: Sequence[tuple[str, str | None, str, str, date, Decimal | None]],
        actor: str,
    ) -> int:
        """Store the metrics (metric, currency, cohort, variant, day, value) of a range as the next version of `name`."""
        values = [
            {
                "metric": metric,
                "currency": currency,
                "cohort": cohort,
                "variant": variant,
                "day": day,
                "value": None if value is None else f"{value:f}",
            }
            for metric, currency, cohort, variant, day, value in sorted(rows, key=_baseline_order)
        ]
        digest = audit.values_digest(values)
        with writing(self._engine) as connection:
            before = connection.execute(select(func.max(baselines.c.version)).where(baselines.c.name == name)).scalar()
            version = int(before or 0) + 1
            row = {"name": name, "version": version, "first": first, "last": last, "digest": digest}
            identity = audit.decide(connection, baselines, {**row, "actor": actor, "decided_at": self._now()})
            if values:
                connection.execute(insert(baseline_values), [{"baseline_id": identity, **v} for v in values])
        return version

    def baseline(self, name: str, version: int | None = None) -> Baseline | None:
        """A baseline with its values, by default its newest version; None if there is none."""
        query = select(baselines).where(baselines.c.name == name).order_by(baselines.c.version.desc()).limit(1)
        if version is not None:
            query = query.where(baselines.c.version == version)
        with reading(self._engine) as connection:
            head = connection.execute(query).first()
            if head is None:
                return None
            t = baseline_values
            rows = connection.execute(select(t).where(t.c.baseline_id == head.id).order_by(t.c.id)).all()
        values = tuple(
            BaselineValue(
                r.metric, r.currency, r.cohort, r.variant, r.day, None if r.value is None else Decimal(r.value)
            )
            for r in rows
        )
        return _baseline(head, values)

    def baselines(self) -> list[Baseline]:
        """Every version of every baseline, without values, by name and version."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(baselines).order_by(baselines.c.name, baselines.c.version)).all()
        return [_baseline(row, ()) for row in rows]


def _current_policy(connection: Connection) -> PolicyVersion | None:
    row = connection.execute(select(policies).order_by(policies.c.number.desc()).limit(1)).first()
    return _policy(row) if row else None


def _catalog_versions(connection: Connection) -> list[CatalogVersion]:
    rows = connection.execute(select(catalog_versions).order_by(catalog_versions.c.number))
    return [CatalogVersion(r.number, r.changes, r.actor, r.note, r.decided_at) for r in rows]


def _policy(row: Row[Any]) -> PolicyVersion:
    return PolicyVersion(row.number, row.digest, row.text, row.actor, row.note, row.decided_at, row.approved_by)


def _recorded_entries(versions: Iterable[CatalogVersion]) -> dict[str, str]:
    known: dict[str, str | None] = {}
    for version in versions:
        known |= json.loads(version.changes)
    return {entry: text for entry, text in known.items() if text is not None}


def _baseline_order(row: tuple[str, str | None, str, str, date, Decimal | None]) -> tuple[str, str, str, str, date]:
    metric, currency, cohort, variant, day, _ = row
    return metric, currency or "", cohort, variant, day


def _baseline(row: Row[Any], values: tuple[BaselineValue, ...]) -> Baseline:
    return Baseline(row.name, row.version, row.first, row.last, row.actor, row.decided_at, values)
