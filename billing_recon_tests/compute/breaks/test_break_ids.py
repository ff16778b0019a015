"""What makes a break one: the same on a rerun, and another where what was compared has changed since."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256

import duckdb
import pytest

from billing_recon.compute.breaks import RELATIONS
from billing_recon.compute.engine import build
from billing_recon.core.break_decision import BreakDecision, BreakVerb
from billing_recon.core.reason import Disposition
from billing_recon_tests.compute.reconcile.world import DAY, Outcome, World

BEFORE = DAY - timedelta(days=8)


def as_of(world: World, day: date, pair: str) -> Outcome:
    """The world's rows as known by the end of a day, reconciled."""
    earlier = World(day)
    earlier.rows = {
        table: [row for row in rows if row.get("observed_on", row["day"]) <= day] for table, rows in world.rows.items()
    }
    return earlier.run(pair)


def paid_in_parts(world: World) -> None:
    invoice = world.invoice("INV-1", "119.00", on=BEFORE)
    world.payment(invoice, "P1", "50.00", on=BEFORE)
    world.payment(invoice, "P2", "20.00", on=DAY)


def booked_in_parts(world: World) -> None:
    invoice = world.invoice("INV-1", "119.00", on=BEFORE)
    world.journal(invoice, "J1", on=BEFORE, ar="50.00", tax="0")
    world.journal(invoice, "J2", on=DAY, ar="20.00", tax="0")


def billed_anew(world: World) -> None:
    """The engine corrects a line, and its document still shows another amount."""
    invoice = world.invoice("INV-1", "119.00", on=BEFORE)
    world.document(invoice, on=BEFORE, lines=False, payable=100, total=100)
    world.add(
        "invoice_lines", **invoice | {"day": DAY, "observed_on": DAY, "source_row": 7, "total": invoice["total"] + 1}
    )


@pytest.mark.parametrize(
    ("pair", "story", "first"),
    [
        ("billed_paid", paid_in_parts, BEFORE + timedelta(days=5)),
        ("billed_booked", booked_in_parts, BEFORE),
        ("billed_rendered", billed_anew, BEFORE),
    ],
)
def test_what_has_changed_since_it_was_compared_is_a_break_of_its_own(
    pair: str, story: Callable[[World], None], first: date
) -> None:
    world = World()
    story(world)
    then, now = as_of(world, first, pair).the_break(pair), as_of(world, DAY, pair).the_break(pair)
    assert (then["code"], then["invoice_id"]) == (now["code"], now["invoice_id"])
    assert then["delta"] != now["delta"]
    assert then["break_id"] != now["break_id"]
    assert as_of(world, DAY, pair).the_break(pair)["break_id"] == now["break_id"]


def test_a_corrected_figure_of_the_same_day_keeps_the_id() -> None:
    """The file of the day is mended and the day run again."""
    ids = set()
    for amount in ("50.00", "70.00"):
        world = World()
        world.payment(world.invoice("INV-1", "119.00", on=BEFORE), "P1", amount, on=DAY - timedelta(days=5))
        ids.add(world.run("billed_paid").the_break("billed_paid")["break_id"])
    assert len(ids) == 1


def test_a_decision_about_the_id_of_an_earlier_version_follows_the_difference() -> None:
    """Before 0.3 all postings of a currency that were off had one id, without their journal."""
    world = World()
    for number in (1, 2):
        world.invoice(f"INV-{number}", "119.00", on=DAY - timedelta(days=2), customer_id=f"C-{number}")
    whole = world.rows["invoice_lines"][0] | {"gross": Decimal("200"), "tax": Decimal("38"), "total": Decimal("238")}
    world.journal(whole, "J", on=DAY - timedelta(days=2), ar="251.00", invoice_id=None, customer_id=None)
    found = world.run("billed_booked").the_break("billed_booked")
    former = "B" + sha256(b"billed_booked|account|LEDGER_AMOUNT|||||USD").hexdigest()[:16]
    assert json.loads(found["evidence"])["former_id"] == former != found["break_id"]
    for delta, disposition in ((found["delta"], "TIMING"), (found["delta"] + 1, "OPEN")):
        world.decisions = [
            BreakDecision(former, DAY, BreakVerb.RESOLVE, "ana", delta, "USD", Disposition.TIMING, reason="agreed")
        ]
        assert world.run("billed_booked").the_break("billed_booked")["disposition"] == disposition


def test_two_findings_of_one_id_stop_the_day() -> None:
    world = World()
    world.journal(world.invoice(), ar="1.00", tax="0")
    con = world.run("billed_booked").con
    con.execute("INSERT INTO booked_findings FROM booked_findings")
    with pytest.raises(duckdb.Error, match="two findings of billed_booked have the break id B"):
        build(con, [relation for relation in RELATIONS if relation.name == "findings"])
