"""The launch of proration by the day: exposed to a few, doubled lines at a month end, switched back, corrected, mended, and taken to all.

The new engine's bills, their documents, postings and payments are a simulated company's; every decision is made as people make it.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from billing_recon.cli.simulate import parse_stage
from billing_recon.control.rollout_records import Verb
from billing_recon.core.errors import GateRefused
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.rollout.corrections import corrections, open_corrections
from billing_recon.day.rollout.gate import judge_stages
from billing_recon.day.rollout.state import Status
from billing_recon.feeds.file_reader import read_file
from billing_recon.report.rollout_corrections import write_credit_notes
from billing_recon.simulate import simulate
from billing_recon.simulate.rollouts import Rollout, Step
from billing_recon_tests.day.rollout.launch import NAME, Launch, plan_text
from billing_recon_tests.day.run import breaks, run_day
from billing_recon_tests.people import enrol_everyone

pytestmark = pytest.mark.long

D = date.fromisoformat
STEPS = ("2026-01-30=30%", "2026-01-31=60%", "2026-02-02=off", "2026-02-03=30%", "2026-02-04=60%", "2026-02-05=100%")
FIRST, LAST = D("2026-01-29"), D("2026-02-05")
BUG = "INVOICE_DUPLICATE:lines_twice@month_end"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def plan_of(people: list[str], members: Mapping[str, list[str]]) -> str:
    """The template's plan with three stages: two lists as the new engine was switched, then everybody."""
    plan = yaml.safe_load(plan_text(people, "nobody"))
    strict = [
        {"metric": metric, "limit": 0} for metric in ("breaks", "exposure", "duplicate_invoices", "tax_anomalies")
    ]

    def stage(name: str, boundaries: list[str]) -> dict[str, object]:
        window = {"days": 1, "invoices": 1, "boundaries": boundaries, "settled": False}
        return {"name": name, "approvers": [people[0]], "window": window, "thresholds": strict}

    plan["stages"] = [
        stage("internal", []) | {"cohort": {"customers": members["share_30"]}},
        stage("small", []) | {"cohort": {"customers": members["share_60"]}},
        stage("all", []) | {"share": "1"},
    ]
    plan["triggers"] = [{"metric": "duplicate_invoices", "limit": 0, "then": "rollback"}]
    return yaml.safe_dump(plan)


@pytest.fixture
def company(tmp_path: Path) -> Launch:
    rollout = Rollout(NAME, tuple(Step(*parse_stage(one)) for one in STEPS), {BUG: 1})
    path = tmp_path / "home"
    simulate(seed=11, first=FIRST, last=LAST, customers=60, faults={}, out=path, rollout=rollout)
    home = Home.open(path)
    launch = Launch(home, enrol_everyone(home))
    members: dict[str, list[str]] = {}
    for row in rows(path / "rollouts" / NAME / "members.csv"):
        if row["until_day"]:
            members.setdefault(row["stage"], []).append(row["customer_id"])
    launch.write(plan_of(launch.people, members))
    return launch


def live(launch: Launch, day: str) -> Verdict | None:
    """A day as its run does it: reconciled, judged, and its stage judged."""
    run_day(launch.home, D(day))
    launch.later()
    found = judge_stages(launch.home, D(day))
    return found[-1].verdict if found else None


def test_the_proration_launch(company: Launch, tmp_path: Path) -> None:
    home = company.home
    live(company, "2026-01-29")
    company.promote()
    assert live(company, "2026-01-30") is Verdict.PASS
    company.promote()
    truth = rows(home.path / "rollouts" / NAME / "truth.csv")
    (bug,) = truth
    assert bug["day"] == "2026-01-31"
    assert live(company, "2026-01-31") is Verdict.FAIL

    # The trigger switched back by itself, in nobody's name, and nothing is widened until somebody answers for it.
    state = company.state
    assert (state.status, state.stage) == (Status.ROLLED_BACK, None)
    switched = state.last(Verb.SWITCHED)
    assert switched is not None
    assert switched.reason.startswith("rollback: duplicate_invoices is 1")
    with pytest.raises(GateRefused, match="rolled back"):
        company.promote()

    # Exactly the doubled bill is to be corrected, by exactly what it is too high.
    (wrong,) = corrections(home, state)
    assert (wrong.invoice_id, wrong.currency, wrong.billed_minus_owed) == (
        bug["invoice_id"], bug["currency"], Decimal(bug["delta"])
    )  # fmt: skip
    assert wrong.state == "open"
    assert str(wrong.issued_on) in wrong.wording
    notes = tmp_path / "notes"
    written = write_credit_notes(home, state, [wrong], notes, D(bug["day"]))
    assert written == len(list(notes.glob("*.xml"))) == (wrong.way == "credit_note_and_invoice")
    for path in notes.glob("*.xml"):
        (note,) = read_file(path, ())
        assert note.findings == ()

    # Mended: it begins again at the first stage and goes to everybody, each step on a current PASS.
    company.resume("a change of plan is keyed by its day now")
    # Nobody is exposed, so no stage is judged; the engine follows the flag a day late, and its bill of that day is a break.
    for day in ("2026-02-01", "2026-02-02"):
        assert live(company, day) is None
    late = breaks(home, D("2026-02-01"), D("2026-02-02"))
    assert [(one["code"], one["day"]) for one in late] == [("EXPOSURE", D("2026-02-01"))]
    # The doubled bill is not corrected yet: it is widened only by somebody who accepts that very list.
    with pytest.raises(GateRefused, match="1 bill of the new path not corrected yet"):
        company.promote(D("2026-02-03"))
    mark = open_corrections(home, company.state).mark
    for stage, promoted in (("internal", "2026-02-03"), ("small", "2026-02-04"), ("all", "2026-02-05")):
        assert company.promote(D(promoted), mark).stage == stage
        assert live(company, promoted) is Verdict.PASS, home.control.rollouts.latest_verdict(NAME, stage)
    assert company.promote(accept_corrections=mark).status is Status.CLOSED

    verbs = [event.verb for event in home.control.rollouts.events(NAME)]
    assert verbs.count(Verb.SWITCHED) == 6
    assert home.control.verify_audit() == []
