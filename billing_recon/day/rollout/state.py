"""Where a rollout stands, from its log alone: plan, lists, which stages are exposed since when, and what waits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from billing_recon.control.rollout_records import DECIDING, PlanVersion, RolloutEvent, StageVerdict, Verb
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.rollout import Layer, RolloutPlan
from billing_recon.core.verdict import Verdict
from billing_recon.core.yaml_text import read_yaml
from billing_recon.day.home import Home

BY_LINE = frozenset({Layer.CALCULATION, Layer.TAX, Layer.RENDERING})
"""Layers whose path shows on invoice lines. A retry engine leaves its traces on payments only."""


TRIGGER = "trigger"
"""In whose name a switch or a pause stands that no person made."""


class Status(StrEnum):
    """How far a rollout has come."""

    PLANNED = "planned"
    """Nobody is exposed yet, or nobody any more and it may begin again."""
    EXPOSED = "exposed"
    PAUSED = "paused"
    """Who is exposed stays so; nothing is widened until somebody resumes it."""
    ROLLED_BACK = "rolled_back"
    """Nobody is exposed, and nothing is widened until somebody resumes it."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Span:
    """A stage's exposure: days from `since` up to, not including, `until`; instants on those days, or empty."""

    stage: str
    since: date
    since_at: str = ""
    until: date | None = None
    until_at: str = ""


@dataclass(frozen=True, slots=True)
class MemberList:
    """A stage's customers as they were written down. `customers` is how many the company had then."""

    stage: str
    rows: int
    digest: str
    customers: int
    day: str


@dataclass(frozen=True, slots=True)
class State:
    """One rollout. `events` are those of its log that decide, without verdicts and notes."""

    name: str
    version: PlanVersion
    plan: RolloutPlan
    lists: Mapping[str, MemberList]
    spans: tuple[Span, ...]
    exposed: tuple[str, ...]
    status: Status
    intent: RolloutEvent | None
    last_id: int
    closed_on: date | None
    events: Sequence[RolloutEvent]

    @property
    def stage(self) -> str | None:
        """The widest stage that is exposed."""
        return self.exposed[-1] if self.exposed else None

    @property
    def everybody(self) -> bool:
        """Whether customers without a list are exposed too."""
        return self.stage is not None and any(s.everybody for s in self.plan.stages if s.name in self.exposed)

    @property
    def members(self) -> str:
        """The digest of the lists that are exposed; a verdict rests on it."""
        listed = "".join(f"{stage}={self.lists[stage].digest}\n" for stage in self.exposed if stage in self.lists)
        return hashlib.sha256(listed.encode()).hexdigest()

    @property
    def exposed_customers(self) -> int:
        """How many customers are on the lists that are exposed."""
        return sum(self.lists[stage].rows for stage in self.exposed if stage in self.lists)

    @property
    def percentage(self) -> Decimal:
        """The exposed share of customers in percent, as of the newest list; 100 if everybody is."""
        if self.everybody:
            return Decimal(100)
        known = max((one.customers for one in self.lists.values()), default=0)
        return (Decimal(self.exposed_customers) * 100 / known).quantize(Decimal("0.01")) if known else Decimal(0)

    @property
    def of_payments(self) -> bool:
        """Whether it switches only how payments are collected: it bills nobody, and no bill or payment names its path."""
        return not self.plan.layers & BY_LINE

    def last(self, *verbs: Verb) -> RolloutEvent | None:
        """The newest event of these kinds."""
        return next((event for event in reversed(self.events) if event.verb in verbs), None)


def state_of(home: Home, name: str) -> State:
    """The state of a rollout whose plan was written down; ConfigurationError if there is none of that name."""
    versions = home.control.rollouts.plans(name)
    if not versions:
        known = home.control.rollouts.names()
        raise ConfigurationError(
            f"no plan of rollout '{name}' was written down; "
            + (f"there are {', '.join(known)}; or " if known else "")
            + f"write rollouts/{name}.yaml (billing-recon rollout init {name}) and: billing-recon rollout check {name} --write"
        )
    return _state(name, versions[-1], home.control.rollouts.events(name, DECIDING))


def states(home: Home) -> list[State]:
    """Every rollout, by name."""
    return [state_of(home, name) for name in home.control.rollouts.names()]


def live(home: Home) -> list[State]:
    """The rollouts that expose anybody now."""
    return [state for state in states(home) if state.exposed and state.status is not Status.CLOSED]


def rivals(plan: RolloutPlan, name: str, every: Sequence[State]) -> list[State]:
    """The other rollouts that may not be live while this one is: of a layer in common, unless both plans name each other."""
    return [
        other
        for other in every
        if other.name != name
        and other.status is not Status.CLOSED
        and plan.layers & other.plan.layers
        and not (other.name in plan.with_rollouts and name in other.plan.with_rollouts)
    ]


def live_rivals(plan: RolloutPlan, name: str, every: Sequence[State]) -> str:
    """The rivals that are live, in a sentence; empty: none."""
    found = [
        f"{other.name} ({', '.join(sorted(layer.value for layer in plan.layers & other.plan.layers))})"
        for other in rivals(plan, name, every)
        if other.exposed
    ]
    if not found:
        return ""
    return (
        f"{', '.join(found)} {'is' if len(found) == 1 else 'are'} live on the same layer; finish it first, or let both plans name "
        "each other in with_rollouts"
    )


def _state(name: str, version: PlanVersion, events: Sequence[RolloutEvent]) -> State:
    plan = parse_plan(version.text, f"rollouts/{name}.yaml (version {version.number})")
    lists: dict[str, MemberList] = {}
    intents: dict[int, RolloutEvent] = {}
    exposed: tuple[str, ...] = ()
    status, closed = Status.PLANNED, None
    for event in events:
        facts = event.facts
        match event.verb:
            case Verb.MEMBERS:
                lists[event.stage] = MemberList(
                    event.stage, facts["rows"], facts["digest"], facts["customers"], event.day
                )
            case Verb.INTENT:
                intents[event.id] = event
            case Verb.SWITCHED:
                intents.pop(facts["intent"], None)
                exposed = tuple(facts["stages"])
                status = Status.EXPOSED if exposed else Status.ROLLED_BACK
            case Verb.PAUSED if status in (Status.PLANNED, Status.EXPOSED):
                status = Status.PAUSED
            case Verb.RESUMED:
                status = Status.EXPOSED if exposed else Status.PLANNED
            case Verb.CLOSED:
                status, closed = Status.CLOSED, date.fromisoformat(event.day)
            case _:
                pass
    waiting = list(intents.values())
    spans = tuple(_spans(event for event in events if event.verb is Verb.SWITCHED))
    last = max((event.id for event in events), default=0)
    return State(
        name, version, plan, lists, spans, exposed, status, waiting[-1] if waiting else None, last, closed, events
    )


def _spans(switches: Iterator[RolloutEvent]) -> Iterator[Span]:
    on: dict[str, tuple[date, str]] = {}
    for event in switches:
        day, at, stages = date.fromisoformat(event.day), event.facts["at"], event.facts["stages"]
        for stage in [stage for stage in on if stage not in stages]:
            yield Span(stage, *on.pop(stage), day, at)
        for stage in stages:
            on.setdefault(stage, (day, at))
    for stage, (day, at) in on.items():
        yield Span(stage, day, at)


@lru_cache(maxsize=64)
def parse_plan(text: str, name: str) -> RolloutPlan:
    """The plan of a text; ConfigurationError with every problem and its line."""
    return read_yaml(RolloutPlan, text, name)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the stage gate says of the exposed stage, and why that does not hold any more."""

    verdict: StageVerdict | None
    stale: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether it is a PASS that holds."""
        return self.verdict is not None and self.verdict.verdict is Verdict.PASS and not self.stale


def last_answer(home: Home, state: State) -> StageVerdict | None:
    """The newest answer about the stage that is exposed, or was last: after a rollback, that which led to it."""
    places = {name: place for place, name in enumerate(state.plan.names)}
    spans = sorted(state.spans, key=lambda one: (one.until or date.max, places.get(one.stage, -1)))
    return home.control.rollouts.latest_verdict(state.name, spans[-1].stage) if spans else None


def current_verdict(home: Home, name: str, state: State | None = None, *, stored: bool = False) -> Answer:
    """The newest answer about the stage that is exposed, and every reason why it is not current.

    `stored`: what the warehouse holds of the stage's days is read back too.
    """
    from billing_recon.day.gate import DAY_GATE, stale_reason

    state = state or state_of(home, name)
    if state.stage is None:
        return Answer(None, ())
    found = home.control.rollouts.latest_verdict(name, state.stage)
    if found is None:
        return Answer(None, (f"stage {state.stage} was never judged",))
    judged = home.control.answers(DAY_GATE)
    newest = max(judged, default="")
    day = home.control.latest_verdict(DAY_GATE, str(found.day))
    stale = []
    if found.plan != state.version.digest:
        stale.append("the plan was changed since")
    if found.members != state.members:
        stale.append("the lists that are exposed are others now")
    if day is None or day.evidence_hash != found.evidence_hash:
        stale.append(f"{found.day} was judged again since, on other evidence")
    rested_on = {str(found.day): found.evidence_hash, **found.figures.get("days", {})}
    now = home.control.verdicts(DAY_GATE, list(rested_on))
    again = [one for one, evidence in rested_on.items() if (now[one].evidence_hash if one in now else "") != evidence]
    if set(again) - {str(found.day)}:
        stale.append(f"{', '.join(sorted(again))} of the stage was judged again since, on other evidence")
    for one, own in sorted(now.items()):
        if own.verdict is not Verdict.INCONCLUSIVE and one not in again:
            why = stale_reason(home, own, stored=stored)
            stale += [f"{one}: {why}; run: billing-recon run --day {one}"] if why else []
    if newest > str(found.day):
        stale.append(f"it is about {found.day}, and {newest} is judged by now")
    return Answer(found, tuple(stale))
