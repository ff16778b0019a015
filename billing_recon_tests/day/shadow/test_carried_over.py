"""What was found of the old engine holds for the new one only where the comparison would read the same: nothing else is carried over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from billing_recon.compute.engine import Limits
from billing_recon.compute.shadow import STORED
from billing_recon.day.shadow.candidate import Terms, open_candidate
from billing_recon.day.shadow.corners import Bench, Side
from billing_recon_tests.day.shadow.small_period import freeze, used, write_output

PLAN = """  - plan_id: {plan}
    plan_version: "1"
    currency: USD
    charges:
      - {{charge_id: base, kind: subscription, model: flat, amount: "200"}}
      - {{charge_id: events, kind: usage, model: per_unit, meter: events, unit_price: "0.015"{more}}}
"""
TAXES = 'taxes:\n  - {tax_region: none, rate: "0"}\n'
CATALOG = "plans:\n" + "".join(PLAN.format(plan=plan, more="") for plan in ("plain", "touched", "moved")) + TAXES
TOUCHED = "plans:\n" + PLAN.format(plan="touched", more=", discountable: false") + TAXES
CANDIDATE = """
purpose: carried over
owner: pricing
terms:
  catalog: catalog/*.yaml
  contracts:
    - of: {plan_id: moved}
      contract: {note: renegotiated}
engine: {}
"""
LATER = "2026-02-04T23:00:00+00:00"
ALIKE = [f"S-{n:02}" for n in range(20)]
"""Contracts of which everything is alike and right: enough of them to be most, with every other one below."""

Rows = list[dict[str, Any]]


def bill(contract: str, plan: str = "plain", **more: Any) -> Rows:
    """Base fee and 1,000 events of January, as both engines and our rating have them."""
    same = {
        "invoice_id": f"INV-{contract}", "customer_id": f"C-{contract}", "subscription_id": contract, "plan_id": plan, **more
    }  # fmt: skip
    return [
        {**same, "line_id": "1", "gross": Decimal(200)},
        {
            **same, "line_id": "2", "kind": "usage", "meter": "events", "quantity": Decimal(1000), "gross": Decimal(15),
            "unit_price": Decimal("0.015"),
        },
    ]  # fmt: skip


def changed(rows: Rows, at: int, **other: Any) -> Rows:
    return [{**row, **other} if n == at else row for n, row in enumerate(rows)]


def free(contract: str, line: str, seen: str) -> Rows:
    """A line of 0.00 that nobody expects: a charge that is billed a second time with it is billed twice."""
    row = changed(bill(contract), 1, gross=Decimal(0), quantity=Decimal(0), line_id=line, calculated_at=seen)[1]
    return [row]


OTHERS: dict[str, tuple[Rows, Rows]] = {
    "a figure is another": (bill("S-a"), changed(bill("S-a"), 1, gross=Decimal("15.01"))),
    "a figure of the same total is another": (bill("S-b"), changed(bill("S-b"), 1, quantity=Decimal(999))),
    "a line is not there": (bill("S-c"), bill("S-c")[:1]),
    "a line of nothing is there": (bill("S-d"), [*bill("S-d"), *free("S-d", "3", LATER)]),
    "the bill has another number": (bill("S-e"), bill("S-e", invoice_id="INV-X")),
    "the bill is known on another day": (bill("S-f"), bill("S-f", observed_on=date(2026, 2, 4))),
    "the bill is for another customer": (bill("S-g"), bill("S-g", customer_id="C-S-00")),
    "the bill is void": (bill("S-h"), bill("S-h", status="void")),
    "the old engine voided a line of the bill": (
        [*bill("S-i"), {**bill("S-i")[0], "line_id": "0", "status": "void"}], bill("S-i"),
    ),
    "both engines have the same fault": (
        changed(bill("S-j"), 0, gross=Decimal(210)), changed(bill("S-j"), 0, gross=Decimal(210)),
    ),
    "a charge is billed twice, and the other one was calculated first": (
        [*bill("S-k"), *free("S-k", "3", LATER), *free("S-k", "4", "2026-02-03T22:00:00+00:00")],
        [*bill("S-k"), *free("S-k", "3", "2026-02-03T22:00:00+00:00"), *free("S-k", "4", LATER)],
    ),
    "another contract of the bill differs": (
        [*bill("S-l"), *changed(bill("S-a2", invoice_id="INV-S-l"), 0, line_id="8")[:1], *changed(
            bill("S-a2", invoice_id="INV-S-l"), 1, line_id="9")[1:]],
        [*bill("S-l"), *changed(bill("S-a2", invoice_id="INV-S-l"), 0, line_id="8", gross=Decimal(201))[:1], *changed(
            bill("S-a2", invoice_id="INV-S-l"), 1, line_id="9")[1:]],
    ),
    "the plan is another, and the price the same": (bill("S-m", "touched"), bill("S-m", "touched")),
    "the contract is moved, and the price the same": (bill("S-n", "moved"), bill("S-n", "moved")),
    "its id is mapped": (bill("S-o", subscription_id="their-o"), bill("S-o")),
}  # fmt: skip
"""What differs about a contract, the old engine's lines of it, and the new engine's."""


def contract(row: dict[str, Any]) -> str:
    return str({"their-o": "S-o"}.get(row["subscription_id"], row["subscription_id"]))


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folders of a review in which every contract is compared, and of one that carries over."""
    return reviewed(tmp_path_factory.mktemp("carried"))


def reviewed(tmp_path: Path, candidate: str = CANDIDATE, keys: Sequence[dict[str, Any]] = ()) -> tuple[Path, Path]:
    alike = [row for name in ALIKE for row in bill(name)]
    unbilled = bill("S-zero")[:1]  # its 0.00 of no events is expected and not billed
    olds = [*alike, *unbilled, *(row for old, _ in OTHERS.values() for row in old)]
    again = [{**row, "calculated_at": LATER} for row in alike]
    news = [*again, *unbilled, *(row for _, new in OTHERS.values() for row in new)]
    plans = {contract(row): row["plan_id"] for row in olds}
    folder = tmp_path / "home" / "shadow" / "c"
    (folder / "catalog").mkdir(parents=True)
    (folder / "catalog" / "plans.yaml").write_text(TOUCHED, encoding="utf-8")
    (folder / "candidate.yaml").write_text(candidate, encoding="utf-8")
    snapshot = freeze(
        tmp_path / "snapshot",
        catalog=CATALOG,
        subscriptions=[
            {"subscription_id": name, "customer_id": f"C-{name}", "plan_id": plan} for name, plan in plans.items()
        ],
        usage=[used(name, "events", "1000") for name in plans if name != "S-zero"],
        lines=olds,
        keys=[{"layer": "engine", "their_key": "their-o", "our_key": "S-o"}, *keys],
    )
    opened = open_candidate(tmp_path / "home", "c")
    old = Side("old", Terms(snapshot.catalog, snapshot.company))
    new = Side("new", opened.terms(snapshot), write_output(tmp_path / "new.parquet", news), None, opened.candidate)
    folders = tmp_path / "all", tmp_path / "carried"
    for results, known in zip(folders, (None, old), strict=True):
        results.mkdir()
        bench = Bench(snapshot, results, Limits(threads=1))
        bench.corner(old, asked=new.output)
        bench.corner(new, asked=new.output, old=known)
        bench.compose(opened.both_catalogs(snapshot), new.terms, opened.candidate)
    return folders


def carried(folder: Path) -> set[str]:
    file = folder / "carried_new.parquet"
    return {row[0] for row in duckdb.execute(f"FROM '{file}'").fetchall()} if file.exists() else set()


def test_a_contract_is_carried_over_only_if_the_comparison_would_read_the_same(benches: tuple[Path, Path]) -> None:
    every, most = benches
    assert carried(every) == set()
    assert carried(most) == {*ALIKE, "S-zero"}


def test_a_review_that_carries_over_has_the_same_bytes(benches: tuple[Path, Path]) -> None:
    every, most = benches
    for name in (*STORED, "expected_new", "billed_new", "corner_new", "texts_new"):
        assert (every / f"{name}.parquet").read_bytes() == (most / f"{name}.parquet").read_bytes(), name


def test_what_is_carried_over_stands_where_the_new_engine_has_it(benches: tuple[Path, Path]) -> None:
    _, most = benches
    rows = duckdb.execute(
        f"SELECT DISTINCT source_file, CAST(calculated_at AS VARCHAR) LIKE '2026-02-04%' FROM '{most}/billed_new.parquet' WHERE sub = 'S-00'"
    ).fetchall()
    assert rows == [("new.csv", True)]


def test_a_line_of_nothing_that_neither_engine_bills_stands_on_the_bill_of_its_siblings(
    benches: tuple[Path, Path],
) -> None:
    _, most = benches
    rows = duckdb.execute(
        f"SELECT invoice_id, line_id, state, new_total FROM '{most}/shadow_lines.parquet' WHERE subscription_id = 'S-zero' AND kind = 'usage'"
    ).fetchall()
    assert rows == [("INV-S-zero", "", "equal", 0)]


@pytest.mark.parametrize(
    "other",
    ["terms: {profile: {rounding: half_even}}\nengine: {}\n", "engine: {customers: {their-x: C-S-00}}\n"],
    ids=["another profile", "names of its own"],
)
def test_nothing_is_carried_over_where_everything_may_read_otherwise(tmp_path: Path, other: str) -> None:
    every, most = reviewed(tmp_path, f"purpose: other\nowner: pricing\n{other}")
    assert carried(most) == set()
    assert (every / "shadow_lines.parquet").read_bytes() == (most / "shadow_lines.parquet").read_bytes()
