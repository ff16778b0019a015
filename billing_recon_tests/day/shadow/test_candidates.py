"""Seeded candidates with bugs: the review splits every difference as the truth says, and nothing else differs."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from billing_recon.cli.app import app
from billing_recon.control.database import connect, control_url, writing
from billing_recon.core.errors import CloseRefused, ConfigurationError, GateRefused
from billing_recon.core.reason import Code
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.shadow import decisions
from billing_recon.day.shadow.gate import causes_off, check, parts_off
from billing_recon.day.shadow.marks import Marked, marks
from billing_recon.day.shadow.review import Review, run
from billing_recon.day.shadow.snapshot import find, take
from billing_recon.report import shadow as report
from billing_recon.simulate import simulate
from billing_recon.simulate.candidates import ENGINE_BUGS
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.day.run import run_day
from billing_recon_tests.day.shadow.conftest import BUGS, DAYS, LAST, PERIOD, put_candidate
from billing_recon_tests.people import code_of, enrol_everyone

pytestmark = pytest.mark.long

PARTS = ("meant", "new_fault", "old_fault")


def found(home: Home, name: str) -> Review:
    return check(home, name).review


def truth(home: Home, name: str) -> dict[tuple[str, str], tuple[Any, ...]]:
    with (home.path / "shadow" / name / "truth.csv").open(newline="", encoding="utf-8") as file:
        return {
            (row["invoice_id"], row["line_id"]): (*(Decimal(row[part]) for part in PARTS), row["code"])
            for row in csv.DictReader(file)
        }


def differing(review: Review) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {
        (row["invoice_id"], row["line_id"]): (*(row[part] for part in PARTS), row["code"])
        for row in report.rows(review, "line")
        if any(row[part] for part in PARTS) or row["state"] != "equal"
    }


ROUNDS = int(os.environ.get("BILLING_RECON_ROUNDS", "2"))


@pytest.mark.parametrize("number", range(ROUNDS))
def test_candidates_with_mixed_bugs_are_split_as_their_truth_says(frozen: Path, tmp_path: Path, number: int) -> None:
    """Bugs drawn at random, in other mixes each round; from the third round on in other companies with other old bugs."""
    rng, name = Random(f"mixed {number}"), f"mixed{number}"
    new, old = ({str(code): rng.randint(1, 2) for code in rng.sample(ENGINE_BUGS, how_many)} for how_many in (9, 4))
    made = tmp_path / "home"
    if number < 2:
        shutil.copytree(frozen, made)
        fewer(new, lambda: put_candidate(made, tmp_path / f"made{len(new)}", name, new), "candidate:")
    else:

        def company() -> None:
            simulate(
                seed=100 + number, first=FIRST, last=LAST, customers=200, faults=old, out=made, candidate=name,
                candidate_faults=new,
            )  # fmt: skip

        fewer(new, lambda: fewer(old, company), "candidate:")
        for day in range(DAYS):
            run_day(Home.open(made), FIRST + timedelta(days=day))
        take(Home.open(made), PERIOD, "ana")
    home = Home.open(made)
    review = run(home, name, "ana")
    assert (review.facts["noise"], review.facts["background"], review.facts["problems"]) == (
        {"differing": 0}, {"differing": 0}, [],
    )  # fmt: skip
    assert differing(review) == truth(home, name)
    assert (parts_off(review), causes_off(review)) == ([], [])
    told = truth(home, name).values()
    bugs = {code for _, new_fault, old_fault, code in told if new_fault not in (0, old_fault)}
    assert {c["code"] for c in report.causes(review) if c["part"] == "new"} == bugs


def fewer(bugs: dict[str, int], make: Callable[[], object], prefix: str = "") -> None:
    """Make a company; a bug for which it has too few places is left out."""
    while True:
        try:
            make()
        except ConfigurationError as error:
            named = [code for code, asked in bugs.items() if str(error).startswith(f"{prefix}{code}: {asked} asked")]
            if not named:
                raise
            del bugs[named[0]]
        else:
            return


@pytest.mark.parametrize("name", BUGS)
def test_every_difference_is_split_as_the_truth_says_and_none_is_invented(reviewed: Home, name: str) -> None:
    lines, differ = report.rows(found(reviewed, name), "line"), differing(found(reviewed, name))
    assert differ == truth(reviewed, name)
    assert len(lines) > len(differ) > sum(BUGS[name].values())


@pytest.mark.parametrize("name", BUGS)
def test_the_three_parts_sum_to_the_difference_on_every_line_invoice_and_account(reviewed: Home, name: str) -> None:
    for level in report.LEVELS:
        for row in report.rows(found(reviewed, name), level):
            assert row["new_total"] - row["old_total"] == row["delta"]
            assert row["delta"] == row["meant"] + row["new_fault"] - row["old_fault"]


@pytest.mark.parametrize("name", BUGS)
def test_the_causes_hold_every_difference_once(reviewed: Home, name: str) -> None:
    review = found(reviewed, name)
    causes, lines = report.causes(review), report.rows(review, "line")
    for part, column in (("meant", "meant"), ("new", "new_fault")):
        for currency in ("USD", "EUR", "JPY"):
            grouped = [c for c in causes if c["part"] == part and c["currency"] == currency]
            single = [
                r[column]
                for r in lines
                if r["currency"] == currency and r[column] and (part == "meant" or r["state"] == "unmeant")
            ]
            assert sum(c["net"] for c in grouped) == sum(single)
            assert sum(c["lines"] for c in grouped) == len(single)


def test_nothing_is_launched_while_the_new_engine_has_faults(reviewed: Home) -> None:
    judged = check(reviewed, "faulty")
    assert judged.verdict is Verdict.FAIL
    verdicts = {clause.name: clause.verdict for clause in judged.clauses}
    assert verdicts["max_unmeant_share"] is verdicts["max_unexplained"] is Verdict.FAIL
    assert verdicts["noise"] is verdicts["background"] is verdicts["population"] is Verdict.PASS


def test_a_review_holds_only_for_what_it_read(reviewed: Home, tmp_path: Path) -> None:
    """An edited candidate, other bills or changed results: no verdict stands on them, and the next step is named."""
    shutil.copytree(reviewed.path, tmp_path / "home")
    home = Home.open(tmp_path / "home")
    folder = home.path / "shadow" / "faulty"
    bills = next(
        path for path in sorted(folder.glob("landing/invoice_lines/*.csv")) if path.read_text().count("\n") > 1
    )
    for path in (folder / "candidate.yaml", bills, found(home, "faulty").folder / "shadow_lines.parquet"):
        content = path.read_bytes()
        path.write_bytes(content + b"\n")
        judged = check(home, "faulty")
        assert judged.verdict is Verdict.INCONCLUSIVE
        assert any(
            "billing-recon shadow run faulty" in clause.says for clause in judged.clauses if clause.name == "current"
        )
        path.write_bytes(content)
    facts = found(home, "faulty").folder / "facts.json"
    held = facts.read_text(encoding="utf-8")
    facts.write_text(held.replace('"owners"', '"former"'), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"reviewed by an earlier version .* billing-recon shadow run faulty"):
        check(home, "faulty")
    facts.write_text(held, encoding="utf-8")
    assert check(home, "faulty").verdict is Verdict.FAIL
    file = find(home, None).path / "config" / "catalog" / "plans.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert check(home, "faulty").verdict is Verdict.INCONCLUSIVE
    with pytest.raises(GateRefused, match=r"plans\.yaml of snapshot"):
        run(home, "faulty", "ana")


def test_live_days_that_change_while_a_review_stands_change_no_byte_of_it(reviewed: Home, tmp_path: Path) -> None:
    """Bills are corrected, prices change and the day is run again: the review is the same, and so is a rerun of it."""
    shutil.copytree(reviewed.path, tmp_path / "home")
    home = Home.open(tmp_path / "home")
    review = found(home, "faulty")
    before = {path.name: path.read_bytes() for path in review.folder.iterdir()}
    landed = home.path / "landing" / "invoice_lines" / f"{FIRST}.csv"
    landed.write_text(
        landed.read_text(encoding="utf-8").replace(",base,", ",bass,").replace("USD", "EUR"), encoding="utf-8"
    )
    run_day(home, FIRST)
    assert check(home, "faulty").verdict is Verdict.FAIL
    again = run(home, "faulty", "bo")
    assert {path.name: path.read_bytes() for path in again.folder.iterdir()} == before


def test_lines_as_json_have_the_fixed_keys_and_amounts_as_text(reviewed: Home) -> None:
    lines = [json.loads(line) for line in report.exported(report.rows(found(reviewed, "faulty"), "line"), "json")]
    fixed = "customer_id subscription_id invoice_id line_id currency old_total new_total expected_old expected_new delta meant new_fault old_fault code explanation"
    assert list(lines[0])[:15] == fixed.split()
    assert all(isinstance(line[name], str) for line in lines for name in fixed.split())
    assert all(line["explanation"] for line in lines)
    assert next(line["old_total"] for line in lines if line["currency"] == "USD").rpartition(".")[2].isdecimal()


def test_faults_of_whole_invoices_are_refused_with_a_candidate(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="INVOICE_MISSING: not with a candidate"):
        simulate(
            seed=7, first=FIRST, last=FIRST, customers=3, faults={Code.INVOICE_MISSING: 1}, out=tmp_path / "h", candidate="c"
        )  # fmt: skip


def test_a_candidate_that_was_never_run_has_no_verdict(home: Home) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        check(home, "nobody")


def test_the_commands_say_what_the_review_found_and_exit_1_while_it_does_not_pass(reviewed: Home) -> None:
    def typed(*words: str) -> Result:
        return CliRunner().invoke(app, ["--home", str(reviewed.path), "shadow", *words])

    lines = [json.loads(line) for line in typed("lines", "faulty", "--format", "json").stdout.splitlines()]
    unmeant = [line for line in lines if line["state"] == "unmeant"]
    assert {(line["invoice_id"], line["line_id"]) for line in unmeant} <= set(truth(reviewed, "faulty"))
    judged = typed("check", "faulty")
    assert judged.exit_code == 1
    assert judged.stdout.startswith("FAIL  candidate faulty")
    assert "FAIL          max_unmeant_share" in judged.stdout
    assert "unmeant" in typed("show", "faulty").stdout
    assert unmeant[0]["explanation"] in typed("explain", "faulty", unmeant[0]["invoice_id"]).stdout
    assert "total" in typed("preview", unmeant[0]["customer_id"], "--candidate", "faulty").stdout
    (first, *_) = json.loads(typed("causes", "faulty", "--format", "json").stdout.splitlines()[0])["samples"].split(",")
    assert first.startswith('["INV-')
    assert typed("verify").exit_code == 0
    assert typed("check", "nobody").exit_code == 2


def test_a_cause_is_marked_with_who_and_why_and_a_candidate_that_fails_is_not_approved(
    reviewed: Home, tmp_path: Path
) -> None:
    shutil.copytree(reviewed.path, tmp_path / "home")
    home = Home.open(tmp_path / "home")
    cause = next(c for c in report.causes(found(home, "faulty")) if c["part"] == "new")
    decisions.mark_cause(
        home, "faulty", cause["cause_id"], "to-fix", by="ana", actor="t", note="both ends", owner="engine"
    )
    decisions.mark_cause(home, "faulty", cause["cause_id"], "comment", by="bo", actor="t", note="in release 4.2")
    decisions.mark_cause(home, "faulty", cause["cause_id"], "assign", by="bo", actor="t", note="", owner="rating")
    said = Marked("to-fix", "rating", "ana", ("ana: both ends", "bo: in release 4.2"))
    marked, causes = marks(home, "faulty"), report.causes(found(home, "faulty"))
    assert {c["cause_id"]: marked.of(c) for c in causes if marked.of(c) != Marked()} == {cause["cause_id"]: said}
    shown = CliRunner().invoke(app, ["--home", str(home.path), "shadow", "causes", "faulty", "--format", "json"])
    (marked,) = [row for line in shown.stdout.splitlines() if (row := json.loads(line))["mark"]]
    assert (marked["cause_id"], marked["assigned_to"]) == (cause["cause_id"], "rating")
    with pytest.raises(ConfigurationError, match="is no cause"):
        decisions.mark_cause(home, "faulty", "0000", "understood", by="ana", actor="t", note="looks odd")
    with pytest.raises(GateRefused, match="candidate faulty is FAIL"):
        decisions.approve(home, "faulty", "Amara Okafor", "t", code="000000")
    with pytest.raises(GateRefused, match="nobody has decided"):
        decisions.require_go(home, "faulty")
    assert home.control.verify_audit() == []


def test_a_candidate_without_faults_passes_is_approved_by_three_people_and_decided_by_the_one_named(
    reviewed: Home, tmp_path: Path
) -> None:
    shutil.copytree(reviewed.path, tmp_path / "home")
    home = Home.open(tmp_path / "home")
    judged = check(home, "clean")
    assert judged.verdict is Verdict.PASS, judged.clauses
    secrets = enrol_everyone(home)
    first, *others = secrets

    def decided(name: str, later: int) -> decisions.Decision:
        return decisions.decide(
            home, "clean", True, name, "t", code=code_of(secrets[name], later=later), reason="all meant"
        )

    with pytest.raises(CloseRefused, match="is not approved"):
        decided(first, 0)
    for name in secrets:
        decisions.approve(home, "clean", name, "t", code=code_of(secrets[name], later=0))
    with pytest.raises(CloseRefused, match=f"{first} decides about candidate clean, not {others[0]}"):
        decided(others[0], 1)
    assert decided(first, 1).go
    assert decisions.require_go(home, "clean").decided_by == first
    file = home.path / "shadow" / "clean" / "candidate.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "flags: {late: change}\n", encoding="utf-8")
    with pytest.raises(GateRefused, match="does not hold: current: the candidate was changed since its review"):
        decisions.require_go(home, "clean")


def test_no_command_passes_upon_a_record_that_was_inserted_with_sql(reviewed: Home, tmp_path: Path) -> None:
    """Somebody signs a row of the sample off in the database itself."""
    shutil.copytree(reviewed.path, tmp_path / "home")
    home = Home.open(tmp_path / "home")
    assert check(home, "clean", records=True).verdict is Verdict.PASS
    engine = connect(control_url(home.state))
    with writing(engine) as connection:
        connection.execute(
            text(
                "INSERT INTO shadow_records (kind, name, version, content, decided_by, reason, actor, decided_at) "
                "VALUES ('sample', 'clean', 'v', '{}', 'ana', 'w', 't', 'now')"
            )
        )
    engine.dispose()
    (forged,) = [one for one in check(home, "clean", records=True).clauses if one.verdict is not Verdict.PASS]
    assert (forged.name, forged.verdict) == ("records", Verdict.INCONCLUSIVE)
    assert "has no audit event" in forged.says
