"""A plan's rehearsal: simulated days on which the new path fails as it may, under the plan's own thresholds, triggers and corrections.

The new path doubles a bill, misses one, sends one twice, is not booked once, and bills customers whose flag is off; then it is switched
back within a cycle. The home itself is not touched: the company is a simulated one in a folder that is removed.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing_recon import day as steps
from billing_recon.compute.engine import scratch
from billing_recon.control.rollout_records import StageVerdict
from billing_recon.core.schema import BREAKS, INVOICE_LINES
from billing_recon.day import Home
from billing_recon.day.rollout.corrections import corrections
from billing_recon.day.rollout.gate import judge_rollout
from billing_recon.day.rollout.rehearsal import DAYS, RUN, Rehearsal, checks_on_copy, record, switch, write_down
from billing_recon.day.rollout.rehearsal_checks import Check, flags, stopped
from billing_recon.day.rollout.state import State, state_of
from billing_recon.simulate.company import simulate
from billing_recon.simulate.rollouts import IGNORED, Rollout, Step

FIRST, EXPOSED, BACK, LAST = date(2026, 1, 30), date(2026, 1, 31), date(2026, 2, 3), date(2026, 2, 4)
FAULTS = {"INVOICE_DUPLICATE:lines_twice@month_end": 1, "INVOICE_MISSING:period": 1, "RENDER_DUPLICATE": 1, IGNORED: 2}
CUSTOMERS = 150
SETTLED_DAYS = 9
"""Days of the company on which a retry engine is rehearsed: payments of the first are settled within the exposure."""


def rehearse(home: Home, name: str, *, actor: str, progress: Callable[[str], None] = lambda said: None) -> Rehearsal:
    """Rehearse the plan that was written down, and record what was found with its version."""
    state = state_of(home, name)
    with tempfile.TemporaryDirectory(prefix="billing-recon-rehearsal-") as folder:
        path = Path(folder) / "home"
        seed = int(state.version.digest[:8], 16)
        progress("simulating the days")
        if state.of_payments:
            found = Rehearsal(_of_payments(path, seed, state, progress))
            record(home, state, found, actor)
            return found
        rollout = Rollout(name, (Step(EXPOSED, Decimal("0.5")), Step(BACK, Decimal(0))), FAULTS)
        simulate(
            seed=seed, first=FIRST, last=LAST, customers=CUSTOMERS, faults={}, out=path, rollout=rollout, closed=True
        )  # fmt: skip
        found = Rehearsal(tuple(_run(Home.open(path), name, state.plan.model_dump(mode="json"), progress)))
    record(home, state, found, actor)
    return found


def _of_payments(path: Path, seed: int, state: State, progress: Callable[[str], None]) -> tuple[Check, ...]:
    """A simulated company whose first payments are settled, its newest days rehearsed on a copy."""
    days = [FIRST + timedelta(days=n) for n in range(SETTLED_DAYS)]
    simulate(seed=seed, first=days[0], last=days[-1], customers=CUSTOMERS, faults={}, out=path, closed=True)
    home = Home.open(path)
    for day in days:
        progress(f"reconciling {day}")
        _reconciled(home, day)
    return checks_on_copy(home, state, days[-DAYS:], progress)


def _reconciled(home: Home, day: date) -> None:
    steps.land_all(home, steps.LANDED, day, RUN)
    steps.roll_up(home, day, RUN)
    steps.expect(home, day, RUN)
    steps.reconcile(home, day, RUN)
    steps.judge_day(home, day, RUN)


def _run(home: Home, name: str, plan: dict[str, Any], progress: Callable[[str], None]) -> Iterator[Check]:
    folder = home.path / "rollouts" / name
    members, truth = _rows(folder / "members.csv"), _rows(folder / "truth.csv")
    with scratch() as con:
        con.execute(
            "CREATE TABLE listed AS SELECT unnest(?) AS customer_id", [sorted({row["customer_id"] for row in members})]
        )
        write_down(con, home, name, plan, "SELECT customer_id FROM listed", EXPOSED, CUSTOMERS)
    answers: list[StageVerdict] = []
    days = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
    for day in days:
        progress(f"reconciling {day}")
        if day == EXPOSED:
            switch(home, name, day, on=True)
        if day == BACK:
            switch(home, name, day, on=False)
        _reconciled(home, day)
        if EXPOSED <= day < BACK:
            answers.append(judge_rollout(home, name, day, "rehearsal"))
    yield _found(home, truth)
    doubled = next(row for row in truth if row["code"] == "INVOICE_DUPLICATE")
    yield from stopped(answers, doubled["invoice_id"], date.fromisoformat(doubled["day"]))
    yield from _switched_back(home, truth)
    yield from _corrected(home, name, truth)


def _found(home: Home, truth: list[dict[str, str]]) -> Check:
    bugs = {(row["code"], row["invoice_id"]) for row in truth if row["kind"] == "bug" and row["invoice_id"]}
    with scratch() as con:
        query = f"SELECT DISTINCT code, invoice_id FROM ({home.warehouse.scan(BREAKS, FIRST, LAST)})"
        told = set(con.execute(query).fetchall())
    return Check("found", bugs <= told, f"{len(bugs & told)} of {len(bugs)} wrong bills and documents are breaks")


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
    yield flags(told, ignored)
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


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
