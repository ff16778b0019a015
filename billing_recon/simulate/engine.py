"""The simulated billing engine's pricing: one subscription's one period in plain decimals.

Written from docs/rating.md and sharing no code with compute/rating, so that the two check each other; tests
use it as an oracle. It knows no invoices, files or faults.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Any, Protocol

from billing_recon.core.catalog import Charge, Contract, Plan
from billing_recon.core.company import Profile
from billing_recon.core.currency import exponent
from billing_recon.core.money import Rounding, settle_at
from billing_recon.core.period import Period
from billing_recon.simulate.by_event import Metered, Singles, rate_events
from billing_recon.simulate.price_book import EXACT, ZERO, PriceBook, is_ahead, rate_charge, share
from billing_recon.simulate.spans import Late, LateUsage, Run, Span, Usage, active_runs


@dataclass(frozen=True, slots=True)
class EngineLine:
    """One line of a bill, with the unrounded stages of its settled figures."""

    kind: str
    meter: str | None
    charge_id: str | None
    customer_id: str
    plan_id: str
    plan_version: str
    currency: str
    tax_region: str
    period_start: date
    period_end: date
    quantity: Decimal
    unit_price: Decimal | None
    gross_raw: Decimal
    gross: Decimal
    discount_rate: Decimal
    discount: Decimal
    credit: Decimal
    taxable: Decimal
    tax_rate: Decimal
    tax_raw: Decimal
    tax: Decimal
    total: Decimal

    @property
    def amount(self) -> Decimal:
        """Net of the line's discount, before tax: what a document shows."""
        return self.gross - self.discount


class BilledAhead(Protocol):
    """What simulate.advance bills: with the arrears of an invoice, and earlier for its period."""

    @property
    def lines(self) -> Sequence[EngineLine]:
        """On the invoice."""

    @property
    def first(self) -> Run | None:
        """The run that begins the subscription, if the invoice is its first."""

    def of_run(self, run: Run) -> list[EngineLine]:
        """Billed before at the terms of a run of the invoice's period."""


def bill_period(
    period: Period,
    spans: Sequence[Span],
    usage: Usage,
    book: PriceBook,
    profile: Profile | None = None,
    late: Late | None = None,
    ahead: BilledAhead | None = None,
) -> list[EngineLine]:
    """Every line of the invoice for one billing period, in order; empty if nothing was active and no usage came late.

    `ahead`: charges in advance. `usage`: what counts for each day's own period; the caller leaves out usage after the late
    window, which is `late`.
    """
    profile = profile or Profile()
    with localcontext(EXACT):
        runs = active_runs(period, spans)
        seats = active_runs(period, spans, by_seats=True)
        lines: list[EngineLine] = []
        for run in runs:
            plan = book.plan(*run.last.terms[:3])
            within = [r for r in seats if run.start <= r.start and r.end <= run.end]
            of_run = [
                line
                for charge in plan.charges
                if not is_ahead(charge) and (run.days or charge.kind == "usage")
                for line in _charge_lines(charge, run, within, period, usage, book, profile)
            ]
            before = ahead.of_run(run) if ahead else []
            lines += of_run + _minimum_lines(plan, run, [*of_run, *before], period, book, profile)
        if late is not None:
            lines += _late_lines(period, runs, spans, usage, late, book, profile)
        if ahead is not None:
            lines += ahead.lines
            if ahead.first and not runs:
                lines += _coupon_lines(ahead.first, lines, period, book, profile)
        if runs:
            lines += _coupon_lines(runs[-1], lines, period, book, profile)
            lines += _credit_lines(runs[-1], lines, period, book, profile)
        return lines


def retotal(line: EngineLine, profile: Profile, **changes: Any) -> EngineLine:
    """`line` with some figures replaced, and taxable, tax and total computed again.

    A replaced `tax` is kept as given.
    """
    with localcontext(EXACT):
        changed = replace(line, **changes)
        before_tax = changed.credit if profile.credit == "before_tax" else ZERO
        taxable = changed.amount - before_tax
        tax_raw = taxable * changed.tax_rate
        tax = changes.get("tax", settled(tax_raw, line.currency, profile))
        total = taxable + tax - (changed.credit - before_tax)
        return replace(changed, taxable=taxable, tax_raw=tax_raw, tax=tax, total=total)


def settled(amount: Decimal, currency: str, profile: Profile, rounding: Rounding | None = None) -> Decimal:
    """`amount` as the engine settles it (rule 13); `rounding` only to settle it otherwise on purpose. Never -0."""
    decimals = exponent(currency) if profile.decimals is None else profile.decimals
    return settle_at(amount, decimals, rounding or profile.rounding) + ZERO


def _charge_lines(
    charge: Charge, run: Run, seats: list[Run], period: Period, usage: Usage, book: PriceBook, profile: Profile
) -> list[EngineLine]:
    """The lines of one charge within one run of a plan (rules 4, 5 and 7)."""
    charge = agreed(charge, run.last.contract)
    if charge.kind == "usage":
        metered = _metered(usage, charge, run, period, profile)
        if not metered.units and not metered.raw and not (charge.minimum and run.days):
            return []
        return [priced_line("usage", charge, run, metered.units, metered.raw, period, book, profile)]
    lines = []
    for part in [run] if charge.model == "flat" else seats:
        charge = agreed(charge, part.last.contract)
        units = Decimal(1) if charge.model == "flat" else part.last.quantity
        raw = rate_charge(charge, units)
        kind = "subscription"
        if part.days < period.days and profile.proration == "by_day":
            raw, kind = share(raw, part.days, period.days), "proration"
        lines.append(priced_line(kind, charge, part, units, raw, period, book, profile))
    return lines


def agreed(charge: Charge, contract: Contract) -> Charge:
    """The charge at the contract's own price, if it has one."""
    price = contract.overrides.get(charge.charge_id)
    names = {"flat": "amount", "per_unit": "unit_price", "package": "package_price"}
    return (
        charge if price is None or charge.model not in names else charge.model_copy(update={names[charge.model]: price})
    )


def priced_line(
    kind: str,
    charge: Charge,
    run: Run,
    quantity: Decimal,
    gross_raw: Decimal,
    period: Period,
    book: PriceBook,
    profile: Profile,
) -> EngineLine:
    """A charge's line for a run, discounted and taxed."""
    gross = settled(gross_raw, run.last.currency, profile)
    rate = _discount_rate(run.last.contract, period) if charge.discountable else ZERO
    discount = settled(gross * rate, run.last.currency, profile)
    if charge.minimum is not None or charge.maximum is not None:
        gross, discount, moved = _held(charge, gross, rate, run, period, profile)
        gross_raw = gross if moved else gross_raw
    return _derived(
        kind,
        charge.meter,
        run,
        period,
        book,
        profile,
        charge_id=charge.charge_id,
        quantity=quantity,
        unit_price={"flat": charge.amount, "per_unit": charge.unit_price, "package": charge.package_price}.get(
            charge.model
        ),
        gross_raw=gross_raw,
        gross=gross,
        discount_rate=rate,
        discount=discount,
    )


def _held(
    charge: Charge, gross: Decimal, rate: Decimal, run: Run, period: Period, profile: Profile
) -> tuple[Decimal, Decimal, bool]:
    """Gross and discount of a line within its charge's minimum and maximum, in the profile's order; and whether they changed."""

    if not run.days:
        charge = charge.model_copy(update={"minimum": None, "maximum": None})

    def of_run(agreed: Decimal) -> Decimal:
        part = share(agreed, run.days, period.days) if profile.proration == "by_day" else agreed
        return settled(part, run.last.currency, profile)

    net, discount, moved = gross, ZERO, ZERO
    for step in profile.adjustments:
        before = net
        if step == "discount":
            discount = settled(net * rate, run.last.currency, profile)
            net -= discount
        elif step == "maximum" and charge.maximum is not None:
            net = min(net, of_run(charge.maximum))
            moved += net - before
        elif step == "minimum" and charge.minimum is not None:
            net = max(net, of_run(charge.minimum))
            moved += net - before
    return gross + moved, discount, bool(moved)


def _discount_rate(contract: Contract, period: Period) -> Decimal:
    discount = contract.discount
    if discount is None:
        return ZERO
    begun = discount.valid_from is None or discount.valid_from <= period.start
    ended = discount.valid_to is not None and discount.valid_to <= period.start
    return discount.rate if begun and not ended else ZERO


def _minimum_lines(
    plan: Plan, run: Run, lines: list[EngineLine], period: Period, book: PriceBook, profile: Profile
) -> list[EngineLine]:
    """The shortfall to the minimum of a run (rule 9); the contract's minimum replaces the plan's."""
    minimum = plan.minimum if run.last.contract.minimum is None else run.last.contract.minimum
    if minimum is None:
        return []
    if run.days < period.days and profile.proration == "by_day":
        minimum = share(minimum, run.days, period.days)
    rest = settled(minimum, run.last.currency, profile) - sum((line.amount for line in lines), ZERO)
    if rest <= 0:
        return []
    return [_derived("minimum", None, run, period, book, profile, gross_raw=rest, gross=rest)]


def _late_lines(
    period: Period,
    runs: list[Run],
    spans: Sequence[Span],
    usage: Usage,
    late: Late,
    book: PriceBook,
    profile: Profile,
) -> list[EngineLine]:
    """What `period` bills of usage that arrived too late for its own (rule 5): each own period rated with it and without it."""
    lines: list[EngineLine] = []
    taken = late.adjusted_in(period)
    for own in sorted({late.period_of(one.day) for one in taken}, key=lambda p: p.start):
        mine = [one for one in taken if late.period_of(one.day) == own]
        first = min(one.arrived for one in mine)
        billed = [one for one in late.arrivals if one.arrived < first and late.period_of(one.day) == own]
        before = _with(usage, billed, first - timedelta(days=1))
        after = _with(before, mine, max(one.arrived for one in mine))
        seats = active_runs(own, spans, by_seats=True)
        for run in active_runs(own, spans):
            plan = book.plan(*run.last.terms[:3])
            within = [r for r in seats if run.start <= r.start and r.end <= run.end]
            rated = [
                [
                    line
                    for charge in plan.charges
                    if run.days or charge.kind == "usage"
                    for line in _charge_lines(charge, run, within, own, known, book, profile)
                ]
                for known in (before, after)
            ]
            for charge in plan.charges:
                if charge.kind == "usage":
                    sides = [
                        next((line for line in side if line.charge_id == charge.charge_id), None) for side in rated
                    ]
                    units = (
                        _metered(after, charge, run, own, profile).units
                        - _metered(before, charge, run, own, profile).units
                    )
                    lines += _adjusted(charge.meter, run, own, sides, units, book, profile)
            tops = [next(iter(_minimum_lines(plan, run, side, own, book, profile)), None) for side in rated]
            lines += _adjusted("minimum", run, own, tops, Decimal(1), book, profile)
    payer = runs[-1].last.customer_id if runs else None
    return [
        replace(line, period_start=period.start, period_end=period.end, customer_id=payer or line.customer_id)
        for line in lines
    ]


def _adjusted(
    meter: str | None,
    run: Run,
    own: Period,
    sides: list[EngineLine | None],
    units: Decimal,
    book: PriceBook,
    profile: Profile,
) -> list[EngineLine]:
    """One line for the difference that late usage makes to a line of its own period; None without a difference."""
    before, after = sides
    given = after or before
    if given is None:
        return []
    figures = {
        name: (getattr(after, name) if after else ZERO) - (getattr(before, name) if before else ZERO)
        for name in ("gross_raw", "gross", "discount")
    }
    if not figures["gross"] and not figures["discount"]:
        return []
    stays = {"charge_id": given.charge_id, "unit_price": given.unit_price, "discount_rate": given.discount_rate}
    return [_derived("adjustment", meter, run, own, book, profile, quantity=units, **stays, **figures)]


def _with(usage: Usage, late: Iterable[LateUsage], until: date) -> Usage:
    """`usage` with late usage added, up to a day."""
    known = {meter: dict(days) for meter, days in usage.items()}
    for one in late:
        days = known.setdefault(one.meter, {})
        days[one.day] = days.get(one.day, ZERO) + one.units
    return usage.with_sums(known, until) if isinstance(usage, Singles) else known


def _metered(usage: Usage, charge: Charge, run: Run, period: Period, profile: Profile) -> Metered:
    """The units of a run and their cost, by their sum or by single events. A flat charge always has one unit."""
    if charge.by_event:
        if not isinstance(usage, Singles):
            return Metered(ZERO, ZERO)
        held = [span.held(usage.timezone) for span in run.spans]
        events = usage.counting(charge.meter or "", held, period)
        return rate_events(
            charge, events, (held[0][0], held[-1][1]), run.end, period, usage.timezone, profile.proration, rate_charge
        )
    units = _units(usage, charge, run, period)
    if charge.model == "flat":
        units = Decimal(1) if units else ZERO
    return Metered(units, rate_charge(charge, units) if units else ZERO)


def _units(usage: Usage, charge: Charge, run: Run, period: Period) -> Decimal:
    """The run's sum of a meter: by its days, or by the instants of its events where those are known."""
    meter = charge.meter or ""
    if isinstance(usage, Singles) and meter in usage.events:
        events = usage.counting(meter, [span.held(usage.timezone) for span in run.spans], period)
        return sum((Decimal(1) if charge.aggregation == "count" else e.units for e in events), ZERO)
    return sum((units for day, units in usage.get(meter, {}).items() if run.start <= day < run.end), ZERO)


def _coupon_lines(
    run: Run, lines: list[EngineLine], period: Period, book: PriceBook, profile: Profile
) -> list[EngineLine]:
    """The amount above the cap, then fixed amounts off in order, never below zero (rule 10)."""
    left = sum((line.amount for line in lines), ZERO)
    found = []
    cap = run.last.contract.cap
    over = ZERO if cap is None else left - settled(cap, run.last.currency, profile)
    if over > 0:
        found.append(_derived("discount", "cap", run, period, book, profile, discount=over))
        left -= over
    for coupon in run.last.contract.coupons:
        off = min(settled(coupon.amount, run.last.currency, profile), left)
        if coupon.valid_from <= period.end < (coupon.valid_to or date.max) and off > 0:
            found.append(_derived("discount", coupon.coupon_id, run, period, book, profile, discount=off))
            left -= off
    return found


def _credit_lines(
    run: Run, lines: list[EngineLine], period: Period, book: PriceBook, profile: Profile
) -> list[EngineLine]:
    """Credits granted within the period, never more than the invoice (rule 12)."""
    before_tax = profile.credit == "before_tax"
    left = sum((line.taxable if before_tax else line.total for line in lines), ZERO)
    found = []
    for credit in run.last.contract.credits:
        used = min(settled(credit.amount, run.last.currency, profile), left)
        if period.start <= credit.granted_on < period.end and used > 0:
            found.append(_derived("credit", credit.credit_id, run, period, book, profile, credit=used))
            left -= used
    return found


def _derived(
    kind: str, meter: str | None, run: Run, period: Period, book: PriceBook, profile: Profile, **figures: Any
) -> EngineLine:
    """A line of a run with the given figures, taxed at the rate of the run's region at the end of the period (rule 11)."""
    span = run.last
    nothing = settled(ZERO, span.currency, profile)
    line = EngineLine(
        kind=kind,
        meter=meter,
        charge_id=figures.pop("charge_id", None),
        customer_id=span.customer_id,
        plan_id=span.plan_id,
        plan_version=span.plan_version,
        currency=span.currency,
        tax_region=span.tax_region,
        period_start=run.start,
        period_end=max(run.end, run.start + timedelta(days=1)),
        quantity=figures.pop("quantity", Decimal(1)),
        unit_price=figures.pop("unit_price", None),
        gross_raw=figures.pop("gross_raw", nothing),
        gross=nothing,
        discount_rate=figures.pop("discount_rate", ZERO),
        discount=nothing,
        credit=nothing,
        taxable=nothing,
        tax_rate=book.tax_rate(
            span.tax_region, period.end - timedelta(days=1 if profile.tax_rate_day == "last_day" else 0)
        ),
        tax_raw=nothing,
        tax=nothing,
        total=nothing,
    )
    return retotal(line, profile, **figures)
