"""From what is wrong now to incidents and their pages: opened once, updated when it got worse, resolved once, silent else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from billing_recon.control.pages import OPEN, RESOLVE, RESOLVED, TRIGGER, Desk, Incident, Page, PageStore, stamp
from billing_recon.core.figures import count, listed, with_currency
from billing_recon.core.operations import Cause, Channel, Paging
from billing_recon.core.severity import Severity
from billing_recon.paging.trouble import Trouble, added

GROUP, HISTORY = "group", "history"
"""Causes of incidents that stand for several: many at once, and what was wrong before paging was switched on."""
SWITCHED_ON, LATE = "switched on", "late"
FLOOD = timedelta(minutes=30)
"""More incidents than the policy allows within this time are paged as one."""


class Settlement:
    """One round: what is wrong now, compared with the open incidents, in one transaction."""

    def __init__(self, desk: Desk, company: str, paging: Paging, now: datetime) -> None:
        self._desk, self._company, self._paging, self._now = desk, company, paging, now
        self._at = stamp(now)
        self.changes: list[str] = []

    def settle(self, causes: Collection[Cause], troubles: Sequence[Trouble], holding: Collection[str]) -> None:
        """`troubles` are new or changed, `holding` the keys of incidents that are as they were; any other one is over."""
        open_now = self._desk.incidents(causes=[cause.value for cause in causes])
        fresh, left = [], dict[str, None]()
        for trouble in troubles:
            known = open_now.get(trouble.key)
            if known is None:
                fresh.append(trouble)
            elif not known.paged_alone and known.version.startswith(LATE) and not trouble.version.startswith(LATE):
                # Late before, and judged since: that is news, also of a day that was late before paging was switched on.
                fresh.append(trouble)
                left[known.paged_as] = None
            else:
                self._change(known, trouble)
        self._open(fresh)
        for group in left:
            self._close_group(group)
        still = {*holding, *(trouble.key for trouble in troubles)}
        self._close([one for key, one in open_now.items() if key not in still])
        if not self._desk.mark(SWITCHED_ON):
            self._desk.set_mark(SWITCHED_ON, self._at)

    def _severity(self, trouble: Trouble) -> tuple[int, Severity]:
        step, raised = self._paging.money_step(dict(trouble.money))
        own = trouble.severity or self._paging.severity_of(trouble.cause)
        return step, max(own, raised, key=lambda one: one.rank)

    def _open(self, fresh: Sequence[Trouble]) -> None:
        before = not self._desk.mark(SWITCHED_ON)
        history = [trouble for trouble in fresh if before and trouble.day]
        new = [trouble for trouble in fresh if trouble not in history]
        if history:
            self._open_group(HISTORY, f"{HISTORY}/{history[0].day}..{history[-1].day}", history)
        days = [trouble for trouble in new if trouble.day]
        since = stamp(self._now - FLOOD)
        if days and len(days) + self._desk.opened_alone(since) > self._paging.group_above:
            self._join(days, self._desk.latest_group(GROUP, since))
            new = [trouble for trouble in new if trouble not in days]
        for trouble in new:
            step, severity = self._severity(trouble)
            incident = self._incident(trouble, trouble.key, step, severity)
            self._desk.put(incident)
            self._page(incident, TRIGGER, severity)

    def _join(self, days: Sequence[Trouble], group: Incident | None) -> None:
        """Add days to a group that was opened a moment ago; its page is sent again when it has twice as many."""
        if group is None:
            key = f"{GROUP}/{min(t.day for t in days)}..{max(t.day for t in days)}/{self._at}"
            self._open_group(GROUP, key, days)
            return
        severity = group.severity
        for trouble in days:
            step, own = self._severity(trouble)
            severity = max(severity, own, key=lambda one: one.rank)
            self._desk.put(self._incident(trouble, group.key, step, own))
        size = self._desk.open_of(group.key)
        notice = {**group.notice, "title": f"{count(size, 'day')} need attention at once"}
        grown = replace(group, notice=notice, severity=severity)
        if size >= 2 * max(group.step, 1):
            grown = replace(grown, step=size)
            self._page(grown, TRIGGER, severity, "more days")
        self._desk.put(grown)

    def _incident(self, trouble: Trouble, paged_as: str, step: int, severity: Severity) -> Incident:
        return Incident(
            key=trouble.key,
            cause=trouble.cause.value,
            day=trouble.day,
            paged_as=paged_as,
            severity=severity,
            version=trouble.version,
            notice=trouble.notice(self._company),
            opened_at=self._at,
            step=step,
        )

    def _open_group(self, cause: str, key: str, members: Sequence[Trouble]) -> None:
        """One page for many days: how many, which, why, and the money of all of them."""
        severity = Severity.WARNING if cause == HISTORY else Severity.INFO
        for trouble in members:
            step, own = self._severity(trouble)
            severity = max(severity, own, key=lambda one: one.rank) if cause == GROUP else severity
            self._desk.put(self._incident(trouble, key, step, own))
        kinds = [(one, sum(t.cause is one for t in members)) for one in Cause]
        what = ", ".join(f"{count(number, 'day')} with {_WORDS[one]}" for one, number in kinds if number)
        days = sorted({trouble.day for trouble in members})
        when = "before paging was switched on" if cause == HISTORY else "at once"
        notice = {
            "company": self._company,
            "cause": cause,
            "day": "",
            "title": f"{count(len(days), 'day')} {'needs' if len(days) == 1 else 'need'} attention {when}: {what}",
            "gate": "",
            "why": [t.title if t.day in t.title else f"{t.day}: {t.title}" for t in members[:3]]
            + ([f"Days: {listed(days, 12)}"]),
            "money": {
                currency: with_currency(amount, currency)
                for currency, amount in sorted(added(t.money for t in members).items())
            },
            "codes": list(dict.fromkeys(code for t in members for code in t.codes))[:5],
            "owner": listed(dict.fromkeys(t.owner for t in members if t.owner), 3),
            "taken_by": "",
            "next_step": "billing-recon status, then billing-recon page list",
            "link": "",
        }
        incident = Incident(key, cause, "", key, severity, self._at, notice, self._at, step=len(days))
        self._desk.put(incident)
        self._page(incident, TRIGGER, severity)

    def _change(self, known: Incident, trouble: Trouble) -> None:
        """Keep what is new about an open incident; page it again if it is worse than what was paged."""
        step, severity = self._severity(trouble)
        worse = step > known.step or severity.rank > known.severity.rank
        changed = replace(
            known,
            version=trouble.version,
            notice=trouble.notice(self._company),
            step=max(step, known.step),
            severity=max(severity, known.severity, key=lambda one: one.rank),
            paged_as=known.key if worse else known.paged_as,
        )
        self._desk.put(changed)
        if worse:
            self._page(changed, TRIGGER, changed.severity, "worse")
            if not known.paged_alone:
                self._close_group(known.paged_as)

    def _close(self, over: Iterable[Incident]) -> None:
        groups: dict[str, None] = {}
        for incident in over:
            closed = replace(incident, state=RESOLVED, resolved_at=self._at)
            self._desk.put(closed)
            if incident.paged_alone:
                self._page(closed, RESOLVE, closed.severity)
            else:
                groups[incident.paged_as] = None
        for key in groups:
            self._close_group(key)

    def _close_group(self, key: str) -> None:
        """Resolve the page of a group when the last of its incidents is over, or has a page of its own."""
        group = self._desk.incidents([key]).get(key)
        if group is not None and group.state == OPEN and not self._desk.open_of(key):
            closed = replace(group, state=RESOLVED, resolved_at=self._at)
            self._desk.put(closed)
            self._page(closed, RESOLVE, closed.severity)

    def remind(self, taken: Mapping[str, str]) -> None:
        """Escalate what nobody has taken in time, and page again what is open for days. `taken`: who works on which key."""
        causes = [*(cause.value for cause in Cause), GROUP]
        for incident in self._desk.incidents(causes=causes).values():
            if not incident.paged_alone:
                continue
            age = self._now - datetime.fromisoformat(incident.opened_at)
            late = age >= timedelta(minutes=self._paging.take_within_minutes)
            urgent = incident.severity.rank >= Severity.ERROR.rank
            who = incident.taken_by or taken.get(incident.key, "")
            due = sum(age >= timedelta(days=days) for days in self._paging.remind_after_days)
            if late and urgent and not who and not incident.escalated:
                changed = replace(incident, escalated=True, severity=Severity.CRITICAL, reminded=due)
                self._desk.put(changed)
                self._page(changed, TRIGGER, Severity.CRITICAL, "nobody has taken it")
            elif due > incident.reminded:
                severity = max(incident.severity, Severity.ERROR, key=lambda one: one.rank)
                changed = replace(incident, reminded=due, severity=severity)
                self._desk.put(changed)
                self._page(changed, TRIGGER, severity, f"open for {count(age.days, 'day')}", who)

    def _page(self, incident: Incident, action: str, severity: Severity, again: str = "", who: str = "") -> None:
        self.changes.append(f"{action} {incident.key}" + (f" ({again})" if again else ""))
        notice: dict[str, Any] = {**incident.notice, "opened_at": incident.opened_at, "again": again}
        notice["taken_by"] = incident.taken_by or who or incident.notice.get("taken_by", "")
        told = self._desk.reached(incident.key)
        for channel in self._paging.channels:
            if channel.name in told if action == RESOLVE else _takes(channel, severity, incident, told):
                self._desk.enqueue(Page(incident.key, channel.name, action, severity, notice, self._at))


_WORDS = {
    Cause.DIFFERENCES: "differences",
    Cause.DATA: "data that is missing or cannot be judged",
    Cause.RUN: "a run that crashed",
    Cause.AUTOMATION: "automation that is off",
    Cause.STORAGE: "a disk that fills",
    Cause.LAUNCH: "a candidate that left its accepted pattern",
    Cause.ROLLOUT: "a rollout that was switched back or is held",
}


def _takes(channel: Channel, severity: Severity, incident: Incident, told: Collection[str]) -> bool:
    """Whether a channel is told: those that know an incident hear how it goes on."""
    if channel.name in told:
        return True
    if not channel.pages:
        return False
    return severity.rank >= channel.at_least.rank and (incident.escalated or not channel.only_escalated)


def settle(
    store: PageStore,
    company: str,
    paging: Paging,
    now: datetime,
    causes: Collection[Cause],
    troubles: Sequence[Trouble],
    *,
    holding: Collection[str] = (),
    taken: Mapping[str, str] | None = None,
    marks: Mapping[str, str] | None = None,
) -> list[str]:
    """Compare what is wrong with the open incidents of some causes; store what changed, with its pages, and return it.

    `taken` is who works on which incident, and `marks` how far was read, stored with it.
    """
    ordered = sorted(troubles, key=lambda trouble: (trouble.day, trouble.key))
    with store.desk() as desk:
        round_ = Settlement(desk, company, paging, now)
        round_.settle(causes, ordered, holding)
        round_.remind(taken or {})
        for name, value in (marks or {}).items():
            desk.set_mark(name, value)
        return round_.changes
