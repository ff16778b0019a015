"""The two computations of a break beside each other: what is shown adds up to what is broken."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from billing_recon.day import Home
from billing_recon.report.break_working import lines_of
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import breaks, run_day
from billing_recon_tests.day.test_a_day import edit, landed


def test_a_line_that_is_not_on_its_invoice_stands_beside_all_that_was_due_with_it(company: Callable[..., Path]) -> None:
    path = company()

    def without_usage(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        gone = next(row for row in rows if row["kind"] == "usage" and Decimal(row["total"]))
        return [row for row in rows if row is not gone]

    edit(landed(path, "invoice_lines"), without_usage)
    home = Home.open(path)
    run_day(home, FIRST)
    row = next(one for one in breaks(home, FIRST) if one["pair"] == "expected_billed")
    expected, billed = lines_of(home, row)
    assert len(expected) == len(billed) + 1 > 1
    assert sum(line["total"] for line in billed) - sum(line["total"] for line in expected) == row["delta"]
