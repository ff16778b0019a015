"""A billing engine in plain Python, written from docs/rating.md. Its methods are what an engine with a bug does otherwise."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from zoneinfo import ZoneInfo

ZERO = Decimal(0)
EXPONENTS = {"EUR": 2, "USD": 2, "GBP": 2, "CHF": 2, "JPY": 0, "KWD": 3}
MODES = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "down": ROUND_DOWN}
MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class Tier:
    """Up to `up_to` units (inclusive; none: without end) at `unit`, with a fee for entering."""

    up_to: Decimal | None
    unit: Decimal
    flat: Decimal = ZERO


@dataclass(frozen=True)
class Charge:
    """One charge. `price` is the amount, the unit price or the package price."""

    charge_id: str
    kind: str
    model: str
    meter: str | None = None
    price: Decimal = ZERO
    tiers: tuple[Tier, ...] = ()
    package_size: Decimal = ZERO
    free_units: Decimal = ZERO
    discountable: bool = True


@dataclass(frozen=True)
class Plan:
    """One version of a plan in a currency."""

    plan_id: str
    version: str
    currency: str
    charges: tuple[Charge, ...]
    minimum: Decimal | None = None


@dataclass(frozen=True)
class Contract:
    """Agreements in addition to the plan. Coupons: (id, amount, from, to); credits: (id, amount, granted on)."""

    discount: Decimal | None = None
    discount_until: date | None = None
    coupons: tuple[tuple[str, Decimal, date, date], ...] = ()
    credits: tuple[tuple[str, Decimal, date], ...] = ()
    minimum: Decimal | None = None
    cap: Decimal | None = None
    overrides: tuple[tuple[str, Decimal], ...] = ()
    allowances: tuple[tuple[str, Decimal], ...] = ()


@dataclass(frozen=True)
class Interval:
    """What holds from the local day `begins` on, at that local hour."""

    begins: date
    hour: int
    status: str
    plan: Plan
    seats: int
    region: str
    contract: Contract


@dataclass(frozen=True)
class Event:
    """One usage event. `twice`: its source delivered it two times."""

    event_id: str
    meter: str
    quantity: Decimal
    at: datetime
    received: datetime
    corrects: str | None = None
    twice: bool = False


@dataclass
class Subscription:
    """A subscription with its history and its usage."""

    subscription_id: str
    customer_id: str
    timezone: str
    anchor: date
    every: str
    segment: str
    intervals: list[Interval]
    events: list[Event] = field(default_factory=list)
    _by_day: dict[tuple[str, date], list[Event]] = field(default_factory=dict)
    _indexed: int = 0

    def by_day(self) -> dict[tuple[str, date], list[Event]]:
        """Events by meter and local day; a correction is on the day of the event that it corrects."""
        if self._indexed != len(self.events):
            self._by_day, self._indexed = {}, len(self.events)
            for event in self.events:
                self._by_day.setdefault((event.meter, self.local_day(event.at)), []).append(event)
        return self._by_day

    def period(self, number: int) -> tuple[date, date]:
        if self.every == "week":
            return self.anchor + timedelta(days=7 * number), self.anchor + timedelta(days=7 * number + 7)
        step = MONTHS[self.every]
        return months_later(self.anchor, number * step), months_later(self.anchor, (number + 1) * step)

    def local_day(self, instant: datetime) -> date:
        return instant.astimezone(ZoneInfo(self.timezone)).date()


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@dataclass(frozen=True)
class Run:
    """Adjacent active days under the same terms: [start, end), of the interval that ends it."""

    start: date
    end: date
    last: Interval


@dataclass
class Line:
    """One line of a bill."""

    kind: str
    meter: str | None
    run: Run
    start: date
    end: date
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    gross: Decimal = ZERO
    discount: Decimal = ZERO
    credit: Decimal = ZERO
    taxable: Decimal = ZERO
    rate: Decimal | None = None
    tax: Decimal = ZERO
    total: Decimal = ZERO
    currency: str = ""
    line_id: str = ""
    plan_id: str = ""
    version: str = ""
    raw: Fraction = Fraction(0)
    spoilt: bool = False
    """Written so that it cannot be read."""

    @property
    def key(self) -> tuple[str, str | None, date]:
        return self.kind, self.meter, self.start

    @property
    def net(self) -> Decimal:
        return self.gross - self.discount


@dataclass(frozen=True)
class Conventions:
    """The engine's declared conventions, as in company.yaml."""

    rounding: str
    credit: str
    tax_point: str
    issue_after: int
    late_window: int


Taxes = dict[str, list[tuple[date, Decimal]]]


class Engine:
    """Bills by the rules."""

    code = ""
    metering = False
    """Whether what is otherwise is metered otherwise too."""

    def __init__(self, conventions: Conventions, taxes: Taxes, older: dict[tuple[str, str, str], Plan]) -> None:
        self.conventions = conventions
        self.taxes = taxes
        self.older = older
        """(plan, version, currency) -> the version before it."""

    def runs(self, sub: Subscription, start: date, end: date, by_seat: bool = False) -> list[Run]:
        found: list[Run] = []
        for number, one in enumerate(sub.intervals):
            until = sub.intervals[number + 1].begins if number + 1 < len(sub.intervals) else end
            begin, stop = max(one.begins, start), min(until, end)
            if one.status != "active" or begin >= stop:
                continue
            last = found[-1] if found else None
            if last and last.end == begin and self._alike(last.last, one, by_seat):
                found[-1] = Run(last.start, stop, one)
            else:
                found.append(Run(begin, stop, one))
        return found

    def _alike(self, one: Interval, other: Interval, by_seat: bool) -> bool:
        same = one.plan.plan_id == other.plan.plan_id and one.plan.version == other.plan.version
        return same and one.region == other.region and (not by_seat or one.seats == other.seats)

    def bill(self, sub: Subscription, start: date, end: date) -> list[Line]:
        lines: list[Line] = []
        whole = self.runs(sub, start, end)
        for run in whole:
            own: list[Line] = []
            plan = self.plan_of(sub, run)
            for charge in plan.charges:
                if charge.kind == "usage":
                    own += self.usage_line(sub, run, charge, start, end)
                else:
                    parts = [run] if charge.model == "flat" else self._within(run, self.runs(sub, start, end, True))
                    own += [self.fee_line(sub, part, charge, start, end) for part in parts]
            for line in own:
                line.discount = self.discount_of(line, plan, start)
            lines += own + list(self.minimum_line(run, plan, own, start, end))
        if not lines:
            return []
        last = replace(whole[-1])
        lines += self.cap_line(last, lines)
        lines += self.coupon_lines(last, lines, end)
        for line in lines:
            line.currency = line.run.last.plan.currency
        lines += self.finish(last, lines, start, end)
        for line in lines:
            line.currency = line.run.last.plan.currency
            plan = self.plan_of(sub, line.run)
            line.plan_id, line.version = line.plan_id or plan.plan_id, line.version or plan.version
        return lines

    @staticmethod
    def _within(run: Run, parts: list[Run]) -> list[Run]:
        return [part for part in parts if run.start <= part.start and part.end <= run.end]

    def plan_of(self, sub: Subscription, run: Run) -> Plan:
        return run.last.plan

    def seats(self, sub: Subscription, run: Run) -> int:
        return run.last.seats

    def price_of(self, charge: Charge, contract: Contract) -> Decimal:
        return dict(contract.overrides).get(charge.charge_id, charge.price)

    def share(self, run: Run, start: date, end: date) -> Fraction:
        return Fraction((run.end - run.start).days, (end - start).days)

    def fee_line(self, sub: Subscription, run: Run, charge: Charge, start: date, end: date) -> Line:
        units = Decimal(1) if charge.model == "flat" else Decimal(self.seats(sub, run))
        partly = (run.start, run.end) != (start, end)
        raw = self.cost(charge, units, run.last.contract) * (self.share(run, start, end) if partly else 1)
        kind = "proration" if partly else "subscription"
        return self._line(kind, charge, run, units, raw)

    def usage_line(self, sub: Subscription, run: Run, charge: Charge, start: date, end: date) -> Iterator[Line]:
        units = self.units(sub, run, charge.meter or "")
        if units:
            included = tuple(
                (meter, self.included(many, run, start, end)) for meter, many in run.last.contract.allowances
            )
            contract = replace(run.last.contract, allowances=included)
            yield self._line("usage", charge, run, units, self.cost(charge, units, contract))

    def included(self, units: Decimal, run: Run, start: date, end: date) -> Decimal:
        """The run's share of an allowance."""
        return settle(Fraction(units) * self.share(run, start, end), 10, ROUND_HALF_UP)

    def _line(self, kind: str, charge: Charge, run: Run, units: Decimal, raw: Fraction) -> Line:
        line = Line(kind, charge.meter, run, run.start, run.end, units, raw=raw)
        if not charge.tiers:
            line.unit_price = self.price_of(charge, run.last.contract)
        line.gross = self.settle(raw, run.last.plan.currency)
        return line

    def units(self, sub: Subscription, run: Run, meter: str) -> Decimal:
        days = (run.end - run.start).days
        return sum((self.day_units(sub, meter, run.start + timedelta(days=n)) for n in range(days)), ZERO)

    def day_units(self, sub: Subscription, meter: str, day: date) -> Decimal:
        events = self.of_day(sub, meter, day)
        superseded = {event.corrects for event in events if event.corrects}
        return sum((e.quantity for e in events if e.event_id not in superseded), ZERO)

    @staticmethod
    def of_day(sub: Subscription, meter: str, day: date) -> list[Event]:
        return sub.by_day().get((meter, day), [])

    def free_of(self, charge: Charge, contract: Contract) -> Decimal:
        return charge.free_units + dict(contract.allowances).get(charge.meter or "", ZERO)

    def cost(self, charge: Charge, units: Decimal, contract: Contract) -> Fraction:
        price = Fraction(self.price_of(charge, contract))
        billed = (
            Fraction(max(units - self.free_of(charge, contract), ZERO)) if charge.kind == "usage" else Fraction(units)
        )
        match charge.model:
            case "flat":
                return price
            case "per_unit":
                return billed * price
            case "package":
                return -(-billed // Fraction(charge.package_size)) * price
            case "volume":
                return self.volume(charge.tiers, billed)
            case _:
                return self.graduated(charge.tiers, billed)

    def holds(self, tier: Tier, units: Fraction) -> bool:
        return tier.up_to is None or units <= tier.up_to

    def volume(self, tiers: tuple[Tier, ...], units: Fraction) -> Fraction:
        tier = next(t for t in tiers if self.holds(t, units))
        return units * Fraction(tier.unit) + Fraction(tier.flat)

    def graduated(self, tiers: tuple[Tier, ...], units: Fraction) -> Fraction:
        total, lower = Fraction(0), Fraction(0)
        for tier in tiers:
            if units <= lower:
                break
            top = units if tier.up_to is None else min(units, Fraction(tier.up_to))
            total += (top - lower) * Fraction(tier.unit) + Fraction(tier.flat)
            lower = top
            if tier.up_to is None or lower < tier.up_to:
                break
        return total

    def discount_rate(self, contract: Contract, day: date) -> Decimal:
        if contract.discount is None or (contract.discount_until and day >= contract.discount_until):
            return ZERO
        return contract.discount

    def discount_of(self, line: Line, plan: Plan, day: date) -> Decimal:
        charge = next(
            (c for c in plan.charges if c.meter == line.meter and (c.kind == "usage") == (line.kind == "usage")), None
        )
        rate = self.discount_rate(line.run.last.contract, day)
        if charge is None or not charge.discountable or not rate:
            return ZERO
        return self.settle(Fraction(line.gross) * Fraction(rate), line.run.last.plan.currency)

    def minimum_of(self, plan: Plan, contract: Contract) -> Decimal | None:
        return contract.minimum if contract.minimum is not None else plan.minimum

    def minimum_line(self, run: Run, plan: Plan, own: list[Line], start: date, end: date) -> Iterator[Line]:
        least = self.minimum_of(plan, run.last.contract)
        if least is None:
            return
        currency = run.last.plan.currency
        rest = self.settle(Fraction(least) * self.share(run, start, end), currency) - sum((li.net for li in own), ZERO)
        if rest > 0:
            yield Line("minimum", None, run, run.start, run.end, Decimal(1), gross=rest, raw=Fraction(rest))

    def cap_line(self, run: Run, lines: list[Line]) -> Iterator[Line]:
        cap = run.last.contract.cap
        above = sum((line.net for line in lines), ZERO) - cap if cap is not None else ZERO
        if above > 0:
            yield Line("discount", "cap", run, run.start, run.end, discount=above)

    def coupons(self, contract: Contract) -> list[tuple[str, Decimal, date, date]]:
        return list(contract.coupons)

    def coupon_lines(self, run: Run, lines: list[Line], end: date) -> list[Line]:
        left = sum((line.net for line in lines), ZERO)
        found = []
        for coupon_id, amount, begins, ends in self.coupons(run.last.contract):
            if begins <= end < ends and left > 0:
                taken = min(amount, left)
                left -= taken
                found.append(Line("discount", coupon_id, run, run.start, run.end, discount=taken))
        return found

    def region_of(self, run: Run) -> str:
        return run.last.region

    def rate_of(self, run: Run, day: date) -> Decimal:
        return [rate for since, rate in self.taxes[self.region_of(run)] if since <= day][-1]

    def tax_base(self, line: Line) -> Decimal:
        return line.taxable

    def tax_of(self, base: Decimal, rate: Decimal, currency: str) -> Decimal:
        return self.settle(Fraction(base) * Fraction(rate), currency)

    def credits(self, contract: Contract, start: date, end: date) -> list[tuple[str, Decimal]]:
        return [(credit_id, amount) for credit_id, amount, day in contract.credits if start <= day < end]

    def finish(self, last: Run, lines: list[Line], start: date, end: date) -> list[Line]:
        """Taxes the lines, and gives the lines of credits and, where it is billed by itself, of tax."""
        before = self.conventions.credit == "before_tax"
        for line in lines:
            line.taxable = line.net
        more = self.credit_lines(last, lines, start, end) if before else []
        for line in [*lines, *more]:
            self.tax(line, end)
        if self.conventions.tax_point == "invoice":
            more += self.tax_lines(last, [*lines, *more], end)
        if not before:
            more += self.credit_lines(last, [*lines, *more], start, end)
        return more

    def tax(self, line: Line, end: date) -> None:
        rate = self.rate_of(line.run, end)
        if self.conventions.tax_point == "line":
            line.rate, line.tax = rate, self.tax_of(self.tax_base(line), rate, line.run.last.plan.currency)
        line.total = line.taxable + line.tax

    def tax_lines(self, last: Run, lines: list[Line], end: date) -> list[Line]:
        bases: dict[Decimal, Decimal] = {}
        for line in lines:
            rate = self.rate_of(line.run, end)
            bases[rate] = bases.get(rate, ZERO) + self.tax_base(line)
        found = []
        for rate, base in bases.items():
            tax = self.tax_of(base, rate, last.last.plan.currency)
            if tax:
                found.append(Line("adjustment", "tax", last, last.start, last.end, rate=rate, tax=tax, total=tax))
        return found

    def credit_lines(self, last: Run, lines: list[Line], start: date, end: date) -> list[Line]:
        before = self.conventions.credit == "before_tax"
        left = sum((line.taxable if before else line.total for line in lines), ZERO)
        found = []
        for credit_id, amount in self.credits(last.last.contract, start, end):
            used = min(amount, left)
            if used <= 0:
                continue
            left -= used
            line = Line("credit", credit_id, last, last.start, last.end, credit=used)
            line.taxable, line.total = (-used, -used) if before else (ZERO, -used)
            found.append(line)
        return found

    def settle(self, amount: Fraction, currency: str) -> Decimal:
        return settle(amount, EXPONENTS[currency], MODES[self.conventions.rounding])


def settle(amount: Fraction, decimals: int, mode: str) -> Decimal:
    """An exact amount with some decimals."""
    scaled = amount * 10**decimals
    with localcontext() as context:
        context.prec = 60
        whole = abs(scaled.numerator) // scaled.denominator
        rest = abs(scaled) - whole
        half = Fraction(1, 2)
        up = rest > half or (rest == half and (mode == ROUND_HALF_UP or (mode == ROUND_HALF_EVEN and whole % 2 == 1)))
        whole += 1 if mode != ROUND_DOWN and up else 0
        return Decimal(whole if scaled >= 0 else -whole).scaleb(-decimals)


def utc(day: date, timezone: str, hour: int, minute: int = 0) -> datetime:
    """A local wall clock as an instant."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(timezone)).astimezone(UTC)
