"""What a rollout's page and status say that the new path billed: every exposed customer's lines once, in time that grows with the lines."""

from __future__ import annotations

import time
from datetime import date, timedelta
from decimal import Decimal

from billing_recon.compute.engine import build
from billing_recon.compute.rollout import COLLECTED, FIGURES
from billing_recon_tests.compute.rollout.stage_world import LAUNCH, StageWorld

MANY = 40_000


def test_a_line_counts_once_whether_its_customer_is_named_or_everybody_is_exposed() -> None:
    made = StageWorld()
    made.expose("A", "*")
    made.expose("A", since=LAUNCH + timedelta(days=3))
    made.bill("N-A", "A", LAUNCH, "10", variant="candidate")
    made.bill("N-B", "B", LAUNCH, "5", variant="candidate")
    made.bill("O-C", "C", LAUNCH, "7")
    with made.session(LAUNCH) as con:
        build(con, FIGURES)
        assert con.execute("SELECT currency, billed, invoices, customers FROM exposed_money").fetchall() == [
            ("USD", Decimal("15"), 2, 2)
        ]


def test_many_exposed_customers_do_not_take_time_by_their_square() -> None:
    made = StageWorld()
    made.expose("A")
    made.bill("N-A", "A", LAUNCH, "10", variant="candidate")
    with made.session(LAUNCH) as con:
        con.execute(
            "INSERT INTO invoice_lines SELECT line.* REPLACE ('M-' || n AS invoice_id, 'C-' || n AS customer_id, n + 9 AS source_row) "
            f"FROM invoice_lines AS line, range({MANY}) AS made(n)"
        )
        con.execute(
            "INSERT INTO rollout_members SELECT member.* REPLACE ('C-' || n AS customer_id) "
            f"FROM rollout_members AS member, range({MANY}) AS made(n)"
        )
        used = time.process_time()
        build(con, FIGURES)
        assert time.process_time() - used < 3, "each line was compared with each customer"
        assert con.execute("SELECT customers FROM exposed_money").fetchall() == [(MANY + 1,)]


def test_a_retry_engine_collected_what_its_customers_paid_while_they_were_exposed() -> None:
    """A is exposed for three days and B by a rollout of another layer; C by neither. N-A is asked for again after the rollback."""
    made = StageWorld(of_payments=True)
    made.expose("A", until=LAUNCH + timedelta(days=3))
    made.expose("A", "B", rollout="another")
    attempts: tuple[tuple[str, str, date, str, int], ...] = (
        ("P1", "A", LAUNCH - timedelta(days=1), "failed", 1),
        ("P2", "A", LAUNCH, "succeeded", 2),
        ("P3", "A", LAUNCH + timedelta(days=2), "failed", 3),
        ("P4", "A", LAUNCH + timedelta(days=3), "succeeded", 4),
        ("P5", "B", LAUNCH, "succeeded", 1),
        ("P6", "C", LAUNCH, "succeeded", 1),
    )
    for payment_id, customer, on, status, number in attempts:
        made.pay(payment_id, f"N-{customer}", customer, on, status, number)
    made.break_("N-A", LAUNCH + timedelta(days=7), "100", pair="billed_paid", code="PAYMENT_DUPLICATE", customer_id="A")
    made.break_("N-A", LAUNCH + timedelta(days=1), "7", customer_id="A")
    made.break_("N-C", LAUNCH + timedelta(days=1), "100", pair="billed_paid", code="PAYMENT_DUPLICATE", customer_id="C")
    with made.session(LAUNCH + timedelta(days=7)) as con:
        con.execute("UPDATE rollouts_watched SET by_line = rollout <> 'r'")
        build(con, COLLECTED)
        assert con.execute("SELECT * EXCLUDE (last_day), last_day FROM exposed_collections").fetchall() == [
            ("r", "USD", Decimal(100), Decimal(100), 2, 2, LAUNCH + timedelta(days=2))
        ]
        assert con.execute("FROM collected_breaks").fetchall() == [("r", "USD", 1, Decimal(100))], (
            "the break of its payments, known after it was switched off, and no break of a bill"
        )
