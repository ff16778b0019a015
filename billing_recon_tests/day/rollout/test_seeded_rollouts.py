"""Seeded rollouts judged day by day, half with a bug in the new path: none with a bug above the plan's money limit is widened, none
without one is switched back. `BILLING_RECON_ROUNDS` says how many; `python -m billing_recon_tests.day.rollout.test_seeded_rollouts 200`
prints what was exposed with the gate and without.

The bills and breaks are written out and the stage gate's relations and rules are the product's. Every day on which the bug's money is above
the limit is judged, and of others one in eight: until then a day can only pass, or wait for its window.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from random import Random

import pytest

from billing_recon.core.period import Interval, billing_period
from billing_recon.core.rollout import Stage, Trigger
from billing_recon.core.stage_gate import State, judge_stage
from billing_recon_tests.compute.rollout.stage_world import StageWorld

pytestmark = pytest.mark.long

ROUNDS = int(os.environ.get("BILLING_RECON_ROUNDS", "2"))
LIMIT = Decimal("20.00")
SHARES = ("0.05", "0.1", "0.25", "0.5", "1")
LAST = 200
DAY = timedelta(days=1)

BUGS = ("every_bill", "a_cent", "rare", "month_end", "plan_change", "twice")
"""Small on every bill, a cent on every bill, rare and large, only at a month end, only on changes within a cycle, lines doubled."""


def stages() -> list[Stage]:
    """Five stages; from the second on a month end must have been crossed, from the third on changes within a cycle too."""
    found = []
    for place, share in enumerate(SHARES):
        boundaries = ["month_end", "plan_change"][: min(place, 2)]
        found.append(
            Stage.model_validate(
                {
                    "name": f"s{place}", "share": share, "approvers": ["Ana Ruiz"],
                    "window": {"days": 5, "invoices": 2 * (place + 1), "boundaries": boundaries},
                    "thresholds": [
                        {"metric": "break_money", "limit": LIMIT},
                        {"metric": "mismatch_rate", "limit": "0.2", "min_population": 3},
                    ],
                }
            )
        )  # fmt: skip
    return found


TRIGGERS = [Trigger.model_validate({"metric": "break_money", "limit": LIMIT, "then": "rollback"})]


@dataclass
class Company:
    """80 customers with a monthly bill each, and what the new path makes of it."""

    seed: int
    bug: str
    rng: Random = field(init=False)
    launch: date = field(init=False)

    def __post_init__(self) -> None:
        self.rng = Random(f"rollout/{self.seed}")
        self.launch = date(2026, 3, 1) + timedelta(days=self.rng.randrange(31))
        self.customers = [f"C{n:03}" for n in range(80)]
        self.rng.shuffle(self.customers)
        self.anchor = {c: date(2026, 1, 1 + self.rng.randrange(31)) for c in self.customers}
        for customer in self.customers[1:8:3]:  # a cohort that never bills at a month end would wait for ever
            self.anchor[customer] = date(2026, 1, 31)
        self.amount = {c: Decimal(self.rng.randrange(500, 60_000)) / 100 for c in self.customers}

    def bills(self, day: date) -> Iterator[tuple[str, str, bool]]:
        """Invoice, customer and whether the plan changed within the cycle, of the bills of a day."""
        for customer in self.customers:
            number = (day.year - 2026) * 12 + day.month - 1
            for turn in (number - 1, number):
                if turn >= 0 and billing_period(self.anchor[customer], Interval.MONTH, turn).end == day:
                    yield f"{customer}-{turn}", customer, Random(f"{self.seed}/{customer}/{turn}").random() < 0.15

    def off_by(self, invoice: str, customer: str, day: date, changed: bool) -> Decimal:
        """What the bug of the new path adds to a bill."""
        drawn = Random(f"{self.seed}/bug/{invoice}").random()
        match self.bug:
            case "every_bill":
                return Decimal("1.70")
            case "a_cent":
                return Decimal("0.01")
            case "rare" if drawn < 0.04:
                return self.amount[customer] / 2
            case "month_end" if 1 in (day.day, (day + DAY).day):
                return self.amount[customer]
            case "plan_change" if changed:
                return Decimal("9.30")
            case "twice" if drawn < 0.1:
                return self.amount[customer]
        return Decimal(0)


@dataclass
class Outcome:
    """How a rollout went. `widened`: the bug's money of each stage that was left by a promotion, by stage."""

    company: Company
    widened: list[Decimal] = field(default_factory=list)
    exposed: Decimal = Decimal(0)
    rolled_back: bool = False
    completed: bool = False
    days: int = 0


def roll_out(seed: int, bug: str) -> Outcome:
    """Judge a rollout from its launch to its end or its rollback."""
    company, world = Company(seed, bug), StageWorld()
    outcome = Outcome(company)
    plan, place, since = stages(), 0, company.launch
    exposed: set[str] = set()
    for day in (company.launch - timedelta(days=28) + n * DAY for n in range(28)):
        for invoice, customer, _ in company.bills(day):
            world.bill(invoice, customer, day, company.amount[customer])
    world.since = world.exposed_since = company.launch
    in_stage = Decimal(0)
    for customer in company.customers:
        world.contract(customer, company.anchor[customer])

    def widen() -> None:
        count = len(company.customers) * Decimal(SHARES[place])
        more = [c for c in company.customers[: int(count)] if c not in exposed]
        world.expose(*more, since=since)
        exposed.update(more)

    widen()
    for outcome.days in range(LAST):
        day = company.launch + outcome.days * DAY
        for invoice, customer, changed in company.bills(day):
            path = "candidate" if customer in exposed else "control"
            off = company.off_by(invoice, customer, day, changed) if path == "candidate" else Decimal(0)
            kind = "proration" if changed else "subscription"
            world.bill(invoice, customer, day, company.amount[customer] + off, variant=path, kind=kind)
            if off:
                world.break_(invoice, day, off)
                in_stage, outcome.exposed = in_stage + off, outcome.exposed + off
        if in_stage <= LIMIT and outcome.days % 8:
            continue
        answer = judge_stage(plan[place], TRIGGERS, world.facts(day))
        if answer.triggered:
            outcome.rolled_back = True
            return outcome
        if answer.state is State.PASS:
            outcome.widened.append(in_stage)
            if place + 1 == len(plan):
                outcome.completed = True
                return outcome
            place, since, in_stage = place + 1, day + DAY, Decimal(0)
            world.since = since
            widen()
    return outcome


def ungated(company: Company) -> Decimal:
    """The bug's money if stages are widened every week whatever happens, until the month after the last one is closed on the 10th."""
    total, day = Decimal(0), company.launch
    ends = (company.launch + timedelta(days=7 * len(SHARES) + 31)).replace(day=10)
    while day <= ends:
        place = min((day - company.launch).days // 7, len(SHARES) - 1)
        exposed = set(company.customers[: int(len(company.customers) * Decimal(SHARES[place]))])
        total += sum(
            (company.off_by(i, c, day, changed) for i, c, changed in company.bills(day) if c in exposed), Decimal(0)
        )
        day += DAY
    return total


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_rollout_with_a_bug_above_the_limit_is_stopped_and_one_without_is_finished(seed: int) -> None:
    check(roll_out(seed, BUGS[seed // 2 % len(BUGS)] if seed % 2 else ""))


def check(outcome: Outcome) -> None:
    """What has to hold of every rollout."""
    assert all(money <= LIMIT for money in outcome.widened), outcome
    if not outcome.company.bug:
        assert outcome.completed, outcome
        assert not outcome.rolled_back, outcome
    elif outcome.rolled_back:
        assert outcome.exposed > LIMIT, outcome


if __name__ == "__main__":
    with_gate = without = Decimal(0)
    finished = stopped = small = 0
    for one in range(int(sys.argv[1])):
        found = roll_out(one, BUGS[one // 2 % len(BUGS)] if one % 2 else "")
        check(found)
        finished += found.completed and not found.company.bug
        stopped += found.rolled_back
        small += found.completed and bool(found.company.bug)
        if found.company.bug:
            with_gate, without = with_gate + found.exposed, without + ungated(found.company)
        print(
            one,
            found.company.bug or "-",
            "rolled back" if found.rolled_back else "done",
            found.days,
            found.exposed,
            flush=True,
        )
    print(
        f"{finished} without a bug finished, {stopped} with a bug rolled back, {small} with a bug below the limit finished"
    )
    print(f"the bugs' money: {with_gate} with the gate, {without} widened every week")
