"""What a subscription was on, when, and which of its days a bill covers as one run. Usage that came late, and the period that bills it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from billing_recon.core.catalog import Contract
from billing_recon.core.period import Period, day_bounds

_LAST_DAY = date.max - timedelta(days=1)
_FIRST_INSTANT = datetime.min.replace(tzinfo=UTC)

Usage = Mapping[str, Mapping[date, Decimal]]
"""Meter -> day in the subscription's time zone -> units, after dedupe and corrections."""


@dataclass(frozen=True, slots=True)
class Span:
    """A subscription's terms from `start` until `end` (excluded), in its own local dates; `begins` and `ends` are the instants
    of a start and an end within a day."""

    start: date
    end: date
    plan_id: str
    plan_version: str
    currency: str
    tax_region: str
    quantity: Decimal
    customer_id: str
    status: str = "active"
    contract: Contract = field(default_factory=Contract)
    begins: datetime | None = None
    ends: datetime | None = None

    def held(self, zone: str) -> tuple[datetime, datetime]:
        """The instants from which and until which the terms hold."""
        end = min(self.end, _LAST_DAY)  # an open end is the calendar's last day, which has no day after it
        return self.begins or day_bounds(self.start, zone)[0], self.ends or day_bounds(end, zone)[0]

    @property
    def order(self) -> tuple[date, datetime]:
        return self.start, self.begins or _FIRST_INSTANT

    @property
    def terms(self) -> tuple[str, str, str, str]:
        """The terms that adjacent spans must share to be billed as one run (rule 3)."""
        return (self.plan_id, self.plan_version, self.currency, self.tax_region)


@dataclass(frozen=True, slots=True)
class LateUsage:
    """Units of one meter and day that arrived when the late window of the day's own period was over."""

    meter: str
    day: date
    arrived: date
    units: Decimal


@dataclass(frozen=True, slots=True)
class Late:
    """All late usage of a subscription, and the billing period of each day."""

    arrivals: Sequence[LateUsage]
    window_days: int
    period_of: Callable[[date], Period]

    def adjusted_in(self, period: Period) -> list[LateUsage]:
        """What `period` bills: usage that arrived when the last day with a closed window was in it."""
        closed = timedelta(days=self.window_days + 1)
        return [late for late in self.arrivals if self.period_of(late.arrived - closed) == period]


@dataclass(frozen=True, slots=True)
class Run:
    """Adjacent active spans within a period; `last` gives contract and customer. One without a day has only usage."""

    start: date
    end: date
    last: Span
    spans: tuple[Span, ...] = ()

    @property
    def days(self) -> int:
        return (self.end - self.start).days


def with_own_days(spans: Iterable[Span]) -> list[Span]:
    """The spans in order. An active one within a day has that day if no other active one holds it or ends on it (rule D2)."""
    found = sorted(spans, key=lambda s: s.order)
    if all(span.start < span.end for span in found):
        return found
    active = [s for s in found if s.status == "active"]
    for place, span in enumerate(found):
        others = [o for o in active if o.start < o.end and o.start <= span.start <= o.end]
        later = [o for o in active if o.start == o.end == span.start and o.order > span.order]
        if span in active and span.start == span.end and not others and not later:
            found[place] = replace(span, end=span.start + timedelta(days=1), ends=span.ends)
    return found


def active_runs(period: Period, spans: Sequence[Span], *, by_seats: bool = False) -> list[Run]:
    """The maximal runs of adjacent active spans with the same terms (rule D3), cut at the period: those without a day, then
    the others in order."""
    found: list[Run] = []
    for span in with_own_days(spans):
        start, end = max(span.start, period.start), min(span.end, period.end)
        if span.status != "active" or start >= end:
            continue
        before = found[-1] if found else None
        if (
            before is not None
            and before.end == start
            and before.last.terms == span.terms
            and (not by_seats or before.last.quantity == span.quantity)
        ):
            found[-1] = Run(before.start, end, span, (*before.spans, span))
        else:
            found.append(Run(start, end, span, (span,)))
    return found if by_seats else _with_dayless(found, period, spans)


def _with_dayless(runs: list[Run], period: Period, spans: Sequence[Span]) -> list[Run]:
    """The runs with the spans that have an instant but no day of the period: each with the run of its terms that it touches."""
    dayless: dict[tuple[date, tuple[str, str, str, str]], Run] = {}
    own = {(s.start, s.begins) for s in with_own_days(spans) if s.start < s.end}
    for span in sorted(spans, key=lambda s: s.order):
        day = span.end
        if span.status != "active" or span.ends is None or not period.start <= day < period.end:
            continue
        if max(span.start, period.start) < day or (span.start == day and (span.start, span.begins) in own):
            continue
        touched = next((n for n, r in enumerate(runs) if r.last.terms == span.terms and r.start <= day <= r.end), None)
        if touched is None:
            known = dayless.get((day, span.terms))
            dayless[day, span.terms] = Run(day, day, span, (*(known.spans if known else ()), span))
        else:
            run = runs[touched]
            ends = span.order > run.last.order
            held = tuple(sorted((*run.spans, span), key=lambda s: s.order))
            runs[touched] = replace(run, last=span if ends else run.last, spans=held)
    return [dayless[key] for key in sorted(dayless, reverse=True)] + runs
