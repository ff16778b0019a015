"""A rollout in tests: a landed company with a plan, approvers with codes, and days and stages judged by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from importlib.resources import files
from typing import Any

from billing_recon.control import ControlStore, VerdictRecord, control_url
from billing_recon.control.rollout_records import StageVerdict
from billing_recon.control.store import utc_now
from billing_recon.core.verdict import Verdict
from billing_recon.day import Home
from billing_recon.day.gate import DAY_GATE, evidence_now
from billing_recon.day.rollout import switch
from billing_recon.day.rollout.plan_file import write_down
from billing_recon.day.rollout.state import State, state_of
from billing_recon_tests.conftest import FIRST
from billing_recon_tests.people import code_of

NAME = "proration"
TEMPLATE = (files("billing_recon") / "cli" / "new_rollout.yaml").read_text(encoding="utf-8")
PEOPLE = ("Amara Okafor", "Bo Lindqvist", "Chen Wei")


def plan_text(approvers: Iterable[str], customers: str) -> str:
    """The template with the policy's people, and the first stage by name."""
    text = TEMPLATE.replace("{segments: [internal]}", f"{{customers: [{customers}]}}")
    for placeholder, person in zip(PEOPLE, approvers, strict=False):
        text = text.replace(placeholder, person)
    return text


@dataclass
class Launch:
    """One rollout of one home. Its clock moves on with each thing that is done, so that codes are new ones."""

    home: Home
    secrets: dict[str, str]
    now: datetime = field(default_factory=utc_now)

    def __post_init__(self) -> None:
        self.home.control = ControlStore.open(control_url(self.home.state), clock=lambda: self.now)

    @property
    def people(self) -> list[str]:
        return list(self.secrets)

    def later(self) -> None:
        self.now += timedelta(seconds=60)

    def code(self, person: str) -> str:
        return code_of(self.secrets[person], self.now)

    @property
    def state(self) -> State:
        return state_of(self.home, NAME)

    def write(self, text: str, reason: str = "agreed by everybody") -> None:
        """Write the plan down, and rehearse it."""
        path = self.home.path / "rollouts" / f"{NAME}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        who, second = self.people[:2]
        self.later()
        write_down(self.home, NAME, [(one, self.code(one)) for one in (who, second)], actor="test", reason=reason)
        self.later()
        switch.record_rehearsal(
            self.home, NAME, who, self.code(who), reason="three weeks on a copy, nothing doubled", actor="test"
        )

    def day_judged(self, day: date, evidence: str = "") -> str:
        """Record that a day passed, on what there is now or on other evidence; return the evidence."""
        held = evidence or evidence_now(self.home, day) or ""
        self.home.control.record_verdict(VerdictRecord(DAY_GATE, str(day), Verdict.PASS, held, 1, "0", (), "test"))
        return held

    def judged(self, day: date, verdict: Verdict = Verdict.PASS, **more: Any) -> StageVerdict:
        """Record a day, and the stage gate's answer about the exposed stage on it."""
        evidence = self.day_judged(day)
        state = self.state
        assert state.stage is not None
        answer = StageVerdict(NAME, state.stage, day, verdict, state.version.digest, state.members, evidence, **more)
        return self.home.control.rollouts.add_verdict(answer)

    def promote(self, since: date | None = None, accept_corrections: str = "") -> State:
        """With everybody that the next stage needs."""
        stage = self.state.plan.after(self.state.stage)
        needed = stage.approvers if stage else (self.state.plan.owners.accountable,)
        self.later()
        signatures = [(person, self.code(person)) for person in needed]
        return switch.promote(
            self.home, NAME, signatures, actor="test", since=str(since) if since else None, reason="as planned",
            accept_corrections=accept_corrections,
        )  # fmt: skip

    def rollback(self, reason: str = "lines are billed twice") -> State:
        who = self.people[-1]
        self.later()
        return switch.rollback(self.home, NAME, who, self.code(who), reason=reason, actor="test")

    def resume(self, reason: str = "the rule is mended") -> State:
        who = self.people[0]
        self.later()
        return switch.resume(self.home, NAME, who, self.code(who), reason=reason, actor="test")


DAY = FIRST
"""The only day that is landed."""
