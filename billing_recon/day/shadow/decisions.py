"""What people decide about a candidate: causes understood, rows checked by hand, approvals, go or no-go. All bound to evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing_recon.control import Recorded
from billing_recon.core.errors import CloseRefused, ConfigurationError, GateRefused
from billing_recon.core.signoff import Role, SignOff, missing_sign_offs, roles_of
from billing_recon.core.verdict import Verdict
from billing_recon.day import reasons
from billing_recon.day.approvers import approver as person
from billing_recon.day.approvers import prove
from billing_recon.day.home import Home
from billing_recon.day.shadow.gate import Judged, causes_of, check, evidence, latest
from billing_recon.day.shadow.marks import MARKS, TO_FIX, UNDERSTOOD, checked, marks


@dataclass(frozen=True, slots=True)
class Decision:
    """Go or no-go, by whom, and whether it still holds. `problems` says why it does not."""

    go: bool
    decided_by: str
    reason: str
    decided_at: str
    problems: tuple[str, ...]


def mark_cause(
    home: Home, name: str, cause_id: str, mark: str, *, by: str, actor: str, note: str, owner: str = "", code: str = ""
) -> None:
    """Record what somebody says of a cause: understood, to be fixed, assigned to an owner, or a comment.

    A cause that is to be fixed holds the launch back. It is understood after all only by an approver with a code.
    """
    if mark not in MARKS:
        raise ConfigurationError(f"--as {mark} is unknown; give one of {', '.join(MARKS)}")
    if mark == "assign" and not owner.strip():
        raise ConfigurationError("--as assign needs the one who works on the cause: --owner TEAM")
    who, team = reasons.somebody(by), reasons.remark(owner, "an owner")
    said = reasons.remark(note, "a mark") if mark == "assign" else reasons.reason(note, "a mark", "--note")
    review = latest(home, name)
    known = {row["cause_id"]: row for row in causes_of(review)}
    if cause_id not in known:
        raise ConfigurationError(f"{cause_id} is no cause of this review; see billing-recon shadow causes {name}")
    if mark == UNDERSTOOD and marks(home, name).of(known[cause_id]).mark == TO_FIX:
        who = _lifted(home, name, by, code, f"cause {cause_id} of candidate {name} is marked to be fixed")
    content = json.dumps({"cause_id": cause_id, "mark": mark, "owner": team}, sort_keys=True)
    home.control.record_shadow(Recorded.CAUSE, name, evidence(review), content, by=who, actor=actor, reason=said)


def _lifted(home: Home, name: str, by: str, code: str, what: str) -> str:
    """The approver who takes back what holds a launch back, who proves who they are. CloseRefused without a good code."""
    known = person(home, by).name
    if not code.strip():
        raise CloseRefused([f"{what}, which holds its launch back; an approver takes that back with --code NNNNNN"])
    return prove(home, known, code, f"take back that {what}")


def check_row(
    home: Home, name: str, invoice_id: str, right: bool, *, by: str, actor: str, note: str, code: str = ""
) -> None:
    """Record that somebody checked an invoice of the sample by hand, and whether it is right.

    One that was found wrong stays in the sample of later reviews, and is right only by an approver with a code.
    """
    who = reasons.somebody(by)
    said = reasons.remark(note, "a check") if right else reasons.reason(note, "a row that is wrong", "--note")
    judged = check(home, name)
    if invoice_id not in judged.sampled:
        raise ConfigurationError(
            f"{invoice_id} is not in the sample of this review, which is {', '.join(judged.sampled) or 'empty: launch_rule.sample is 0'}"
        )
    here = evidence(judged.review)
    if right and invoice_id in checked(home, name, here).wrong:
        who = _lifted(home, name, by, code, f"{invoice_id} of candidate {name} was found wrong")
    content = json.dumps({"invoice_id": invoice_id, "right": right}, sort_keys=True)
    home.control.record_shadow(Recorded.SAMPLE, name, here, content, by=who, actor=actor, reason=said)


def approve(
    home: Home, name: str, approver: str, actor: str, *, code: str, role: str | None = None, note: str = ""
) -> list[SignOff]:
    """Record an approver's signature under a candidate as it was reviewed, in each role that policy gives them, or only `role`.

    GateRefused unless the launch rule passes; the signature lapses if anything changes that the review rests on.
    """
    known = person(home, approver).name
    roles = [one for one in roles_of(known, home.policy.approvers) if role is None or one.value == role]
    if not roles:
        raise ConfigurationError(
            f"'{known}' may not sign for {role or 'any part'}; policy does not name them in that role"
        )
    judged, said = _passed(home, name), reasons.remark(note, "an approval")
    prove(home, known, code, f"approve candidate {name}")
    here = evidence(judged.review)
    for one in roles:
        content = json.dumps({"role": one.value}, sort_keys=True)
        home.control.record_shadow(Recorded.APPROVAL, name, here, content, by=known, actor=actor, reason=said)
    return [one for one in approvals(home, name) if one.approver == known and one.evidence_hash == here]


def approvals(home: Home, name: str) -> list[SignOff]:
    """Every approval of a candidate, in the order given."""
    return [
        SignOff(name, r.decided_by, Role(json.loads(r.content)["role"]), r.version, r.actor, r.reason, r.decided_at)
        for r in home.control.shadow_records(Recorded.APPROVAL, name)
    ]


def decide(home: Home, name: str, go: bool, decider: str, actor: str, *, code: str, reason: str) -> Decision:
    """Record go or no-go by the person whom candidate.yaml names (launch.decided_by), with the launch as it is described there.

    For go, the launch rule passes and finance, product and engineering have approved the same evidence: CloseRefused names
    what is missing. A no-go needs a reason and nothing else.
    """
    why = reasons.reason(reason, "a decision")
    known = person(home, decider).name
    judged = check(home, name)
    launch = judged.opened.candidate.launch
    if launch is None:
        raise ConfigurationError(
            f"shadow/{name}/candidate.yaml does not say how it is launched: give launch with decided_by, cutover and rollback"
        )
    if person(home, launch.decided_by).name != known:
        raise CloseRefused([f"{launch.decided_by} decides about candidate {name}, not {known}"])
    here = evidence(judged.review)
    if go:
        _passed(home, name)
        missing = missing_sign_offs(approvals(home, name), here, home.policy.approvers)
        if missing:
            raise CloseRefused([f"candidate {name} is not approved: {sentence}" for sentence in missing])
    prove(home, known, code, f"decide candidate {name}")
    content = json.dumps({"go": go, "launch": launch.model_dump(mode="json")}, sort_keys=True)
    home.control.record_shadow(Recorded.DECISION, name, here, content, by=known, actor=actor, reason=why)
    found = decision(home, name)
    assert found is not None
    return found


def decision(home: Home, name: str) -> Decision | None:
    """The latest decision, and why it does not hold any more if it does not."""
    records = home.control.shadow_records(Recorded.DECISION, name)
    if not records:
        return None
    last = records[-1]
    content: Mapping[str, Any] = json.loads(last.content)
    problems: list[str] = []
    if content["go"]:
        judged = check(home, name)
        if evidence(judged.review) != last.version:
            problems.append("the candidate was run again since, with another result")
        if judged.verdict is not Verdict.PASS:
            problems += [f"{c.name}: {c.says}" for c in judged.clauses if c.verdict is not Verdict.PASS]
        problems += missing_sign_offs(approvals(home, name), last.version, home.policy.approvers)
    return Decision(bool(content["go"]), last.decided_by, last.reason, last.decided_at, tuple(problems))


def require_go(home: Home, name: str) -> Decision:
    """Return the decision to launch. GateRefused, with every reason, unless it is go and everything it rests on still holds."""
    _refuse_changed_records(home, name)
    found = decision(home, name)
    if found is None:
        raise GateRefused(
            f"nobody has decided about candidate {name}; billing-recon shadow decide {name} go --as NAME --code NNNNNN --reason TEXT"
        )
    if not found.go:
        raise GateRefused(f"{found.decided_by} decided no-go for candidate {name}: {found.reason}")
    if found.problems:
        raise GateRefused(
            "\n".join(f"the go for candidate {name} does not hold: {problem}" for problem in found.problems)
        )
    return found


def _refuse_changed_records(home: Home, name: str) -> None:
    """Nothing is approved or launched upon records that are not those that were made."""
    changed = home.control.verify_audit()
    if changed:
        raise GateRefused("\n".join([f"candidate {name}: see billing-recon audit verify", *changed[:5]]))


def _passed(home: Home, name: str) -> Judged:
    _refuse_changed_records(home, name)
    judged = check(home, name)
    if judged.verdict is not Verdict.PASS:
        open_ = [f"{c.verdict} {c.name}: {c.says}" for c in judged.clauses if c.verdict is not Verdict.PASS]
        raise GateRefused("\n".join([f"candidate {name} is {judged.verdict}", *open_]))
    return judged
