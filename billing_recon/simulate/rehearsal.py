"""A plan's rehearsal: simulated days on which the new path fails as it may, under the plan's own thresholds, triggers and corrections.

The new path doubles a bill, misses one, sends one twice, is not booked once, and bills customers whose flag is off; then it is switched
back within a cycle. The home itself is not touched: the company is a simulated one in a folder that is removed.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from billing_recon import day as steps
from billing_recon.compute.engine import scratch
from billing_recon.control.rollout_records import RolloutEvent, StageVerdict, Verb
from billing_recon.core.schema import BREAKS, INVOICE_LINES
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.rollout.corrections import corrections
from billing_recon.day.rollout.gate import judge_rollout
from billing_recon.day.rollout.members import write_list
from billing_recon.day.rollout.rehearsal import Check, Rehearsal, record
from billing_recon.day.rollout.state import state_of
from billing_recon.simulate.company import simulate
from billing_recon.simulate.rollouts import IGNORED, Rollout, Step

FIRST, EXPOSED, BACK, LAST = date(2026, 1, 30), date(2026, 1, 31), date(2026, 2, 3), date(2026, 2, 4)
FAULTS = {"INVOICE_DUPLICATE:lines_twice@month_end": 1, "INVOICE_MISSING:period": 1, "RENDER_DUPLICATE": 1, IGNORED: 2}
CUSTOMERS = 150


def rehearse(home: Home, name: str, *, actor: str, progress: Callable[[str], None] = lambda said: None) -> Rehearsal:
    """Rehearse the plan that was written down, and record what was found with its version."""
    state = state_of(home, name)
    with tempfile.TemporaryDirectory(prefix="billing-recon-rehearsal-") as folder:
        path = Path(folder) / "home"
        seed = int(state.version.digest[:8], 16)
        rollout = Rollout(name, (Step(EXPOSED, Decimal("0.5")), Step(BACK, Decimal(0))), FAULTS)
        progress("simulating the days")
        simulate(
            seed=seed, first=FIRST, last=LAST, customers=CUSTOMERS, faults={}, out=path, rollout=rollout, closed=True
        )  # fmt: skip
        found = Rehearsal(tuple(_run(Home.open(path), name, state.plan.model_dump(mode="json"), progress)))
    record(home, state, found, actor)
    return found


def _run(home: Home, name: str, plan: dict[str, Any], progress: Callable[[str], None]) -> Iterator[Check]:
    folder = home.path / "rollouts" / name
    members, truth = _rows(folder / "members.csv"), _rows(folder / "truth.csv")
    _write_down(home, name, plan, sorted({row["customer_id"] for row in members}))
    answers: list[StageVerdict] = []
    days = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
    for day in days:
        progress(f"reconciling {day}")
        if day == EXPOSED:
            _switch(home, name, day, on=True)
        if day == BACK:
            _switch(home, name, day, on=False)
        steps.land_all(home, steps.LANDED, day, "rehearsal")
        steps.roll_up(home, day, "rehearsal")
        steps.expect(home, day, "rehearsal")
        steps.reconcile(home, day, "rehearsal")
        steps.judge_day(home, day, "rehearsal")
        if EXPOSED <= day < BACK:
            answers.append(judge_rollout(home, name, day, "rehearsal"))
    yield _found(home, truth)
    yield from _stopped(answers, truth)
    yield from _switched_back(home, truth)
    yield from _corrected(home, name, truth)


def _found(home: Home, truth: list[dict[str, str]]) -> Check:
    bugs = {(row["code"], row["invoice_id"]) for row in truth if row["kind"] == "bug" and row["invoice_id"]}
    with scratch() as con:
        query = f"SELECT DISTINCT code, invoice_id FROM ({home.warehouse.scan(BREAKS, FIRST, LAST)})"
        told = set(con.execute(query).fetchall())
    return Check("found", bugs <= told, f"{len(bugs & told)} of {len(bugs)} wrong bills and documents are breaks")


def _stopped(answers: list[StageVerdict], truth: list[dict[str, str]]) -> Iterator[Check]:
    bug = next(row for row in truth if row["code"] == "INVOICE_DUPLICATE")
    after = [answer for answer in answers if str(answer.day) >= bug["day"]]
    passed = [str(answer.day) for answer in after if answer.verdict is Verdict.PASS]
    yield Check(
        "stopped",
        bool(after) and not passed,
        f"the stage passed on {', '.join(passed)} although {bug['invoice_id']} was doubled on {bug['day']}; tighten its thresholds"
        if passed
        else f"no PASS from {bug['day']} on, when {bug['invoice_id']} was doubled",
    )
    frozen = [answer for answer in after if answer.verdict is Verdict.FAIL]
    yield Check(
        "frozen",
        bool(frozen),
        f"FAIL on {frozen[0].day}, {(frozen[0].day - date.fromisoformat(bug['day'])).days} days after the doubled bill"
        if frozen
        else "the doubled bill is no FAIL under the plan's thresholds and triggers; bound breaks or duplicate_invoices",
    )


def _switched_back(home: Home, truth: list[dict[str, str]]) -> Iterator[Check]:
    ignored = {row["invoice_id"] for row in truth if row["kind"] == "exposure"}
    with scratch() as con:
        told = {
            row[0]
            for row in con.execute(
                f"SELECT DISTINCT invoice_id FROM ({home.warehouse.scan(BREAKS, EXPOSED, LAST)}) WHERE code = 'EXPOSURE'"
            ).fetchall()
        }
        late = {
            row[0]
            for row in con.execute(
                f"SELECT DISTINCT invoice_id FROM ({home.warehouse.scan(INVOICE_LINES, BACK, LAST)}) WHERE variant = 'candidate'"
            ).fetchall()
        }
        after = con.execute(
            f"SELECT count(*) FROM ({home.warehouse.scan(BREAKS, BACK, LAST)}) AS found SEMI JOIN "
            f"({home.warehouse.scan(INVOICE_LINES, BACK, LAST)}) AS line ON line.invoice_id = found.invoice_id "
            "AND line.variant = 'control' WHERE found.code <> 'EXPOSURE'"
        ).fetchall()[0][0]
    yield Check(
        "flags",
        told == ignored,
        f"{len(told & ignored)} of {len(ignored)} bills against their flag were found, {len(told - ignored)} others",
    )
    yield Check("switched back", late <= ignored, f"{len(late - ignored)} bills of the new path after the switch")
    yield Check("old path", not after, f"{after} breaks in bills of the old path after the switch")


def _corrected(home: Home, name: str, truth: list[dict[str, str]]) -> Iterator[Check]:
    wanted = {
        (row["invoice_id"], row["currency"], Decimal(row["delta"]))
        for row in truth
        if row["pair"] == "expected_billed" and row["invoice_id"]
    }
    found = corrections(home, state_of(home, name))
    listed = {(one.invoice_id, one.currency, one.billed_minus_owed) for one in found if one.invoice_id}
    yield Check(
        "worklist",
        listed == wanted,
        f"{len(listed & wanted)} of {len(wanted)} wrong bills listed to the cent, {len(listed - wanted)} others",
    )
    missing = [row for row in truth if row["code"] == "INVOICE_MISSING"]
    unbilled = [one for one in found if one.invoice_id is None]
    yield Check(
        "none missing",
        len(unbilled) == len(missing),
        f"{len(unbilled)} of {len(missing)} periods not billed are listed",
    )


def _write_down(home: Home, name: str, plan: dict[str, Any], customers: list[str]) -> None:
    """The plan with one stage, of the customers whom the simulated engine exposes."""
    stage = plan["stages"][0] | {"share": None, "cohort": {"customers": customers}}
    text = yaml.safe_dump(plan | {"stages": [stage], "candidate": None})
    version = home.control.rollouts.write_plan(name, text, "rehearsal", "rehearsal")
    with scratch() as con:
        con.execute("CREATE TABLE listed AS SELECT unnest(?) AS customer_id", [customers])
        rows, digest = write_list(con, home, name, stage["name"], "SELECT customer_id FROM listed")
    facts = {"rows": rows, "digest": digest, "customers": CUSTOMERS}
    home.control.rollouts.append(
        RolloutEvent(name, Verb.MEMBERS, stage["name"], version.digest, str(EXPOSED), content=json.dumps(facts))
    )


def _switch(home: Home, name: str, day: date, *, on: bool) -> None:
    state = state_of(home, name)
    stages = list(state.plan.names) if on else []
    facts = {"stages": stages, "at": "", "why": "rehearsal", "before": list(state.exposed), "intent": 0, "flags": ""}
    home.control.rollouts.append(
        RolloutEvent(
            name, Verb.SWITCHED, stages[-1] if stages else "", state.version.digest, str(day), content=json.dumps(facts)
        )
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
