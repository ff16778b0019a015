"""operations.yaml as frozen data: when a company's days run, and who is paged. It judges nothing, so an edit makes no verdict stale."""

from __future__ import annotations

import re
from datetime import time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.exact import Amount, Frozen
from billing_recon.core.schema import BY_NAME
from billing_recon.core.severity import Severity

_MAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Cause(StrEnum):
    """Why somebody is paged. A day has one incident per cause."""

    DIFFERENCES = "differences"
    """The day was judged FAIL."""
    DATA = "data"
    """The day could not be judged: a feed is late, the day did not run, or it is INCONCLUSIVE."""
    RUN = "run"
    """The day's run crashed."""
    AUTOMATION = "automation"
    """A schedule is switched off, or a sensor or schedule fails."""
    STORAGE = "storage"
    """The disk of the state folder, or the database, fills."""
    LAUNCH = "launch"
    """A day of a candidate's parallel run left the accepted pattern."""
    ROLLOUT = "rollout"
    """A trigger or the stage gate switched a rollout back or holds it."""


def _clock(text: str) -> str:
    try:
        well_formed = f"{time.fromisoformat(text):%H:%M}" == text
    except ValueError:
        well_formed = False
    if not well_formed:
        raise ValueError(f"'{text}' is not a time of day; write it in quotes as \"HH:MM\"")
    return text


Clock = Annotated[str, AfterValidator(_clock)]
"""A time of day in the company's time zone, `HH:MM`."""


class Schedule(Frozen):
    """When days and months run, in the company's time zone."""

    daily_at: Clock = Field(default="03:00", description="a day is run at this time of the next day")
    late_after_hours: int = Field(
        default=3, ge=0, le=240, description="a day without a verdict this long after it is late"
    )
    feeds_due: dict[str, Clock] = Field(
        default_factory=dict,
        description="table -> by when its file of a day is there, the next day; key 'default': daily_at",
    )
    catch_up_days: int = Field(
        default=14, ge=1, description="after downtime, this many missed days are run again by themselves"
    )
    month_end_day: int = Field(default=3, ge=1, le=28, description="day of the next month on which a month is closed")
    month_end_at: Clock = "06:00"

    @model_validator(mode="after")
    def _known(self) -> Schedule:
        unknown = sorted(set(self.feeds_due) - set(BY_NAME) - {"default"})
        if unknown:
            raise ValueError(f"feeds_due for unknown tables {unknown}; known are {sorted(BY_NAME)}")
        return self

    def due_at(self, table: str) -> str:
        """By when the file of a table is there, on the day after its day."""
        return self.feeds_due.get(table, self.feeds_due.get("default", self.daily_at))


class MoneyStep(Frozen):
    """From this much open money on, an incident has at least this severity; passing it updates the page."""

    currency: str = Field(default="*", description="* for every currency without a step of its own")
    at: Amount
    severity: Severity

    @model_validator(mode="after")
    def _known(self) -> MoneyStep:
        if self.currency != "*" and self.currency not in EXPONENTS:
            raise ValueError(f"currency '{self.currency}' is not an active ISO 4217 code")
        return self


class Channel(Frozen):
    """Where pages go. Its secret is in the environment variable `env`, never in a file."""

    name: str = Field(min_length=1, max_length=40)
    kind: Literal["pagerduty", "slack", "email", "webhook"]
    env: str = Field(
        description="variable that holds the secret. pagerduty: the integration key; slack, webhook: the URL; "
        "email: smtps://user:password@host:465, or smtp://host:25"
    )
    url: str = Field(
        default="https://events.pagerduty.com/v2/enqueue",
        description="pagerduty: where events go; https://events.eu.pagerduty.com/v2/enqueue in the EU",
    )
    to: tuple[str, ...] = Field(default=(), description="email: recipients")
    sender: str = Field(default="", description="email: From; by default the first recipient")
    at_least: Severity = Field(default=Severity.INFO, description="pages below this severity are not sent here")
    only_escalated: bool = Field(default=False, description="only pages that nobody has taken in time")
    pages: bool = Field(default=True, description="false: only what is switched on below")
    entitlements: bool = Field(
        default=False, description="also a notice when a customer has used 50, 90 or 100% of what a period includes"
    )

    @model_validator(mode="after")
    def _complete(self) -> Channel:
        problems = []
        if not _VARIABLE.fullmatch(self.env):
            problems.append("env is the name of a variable, not the secret itself")
        if self.kind == "pagerduty" and self.entitlements:
            problems.append("entitlements are nothing to be woken up for: give them a channel of another kind")
        if self.kind == "email" and not self.to:
            problems.append("email needs to: [address, ...]")
        problems += [
            f"'{one}' is not an e-mail address" for one in (*self.to, self.sender) if one and not _MAIL.fullmatch(one)
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self


class Paging(Frozen):
    """Who is paged, how urgently, and when again."""

    channels: tuple[Channel, ...] = ()
    severities: dict[Cause, Severity] = Field(
        default_factory=dict, description="of an incident by its cause, before its money and age raise it"
    )
    money_steps: tuple[MoneyStep, ...] = (
        MoneyStep(at=Decimal(1000), severity=Severity.ERROR),
        MoneyStep(at=Decimal(10000), severity=Severity.CRITICAL),
    )
    take_within_minutes: int = Field(
        default=60, ge=1, description="an error or worse that nobody has taken by then is escalated as critical"
    )
    remind_after_days: tuple[int, ...] = Field(
        default=(3, 7), description="an incident that is open this long is paged again, at least as an error"
    )
    group_above: int = Field(
        default=5, ge=1, description="more new incidents than this at once are one page that lists them"
    )
    report_url: str = Field(
        default="", description="where <state>/reports is served, for links; by default pages name the file"
    )
    beat_env: str = Field(
        default="BILLING_RECON_BEAT_URL",
        description="variable with a URL that every heartbeat asks, so that an outside monitor sees a dead daemon",
    )
    disk_free_percent: int = Field(default=5, ge=0, le=99, description="below it the disk is about to fill")
    database_gib: int = Field(
        default=20, ge=1, description="a control database above this size is paged, before its disk fills"
    )

    @model_validator(mode="after")
    def _coherent(self) -> Paging:
        names = [channel.name for channel in self.channels]
        problems = [f"channel '{name}' is given twice" for name in sorted(set(names)) if names.count(name) > 1]
        if (
            list(self.remind_after_days) != sorted(set(self.remind_after_days))
            or min(self.remind_after_days, default=1) < 1
        ):
            problems.append("remind_after_days rise and are above 0")
        if self.report_url and not self.report_url.startswith(("https://", "http://")):
            problems.append("report_url begins with https:// or http://")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def severity_of(self, cause: Cause) -> Severity:
        """How urgent a cause is by itself."""
        return self.severities.get(cause, _SEVERITIES[cause])

    def money_step(self, money: dict[str, Decimal]) -> tuple[int, Severity]:
        """How many steps the money has passed, and the severity of the highest; currencies are never added.

        >>> Paging().money_step({"EUR": Decimal(999), "USD": Decimal(12000)})
        (2, <Severity.CRITICAL: 'critical'>)
        """
        step, severity = 0, Severity.INFO
        own = {one.currency for one in self.money_steps}
        for currency, amount in money.items():
            wanted = currency if currency in own else "*"
            passed = [one.severity for one in self.money_steps if one.currency == wanted and amount >= one.at]
            step = max(step, len(passed))
            severity = max([severity, *passed], key=lambda one: one.rank)
        return step, severity


_SEVERITIES: dict[Cause, Severity] = {
    Cause.DIFFERENCES: Severity.WARNING,
    Cause.DATA: Severity.ERROR,
    Cause.RUN: Severity.ERROR,
    Cause.AUTOMATION: Severity.ERROR,
    Cause.STORAGE: Severity.CRITICAL,
    Cause.ROLLOUT: Severity.ERROR,
    Cause.LAUNCH: Severity.ERROR,
}


class Operations(Frozen):
    """operations.yaml."""

    schedule: Schedule = Schedule()
    paging: Paging = Paging()

    @field_validator("schedule", "paging", mode="before")
    @classmethod
    def _empty(cls, value: object) -> object:
        """A section of which every line is a comment is one without settings."""
        return {} if value is None else value
