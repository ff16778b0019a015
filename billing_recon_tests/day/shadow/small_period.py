"""A frozen period written out in a test: contracts, usage and the old engine's lines, without running a day."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing_recon.compute.engine import session
from billing_recon.compute.registration import register
from billing_recon.core.schema import INVOICE_LINES, KEY_MAP, SUBSCRIPTIONS, USAGE_ROLLUP, Kind, TableSpec
from billing_recon.core.snapshot import Manifest, PinnedPartition
from billing_recon.day.shadow.snapshot import Snapshot
from billing_recon.warehouse import Warehouse

FIRST, LAST = date(2026, 2, 1), date(2026, 2, 5)


def freeze(
    folder: Path,
    *,
    catalog: str,
    company: str = "",
    subscriptions: Sequence[Mapping[str, Any]],
    usage: Sequence[Mapping[str, Any]] = (),
    lines: Sequence[Mapping[str, Any]],
    keys: Sequence[Mapping[str, Any]] = (),
) -> Snapshot:
    """A snapshot of 1 to 5 February; what a row does not state has a plain default."""
    config = folder / "config"
    (config / "catalog").mkdir(parents=True)
    (config / "catalog" / "plans.yaml").write_text(catalog, encoding="utf-8")
    (config / "company.yaml").write_text(
        f"name: small\ncurrencies: [USD, EUR, JPY]\nfirst_day: 2026-02-01\nhistory_from: 2026-01-01\n{company}",
        encoding="utf-8",
    )
    (config / "policy.yaml").write_text("{}\n", encoding="utf-8")
    figures = dict.fromkeys((c.name for c in USAGE_ROLLUP.columns if c.kind in (Kind.QUANTITY, Kind.INTEGER)), 0)
    partitions = [
        *_store(folder, SUBSCRIPTIONS, [{**_SUBSCRIPTION, **row} for row in subscriptions]),
        *_store(
            folder,
            USAGE_ROLLUP,
            [figures | {"customer_id": row["subscription_id"], "events": 1} | dict(row) for row in usage],
        ),
        *_store(folder, INVOICE_LINES, [_line(row) for row in lines]),
        *_store(folder, KEY_MAP, keys),
    ]
    manifest = Manifest(
        label=str(LAST), first=FIRST, last=LAST, usage_through=(), versions={}, partitions=tuple(partitions), files=(),
        policy_number=1, verdicts={}, closed=True,
    )  # fmt: skip
    return Snapshot(folder, manifest)


_SUBSCRIPTION: dict[str, Any] = {
    "plan_version": "1", "status": "active", "quantity": Decimal(1), "currency": "USD", "timezone": "UTC", "tax_region": "none",
    "segment": "partner", "billing_anchor": date(2026, 1, 1), "billing_interval": "month",
    "valid_from": "2026-01-01T00:00:00+00:00", "valid_to": None, "contract": None,
}  # fmt: skip


def _line(given: Mapping[str, Any]) -> dict[str, Any]:
    """A line of January, issued on 3 February; discount, credit and tax are zero unless given, and the rest follows."""
    row: dict[str, Any] = {
        "line_id": "1", "plan_version": "1", "kind": "subscription", "meter": None, "period_start": date(2026, 1, 1),
        "period_end": date(2026, 2, 1), "quantity": Decimal(1), "unit_price": None, "discount": Decimal(0), "credit": Decimal(0),
        "tax_rate": Decimal(0), "tax": Decimal(0), "currency": "USD", "issued_on": date(2026, 2, 3), "status": "issued",
        "calculated_at": "2026-02-03T23:00:00+00:00", "invoice_kind": "invoice", "variant": "control", "cohort": "all", **given,
    }  # fmt: skip
    row.setdefault("taxable", row["gross"] - row["discount"])
    row.setdefault("total", row["taxable"] + row["tax"])
    return row


def _store(folder: Path, table: TableSpec, rows: Sequence[Mapping[str, Any]]) -> list[PinnedPartition]:
    """Write all rows as one partition: subscriptions and usage as of the first day, lines on their day of issue."""
    if not rows:
        return []
    day = FIRST if table is not INVOICE_LINES else date(2026, 2, 3)
    con = session()
    register(con, table, _placed(table, rows, day, f"{table.name}.csv"))
    data = Warehouse(folder / "data")
    data.replace(con, table, day, table.name)
    files = tuple(str(Path(f).relative_to(folder)) for f in data.files(table.name, day, day))
    con.close()
    return [
        PinnedPartition(table=table.name, day=day, rows=len(rows), digest=hashlib.sha256(b"").hexdigest(), files=files)
    ]


def write_output(path: Path, lines: Sequence[Mapping[str, Any]]) -> Path:
    """The new engine's lines as a review lands them; what a row does not state is as in `freeze`."""
    con = session()
    register(con, INVOICE_LINES, _placed(INVOICE_LINES, [_line(row) for row in lines], date(2026, 2, 3), "new.csv"))
    con.execute(f"COPY {INVOICE_LINES.name} TO '{path}' (FORMAT parquet)")
    con.close()
    return path


def _placed(table: TableSpec, rows: Sequence[Mapping[str, Any]], day: date, file: str) -> list[dict[str, Any]]:
    known, lineage = {"observed_on": day, "source_file": file}, {c.name for c in table.registered}
    return [
        {k: v for k, v in {**known, "source_row": n, "day": day, **row}.items() if k in lineage}
        for n, row in enumerate(rows, 1)
    ]


def used(subscription_id: str, meter: str, quantity: str, on: date = date(2026, 1, 15)) -> dict[str, Any]:
    """Usage of one day, observed by the first day of the period."""
    return {
        "subscription_id": subscription_id,
        "meter": meter,
        "quantity": Decimal(quantity),
        "usage_day": on,
        "day": FIRST,
    }


def days() -> list[date]:
    return [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
