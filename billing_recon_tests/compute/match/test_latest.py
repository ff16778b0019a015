"""Of what was delivered several times the latest version holds, known since the first: SQL against plain Python on random deliveries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from billing_recon.compute.engine import build, scratch
from billing_recon.compute.match import ENGINE_OUTPUT, LATEST
from billing_recon.compute.registration import register
from billing_recon.core.schema import KEY_MAP, LEDGER_ENTRIES, PAYMENTS, RENDERED_INVOICES, RENDERED_LINES, TableSpec
from billing_recon.explain.texts import rows_of

FIRST = date(2026, 3, 1)
Row = dict[str, Any]

MADE: dict[str, tuple[TableSpec, str, Callable[[Random], Row]]] = {
    PAYMENTS.name: (
        PAYMENTS,
        "latest_payments",
        lambda random: {
            "payment_id": f"P{random.randrange(12)}", "kind": "payment", "customer_id": "C1",
            "status": random.choice(("succeeded", "failed", "pending")), "amount": str(random.randrange(9)), "currency": "USD",
        },
    ),
    LEDGER_ENTRIES.name: (
        LEDGER_ENTRIES,
        "stated_entries",
        lambda random: {
            "entry_id": f"E{random.randrange(12)}", "journal_id": f"J{random.randrange(4)}", "role": "ar", "currency": "USD",
            "debit": str(random.randrange(9)),
        },
    ),
    RENDERED_INVOICES.name: (
        RENDERED_INVOICES,
        "latest_documents",
        lambda random: {"document_id": f"D{random.randrange(9)}", "payable": str(random.randrange(9)), "currency": "USD"},
    ),
    RENDERED_LINES.name: (
        RENDERED_LINES,
        "latest_document_lines",
        lambda random: {
            "document_id": f"D{random.randrange(4)}", "line_no": random.randrange(4), "amount": str(random.randrange(9))
        },
    ),
}  # fmt: skip


def delivered(spec: TableSpec, make: Callable[[Random], Row], random: Random) -> list[Row]:
    """Rows of a few days, a key at most once a day as landing sees to it. Some of them are observed on another day."""
    rows: list[Row] = []
    for number in range(random.choice((1, 3, 5))):
        day = FIRST + timedelta(days=number)
        of_day = {
            tuple(row[name] for name in spec.key): row for row in (make(random) for _ in range(random.randrange(9)))
        }
        for place, row in enumerate(of_day.values()):
            observed = day + timedelta(days=random.randrange(2))
            file = f"{random.choice('ab')}.csv"
            rows.append(row | {"day": day, "observed_on": observed, "source_file": file, "source_row": place})
    random.shuffle(rows)
    return rows


def latest(spec: TableSpec, rows: list[Row]) -> set[tuple[Any, ...]]:
    """Which row of every key holds (file and place), known since when, and since when it succeeded."""
    found = set()
    for key in {tuple(row[name] for name in spec.key) for row in rows}:
        versions = [row for row in rows if tuple(row[name] for name in spec.key) == key]
        held = max(versions, key=lambda v: (v["observed_on"], v["source_file"], v["source_row"], v["day"]))
        known = min(v["observed_on"] for v in versions)
        succeeded = [v["observed_on"] for v in versions if v.get("status") == "succeeded"]
        since = (min(succeeded) if succeeded else held["observed_on"]) if "status" in held else None
        found.add((*key, held["source_file"], held["source_row"], held["observed_on"], known, since))
    return found


@pytest.mark.parametrize("table", MADE)
def test_the_latest_version_of_everything_delivered_holds(table: str) -> None:
    spec, view, make = MADE[table]
    (read,) = (one for one in LATEST if one.name == view)
    needed = [one for one in (*ENGINE_OUTPUT, *LATEST) if one.name in (view, *read.inputs)]
    for seed in range(60):
        rows = delivered(spec, make, Random(seed))
        with scratch() as con:
            register(con, KEY_MAP)
            register(con, spec, rows)
            build(con, needed)
            since = "succeeded_on" if table == "payments" else "NULL AS succeeded_on"
            columns = ", ".join((*spec.key, "source_file", "source_row", "changed_on", "known_on", since))
            got = [tuple(row.values()) for row in rows_of(con, f"SELECT {columns} FROM {view}")]
        assert len(got) == len(set(got)), f"seed {seed} has a key twice"
        assert set(got) == latest(spec, rows), f"seed {seed}"
