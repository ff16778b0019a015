"""The launch checklist of a rollout: everything that a plan needs besides being well formed, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing_recon.compute.metrics import NAMES
from billing_recon.control.rollout_records import Verb
from billing_recon.core.errors import BillingReconError
from billing_recon.core.person import same_person
from billing_recon.core.rollout import Boundary, Layer, RolloutPlan
from billing_recon.day.home import Home
from billing_recon.day.rollout.cohorts import Cohorts, cohorts
from billing_recon.day.rollout.plan_file import read_plan
from billing_recon.day.rollout.state import State, live_rivals, states

HALF = Decimal("0.5")
_REHEARSE = "billing-recon rollout rehearse {0}; or by hand on a copy of the home: billing-recon rollout rehearsed {0} --as NAME --code NNNNNN --reason TEXT"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the checklist. Not `done`: what is missing. `blocks`: nobody is exposed before it is done."""

    name: str
    done: bool
    says: str
    blocks: bool = True


def checklist(home: Home, name: str) -> list[Item]:
    """The plan's file held to everything: people, flags, layers, cohorts, rehearsal, lessons."""
    plan, text = read_plan(home, name)
    written = home.control.rollouts.plans(name)
    every = states(home)
    state = next((one for one in every if one.name == name), None)
    same = bool(written) and written[-1].text == text
    version = (
        f"version {written[-1].number} is this file"
        if same
        else f"this file is not written down yet: billing-recon rollout check {name} --write --as NAME --code NNNNNN --reason TEXT"
    )
    return [
        Item("version", same, version),
        *_of_plan(home, plan),
        *_layers(plan, name, every),
        *_candidate(home, plan),
        rehearsal_item(state if same else None, name),
        *_cohorts(home, plan, state),
        *_lessons(name, every, home),
    ]


def blocking(home: Home, state: State) -> list[str]:
    """What keeps the plan that was written down from being promoted."""
    every = states(home)
    items = [
        *_of_plan(home, state.plan),
        *_layers(state.plan, state.name, every),
        *_candidate(home, state.plan),
        rehearsal_item(state, state.name),
        *(_cohorts(home, state.plan, state) if not state.lists else ()),
    ]
    return [f"{item.name}: {item.says}" for item in items if item.blocks and not item.done]


def _of_plan(home: Home, plan: RolloutPlan) -> Iterator[Item]:
    named = {same_person(one.name) for one in home.policy.approvers}
    enrolled = {same_person(one.name) for one in home.control.enrolled()}
    people = list(
        dict.fromkeys([*plan.authority.widen, *plan.authority.stop, *plan.authority.roll_back, plan.owners.accountable])
    )
    strangers = [one for one in people if same_person(one) not in named]
    yield Item(
        "people",
        not strangers,
        f"the policy names no approver {', '.join(strangers)}"
        if strangers
        else f"{len(people)} people, all named by the policy",
    )
    without = [one for one in people if same_person(one) not in enrolled and one not in strangers]
    yield Item(
        "codes",
        not without,
        f"{', '.join(without)} cannot prove who they are: billing-recon approvers enrol NAME"
        if without
        else "everybody is enrolled",
    )
    watched = {t.metric for stage in plan.stages for t in stage.thresholds} | {t.metric for t in plan.triggers}
    blind = [f"{mode.what} ({mode.metric})" for mode in plan.failure_modes if mode.metric not in watched]
    yield Item(
        "failure_modes",
        not blind,
        f"no threshold or trigger watches {'; '.join(blind)}"
        if blind
        else "each has a threshold or trigger on its metric",
    )
    unread = [one.metric for one in plan.success if one.metric not in NAMES and not one.observed_by]
    yield Item(
        "success",
        not unread,
        f"{', '.join(unread)}: no metric of docs/metrics.md; say where it is read (observed_by)"
        if unread
        else "each can be read",
    )
    yield money_item(home, plan)
    yield from collection_items(plan)
    late = [flag.key for flag in plan.flags if flag.remove_by < plan.dates.complete_by]
    yield Item(
        "flags",
        not late,
        f"{', '.join(late)}: remove_by is before dates.complete_by {plan.dates.complete_by}"
        if late
        else "each has a day by which it is removed",
    )
    money = {*plan.correction.small, *plan.correction.nothing_below} | {
        t.currency for stage in plan.stages for t in stage.thresholds if t.currency
    }
    foreign = sorted(money - set(home.company.currencies))
    yield Item(
        "currencies",
        not foreign,
        f"{', '.join(foreign)} is no currency of company.yaml" if foreign else "all are the company's",
    )
    yield Item(
        "last_stage",
        plan.stages[-1].everybody,
        "the last stage is everybody"
        if plan.stages[-1].everybody
        else 'no stage is everybody (share: "1" without a cohort); the flag can never go',
        blocks=False,
    )


def _layers(plan: RolloutPlan, name: str, every: Sequence[State]) -> Iterator[Item]:
    found = live_rivals(plan, name, every)
    yield Item("layers", not found, found or "no other rollout is live on its layers")


def _candidate(home: Home, plan: RolloutPlan) -> Iterator[Item]:
    if plan.candidate is None:
        yield Item("candidate", True, "launches no candidate of shadow/", blocks=False)
        return
    from billing_recon.day.shadow.decisions import require_go

    try:
        go = require_go(home, plan.candidate)
    except BillingReconError as error:
        yield Item("candidate", False, "; ".join(str(error).splitlines()))
    else:
        yield Item("candidate", True, f"{go.decided_by} decided go for {plan.candidate}: {go.reason}")


def rehearsal_item(state: State | None, name: str) -> Item:
    """Whether the plan as it was written down was rehearsed, and nothing was found."""
    last = state.last(Verb.REHEARSED) if state else None
    if last is None:
        return Item("rehearsal", False, f"never rehearsed; {_REHEARSE.format(name)}")
    if state and last.plan != state.version.digest:
        return Item("rehearsal", False, f"the rehearsal is older than the plan; {_REHEARSE.format(name)}")
    if not last.facts.get("passed"):
        return Item("rehearsal", False, f"the rehearsal found faults: {last.reason or 'see rollout log'}")
    by_hand = f", by hand: {last.reason}" if last.facts.get("by_hand") else ""
    return Item("rehearsal", True, f"rehearsed at {last.decided_at}{by_hand}")


def _cohorts(home: Home, plan: RolloutPlan, state: State | None) -> Iterator[Item]:
    try:
        found = cohorts(home, plan, state)
    except BillingReconError as error:
        yield Item("cohorts", False, str(error))
        return
    yield from cohort_items(plan, found)
    yield boundary_item(plan, found)


def boundary_item(plan: RolloutPlan, found: Cohorts) -> Item:
    """Stages that would wait for ever, or longer than the plan may take, for a boundary that their customers do not cross."""
    due = {one.stage: one.due for one in found.stages}
    waits = []
    for stage in plan.stages:
        for boundary in stage.window.boundaries:
            on = due.get(stage.name, {}).get(boundary.value)
            if on is None or on > plan.dates.complete_by:
                when = f"before {on}, which is after complete_by" if on else "as far as contracts and lookback tell"
                waits.append(
                    f"stage {stage.name}: none of its customers crosses {boundary.value} {when}: {_CURE[boundary]}"
                )
    says = (
        "; ".join(waits) + "; or take the boundary out of the stage's window"
        if waits
        else "every stage's customers cross them"
    )
    return Item("boundaries", not waits, says, blocks=False)


_CURE = {
    Boundary.MONTH_END: "add customers whose contracts bill on a month's first or last day",
    Boundary.RENEWAL: "add customers with a recurring contract",
    Boundary.PLAN_CHANGE: "add customers who change plans (none did in the lookback)",
    Boundary.RETRY_CYCLE: "add customers whose payments failed in the lookback (not pays: true)",
    Boundary.COUPON_EXPIRY: "add customers with a discount or coupon that ends",
    Boundary.TAX_CHANGE: "no rate of their regions changes in the catalog; add customers of another region",
    Boundary.REISSUE: "add customers with a credit note in the lookback, or have a bill voided and issued again",
}
"""What to do about a stage whose customers do not cross a boundary."""

_SHOWS = frozenset({"breaks", "break_money", "mismatch_rate"})
"""Metrics one of which has to decide in each stage of a change that touches money: what is wrong shows in them, whatever it is."""


def money_item(home: Home, plan: RolloutPlan) -> Item:
    """Stages of a change that touches money in which no break would hold anybody back, or those of one currency would not."""
    blind = []
    for stage in plan.stages if plan.touches_money else ():
        shown = [t for t in stage.thresholds if t.metric in _SHOWS and t.critical and not t.dry_run]
        if not shown:
            blind.append(f"stage {stage.name} has no critical threshold on breaks, break_money or mismatch_rate")
        elif all(t.currency for t in shown):
            missing = sorted(set(home.company.currencies) - {t.currency for t in shown})
            blind += (
                [f"stage {stage.name} bounds breaks in some currencies only, not in {', '.join(missing)}"]
                if missing
                else []
            )
    return Item("money", not blind, "; ".join(blind) if blind else "breaks hold every stage back")


_RECOVERS = frozenset({"recovery_rate", "money_left"})
"""Metrics that show an engine which gives up: a bill that was asked for once and never again is no break."""


def collection_items(plan: RolloutPlan) -> Iterator[Item]:
    """Stages of a retry engine in which nothing would show that it collects twice, or gives up too early."""
    if Layer.PAYMENT_RETRY not in plan.layers:
        return
    blind = []
    for stage in plan.stages:
        held = {t.metric for t in stage.thresholds if t.critical and not t.dry_run}
        lacks = [
            *([] if "collection_faults" in held else ["collection_faults"]),
            *([] if _RECOVERS & held else ["recovery_rate or money_left"]),
        ]
        blind += [f"stage {stage.name} has no critical threshold on {' and on '.join(lacks)}"] if lacks else []
    says = "; ".join(blind) + ": an engine that collects twice or gives up too early would pass" if blind else ""
    yield Item("collection", not blind, says or "each stage is held to how it collects")
    if not plan.retry_days:
        yield Item("retry_days", False, "not given: a retry on any day is in order, and so is none", blocks=False)


def cohort_items(plan: RolloutPlan, found: Cohorts) -> Iterator[Item]:
    """Stages that hold nobody, and a first step that is a big bang by its rule."""
    empty = [one.stage for one in found.stages if not one.customers]
    yield Item(
        "cohorts",
        found.customers > 0 and not (found.stages and found.stages[0].stage in empty),
        f"stage {', '.join(empty)} adds nobody of {found.customers:,} customers"
        if empty
        else f"every stage adds customers; there are {found.customers:,}",
    )
    big = [
        one.stage
        for one in found.stages[:2]
        if found.customers > 2 and Decimal(one.customers) > HALF * Decimal(found.customers) and len(found.stages) > 1
    ]
    first = [one for one in big if one == found.stages[0].stage]
    if plan.touches_money and first:
        yield Item(
            "big_bang",
            False,
            f"it touches money, and stage {first[0]} already has more than half of all customers; narrow its cohort",
        )


def _lessons(name: str, every: Sequence[State], home: Home) -> Iterator[Item]:
    """What reviews of earlier rollouts ask of the next plan: to be looked at, and no reason to refuse."""
    for other in every:
        if other.name == name:
            continue
        for event in home.control.rollouts.events(other.name, [Verb.NOTE]):
            lesson = event.facts.get("lesson")
            if lesson:
                yield Item(f"lesson of {other.name}", True, str(lesson), blocks=False)
