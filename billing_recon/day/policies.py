"""A new version of the policy: checked, compared with what it replaces, and applied, by two people if it loosens a limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from billing_recon.compute.metrics import NAMES
from billing_recon.control import MonthState, PolicyVersion, month_of
from billing_recon.core.errors import CloseRefused, ConfigurationError
from billing_recon.core.period import days_of_month, parse_day
from billing_recon.core.person import same_person
from billing_recon.core.policy import Policy
from billing_recon.core.policy_change import Change, changes, loosened
from billing_recon.day import reasons
from billing_recon.day.approvers import approver, prove
from billing_recon.day.configuration import line_in_policy, parse_policy, stored_policy
from billing_recon.day.gate import DAY_GATE
from billing_recon.day.home import Home, PolicyInForce

Signature = tuple[str, str]
"""A name and the one-time code that proves it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A policy that is not applied yet. `replaced` are the versions that it takes days from, the newest first.

    `changes` are those against the newest; `loosens` what it loosens against any version that it replaces. `days` are the
    judged days that have to be run again.
    """

    text: str
    policy: Policy
    replaced: tuple[PolicyInForce, ...]
    changes: tuple[Change, ...]
    loosens: tuple[str, ...]
    days: tuple[date, ...]
    needed: int


def propose(home: Home, text: str, name: str = "policies") -> Proposal:
    """Check a policy and compare it. ConfigurationError with every problem and its line.

    Refused are: currencies and metrics that there are none of, an expected change approved by nobody who may, a first day
    in a closed month, and windows that would change in the middle of the open days.
    """
    policy = parse_policy(text, name)
    problems = [f"{line_in_policy(text, name, loc)}: {says}" for loc, says in _problems(home, policy)]
    if problems:
        raise ConfigurationError(problems)
    first = policy.effective_from or date.min
    judged = [parse_day(partition) for partition in home.control.answers(DAY_GATE)]
    replaced = _replaced(home, first)
    compared = {one.number: changes(one.policy, policy) for one in replaced}
    newest = changes(home.policy, policy)
    loosens = dict.fromkeys(
        f"{change}" if one.number == home.policy_number else f"{change}, of version {one.number}"
        for one in replaced
        for change in loosened(compared[one.number])
    )
    people = {same_person(one.name) for one in home.policy.approvers}
    return Proposal(
        text,
        policy,
        replaced,
        newest,
        tuple(loosens),
        tuple(day for day in sorted(judged) if day >= first and not home.control.is_closed(day)),
        min(2, len(people)) if loosens else 0,
    )


def apply(home: Home, proposal: Proposal, note: str, actor: str, signatures: Sequence[Signature] = ()) -> PolicyVersion:
    """Make a proposal the newest version. What loosens a limit needs two approvers of the policy in force, each with a code.

    ConfigurationError without a reason; CloseRefused without the approvers. Nothing is asked if nothing changes.
    """
    if proposal.text == home.policy_versions[-1].text:
        return home.policy_versions[-1]
    why = reasons.reason(note, "a new version of the policy", "--note")
    approved_by = _approved(home, proposal, signatures)
    return home.control.apply_policy(proposal.text, actor, why, approved_by)


def _approved(home: Home, proposal: Proposal, signatures: Sequence[Signature]) -> str:
    if not proposal.needed:
        return ""
    names = list(dict.fromkeys(approver(home, name).name for name, _ in signatures))
    if len(names) < proposal.needed:
        known = ", ".join(one for one in dict.fromkeys(a.name for a in home.policy.approvers) if one not in names)
        people = "two approvers" if proposal.needed == 2 else "an approver"
        raise CloseRefused(
            [
                f"{people} have to allow it, each with their own code: --as NAME --code NNNNNN, twice if two; "
                f"{'besides ' + names[0] + ' one of ' if names else ''}{known}. It loosens:",
                *proposal.loosens,
            ]
        )
    return ", ".join(prove(home, name, code, "loosen the policy") for name, code in signatures)


def _problems(home: Home, policy: Policy) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Where and what; what a policy alone cannot know."""
    known = home.company.currencies
    named = [
        *((("tolerances", n, "currency"), one.currency) for n, one in enumerate(policy.tolerances)),
        *((("gate", "limits", n, "currency"), one.currency) for n, one in enumerate(policy.gate.limits)),
        *((("expected_changes", n, "currency"), one.currency or "*") for n, one in enumerate(policy.expected_changes)),
        *((("exceptions", "accept_up_to", currency), currency) for currency in policy.exceptions.accept_up_to),
        *(
            (("exceptions", "deadlines", n, "currency"), one.currency)
            for n, one in enumerate(policy.exceptions.deadlines)
        ),
    ]
    for loc, currency in named:
        if currency not in ("*", *known):
            yield loc, f"'{currency}' is no currency of company.yaml, which has {', '.join(known)}"
    for n, threshold in enumerate(policy.gate.thresholds):
        if threshold.metric not in NAMES:
            yield ("gate", "thresholds", n, "metric"), f"'{threshold.metric}' is no metric; they are {', '.join(NAMES)}"
    people = {same_person(one.name) for one in (*policy.approvers, *home.policy.approvers)}
    for n, change in enumerate(policy.expected_changes):
        if people and same_person(change.approved_by) not in people:
            yield ("expected_changes", n, "approved_by"), f"'{change.approved_by}' is no approver of the policy"
    closed = _last_closed(home)
    first_open = days_of_month(closed)[-1] + timedelta(days=1) if closed else None
    start = policy.effective_from
    if first_open and (start is None or start < first_open):
        yield (
            ("effective_from",),
            f"{closed} is closed and keeps its version; write effective_from: {first_open}, or a later day",
        )
    opens = first_open or home.first_day
    if start and policy.windows != home.policy.windows and (opens is None or start > opens):
        yield (
            ("windows",),
            "windows hold for every open day alike, since a day in between would be compared twice or never: "
            + (f"write effective_from: {opens}" if first_open else "apply them without effective_from"),
        )


def _last_closed(home: Home) -> str:
    """The last month that is locked or closed; empty if none is."""
    months = {month_of(parse_day(partition)) for partition in home.control.answers(DAY_GATE)}
    return max((month for month in months if home.control.month_state(month) is not MonthState.OPEN), default="")


def _replaced(home: Home, first: date) -> tuple[PolicyInForce, ...]:
    """The versions that judge a day from `first` on, the newest first."""
    stored = (stored_policy(version.text, version.number) for version in home.policy_versions)
    starts = sorted({first, *(p.effective_from for p in stored if p.effective_from and p.effective_from > first)})
    found = {one.number: one for one in (home.policy_on(day) for day in starts)}
    return tuple(found[number] for number in sorted(found, reverse=True))
