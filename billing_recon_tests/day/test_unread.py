"""A day of which a file could not be read: it decides nothing, and nobody is told that what is in that file is missing."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from billing_recon.compute import reconcile
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import breaks, run_day

LAST = FIRST + timedelta(days=2)


def test_a_posting_in_a_file_that_cannot_be_read_is_not_missing(company: Callable[..., Path]) -> None:
    path = company()
    early, late = (path / "landing" / "ledger_entries" / f"{day}.csv" for day in (FIRST, LAST))
    with early.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    moved = [row for row in rows if row["journal_id"] == next(r["journal_id"] for r in rows if r["role"] == "revenue")]
    with late.open(newline="", encoding="utf-8") as file:
        later = [*csv.DictReader(file), *moved]
    for target, kept, columns in (
        (early, [row for row in rows if row not in moved], list(rows[0])),
        (late, later, [*rows[0], "approved_by"]),
    ):
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(kept)
    home = Home.open(path)
    for number in range(3):
        judged = run_day(home, FIRST + timedelta(days=number))
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert breaks(home, LAST) == []


def test_a_pair_rests_on_every_layer_that_it_reads() -> None:
    plain = {relation.name: relation.sql for relation in reconcile.relations(())}
    changed = {r.name: r.sql for r in reconcile.relations((), ("invoice_lines",)) if r.sql != plain[r.name]}
    assert all("'expected_billed'" in sql.rpartition("NOT IN")[2] for sql in changed.values())
    assert {"expected_billed_findings", "booked_findings", "paid_assessed"} <= set(changed)
    assert reconcile.relations(()) == reconcile.RELATIONS
