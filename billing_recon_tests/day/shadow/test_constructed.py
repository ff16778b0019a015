"""Constructed accounts fill scenarios without real examples, are compared as real ones are, and enter no sum of the review."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from billing_recon.core.candidate import LaunchRule
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.launch import Constructed, Found, judge
from billing_recon.core.verdict import Verdict
from billing_recon.day.shadow.candidate import open_candidate
from billing_recon.day.shadow.review import compare_constructed
from billing_recon.day.shadow.snapshot import Snapshot
from billing_recon_tests.day.shadow.small_period import freeze
from billing_recon_tests.day.shadow.test_four_corners import ACME, BILLED, CATALOG, HEADER

pytestmark = pytest.mark.long

CONTRACTS = (
    "subscription_id,customer_id,plan_id,plan_version,status,quantity,currency,timezone,tax_region,segment,billing_anchor,"
    "billing_interval,valid_from,valid_to,contract\n"
    'S-X,MADE-UP,flat,1,active,1,USD,UTC,none,partner,2026-01-01,month,2026-01-01T00:00:00Z,,"{""cap"": ""300""}"\n'
)
SAME = "purpose: a new engine\nowner: billing\nengine: {}\nlaunch_rule: {coverage: [renewal, cap]}\n"
BASE = "INV-X,1,MADE-UP,S-X,flat,1,subscription,,2026-01-01,2026-02-01,1,,500.00,0,0,500.00,0,0,500.00,USD,2026-02-03,2026-02-03T23:00:00Z\n"
CAP = "INV-X,2,MADE-UP,S-X,flat,1,discount,cap,2026-01-01,2026-02-01,1,,0,{0},0,-{0},0,0,-{0},USD,2026-02-03,2026-02-03T23:00:00Z\n"


def put(folder: Path, table: str, day: str, text: str) -> None:
    (folder / table).mkdir(parents=True, exist_ok=True)
    (folder / table / f"{day}.csv").write_text(text, encoding="utf-8")


def describe(tmp_path: Path, new_cap: str, contracts: str = CONTRACTS) -> tuple[Path, Snapshot]:
    """A candidate with an account that has a cap, which the old engine applies, and the new engine as `new_cap`."""
    folder = tmp_path / "home" / "shadow" / "c"
    folder.mkdir(parents=True)
    (folder / "candidate.yaml").write_text(SAME, encoding="utf-8")
    landing, theirs = folder / "constructed" / "landing", folder / "constructed" / "candidate" / "landing"
    put(landing, "subscriptions", "2026-02-01", contracts)
    put(landing, "invoice_lines", "2026-02-03", HEADER + BASE + CAP.format("200.00"))
    put(theirs, "invoice_lines", "2026-02-03", HEADER + BASE + CAP.format(new_cap))
    lines = [{**BILLED, "gross": Decimal(500)}]
    return tmp_path / "home", freeze(tmp_path / "snapshot", catalog=CATALOG, subscriptions=[ACME], lines=lines)


def constructed(tmp_path: Path, new_cap: str, contracts: str = CONTRACTS) -> Constructed:
    """What is found of that account."""
    home, snapshot = describe(tmp_path, new_cap, contracts)
    filling = tmp_path / "review"
    filling.mkdir()
    found = compare_constructed(open_candidate(home, "c"), snapshot, filling)
    assert found is not None
    assert [path.name for path in tmp_path.glob("review*")] == ["review"], "scratch is cleared away"
    assert [path.name for path in filling.iterdir()] == ["constructed"], "kept apart"
    return Constructed(**found)


def coverage(found: Constructed | None) -> dict[str, tuple[Verdict, str]]:
    rule = LaunchRule(coverage=("renewal", "cap"))
    real = Found(rows=1, invoices=1, scenarios={"renewal": 1}, noise=0, background=0, constructed=found)
    return {c.name: (c.verdict, c.says) for c in judge(rule, real) if c.name in ("coverage", "constructed")}


def test_a_scenario_without_a_real_example_is_covered_by_a_constructed_account_and_says_so(tmp_path: Path) -> None:
    found = constructed(tmp_path, "200.00")
    assert (found.invoices, found.unmeant, list(found.problems)) == (1, 0, [])
    assert found.scenarios["cap"] == 1
    assert coverage(None) == {"coverage": (Verdict.INCONCLUSIVE, "without an example: cap")}
    assert coverage(found) == {
        "coverage": (Verdict.PASS, "examples: 1 renewal, 1 constructed cap"),
        "constructed": (Verdict.PASS, "0 of 1 invoice of constructed accounts differ in a way nobody meant; none may"),
    }


def test_a_fault_in_a_constructed_account_fails_and_a_row_that_cannot_be_read_is_not_known(tmp_path: Path) -> None:
    found = constructed(tmp_path / "fault", "150.00")
    assert (found.unmeant, coverage(found)["constructed"][0]) == (1, Verdict.FAIL)
    broken = constructed(tmp_path / "broken", "200.00", CONTRACTS.replace('""300""', '""lots""'))
    assert coverage(broken)["constructed"][0] is not Verdict.PASS
    assert any(says.startswith("constructed subscriptions of 2026-02-01") for says in broken.problems)


def test_constructed_files_are_part_of_the_candidates_version_and_of_the_reviews_days(tmp_path: Path) -> None:
    home, snapshot = describe(tmp_path, "200.00")
    before = open_candidate(home, "c").version
    put(home / "shadow" / "c" / "constructed" / "landing", "usage_events", "2026-03-09", "event_id\n")
    opened = open_candidate(home, "c")
    assert opened.version != before
    with pytest.raises(ConfigurationError, match=r"2026-03-09\.csv is no day of the review"):
        compare_constructed(opened, snapshot, tmp_path / "review")
