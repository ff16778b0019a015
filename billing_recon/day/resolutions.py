"""What people decide about exceptions: who is on it, what was found, and how it is resolved, within what the policy allows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from billing_recon.compute.engine import scratch
from billing_recon.core.break_decision import DECIDABLE, BreakDecision, BreakVerb
from billing_recon.core.errors import CloseRefused, ConfigurationError
from billing_recon.core.figures import count, listed, with_currency
from billing_recon.core.person import person_name, same_person
from billing_recon.core.policy import Policy
from billing_recon.core.reason import Code, Disposition, Pair
from billing_recon.core.resolution import Resolution, Told, disposition_of
from billing_recon.core.schema import INVOICE_LINES
from billing_recon.core.signoff import roles_of
from billing_recon.core.written_reason import remark, written_reason
from billing_recon.day.approvers import prove
from billing_recon.day.exceptions import ExceptionRow, find
from billing_recon.day.home import Home
from billing_recon.day.releases import withdraw_stale

_LONGEST_REFERENCE = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """How breaks are resolved, by whom, why, and what proves it. `code` is the person's one-time code."""

    kind: Resolution | None
    by: str
    reason: str
    evidence: str = ""
    told: Told | None = None
    code: str = ""
    actor: str = ""
    disposition: Disposition | None = None
    """Instead of a kind: what the breaks turned out to be; OPEN revokes an earlier decision."""


def assign(home: Home, break_ids: Sequence[str], to: str, *, by: str, reason: str, actor: str) -> list[BreakDecision]:
    """Assign breaks to somebody and return the new assignments. An empty `to` removes the assignment."""
    problems: list[str] = []
    name = _person(home, to, problems) if to else ""
    said = _text(reason, "the assignment", problems)
    return _noted(home, break_ids, BreakVerb.ASSIGN, by, said, actor, problems, assignee=name)


def investigate(home: Home, break_ids: Sequence[str], *, by: str, reason: str, actor: str) -> list[BreakDecision]:
    """State that somebody is looking into breaks; nothing is resolved."""
    problems: list[str] = []
    said = _text(reason, "the investigation", problems)
    return _noted(home, break_ids, BreakVerb.INVESTIGATE, by, said, actor, problems)


def comment(home: Home, break_ids: Sequence[str], *, by: str, text: str, actor: str) -> list[BreakDecision]:
    """Append what was found out about breaks; nothing is resolved."""
    problems: list[str] = []
    said = _text(text, "a comment", problems)
    if not said:
        problems.append("a comment needs a text: --text TEXT")
    return _noted(home, break_ids, BreakVerb.COMMENT, by, said, actor, problems)


def _noted(
    home: Home,
    break_ids: Sequence[str],
    verb: BreakVerb,
    by: str,
    said: str,
    actor: str,
    problems: list[str],
    *,
    assignee: str = "",
) -> list[BreakDecision]:
    name = _person(home, by, problems) if by else ""
    if problems:
        raise ConfigurationError(problems)
    found = find(home, *break_ids)
    return home.control.decide_breaks(
        [replace(_about(e, home, name, said, actor), verb=verb, assignee=assignee) for e in found]
    )


def resolve(home: Home, found: Sequence[ExceptionRow], answer: Answer) -> list[BreakDecision]:
    """Resolve breaks and return the new decisions. Either all of them are made or none.

    ConfigurationError lists everything that is missing or that the policy does not allow. If the policy names approvers,
    only an approver may take a break off the gate; several at once, and once anybody is enrolled each, need their one-time
    code (CloseRefused without).
    """
    problems: list[str] = []
    if answer.kind is None and answer.disposition not in DECIDABLE:
        names = ", ".join(one.value for one in DECIDABLE)
        shown = answer.disposition.value if answer.disposition else "nothing"
        problems.append(f"{shown} cannot be chosen by a person; choose one of {names}, or a kind of resolution")
    by = _person(home, answer.by, problems) if answer.by.strip() else ""
    if not by and not problems:
        problems.append("a decision needs a name: --as NAME")
    try:
        reason = written_reason(answer.reason, "a decision")
    except ValueError as error:
        problems.append(str(error))
        reason = ""
    evidence = _text(answer.evidence, "the evidence", problems)
    if len(evidence) > _LONGEST_REFERENCE:
        problems.append(
            f"the evidence has {len(evidence)} characters; give a reference of at most {_LONGEST_REFERENCE}"
        )
    if answer.kind is not None:
        problems += _not_allowed(home, found, answer, evidence)
    decided = [(one, _disposition(home, one, answer)) for one in found]
    opening = [one for one, disposition in decided if not disposition.counts_against_gate]
    approvers = home.policy.approvers
    if opening and by and approvers and not roles_of(by, approvers):
        known = ", ".join(f"{a.name} ({a.role})" for a in approvers)
        what = answer.kind.value if answer.kind else str(answer.disposition)
        problems.append(f"{what} takes a break off the gate, which only an approver may do; policy names {known}")
    if problems:
        raise ConfigurationError(problems)
    if opening and (len(opening) > 1 or home.control.enrolled()):
        _proven(home, by, answer.code, f"take {count(len(opening), 'break')} off the gate")
    made = home.control.decide_breaks(
        [
            replace(
                _about(one, home, by, reason, answer.actor),
                disposition=disposition,
                resolution=answer.kind,
                evidence=evidence,
                told=answer.told,
            )
            for one, disposition in decided
        ]
    )
    for day in sorted({decision.day for decision in made}):
        withdraw_stale(home, day, day)
    return made


def _disposition(home: Home, one: ExceptionRow, answer: Answer) -> Disposition:
    if answer.kind is None:
        return answer.disposition or Disposition.OPEN
    opens = answer.kind in home.policy_on(one.day).policy.exceptions.open_the_gate
    return disposition_of(answer.kind, one.row["pair"], one.row["code"], opens)


def _proven(home: Home, by: str, code: str, what: str) -> None:
    if not home.policy.approvers:
        raise CloseRefused(
            [
                f"to {what} needs an approver with a one-time code, and the policy names no approvers; add them to it first"
            ]
        )
    prove(home, by, code, what)


def _not_allowed(home: Home, found: Sequence[ExceptionRow], answer: Answer, evidence: str) -> Iterator[str]:
    """Why a kind of resolution is not allowed for some of the breaks, one sentence per reason."""
    kind = answer.kind
    assert kind is not None
    if kind.is_correction and not evidence:
        yield f"{kind.value} needs what proves it, such as the number of the document: --evidence CN-17"
    wrong_bills = [one for one in found if one.row["pair"] == Pair.EXPECTED_BILLED]
    issued = _issued(home, wrong_bills)
    if kind.is_correction and issued and answer.told is None:
        yield f"{kind.value} of an issued invoice: say whether the customer was told: --customer-told yes, no or not_needed"

    def rules(one: ExceptionRow) -> Policy:
        return home.policy_on(one.day).policy

    barred = [one for one in issued if kind not in rules(one).exceptions.issued_invoices]
    if barred:
        allowed = ", ".join(k.value for k in rules(barred[0]).exceptions.issued_invoices)
        yield f"{_ids(barred)}: {kind.value} is not allowed for an issued invoice; the policy allows {allowed or 'nothing'}"
    if kind is Resolution.ACCEPTED_WITHIN_TOLERANCE:
        above = [
            one
            for one in found
            if one.size > rules(one).exceptions.accept_up_to.get(one.row["currency"] or "", Decimal(0))
        ]
        if above:
            first = above[0]
            bound = rules(first).exceptions.accept_up_to.get(first.row["currency"] or "")
            up_to = f"up to {with_currency(bound, first.row['currency'])}" if bound else "nothing in this currency"
            size = with_currency(first.size, first.row["currency"])
            yield f"{_ids(above)}: exceptions.accept_up_to of the policy lets people accept {up_to}, and {size} is more"
    unexplained = [one for one in found if one.row["code"] == Code.UNEXPLAINED]
    if unexplained and kind in (Resolution.ACCEPTED_WITHIN_TOLERANCE, Resolution.EXPECTED_CHANGE):
        yield f"{_ids(unexplained)}: what is UNEXPLAINED is neither accepted nor expected; find its cause first"


def _issued(home: Home, found: Sequence[ExceptionRow]) -> list[ExceptionRow]:
    """Those whose invoice was issued: a line of it has that status."""
    invoices = sorted({one.row["invoice_id"] for one in found if one.row["invoice_id"]})
    if not invoices:
        return []
    days = [one.day for one in found]
    scanned = home.warehouse.scan(INVOICE_LINES, min(days).replace(year=min(days).year - 1, day=1), max(days))
    with scratch() as con:
        con.execute("CREATE TABLE asked AS SELECT unnest(?) AS invoice_id", [invoices])
        known = con.execute(
            f"SELECT DISTINCT invoice_id FROM ({scanned}) SEMI JOIN asked USING (invoice_id) WHERE status = 'issued'"
        ).fetchall()
    issued = {row[0] for row in known}
    return [one for one in found if one.row["invoice_id"] in issued]


def _ids(found: Iterable[ExceptionRow]) -> str:
    return listed(one.row["break_id"] for one in found)


def _person(home: Home, name: str, problems: list[str]) -> str:
    """The name in one spelling: an approver's as the policy writes it."""
    try:
        spelt = person_name(name)
    except ValueError as error:
        problems.append(str(error))
        return ""
    return next((a.name for a in home.policy.approvers if same_person(a.name) == same_person(spelt)), spelt)


def _text(text: str, what: str, problems: list[str]) -> str:
    try:
        return remark(text, what)
    except ValueError as error:
        problems.append(str(error))
        return ""


def _about(found: ExceptionRow, home: Home, by: str, reason: str, actor: str) -> BreakDecision:
    row = found.row
    kept = {name: value for name, value in row.items() if value is not None and name not in ("evidence", "day")}
    return BreakDecision(
        break_id=row["break_id"],
        day=row["day"],
        verb=BreakVerb.RESOLVE,
        decided_by=by or actor,
        delta=row["delta"],
        currency=row["currency"],
        reason=reason,
        role=", ".join(role.value for role in roles_of(by, home.policy.approvers)),
        actor=actor,
        came=json.dumps({n: f"{v:f}" if isinstance(v, Decimal) else v for n, v in kept.items()}, ensure_ascii=False),
    )
