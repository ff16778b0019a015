"""What has to hold in a rehearsal, whoever is rehearsed: one check each, and those that every rehearsal makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from billing_recon.control.rollout_records import StageVerdict
from billing_recon.core.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to hold in a rehearsal."""

    name: str
    holds: bool
    says: str


def stopped(
    answers: Sequence[StageVerdict],
    invoice: str,
    since: date,
    what: str = "doubled",
    bound: str = "breaks or duplicate_invoices",
) -> Iterator[Check]:
    """The stage never passes once a bill was doubled (or what else was done), and is a FAIL in the end. `bound`: metrics that show it."""
    after = [answer for answer in answers if answer.day >= since]
    passed = [str(answer.day) for answer in after if answer.verdict is Verdict.PASS]
    yield Check(
        "stopped",
        bool(after) and not passed,
        f"the stage passed on {', '.join(passed)} although {invoice} was {what} on {since}; tighten its thresholds"
        if passed
        else f"no PASS from {since} on, when {invoice} was {what}",
    )
    failed = [answer.day for answer in after if answer.verdict is Verdict.FAIL]
    yield Check(
        "frozen",
        bool(failed),
        f"FAIL on {failed[0]}, {(failed[0] - since).days} days after {invoice} was {what}"
        if failed
        else f"{invoice} was {what}, which is no FAIL under the plan's thresholds and triggers; bound {bound}",
    )


def flags(found: set[str], ignored: set[str]) -> Check:
    """The bills found against their flag are those that were made against it."""
    return Check(
        "flags",
        found == ignored,
        f"{len(found & ignored)} of {len(ignored)} bills against their flag were found, {len(found - ignored)} others",
    )
