"""What the simulated engine bills in advance: rule D15 of docs/rating.md in plain Python, independent of compute.expect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from billing_recon.core.catalog import Charge
from billing_recon.core.company import Profile
from billing_recon.core.period import Period
from billing_recon.simulate.engine import EngineLine, agreed, priced_line, retotal
from billing_recon.simulate.price_book import ZERO, PriceBook, is_ahead, rate_charge, share
from billing_recon.simulate.spans import Run, Span, with_own_days


@dataclass(frozen=True, slots=True)
class Ahead:
    """One line billed in advance: the day on which it can be billed, and from which day its terms apply."""

    line: EngineLine
    moment: date
    begins: date


def sells_ahead(spans: Iterable[Span], book: PriceBook) -> bool:
    """Whether any terms that a subscription ever had bill something in advance."""
    return any(is_ahead(charge) for span in spans for charge in book.plan(*span.terms[:3]).charges)


def bill_ahead(period: Period, spans: Sequence[Span], book: PriceBook, profile: Profile) -> list[Ahead]:
    """Every line ever billed in advance for a period, by its final contract: first the lines that begin it, then each change,
    its refund before its charge.
    """
    held = _lasting(_held(period, spans), period, book, profile)
    found: list[Ahead] = []
    for by_seats in (False, True):
        stretches = _stretches(held, by_seats)
        for number, (begins, stops, span) in enumerate(stretches):
            follows = number > 0 and stretches[number - 1][1] == begins
            moments = [(False, begins, follows)]
            if stops < period.end:
                moments.append((True, stops, True))
            for given_back, start, is_change in moments:
                waits = profile.changes_due == "next_invoice" and is_change
                for charge in book.plan(*span.terms[:3]).charges:
                    if is_ahead(charge) and (charge.model != "flat") == by_seats:
                        line = _line(charge, span, Run(start, period.end, span), begins, period, book, profile)
                        line = _reversed(line, profile) if given_back else line
                        found.append(Ahead(line, period.end if waits else start, begins))
    return sorted(found, key=lambda one: (one.moment, one.line.period_start, one.line.gross > 0))


def _held(period: Period, spans: Iterable[Span]) -> list[Span]:
    """The active spans cut at the period, in order."""
    return [
        replace(span, start=max(span.start, period.start), end=min(span.end, period.end))
        for span in with_own_days(spans)
        if span.status == "active" and max(span.start, period.start) < min(span.end, period.end)
    ]


def _lasting(held: list[Span], period: Period, book: PriceBook, profile: Profile) -> list[Span]:
    """The spans whose terms are billed: all, only the first, or those that cost more than any before."""
    policy = "none" if profile.proration == "none" else profile.on_change
    if policy == "prorate" or not held:
        return held
    kept = [held[0]]
    most: dict[str, Decimal] = {held[0].currency: _level(held[0], book)}
    for span in held[1:]:
        level = _level(span, book)
        if policy == "at_period_end" and (span.currency not in most or level > most[span.currency]):
            kept.append(span)
            most[span.currency] = level
    ends = [span.start for span in kept[1:]] + [period.end]
    return [replace(span, end=end) for span, end in zip(kept, ends, strict=True)]


def _level(span: Span, book: PriceBook) -> Decimal:
    """What the span's charges in advance cost for a whole period."""
    charges = [c for c in book.plan(*span.terms[:3]).charges if is_ahead(c)]
    return sum((rate_charge(agreed(c, span.contract), _units(c, span)) for c in charges), ZERO)


def _units(charge: Charge, span: Span) -> Decimal:
    return Decimal(1) if charge.model == "flat" else span.quantity


def _stretches(held: Iterable[Span], by_seats: bool) -> list[tuple[date, date, Span]]:
    """Adjacent spans with the same terms as one, with the contract of the first."""
    found: list[tuple[date, date, Span]] = []
    for span in held:
        if found:
            begins, stops, first = found[-1]
            if stops == span.start and first.terms == span.terms and (not by_seats or first.quantity == span.quantity):
                found[-1] = (begins, span.end, first)
                continue
        found.append((span.start, span.end, span))
    return found


def _line(
    charge: Charge, span: Span, run: Run, taxed_on: date, period: Period, book: PriceBook, profile: Profile
) -> EngineLine:
    charge = agreed(charge, span.contract)
    units = _units(charge, span)
    raw, kind = rate_charge(charge, units), "subscription"
    if run.days < period.days and profile.proration == "by_day":
        raw, kind = share(raw, run.days, period.days), "proration"
    line = priced_line(kind, charge, run, units, raw, period, book, profile)
    rate = book.tax_rate(span.tax_region, taxed_on)
    return retotal(line, profile, tax_rate=rate) if rate != line.tax_rate else line


def _reversed(line: EngineLine, profile: Profile) -> EngineLine:
    return retotal(line, profile, gross_raw=-line.gross_raw, gross=-line.gross, discount=-line.discount)


@dataclass(frozen=True, slots=True)
class OnInvoice:
    """What an invoice bills in advance, and what was billed in advance for its own period."""

    lines: Sequence[EngineLine] = ()
    of_period: Sequence[Ahead] = ()
    first: Run | None = None

    def of_run(self, run: Run) -> list[EngineLine]:
        """What was billed in advance at the terms of a run; it counts toward the run's minimum."""
        return [one.line for one in self.of_period if run.start <= one.begins < run.end]


def on_invoice(
    period: Period, following: Period, spans: Sequence[Span], book: PriceBook, profile: Profile
) -> OnInvoice:
    """What the invoice that closes `period` bills in advance: the start of the `following` period, and waiting changes."""
    mine = bill_ahead(period, spans, book, profile)
    lines = [one.line for one in (*mine, *bill_ahead(following, spans, book, profile)) if one.moment == period.end]
    return OnInvoice(lines, mine, _first(period.end, following, spans))


def changes(period: Period, spans: Sequence[Span], book: PriceBook, profile: Profile) -> list[tuple[date, OnInvoice]]:
    """The invoices within a period, each with its day: for a start or a change."""
    ahead = bill_ahead(period, spans, book, profile)
    days = sorted({one.moment for one in ahead if period.start < one.moment < period.end})
    return [
        (day, OnInvoice([one.line for one in ahead if one.moment == day], first=_first(day, period, spans)))
        for day in days
    ]


def _first(day: date, period: Period, spans: Iterable[Span]) -> Run | None:
    """The run that begins a subscription, if it does so on `day`: its invoice closes no period and has coupons."""
    active = [span for span in with_own_days(spans) if span.status == "active" and span.start < span.end]
    return Run(day, period.end, active[0]) if active and active[0].start == day else None


def just_before(day: date) -> Period:
    """The day before, as the closed period of an invoice that closes none."""
    return Period(day - timedelta(days=1), day)
