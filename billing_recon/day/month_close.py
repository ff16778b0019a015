"""Sign and close a month. A month closes when every day is a current PASS and three people have signed its evidence."""

from __future__ import annotations

from datetime import date

from billing_recon.control import MonthState
from billing_recon.core.break_decision import BreakVerb
from billing_recon.core.errors import CloseRefused, ConfigurationError
from billing_recon.core.evidence import evidence_hash
from billing_recon.core.period import add_months, days_of_month, parse_month
from billing_recon.core.person import same_person
from billing_recon.core.signoff import Role, SignOff, missing_sign_offs, roles_of
from billing_recon.core.verdict import Verdict
from billing_recon.day.approvers import approver as person
from billing_recon.day.approvers import prove
from billing_recon.day.gate import DAY_GATE, stale_reason
from billing_recon.day.home import CODE_VERSION, Home

SHOWN = 5


def month_days(home: Home, month: str) -> list[date]:
    """The month's days, from the company's first day on."""
    return [day for day in days_of_month(month) if home.first_day is None or day >= home.first_day]


def month_evidence(home: Home, month: str) -> str:
    """The hash of the evidence of every day of the month, as recorded by the latest verdicts."""
    days = [str(day) for day in month_days(home, month)]
    verdicts = home.control.verdicts(DAY_GATE, days)
    return evidence_hash(
        month,
        {day: verdicts[day].evidence_hash for day in days if day in verdicts},
        home.policy_digest,
        home.catalog.digest,
        home.company_digest,
        CODE_VERSION,
    )


def days_not_green(home: Home, month: str) -> list[str]:
    """One sentence for each reason that keeps the month open; empty if every day is a current PASS."""
    days = month_days(home, month)
    if not days:
        return [f"{month} lies before the company's first day {home.first_day}; there is nothing to close"]
    verdicts = home.control.verdicts(DAY_GATE, [str(day) for day in days])
    missing = [day for day in days if str(day) not in verdicts]
    bad = [day for day in days if str(day) in verdicts and verdicts[str(day)].verdict is not Verdict.PASS]
    green = [day for day in days if str(day) in verdicts and verdicts[str(day)].verdict is Verdict.PASS]
    stale = [day for day in green if stale_reason(home, verdicts[str(day)]) is not None]
    sentences = []
    if missing:
        sentences.append(
            f"{_some(missing)} not reconciled; run: billing-recon run --day {missing[0]} --to {missing[-1]}"
        )
    if bad:
        sentences.append(f"{_some(bad)} not green; see: billing-recon status --day {bad[0]}")
    if stale:
        sentences.append(
            f"{_some(stale)} green on evidence that has changed since; run: billing-recon run --day {stale[0]} --to {stale[-1]}"
        )
    return sentences


def sign_off(
    home: Home, month: str, name: str, actor: str, *, code: str, role: str | None = None, note: str = ""
) -> list[SignOff]:
    """Record an approver's signature under the month's evidence, in each role that policy gives them (or only `role`).

    `code` is their one-time code. ConfigurationError if the policy does not name them; CloseRefused if a day of the month
    is not a current PASS, if they decided about something in the month themselves, or if the code is not good.
    """
    parse_month(month)
    approver = person(home, name).name
    roles = [r for r in roles_of(approver, home.policy.approvers) if role is None or r.value == role]
    if not roles:
        raise ConfigurationError(f"'{approver}' may not sign for {role}; policy does not name them in that role")
    problems = days_not_green(home, month) + _own_decisions(home, month, approver)
    if problems:
        raise CloseRefused([f"{month} cannot be signed yet: {problem}" for problem in problems])
    prove(home, approver, code, f"sign {month}")
    evidence = month_evidence(home, month)
    return [home.control.sign_off(month, approver, r, evidence, actor=actor, note=note) for r in roles]


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


def reopen_month(home: Home, month: str, name: str, *, code: str, reason: str, actor: str) -> None:
    """Open a closed month again, on the word of an approver who proves it with a code. CloseRefused without a reason."""
    parse_month(month)
    if not reason.strip(" .-"):
        raise CloseRefused([f"reopening {month} needs a reason, which is recorded in the audit chain"])
    approver = prove(home, name, code, f"reopen {month}")
    home.control.reopen_month(month, reason, f"{approver} (entered by {actor})")


def close_month(home: Home, month: str, run_id: str) -> str:
    """Close the month and return its evidence hash; CloseRefused with every condition that does not hold.

    Refused are: a missing day, a day that is not a current PASS, missing sign-offs (finance, product and engineering, by
    three people, on the current evidence), and a month whose predecessor is still open.
    """
    parse_month(month)
    evidence = month_evidence(home, month)
    reasons = days_not_green(home, month)
    reasons += missing_sign_offs(home.control.signoffs(month), evidence, home.policy.approvers)
    before = f"{add_months(parse_month(month), -1):%Y-%m}"
    if (
        home.first_day
        and before >= f"{home.first_day:%Y-%m}"
        and home.control.month_state(before) is not MonthState.CLOSED
    ):
        reasons.append(f"{before} is not closed; months close in sequence")
    if reasons:
        raise CloseRefused(reasons)
    if home.control.month_state(month) is not MonthState.CLOSED:
        home.control.close_month(month, evidence, actor=run_id)
    return evidence


def _some(days: list[date]) -> str:
    shown = ", ".join(str(day) for day in days[:SHOWN])
    return f"{len(days)} day{'s' if len(days) > 1 else ''} ({shown}{' ...' if len(days) > SHOWN else ''})"


__all__ = ["Role", "close_month", "days_not_green", "month_days", "month_evidence", "sign_off"]
