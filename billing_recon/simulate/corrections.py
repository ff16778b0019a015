"""What is billed of a contract that was learnt piece by piece: rule D16 of docs/rating.md in plain Python, independent of
compute.expect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise

from billing_recon.core.company import Profile
from billing_recon.core.period import Period
from billing_recon.simulate import advance
from billing_recon.simulate.engine import EngineLine, bill_period, retotal
from billing_recon.simulate.price_book import ZERO, PriceBook
from billing_recon.simulate.spans import Span, Usage, active_runs

FIGURES = ("gross_raw", "gross", "discount")


@dataclass(frozen=True, slots=True)
class Version:
    """A contract as it was known from the end of a day until the next version's."""

    known_on: date
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Billed:
    """A line with the day on which it is due; `known_on` if it corrects what was billed before that day."""

    due_on: date
    line: EngineLine
    known_on: date | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """One subscription: its billing periods in order, without a gap, its versions and usage."""

    periods: Sequence[Period]
    versions: Sequence[Version]
    usage: Usage
    first_day: date = date.min

    def bills(self, book: PriceBook, profile: Profile) -> Iterator[Billed]:
        """Every line: each version's that were due while it was known, and the corrections that each one makes."""
        corrections = [
            one
            for before, after in pairwise(self.versions)
            for one in self._corrections(before.spans, after, book, profile)
        ]
        closing = {period.end + timedelta(days=profile.issue_after_days) for period in self.periods}
        waiting = [one for one in corrections if one.due_on in closing]
        yield from (one for one in corrections if one not in waiting)
        for place, version in enumerate(self.versions):
            until = self.versions[place + 1].known_on if place + 1 < len(self.versions) else date.max
            for one in self._regular(version.spans, waiting, book, profile):
                if (place == 0 or version.known_on <= one.due_on) and one.due_on < until:
                    yield one

    def _regular(
        self, spans: Sequence[Span], waiting: Sequence[Billed], book: PriceBook, profile: Profile
    ) -> Iterator[Billed]:
        after = timedelta(days=profile.issue_after_days)
        for period, following in pairwise(self.periods):
            ahead = advance.on_invoice(period, following, spans, book, profile)
            corrected = [one.line for one in waiting if one.due_on == period.end + after]
            ahead = replace(ahead, lines=[*ahead.lines, *corrected])
            for line in bill_period(period, spans, self.usage, book, profile, None, ahead):
                yield Billed(period.end + after, line)
            for day, between in advance.changes(period, spans, book, profile):
                for line in bill_period(advance.just_before(day), (), {}, book, profile, None, between):
                    yield Billed(day + after, line)

    def _corrections(
        self, before: Sequence[Span], version: Version, book: PriceBook, profile: Profile
    ) -> Iterator[Billed]:
        due_on = self._moment(version, profile) + timedelta(days=profile.issue_after_days)
        earliest, latest = self.first_day, version.known_on
        sides = [self._ahead(spans, earliest, latest, book, profile) for spans in (before, version.spans)]
        charged = Counter({_content(line): 0 for side in sides for line in side})
        charged.update(_content(line) for line in sides[1])
        charged.subtract(_content(line) for line in sides[0])
        known = {_content(line): line for side in sides for line in side}
        for content, count in charged.items():
            line = known[content]
            given = line if count > 0 else retotal(line, profile, **{name: -getattr(line, name) for name in FIGURES})
            yield from (Billed(due_on, given, version.known_on) for _ in range(abs(count)))
        after = timedelta(days=profile.issue_after_days)
        for period in self.periods:
            if earliest <= period.end + after < latest:
                was, should = (self._arrears(spans, period, book, profile) for spans in (before, version.spans))
                for line in _net(was, should, period, profile):
                    yield Billed(due_on, line, version.known_on)

    def _moment(self, version: Version, profile: Profile) -> date:
        held = any(span.start <= version.known_on < span.end for span in version.spans)
        if profile.changes_due == "at_once" or not held:
            return version.known_on
        return next(p.end for p in self.periods if p.start <= version.known_on < p.end)

    def _ahead(
        self, spans: Sequence[Span], earliest: date, latest: date, book: PriceBook, profile: Profile
    ) -> list[EngineLine]:
        """What was billed in advance by a day, all periods together."""
        after = timedelta(days=profile.issue_after_days)
        return [
            one.line
            for period in self.periods
            for one in advance.bill_ahead(period, spans, book, profile)
            if earliest <= one.moment + after < latest
        ]

    def _arrears(self, spans: Sequence[Span], period: Period, book: PriceBook, profile: Profile) -> list[EngineLine]:
        """A period's charges in arrears and minimums, without coupons and credits."""
        if not active_runs(period, spans):
            return []
        ahead = advance.OnInvoice(of_period=advance.bill_ahead(period, spans, book, profile))
        lines = bill_period(period, spans, self.usage, book, profile, None, ahead)
        return [line for line in lines if line.kind not in ("discount", "credit")]


def _content(line: EngineLine) -> tuple[object, ...]:
    """What makes two lines in advance the same."""
    return (
        line.charge_id, line.plan_id, line.plan_version, line.currency, line.tax_region, line.period_start,
        line.period_end, line.quantity, line.gross, line.discount, line.tax_rate,
    )  # fmt: skip


def _net(
    was: Iterable[EngineLine], should: Iterable[EngineLine], period: Period, profile: Profile
) -> Iterator[EngineLine]:
    """Each charge of a period: what should have been, less what was billed."""
    sums: dict[tuple[str, str, str], EngineLine] = {}
    for sign, side in ((-1, was), (1, should)):
        for line in side:
            key = (line.charge_id or "minimum", line.tax_region, line.currency)
            known = sums.get(key)
            figures = {name: sign * getattr(line, name) + (getattr(known, name) if known else ZERO) for name in FIGURES}
            sums[key] = replace(line, **figures)
    for line in sums.values():
        if line.gross or line.discount:
            meter = "minimum" if line.kind == "minimum" else line.meter
            whole = replace(line, kind="adjustment", meter=meter, period_start=period.start, period_end=period.end)
            yield retotal(whole, profile)
