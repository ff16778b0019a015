"""The hash of what a month's close rests on: the evidence of its days, and what arrived after it until its cut-off."""

from __future__ import annotations

from datetime import timedelta

from billing_recon.control import MonthState
from billing_recon.core.evidence import evidence_hash
from billing_recon.core.period import days_of_month
from billing_recon.day.gate import DAY_GATE
from billing_recon.day.home import Home
from billing_recon.day.month_books import READ, cut_off
from billing_recon.day.settings import settings


def month_evidence(home: Home, month: str) -> str:
    """The evidence as it is now: the latest verdicts of the month's days, and the books' tables until the cut-off."""
    days, known_by = days_of_month(month), cut_off(home, month)
    verdicts = home.control.verdicts(DAY_GATE, [str(day) for day in days])
    after = home.control.partition_digests((table.name for table in READ), days[-1] + timedelta(days=1), known_by)
    given = settings(home, days[-1])
    return evidence_hash(
        month,
        {**{day: verdict.evidence_hash for day, verdict in verdicts.items()}, **after},
        given["policy"],
        given["catalog"],
        given["company"],
        given["code"],
    )


def evidence_in_force(home: Home, month: str) -> str:
    """The evidence that a locked or closed month is held to; that of now while it is open."""
    history = home.control.month_history(month)
    if history and history[-1]["state"] != MonthState.OPEN.value:
        return str(history[-1]["evidence_hash"])
    return month_evidence(home, month)
