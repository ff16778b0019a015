"""What a new engine delivers is not taken for right because its sums are: rows twice, customers of other names."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from billing_recon.compute.engine import Limits
from billing_recon.core.candidate import LaunchRule
from billing_recon.core.launch import judge
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.shadow.candidate import open_candidate
from billing_recon.day.shadow.gate import found_by
from billing_recon.day.shadow.review import Review, compare
from billing_recon.report import shadow as report
from billing_recon_tests.day.shadow.small_period import freeze, used
from billing_recon_tests.day.shadow.test_four_corners import ACME, BILLED, CATALOG, HEADER

pytestmark = pytest.mark.long

LINE = "INV-1,1,{0},S-ACME,flat,1,subscription,,2026-01-01,2026-02-01,1,,500.00,0,0,500.00,0,0,500.00,USD,2026-02-03,2026-02-03T23:00:00Z\n"


def review(tmp_path: Path, lines: str, engine: str = "{}") -> tuple[set[str], list[str]]:
    """The states of Acme's lines, and the problems, if the new engine delivers these lines."""
    folder, results = tmp_path / "home" / "shadow" / "c", tmp_path / "results"
    (folder / "landing" / "invoice_lines").mkdir(parents=True)
    results.mkdir()
    (folder / "candidate.yaml").write_text(
        f"purpose: a new engine\nowner: billing\nengine: {engine}\n", encoding="utf-8"
    )
    (folder / "landing" / "invoice_lines" / "2026-02-03.csv").write_text(HEADER + lines, encoding="utf-8")
    snapshot = freeze(
        tmp_path / "snapshot",
        catalog=CATALOG,
        subscriptions=[ACME, {"subscription_id": "S-2", "customer_id": "OTHER", "plan_id": "flat"}],
        lines=[{**BILLED, "gross": Decimal("500.00")}],
    )
    facts = compare(open_candidate(tmp_path / "home", "c"), snapshot, results, Limits(threads=1), proved=False)
    lines_of = report.rows(Review("c", results, facts), "line", of="S-ACME")
    return {row["state"] for row in lines_of}, facts["problems"]


def test_rows_that_are_delivered_twice_are_not_known_to_be_billed_once(tmp_path: Path) -> None:
    line = LINE.format("ACME")
    assert review(tmp_path / "once", line) == ({"equal"}, [])
    states, (problem,) = review(tmp_path / "twice", line + line)
    assert states == {"equal"}
    assert problem.startswith("new engine's bills of 2026-02-03: 1 repeated row, word for word")


def test_right_amounts_at_a_unit_price_that_the_terms_do_not_give_are_no_pass(
    company: Callable[..., Path], tmp_path: Path
) -> None:
    """12,000 events are billed at 180.00, as they should be, and the bill says 0.02 for each. A rule may allow for it."""
    folder, results = tmp_path / "home" / "shadow" / "c", tmp_path / "results"
    (folder / "landing" / "invoice_lines").mkdir(parents=True)
    results.mkdir()
    (folder / "candidate.yaml").write_text("purpose: a new engine\nowner: billing\nengine: {}\n", encoding="utf-8")
    base = LINE.format("ACME").replace("flat", "metered").replace("500.00", "200.00")
    usage = (
        base.replace("INV-1,1", "INV-1,2")
        .replace("subscription,,", "usage,events,")
        .replace(",1,,200", ",12000,0.02,200")
    )
    (folder / "landing" / "invoice_lines" / "2026-02-03.csv").write_text(
        HEADER + base + usage.replace("200.00", "180.00"), encoding="utf-8"
    )
    billed = {**BILLED, "plan_id": "metered"}
    snapshot = freeze(
        tmp_path / "snapshot",
        catalog=CATALOG,
        subscriptions=[{**ACME, "plan_id": "metered"}],
        usage=[used("S-ACME", "events", "12000")],
        lines=[
            {**billed, "gross": Decimal("200.00")},
            {
                **billed, "line_id": "2", "kind": "usage", "meter": "events", "quantity": Decimal(12000),
                "unit_price": Decimal("0.015"), "gross": Decimal("180.00"),
            },
        ],
    )  # fmt: skip
    facts = compare(open_candidate(tmp_path / "home", "c"), snapshot, results, Limits(threads=1))
    found = found_by(Home.open(company(days=1, customers=3)), Review("c", results, facts), LaunchRule())
    assert {row["state"] for row in report.rows(Review("c", results, facts), "line")} == {"equal"}
    verdicts = [
        next(
            (c.verdict, c.says)
            for c in judge(LaunchRule(max_misstated_share=Decimal(share)), found)
            if c.name == "max_misstated_share"
        )
        for share in ("0", "1")
    ]
    says = "1 of 1 invoice with right amounts state a unit price that the terms do not give, 100%: INV-1; at most "
    assert verdicts == [(Verdict.FAIL, f"{says}0%"), (Verdict.PASS, f"{says}100%")]


def test_a_right_bill_to_a_customer_whom_nobody_knows_is_not_known_to_be_right_until_the_name_is_mapped(
    tmp_path: Path,
) -> None:
    """A customer who has other contracts is a fault at once; a mapping that names the wrong customer is one too."""
    states, (problem,) = review(tmp_path / "unknown", LINE.format("AC-77"))
    assert states == {"equal"}
    assert "1 contract to customers who have no contract" in problem
    assert "S-ACME to AC-77" in problem
    assert review(tmp_path / "mapped", LINE.format("AC-77"), "{customers: {AC-77: ACME}}") == ({"equal"}, [])
    for name, engine in (("OTHER", "{}"), ("AC-77", "{customers: {AC-77: OTHER}}")):
        assert review(tmp_path / f"not_{name}", LINE.format(name), engine) == ({"unmeant"}, [])
