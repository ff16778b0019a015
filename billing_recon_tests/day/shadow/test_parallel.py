"""The parallel run: each day beside live billing until the cutover, paged when it strays; after it, the old logic."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from billing_recon.core.candidate import Launch
from billing_recon.core.errors import ConfigurationError, GateRefused
from billing_recon.core.operations import Cause, Operations
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.shadow import decisions
from billing_recon.day.shadow.cutover import cut_over
from billing_recon.day.shadow.gate import check
from billing_recon.day.shadow.parallel import due_days, parallel_days, run_parallel
from billing_recon.day.shadow.review import run
from billing_recon.day.shadow.snapshot import snapshots, take
from billing_recon.paging.desk import settle
from billing_recon.paging.watch import watch
from billing_recon.report.shadow_page import write_page
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.shadow.conftest import LAST
from billing_recon_tests.paging.conftest import Office, hook
from billing_recon_tests.paging.receivers import Receiver
from billing_recon_tests.people import code_of, enrol_everyone

__all__ = ["hook"]

pytestmark = pytest.mark.long

NAME = "clean"
NOON = datetime(LAST.year, LAST.month, LAST.day, 12, tzinfo=UTC) + timedelta(days=1)


def launch(home: Home, **changes: Any) -> None:
    """Review the first two days, run beside live billing on the third, cut over after it."""
    file = home.path / "shadow" / NAME / "candidate.yaml"
    held = yaml.safe_load(file.read_text(encoding="utf-8"))
    held["snapshot"] = str(LAST - timedelta(days=1))
    held["launch"] |= {
        "parallel_from": str(LAST), "parallel_to": str(LAST), "cutover": str(LAST + timedelta(days=1)), **changes,
    }  # fmt: skip
    file.write_text(yaml.safe_dump(held), encoding="utf-8")


@pytest.fixture
def launching(reviewed: Home, tmp_path: Path) -> Home:
    shutil.copytree(reviewed.path, tmp_path / "home")
    home = Home.open(tmp_path / "home")
    take(home, f"{FIRST}..{LAST - timedelta(days=1)}", "ana")
    launch(home)
    run(home, NAME, "ana")
    return home


def decide_go(home: Home) -> None:
    secrets = enrol_everyone(home)
    for name in secrets:
        decisions.approve(home, NAME, name, "t", code=code_of(secrets[name], later=0))
    decider = next(iter(secrets))
    decisions.decide(home, NAME, True, decider, "t", code=code_of(secrets[decider], later=1), reason="all meant")


def tamper(home: Home, change: Callable[[Decimal], Decimal]) -> bytes:
    """Change the totals of one of the new engine's bills of the last day; return what was there."""
    file = home.path / "shadow" / NAME / "landing" / "invoice_lines" / f"{LAST}.csv"
    before = file.read_bytes()
    head, *lines = before.decode().splitlines()
    names = head.split(",")
    cells = lines[0].split(",")
    for name in ("gross", "taxable", "total"):
        cells[names.index(name)] = str(change(Decimal(cells[names.index(name)])))
    file.write_text("\n".join([head, ",".join(cells), *lines[1:]]) + "\n", encoding="utf-8")
    return before


def pages(home: Home) -> dict[str, str]:
    return {t.key: t.title for t in watch(home, Operations(), NOON).troubles if t.key.startswith("launch/")}


def test_a_launch_waits_for_its_parallel_days_and_a_day_that_strays_pages_until_it_is_mended(launching: Home) -> None:
    home = launching
    assert check(home, NAME).verdict is Verdict.PASS
    decide_go(home)
    with pytest.raises(
        GateRefused, match=f"{LAST} was not compared; billing-recon shadow parallel {NAME} --day {LAST}"
    ):
        cut_over(home, NAME, "t")
    assert [day for day, _ in due_days(home, NAME)] == [LAST]
    before = {one.label for one in snapshots(home)}
    good = run_parallel(home, NAME, LAST, "t")
    assert (good.verdict, good.unmeant_invoices, good.beside) == (Verdict.PASS, 0, "candidate"), good.says
    assert good.invoices > 0
    assert due_days(home, NAME) == []
    assert {one.label for one in snapshots(home)} == before, "a day of the parallel run is no frozen period"

    content = tamper(home, lambda amount: amount + 5)
    assert [day for day, _ in due_days(home, NAME)] == [LAST], "other bills of the new engine are another day"
    strayed = run_parallel(home, NAME, LAST, "t")
    assert (strayed.verdict, strayed.unmeant_invoices) == (Verdict.FAIL, 1)
    assert any(says.startswith("pattern: causes that the review did not have") for says in strayed.says)
    assert pages(home) == {f"launch/{NAME}/{LAST}": f"candidate {NAME} is FAIL beside live billing on {LAST}"}
    with pytest.raises(GateRefused, match=f"parallel run of candidate {NAME}: {LAST} is FAIL"):
        cut_over(home, NAME, "t")
    assert "FAIL" in write_page(home, check(home, NAME)).read_text(encoding="utf-8")

    (home.path / "shadow" / NAME / "landing" / "invoice_lines" / f"{LAST}.csv").write_bytes(content)
    run_parallel(home, NAME, LAST, "t")
    assert pages(home) == {}
    assert [(one.day, one.verdict) for one in parallel_days(home, NAME)] == [(LAST, Verdict.PASS)]
    opened = cut_over(home, NAME, "t")
    assert (opened.on, opened.evidence) == (LAST + timedelta(days=1), cut_over(home, NAME, "t").evidence)
    assert home.control.verify_audit() == []

    # From the cutover on, what runs beside live billing is the way back.
    launch(home, parallel_from=str(FIRST), cutover=str(LAST), back={"until": str(LAST)}, parallel_to=None)
    back = run_parallel(home, NAME, LAST, "t")
    assert (back.beside, back.verdict) == ("old", Verdict.PASS), back.says
    assert {figures["meant"].strip("0.") for figures in back.figures.values()} == {""}, (
        "live still bills by the old terms"
    )


def test_a_day_whose_bills_did_not_arrive_is_not_known_and_is_paged_until_the_launch_is_given_up(
    launching: Home, hook: Receiver
) -> None:
    """The page goes out through the outbox: once, and its resolve once."""
    home = launching
    office = Office(home.control, now=NOON)

    def tick() -> list[tuple[str, str]]:
        seen = watch(home, Operations(), NOON)
        launches = [trouble for trouble in seen.troubles if trouble.cause is Cause.LAUNCH]
        settle(home.control.pages, "Acme", office.paging, NOON, [Cause.LAUNCH], launches, holding=seen.holding)
        office.deliver()
        return hook.take()

    office.look(causes=[Cause.LAUNCH])  # switched on, with nothing wrong
    (home.path / "shadow" / NAME / "landing" / "invoice_lines" / f"{LAST}.csv").unlink()
    missing = run_parallel(home, NAME, LAST, "t")
    assert missing.verdict is Verdict.INCONCLUSIVE
    assert f"new engine's bills of {LAST} were not delivered" in " ".join(missing.says)
    assert list(pages(home)) == [f"launch/{NAME}/{LAST}"]
    assert [tick(), tick()] == [[("trigger", f"launch/{NAME}/{LAST}")], []]
    with pytest.raises(ConfigurationError, match="is no day of candidate"):
        run_parallel(home, NAME, FIRST, "t")
    with pytest.raises(GateRefused, match=f"billing-recon run --day {LAST + timedelta(days=1)}"):
        run_parallel(home, NAME, LAST + timedelta(days=1), "t")
    secrets = enrol_everyone(home)
    name = next(iter(secrets))
    decisions.decide(home, NAME, False, name, "t", code=code_of(secrets[name], later=0), reason="given up")
    assert (pages(home), due_days(home, NAME)) == ({}, []), "a no-go ends the parallel run"
    assert [tick(), tick()] == [[("resolve", f"launch/{NAME}/{LAST}")], []]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"parallel_to": "2026-03-02"}, "parallel_to without parallel_from"),
        ({"parallel_from": "2026-03-09"}, "not in order"),
        ({"back": {"until": "2026-03-01"}}, "back.until is before cutover"),
    ],
)
def test_dates_of_a_launch_that_contradict_each_other_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Launch.model_validate(
            json.loads('{"decided_by": "ana", "cutover": "2026-03-05", "rollback": "flag off"}') | changes
        )
