"""Lock, sign, close and reopen a month. A month closes when every task of its checklist is a PASS (day.month_tasks)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from billing_recon.control import MonthState
from billing_recon.control.month_closes import MonthClose
from billing_recon.core.break_decision import BreakVerb
from billing_recon.core.close_policy import Task
from billing_recon.core.errors import CloseRefused, ConfigurationError
from billing_recon.core.gate import Condition
from billing_recon.core.month_books import MonthBooks
from billing_recon.core.month_tasks import ChecklistLine
from billing_recon.core.period import days_of_month, parse_month
from billing_recon.core.person import same_person
from billing_recon.core.printed_command import reopen_command
from billing_recon.core.restatement import Restatement, restated
from billing_recon.core.signoff import Role, SignOff, roles_of
from billing_recon.core.verdict import Verdict
from billing_recon.day import reasons
from billing_recon.day.approvers import approver as person
from billing_recon.day.approvers import prove
from billing_recon.day.audit_chain import close_purpose, complete_close, write_head
from billing_recon.day.home import Home
from billing_recon.day.month_books import month_books
from billing_recon.day.month_days import month_days
from billing_recon.day.month_evidence import evidence_in_force, month_evidence
from billing_recon.day.month_figures import as_text, month_figures
from billing_recon.day.month_tasks import checklist, days_not_green


def sign_off(
    home: Home,
    month: str,
    name: str,
    actor: str,
    *,
    code: str,
    role: str | None = None,
    note: str = "",
    out: Path | None = None,
) -> list[SignOff]:
    """Record an approver's signature under the month's evidence, in each role that policy gives them (or only `role`).

    `code` is their one-time code. ConfigurationError if the policy does not name them; CloseRefused if a task of the checklist
    is not a PASS (the signatures and the month before excepted), if they decided about something in the month themselves, or
    if the code is not good.
    """
    parse_month(month)
    refuse_if_forged(home, month)
    approver = person(home, name).name
    roles = [r for r in roles_of(approver, home.policy.approvers) if role is None or r.value == role]
    if not roles:
        raise ConfigurationError(f"'{approver}' may not sign for {role}; policy does not name them in that role")
    state = home.control.month_state(month)
    if state is MonthState.CLOSED:
        raise CloseRefused([f"{month} is closed; {reopen_command(month)} before signing again"])
    evidence = evidence_in_force(home, month)
    problems = _own_decisions(home, month, approver)
    if state is MonthState.OPEN:  # behind a lock nothing can have changed since every task was asked for
        problems += held_open_by(checklist(home, month), but=(Task.SIGN_OFF, Task.SEQUENCE))
    problems += _changed(home, month, evidence)
    if problems:
        raise CloseRefused([f"{month} cannot be signed yet: {problem}" for problem in problems])
    prove(home, approver, code, f"sign {month}")
    signed = [home.control.sign_off(month, approver, r, evidence, actor=actor, note=note) for r in roles]
    write_head(home, f"sign-off {month} by {approver}", out, stamp=False)
    return signed


def held_open_by(lines: list[ChecklistLine], *, but: tuple[Task, ...] = ()) -> list[str]:
    """A sentence for each task that is not done, with its owner and due day."""
    return [
        f"{line.task.value} ({line.owner}, due {line.due}) is {line.condition.verdict}: {line.condition.sentence}"
        for line in lines
        if not line.done and line.task not in but
    ]


def _changed(home: Home, month: str, evidence: str) -> list[str]:
    """Why a locked month is no longer what it was locked at."""
    now = month_evidence(home, month)
    if now == evidence:
        return []
    return [
        f"its evidence {evidence[:12]} is now {now[:12]}: what arrived since, or a setting, changes it; "
        f"{reopen_command(month)}, then have it signed again"
    ]


def _own_decisions(home: Home, month: str, approver: str) -> list[str]:
    """Why a person may not sign: nobody signs what they decided themselves."""
    days = days_of_month(month)
    breaks = [
        d.break_id
        for d in home.control.break_decisions(days[0], days[-1])
        if d.verb is BreakVerb.RESOLVE and same_person(d.decided_by) == same_person(approver)
    ]
    rows = [
        d.row_id
        for d in home.control.row_decisions("")
        if days[0] <= d.day <= days[-1] and same_person(d.decided_by) == same_person(approver)
    ]
    found = [("break", len(set(breaks)), breaks), ("quarantined row", len(set(rows)), rows)]
    return [
        f"{approver} decided about {count} {what}{'s' if count > 1 else ''} of {month} ({ids[0]}{' ...' if count > 1 else ''}); "
        "somebody else has to sign for that role"
        for what, count, ids in found
        if count
    ]


def lock_month(home: Home, month: str, actor: str) -> str:
    """Freeze a month while people sign, and return its evidence hash. CloseRefused while a task but the signatures is open."""
    parse_month(month)
    problems = held_open_by(checklist(home, month), but=(Task.SIGN_OFF,))
    if problems:
        raise CloseRefused(problems)
    evidence = month_evidence(home, month)
    home.control.lock_month(month, evidence, actor=actor)
    _recheck(home, month, evidence)
    return evidence


def reopen_month(home: Home, month: str, name: str, *, code: str, reason: str, actor: str) -> None:
    """Open a locked or closed month again, on the word of an approver who proves it with a code. ConfigurationError without a reason.

    Months close in sequence, so the months after it are reopened first, the last one first.
    """
    parse_month(month)
    why = reasons.reason(reason, f"reopening {month}")
    later = home.control.shut_months_after(month)
    if later:
        raise CloseRefused([f"{later[-1]} is {home.control.month_state(later[-1]).value}; reopen it before {month}"])
    approver = prove(home, name, code, f"reopen {month}")
    home.control.reopen_month(month, why, f"{approver} (entered by {actor})")


def close_month(home: Home, month: str, run_id: str, out: Path | None = None) -> str:
    """Close the month and return its evidence hash; CloseRefused with every task that holds it open.

    The head of the audit chain is written outside the database, to `out` too. A month that is closed already stays as it is:
    nothing of it can have been rewritten.
    """
    parse_month(month)
    refuse_if_forged(home, month)
    state = home.control.month_state(month)
    evidence = evidence_in_force(home, month)
    if state is MonthState.CLOSED:
        complete_close(home, month, out)
        return evidence
    days = month_days(home, month)
    books = month_books(home, month) if days else MonthBooks()
    lines = checklist(home, month, books)
    reasons = held_open_by(lines) + _changed(home, month, evidence)
    if reasons:
        raise CloseRefused(reasons)
    if state is MonthState.OPEN:
        home.control.lock_month(month, evidence, actor=run_id)
        _recheck(home, month, evidence)
    figures = as_text(month_figures(home, month, books, lines))
    home.control.close_month(month, evidence, actor=run_id, figures=figures)
    write_head(home, close_purpose(month, home.control.month_closes(month)[-1].round), out)
    return evidence


def refuse_if_forged(home: Home, month: str) -> None:
    """CloseRefused if somebody moved, signed or closed months without this program: what they say is no ground for anything."""
    problems = home.control.month_problems(month)
    if problems:
        raise CloseRefused([f"{month}: {problem}; see: billing-recon audit verify" for problem in problems])


def checklist_in_force(home: Home, month: str, books: MonthBooks | None = None) -> list[ChecklistLine]:
    """The checklist as it is; of a closed month as it was when it closed, since settings may have changed since."""
    closes = home.control.month_closes(month)
    if home.control.month_state(month) is not MonthState.CLOSED or not closes:
        return checklist(home, month, books)
    return [
        ChecklistLine(Task(task), Condition(task, Verdict(verdict), sentence), owner, date.fromisoformat(due))
        for task, verdict, sentence, owner, due in json.loads(closes[-1].figures)["checklist"]
    ]


def _recheck(home: Home, month: str, evidence: str) -> None:
    """What was checked before the lock still holds behind it; otherwise the lock is taken off again."""
    verdict, problems = days_not_green(home, month, stored=False)
    if month_evidence(home, month) != evidence or problems:
        reason = "its data changed while it was being locked"
        home.control.reopen_month(month, reason, "billing-recon")
        raise CloseRefused(
            [f"{month} is {verdict}: {reason}; nothing was closed. See: billing-recon status --month {month}"]
        )


@dataclass(frozen=True, slots=True)
class MonthRestated:
    """A month's figures now, or at its latest close, against those of the close before; `reasons`: of each reopening since."""

    before: MonthClose
    reasons: tuple[str, ...]
    differences: Restatement


def restatement(home: Home, month: str) -> MonthRestated | None:
    """What changed since the month was closed before; None if it was never reopened."""
    closes = home.control.month_closes(month)
    if home.control.month_state(month) is MonthState.CLOSED:
        if len(closes) < 2:
            return None
        before, after = closes[-2], json.loads(closes[-1].figures)
    else:
        if not closes:
            return None
        before, books = closes[-1], month_books(home, month)
        after = month_figures(home, month, books, [])
    reasons = tuple(
        f"{event['decided_at']} reopened by {event['actor']}: {event['reason']}"
        for event in home.control.month_history(month)
        if event["state"] == MonthState.OPEN.value and event["decided_at"] >= before.decided_at
    )
    return MonthRestated(before, reasons, restated(json.loads(before.figures), after))


def days_to_close(home: Home, month: str) -> int | None:
    """Days from the month's end to its close, in the company's time zone; None while it is not closed."""
    closed = home.control.closed_at(month)
    return (
        None
        if closed is None
        else (closed.astimezone(ZoneInfo(home.company.timezone)).date() - days_of_month(month)[-1]).days
    )


__all__ = [
    "Role",
    "close_month",
    "days_not_green",
    "lock_month",
    "month_days",
    "month_evidence",
    "reopen_month",
    "sign_off",
]
