"""What a gate considers: the facts about one partition, as day.gate gathers them and core.gate judges them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from billing_recon.core.detector import Detector
from billing_recon.core.figures import listed
from billing_recon.core.landing import LandingReport


@dataclass(frozen=True, slots=True)
class OpenBreaks:
    """The breaks of one code and currency that count against the gate. No currency: amounts are units of usage."""

    code: str
    currency: str | None
    count: int
    gross: Decimal
    net: Decimal


@dataclass(frozen=True, slots=True)
class BrokenInvoices:
    """How many invoices of a pair and currency have an open break, of how many that the day compared.

    What has no invoice yet (a period that was not billed) counts as one of its own.
    """

    pair: str
    currency: str
    broken: int
    compared: int


@dataclass(frozen=True, slots=True)
class Exposure:
    """The money of open breaks in a currency, gross: in all, and of the account that has most of it.

    A break without a difference (a wrong account) counts with the largest amount concerned.
    """

    currency: str
    total: Decimal
    account: str
    of_account: Decimal


@dataclass(frozen=True, slots=True)
class SettledBreaks:
    """The breaks of one disposition that do not count against the gate. No currency: amounts are units of usage."""

    disposition: str
    currency: str | None
    count: int
    gross: Decimal
    net: Decimal


@dataclass(frozen=True, slots=True)
class Detected:
    """What one detector found on the day; `example` is the first finding in words."""

    detector: Detector
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class MetricFact:
    """A metric of the day. `value` None: no population.

    `drift`, `prior_drift` and `cycle_drift` are relative changes against the baseline, the day before and the same day
    of the cycle before; `low` and `high` the band of days like it. None: not known.
    """

    metric: str
    currency: str | None = None
    cohort: str = "all"
    variant: str = "control"
    value: Decimal | None = None
    drift: Decimal | None = None
    prior_drift: Decimal | None = None
    cycle_drift: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None

    def __str__(self) -> str:
        scope = [self.currency] if self.currency else []
        scope += [self.cohort] if self.cohort != "all" else []
        scope += [self.variant] if self.variant != "control" else []
        return f"{self.metric} ({', '.join(scope)})" if scope else self.metric


class Unknown(StrEnum):
    """Why something that a day rests on is not known. It is then not compared, since not known is not zero."""

    NEVER_LANDED = "never_landed"
    """The day was never landed, and files of it are there."""
    LEFT_OUT = "left_out"
    """The day was never landed, and nothing of it was delivered: there is nothing to wait for, so others are compared."""
    REFUSED = "refused"
    """The day's file was delivered and could not be read."""
    NOT_DELIVERED = "not_delivered"
    """The day's usage was not delivered."""
    NOT_ROLLED_UP = "not_rolled_up"
    """The day's usage is landed, but its roll-up was made from other rows."""
    LANDED_TOO_EARLY = "landed_too_early"
    """The day's usage was landed before earlier usage that repeats it."""
    ROWS_DECIDED = "rows_decided"
    """A decision about the day's quarantined rows has not taken effect yet."""
    BREAKS_DECIDED = "breaks_decided"
    """A decision about the day's breaks has not taken effect yet."""
    BEING_WRITTEN = "being_written"
    """A write of the day was cut off, or is in progress."""


@dataclass(frozen=True, slots=True)
class NotKnown:
    """Earlier days that are not known, of one table; no table: the days as a whole."""

    why: Unknown
    table: str
    days: tuple[date, ...]

    @property
    def shown(self) -> str:
        """The days, as a reader needs them."""
        first, last = self.days[0], self.days[-1]
        if len(self.days) == (last - first).days + 1 > 2:
            return f"{first} to {last}"
        return listed(map(str, self.days))


@dataclass(frozen=True, slots=True)
class DayFacts:
    """Everything that a day's gate considers.

    `not_known` is what the day rests on and is not known, so that what reads it was not compared; `compared_now`: what was
    computed of the day was computed from what is landed and configured now; `damaged` has a sentence for each partition that is
    not what was written.
    `layer_rows` counts the rows of computed tables; `footing_failures` has one sentence per failure;
    `unrated_subscriptions` are ids without terms that can be rated, and `unrated_because` a sentence for each reason;
    `before_history` those with a period that began before the history that the company declares; `baseline_found`: the policy's
    baseline exists.
    """

    partition: str
    landing: tuple[LandingReport, ...] = ()
    not_known: tuple[NotKnown, ...] = ()
    compared_now: bool = True
    damaged: tuple[str, ...] = ()
    layer_rows: Mapping[str, int] = field(default_factory=dict)
    quarantined_rows: int = 0
    open_breaks: tuple[OpenBreaks, ...] = ()
    broken_invoices: tuple[BrokenInvoices, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    settled_breaks: tuple[SettledBreaks, ...] = ()
    detected: tuple[Detected, ...] = ()
    unexplained: int = 0
    footing_failures: tuple[str, ...] = ()
    unrated_subscriptions: tuple[str, ...] = ()
    unrated_because: tuple[str, ...] = ()
    before_history: tuple[str, ...] = ()
    metrics: tuple[MetricFact, ...] = ()
    baseline_found: bool = False
