"""A day of which a file could not be read: it decides nothing, and nobody is told that what is in that file is missing."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from billing_recon.compute import reconcile
from billing_recon.compute.engine import build
from billing_recon.core.pair_layers import pairs_compared
from billing_recon.core.reason import Pair
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon_tests.compute.reconcile.world import DAY, World
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import breaks, run_day

pytestmark = pytest.mark.long

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


def test_a_pair_is_compared_if_every_layer_that_it_reads_is_there() -> None:
    assert set(pairs_compared(())) == set(Pair)
    without = {pair for pair in Pair if pair not in pairs_compared((), ("invoice_lines",))}
    assert without == {Pair.EXPECTED_BILLED, Pair.BILLED_RENDERED, Pair.BILLED_BOOKED, Pair.BILLED_PAID}
    assert set(Pair) - set(pairs_compared(("payments",))) == {
        Pair.BILLED_PAID,
        Pair.PAID_BOOKED,
    }
    assert set(Pair) - set(pairs_compared((), books_cash=False)) == {Pair.PAID_BOOKED}
    assert Pair.METERED_USED in pairs_compared(("usage_events",)), "a layer without rows has no differences"


@pytest.mark.parametrize("found", ["findings", "assessments"])
def test_of_a_pair_that_is_not_compared_nothing_is_found(found: str) -> None:
    world = World()
    world.payment(world.invoice(on=DAY - timedelta(days=5)), amount="1.00", on=DAY - timedelta(days=5))
    con = world.run("billed_paid").con
    (relation,) = (one for one in reconcile.RELATIONS if one.name == found)
    counted = f"SELECT count(*) FROM {found}"
    assert con.execute(counted).fetchone() == (1,)
    con.execute("DELETE FROM pairs_compared WHERE pair = 'billed_paid'")
    build(con, [relation])
    assert con.execute(counted).fetchone() == (0,)
