"""What was decided about rollouts: versions of plans, and the log of each. Append-only, in the audit chain."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select

from billing_recon.control import audit
from billing_recon.control.database import reading, writing
from billing_recon.control.schema import rollout_events, rollouts
from billing_recon.core.errors import CloseRefused
from billing_recon.core.verdict import Verdict


class Verb(StrEnum):
    """What an event of a rollout's log is."""

    MEMBERS = "members"
    """A stage's list of customers was written down: content has its rows, digest and file."""
    INTENT = "intent"
    """The flags are about to be switched. SWITCHED with its id follows; if it does not, the next start completes it."""
    SWITCHED = "switched"
    """The flags are switched: content has the exposed stages, from when, and the digest of the flag file."""
    PAUSED = "paused"
    RESUMED = "resumed"
    """reason names what was accepted."""
    VERDICT = "verdict"
    """The stage gate's answer about a day."""
    NOTE = "note"
    """A manual intervention, feedback, or a figure of the review."""
    REHEARSED = "rehearsed"
    """A rehearsal of the plan as it is: content has what was found."""
    CORRECTED = "corrected"
    """A step in correcting an issued invoice."""
    CLOSED = "closed"
    """The rollout is over: everybody is exposed and the review written, or it was given up."""


DECIDING = tuple(verb for verb in Verb if verb not in (Verb.VERDICT, Verb.NOTE, Verb.CORRECTED))
"""Events that change where a rollout stands: of two people who append one upon the same, the second is refused."""


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """A plan as it was written down. `text` is the YAML, `digest` the SHA-256 of its bytes: the plan's version."""

    name: str
    number: int
    digest: str
    text: str
    actor: str
    reason: str
    decided_at: str


@dataclass(frozen=True, slots=True)
class RolloutEvent:
    """One event. `plan` is the version that it stands on, `day` a day as ISO text or empty, `content` JSON."""

    rollout: str
    verb: Verb
    stage: str = ""
    plan: str = ""
    day: str = ""
    evidence_hash: str = ""
    content: str = "{}"
    decided_by: str = ""
    reason: str = ""
    actor: str = ""
    decided_at: str = ""
    id: int = 0

    @property
    def facts(self) -> dict[str, Any]:
        """The content, read."""
        return dict(json.loads(self.content))


@dataclass(frozen=True, slots=True)
class StageVerdict:
    """The stage gate's answer about a stage on a day, bound to what it rests on.

    `plan` is the plan's version, `members` the digest of the lists that were exposed, `evidence_hash` that of the day's verdict.
    `figures` are the metrics (name -> text), `waiting_for` the sentences of what has not happened yet.
    """

    rollout: str
    stage: str
    day: date
    verdict: Verdict
    plan: str
    members: str
    evidence_hash: str
    waiting_for: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    triggered: tuple[str, ...] = ()
    """Sentences of triggers that fired; the first word of each is what follows: rollback or pause."""
    decided_at: str = ""


class RolloutStore:
    """The rollouts of one home's control database."""

    def __init__(self, engine: Engine, now: Callable[[], str]) -> None:
        self._engine = engine
        self._now = now

    def write_plan(self, name: str, text: str, actor: str, reason: str) -> PlanVersion:
        """Make `text` the plan of this name. A text equal to the newest version is no new one."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        with writing(self._engine) as connection:
            history = _plans(connection, name)
            if history and history[-1].digest == digest:
                return history[-1]
            version = PlanVersion(name, len(history) + 1, digest, text, actor, reason, self._now())
            audit.decide(connection, rollouts, asdict(version))
        return version

    def plans(self, name: str) -> list[PlanVersion]:
        """Every version of a plan, the first first."""
        with reading(self._engine) as connection:
            return _plans(connection, name)

    def names(self) -> list[str]:
        """The rollouts that have a plan."""
        with reading(self._engine) as connection:
            return list(connection.execute(select(rollouts.c.name).distinct().order_by(rollouts.c.name)).scalars())

    def append(
        self, event: RolloutEvent, *, after: int | None = None, unless_switched: Mapping[str, int] | None = None
    ) -> RolloutEvent:
        """Append an event and return it with id and time.

        `after` is the last event that the decision was made upon; CloseRefused if another of DECIDING followed it. `unless_switched`
        has the last events seen of rollouts that may not be switched meanwhile; CloseRefused if one of them was.
        """
        with writing(self._engine) as connection:
            if after is not None and _newest(connection, event.rollout, DECIDING) > after:
                raise CloseRefused(
                    [f"somebody else decided about rollout {event.rollout} meanwhile; look at it and try again"]
                )
            switched = [
                name
                for name, seen in (unless_switched or {}).items()
                if _newest(connection, name, [Verb.INTENT]) > seen
            ]
            if switched:
                raise CloseRefused(
                    [
                        f"rollout {', '.join(switched)}, on the same layer, was switched meanwhile; look at it and try again"
                    ]
                )
            t = rollout_events
            row = {**asdict(event), "verb": event.verb.value, "decided_at": self._now()}
            del row["id"]
            identity = audit.decide(connection, t, row)
        return RolloutEvent(**{**row, "verb": event.verb, "id": identity})

    def events(self, name: str = "", verbs: Sequence[Verb] = ()) -> list[RolloutEvent]:
        """The log of a rollout, or of all, in order; of some verbs or of all."""
        t = rollout_events
        query = select(t).order_by(t.c.id)
        if name:
            query = query.where(t.c.rollout == name)
        if verbs:
            query = query.where(t.c.verb.in_([verb.value for verb in verbs]))
        with reading(self._engine) as connection:
            return [_event(row) for row in connection.execute(query)]

    def add_verdict(self, verdict: StageVerdict, actor: str = "") -> StageVerdict:
        """Append the stage gate's answer. The answer that is there already is not appended again."""
        before = self.latest_verdict(verdict.rollout, verdict.stage, verdict.day)
        content = {
            "verdict": verdict.verdict.value,
            "members": verdict.members,
            "waiting_for": list(verdict.waiting_for),
            "figures": dict(verdict.figures),
            "triggered": list(verdict.triggered),
        }
        event = RolloutEvent(
            verdict.rollout,
            Verb.VERDICT,
            verdict.stage,
            verdict.plan,
            verdict.day.isoformat(),
            verdict.evidence_hash,
            audit.canonical(content),
            actor=actor,
        )
        if before is not None and _verdict(event, before.decided_at) == before:
            return before
        return _verdict(self.append(event))

    def latest_verdict(self, name: str, stage: str, day: date | None = None) -> StageVerdict | None:
        """The last answer about a stage: on a day, or on the newest day that was judged."""
        t = rollout_events
        query = select(t).where(t.c.rollout == name, t.c.verb == Verb.VERDICT.value, t.c.stage == stage)
        if day is not None:
            query = query.where(t.c.day == day.isoformat())
        with reading(self._engine) as connection:
            row = connection.execute(query.order_by(t.c.day.desc(), t.c.id.desc()).limit(1)).first()
        return _verdict(_event(row)) if row else None

    def verdicts(self, name: str) -> list[StageVerdict]:
        """The last answer about each stage and day, by day."""
        found = {(e.stage, e.day): _verdict(e) for e in self.events(name, [Verb.VERDICT])}
        return sorted(found.values(), key=lambda one: (one.day, one.stage))


def _newest(connection: Connection, name: str, verbs: Sequence[Verb]) -> int:
    t = rollout_events
    return connection.execute(select(func.max(t.c.id)).where(t.c.rollout == name, t.c.verb.in_(verbs))).scalar() or 0


def _plans(connection: Connection, name: str) -> list[PlanVersion]:
    t = rollouts
    rows = connection.execute(select(t).where(t.c.name == name).order_by(t.c.number))
    return [PlanVersion(r.name, r.number, r.digest, r.text, r.actor, r.reason, r.decided_at) for r in rows]


def _event(row: Row[Any]) -> RolloutEvent:
    values = dict(row._mapping)
    return RolloutEvent(**{**values, "verb": Verb(values["verb"])})


def _verdict(event: RolloutEvent, decided_at: str | None = None) -> StageVerdict:
    facts = event.facts
    return StageVerdict(
        event.rollout,
        event.stage,
        date.fromisoformat(event.day),
        Verdict(facts["verdict"]),
        event.plan,
        facts["members"],
        event.evidence_hash,
        tuple(facts["waiting_for"]),
        facts["figures"],
        tuple(facts["triggered"]),
        decided_at if decided_at is not None else event.decided_at,
    )
