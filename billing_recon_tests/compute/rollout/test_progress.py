"""What a rollout's page and status say that the new path billed: every exposed customer's lines once, in time that grows with the lines."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal

from billing_recon.compute.engine import build
from billing_recon.compute.rollout import FIGURES
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
