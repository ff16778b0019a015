"""Engines with one bug each. What a bill of theirs has otherwise than the right one is the truth about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, timedelta
from decimal import Decimal
from fractions import Fraction

from quality.foreign.engine import (
    EXPONENTS,
    ZERO,
    Charge,
    Contract,
    Engine,
    Line,
    Plan,
    Run,
    Subscription,
    Tier,
    settle,
)


class LosesAnEvent(Engine):
    """A collector dropped the largest event of the period's third day with any."""

    code, metering = "USAGE_MISSING", True

    def day_units(self, sub: Subscription, meter: str, day: date) -> Decimal:
        whole = super().day_units(sub, meter, day)
        if day.day % 5 or _delayed(sub, meter, day):
            return whole
        return whole - max((e.quantity for e in self.of_day(sub, meter, day)), default=ZERO)


class LosesADay(Engine):
    """The collector was down for a day."""

    code, metering = "USAGE_MISSING", True

    def day_units(self, sub: Subscription, meter: str, day: date) -> Decimal:
        lost = day.day in (2, 11, 21) and not _delayed(sub, meter, day)
        return ZERO if lost else super().day_units(sub, meter, day)


class CountsRetries(Engine):
    """Not idempotent: what was delivered twice counts twice."""

    code, metering = "USAGE_DUPLICATE", True

    def day_units(self, sub: Subscription, meter: str, day: date) -> Decimal:
        gone = {e.corrects for e in sub.events}
        again = sum((e.quantity for e in self.of_day(sub, meter, day) if e.twice and e.event_id not in gone), ZERO)
        return super().day_units(sub, meter, day) + again


class AddsCorrections(Engine):
    """A correction is added to what it corrects."""

    code, metering = "USAGE_CORRECTED", True

    def day_units(self, sub: Subscription, meter: str, day: date) -> Decimal:
        return sum((e.quantity for e in self.of_day(sub, meter, day)), ZERO)


class IgnoresCorrections(Engine):
    """The original stays, its correction is never read."""

    code, metering = "USAGE_CORRECTED", True

    def day_units(self, sub: Subscription, meter: str, day: date) -> Decimal:
        return sum((e.quantity for e in self.of_day(sub, meter, day) if not e.corrects), ZERO)


class ClosesEarly(Engine):
    """Bills what had arrived when the period ended, without arrivals within the window."""

    code = "USAGE_LATE"

    def units(self, sub: Subscription, run: Run, meter: str) -> Decimal:
        late = [e for e in sub.events if e.meter == meter and run.start <= sub.local_day(e.at) < run.end]
        corrected = {e.corrects for e in sub.events}
        late = [
            e for e in late if sub.local_day(e.received) >= run.end and not e.corrects and e.event_id not in corrected
        ]
        return super().units(sub, run, meter) - sum((e.quantity for e in late), ZERO)


class SumsUtcDays(Engine):
    """Adds up by UTC days where the customer's count."""

    code = "USAGE_AGGREGATION"

    def units(self, sub: Subscription, run: Run, meter: str) -> Decimal:
        gone = {e.corrects for e in sub.events}
        inside = [e for e in sub.events if e.meter == meter and run.start <= e.at.astimezone(UTC).date() < run.end]
        return sum((e.quantity for e in inside if e.event_id not in gone), ZERO)


class DropsTheLastDay(Engine):
    """Off by one: the last day of the period is not added up."""

    code = "USAGE_AGGREGATION"

    def units(self, sub: Subscription, run: Run, meter: str) -> Decimal:
        return super().units(sub, replace(run, end=run.end - timedelta(days=1)), meter)


class SeatsOfBefore(Engine):
    """Bills the seats of before the change."""

    code = "SUBSCRIPTION_STATE"

    def seats(self, sub: Subscription, run: Run) -> int:
        before = [i for i in sub.intervals if i.begins < run.last.begins and i.status == "active"]
        return before[-1].seats if before else run.last.seats


class SeatsOfAfter(Engine):
    """Bills the seats of after the change from the beginning of the period."""

    code = "SUBSCRIPTION_STATE"

    def seats(self, sub: Subscription, run: Run) -> int:
        return sub.intervals[-1].seats


class OldVersion(Engine):
    """Never migrated: bills the previous version, and names it."""

    code = "PRICE_VERSION"

    def plan_of(self, sub: Subscription, run: Run) -> Plan:
        plan = run.last.plan
        return self.older.get((plan.plan_id, plan.version, plan.currency), plan)


class OldPrices(OldVersion):
    """Names the version in force and charges the previous version's prices: a stale cache."""

    def bill(self, sub: Subscription, start: date, end: date) -> list[Line]:
        lines = super().bill(sub, start, end)
        for line in lines:
            line.version = line.run.last.plan.version
        return lines


class ListPrice(Engine):
    """The contract's own price was never loaded."""

    code = "CONTRACT_OVERRIDE"

    def price_of(self, charge: Charge, contract: Contract) -> Decimal:
        return charge.price


class ListMinimum(Engine):
    """The plan's minimum where the contract has its own. Where that gives no line it would be NoMinimum."""

    code = "CONTRACT_OVERRIDE"

    def minimum_of(self, plan: Plan, contract: Contract) -> Decimal | None:
        return plan.minimum if plan.minimum is not None else contract.minimum


class NoFreeUnits(Engine):
    """What a plan includes is billed."""

    code = "ALLOWANCE_ROLLOVER"

    def free_of(self, charge: Charge, contract: Contract) -> Decimal:
        return ZERO


class TwiceFree(NoFreeUnits):
    """What a plan includes is taken off twice. Not injected: a rival of packages that are rounded down."""

    def free_of(self, charge: Charge, contract: Contract) -> Decimal:
        return Engine.free_of(self, charge, contract) + charge.free_units


class NoAllowance(Engine):
    """What a contract includes is billed."""

    code = "ALLOWANCE_ROLLOVER"

    def free_of(self, charge: Charge, contract: Contract) -> Decimal:
        return charge.free_units


class ExclusiveTiers(Engine):
    """Exactly 400 units are in the tier above 400."""

    code = "TIER_RATE"

    def holds(self, tier: Tier, units: Fraction) -> bool:
        return tier.up_to is None or units < tier.up_to


class VolumeForGraduated(Engine):
    code = "TIER_RATE"

    def graduated(self, tiers: tuple[Tier, ...], units: Fraction) -> Fraction:
        return self.volume(tiers, units)


class ForgetsTierFees(Engine):
    code = "TIER_RATE"

    def graduated(self, tiers: tuple[Tier, ...], units: Fraction) -> Fraction:
        return super().graduated(tuple(replace(t, flat=ZERO) for t in tiers), units)


class WholePackagesOnly(Engine):
    """Rounds begun packages down."""

    code = "TIER_RATE"

    def cost(self, charge: Charge, units: Decimal, contract: Contract) -> Fraction:
        if charge.model != "package":
            return super().cost(charge, units, contract)
        billed = Fraction(max(units - self.free_of(charge, contract), ZERO))
        return billed // Fraction(charge.package_size) * Fraction(self.price_of(charge, contract))


class FullPrice(Engine):
    """No proration at all."""

    code = "PRORATION"

    def fee_line(self, sub: Subscription, run: Run, charge: Charge, start: date, end: date) -> Line:
        line = super().fee_line(sub, run, charge, start, end)
        line.raw = self.cost(charge, line.quantity or ZERO, run.last.contract)
        line.gross = self.settle(line.raw, run.last.plan.currency)
        return line


class ThirtyDays(Engine):
    """Every month has thirty days."""

    code = "PRORATION"

    def share(self, run: Run, start: date, end: date) -> Fraction:
        whole = (run.start, run.end) == (start, end)
        return Fraction(1) if whole else min(Fraction((run.end - run.start).days, 30), Fraction(1))

    def included(self, units: Decimal, run: Run, start: date, end: date) -> Decimal:
        return Engine.included(Engine(self.conventions, self.taxes, self.older), units, run, start, end)


class CountsBothEnds(Engine):
    """One day too many in every part."""

    code = "PRORATION"

    def share(self, run: Run, start: date, end: date) -> Fraction:
        whole = (run.start, run.end) == (start, end)
        return Fraction(1) if whole else Fraction((run.end - run.start).days + 1, (end - start).days)

    def included(self, units: Decimal, run: Run, start: date, end: date) -> Decimal:
        return Engine.included(Engine(self.conventions, self.taxes, self.older), units, run, start, end)


class NoMinimum(Engine):
    code = "MINIMUM"

    def minimum_of(self, plan: Plan, contract: Contract) -> Decimal | None:
        return None


class MinimumAsFee(Engine):
    """Bills the whole minimum in addition, instead of the shortfall."""

    code = "MINIMUM"

    def minimum_line(self, run: Run, plan: Plan, own: list[Line], start: date, end: date) -> Iterator[Line]:
        for line in super().minimum_line(run, plan, own, start, end):
            line.gross = self.minimum_of(plan, run.last.contract) or ZERO
            yield line


class NoCap(Engine):
    code = "CAP"

    def cap_line(self, run: Run, lines: list[Line]) -> Iterator[Line]:
        return iter(())


class HalfTheDiscount(Engine):
    code = "DISCOUNT_VALUE"

    def discount_rate(self, contract: Contract, day: date) -> Decimal:
        return super().discount_rate(contract, day) / 2


class ExpiredDiscount(Engine):
    """The discount ended, the engine goes on."""

    code = "DISCOUNT_VALUE"

    def discount_rate(self, contract: Contract, day: date) -> Decimal:
        return contract.discount or ZERO


class ForgottenCoupon(Engine):
    code = "DISCOUNT_VALUE"

    def coupons(self, contract: Contract) -> list[tuple[str, Decimal, date, date]]:
        return super().coupons(contract)[1:]


class CouponTwice(Engine):
    """The coupon's amount is taken twice."""

    code = "DISCOUNT_VALUE"

    def coupons(self, contract: Contract) -> list[tuple[str, Decimal, date, date]]:
        return [(name, amount * 2, a, b) for name, amount, a, b in super().coupons(contract)]


class ForgottenCredit(Engine):
    code = "CREDIT_VALUE"

    def credits(self, contract: Contract, start: date, end: date) -> list[tuple[str, Decimal]]:
        return []


class PartOfCredit(Engine):
    code = "CREDIT_VALUE"

    def credits(self, contract: Contract, start: date, end: date) -> list[tuple[str, Decimal]]:
        return [(name, round(amount * Decimal("0.7"), 0)) for name, amount in super().credits(contract, start, end)]


class ChargeByHand(Engine):
    """Somebody added a fee that no contract has."""

    code = "MANUAL_ADJUSTMENT"
    amount = Decimal(35)

    def coupon_lines(self, run: Run, lines: list[Line], end: date) -> list[Line]:
        by_hand = Line("adjustment", None, run, run.start, run.end, Decimal(1), self.amount, gross=self.amount)
        return [*super().coupon_lines(run, lines, end), by_hand]


class GoodwillByHand(ChargeByHand):
    """Somebody took a round sum off."""

    amount = Decimal(-3)


class MinimumFirst(Engine):
    """Fills the minimum up before the discount is taken."""

    code = "STEP_ORDER"

    def minimum_line(self, run: Run, plan: Plan, own: list[Line], start: date, end: date) -> Iterator[Line]:
        undiscounted = [replace(line, discount=ZERO) for line in own]
        yield from super().minimum_line(run, plan, undiscounted, start, end)


class CreditOnTheOtherSide(Engine):
    """Takes a credit before tax instead of after it, or after instead of before."""

    code = "STEP_ORDER"

    def finish(self, last: Run, lines: list[Line], start: date, end: date) -> list[Line]:
        mine = self.conventions
        self.conventions = replace(mine, credit="after_tax" if mine.credit == "before_tax" else "before_tax")
        found = super().finish(last, lines, start, end)
        self.conventions = mine
        return found


class OldTaxTable(Engine):
    code = "TAX_RATE_JURISDICTION"

    def rate_of(self, run: Run, day: date) -> Decimal:
        known = [rate for since, rate in self.taxes[self.region_of(run)] if since <= day]
        return known[-2] if len(known) > 1 else known[-1]


class SwappedRegion(Engine):
    code = "TAX_RATE_JURISDICTION"

    def region_of(self, run: Run) -> str:
        return {"DE": "NY", "NY": "DE", "OUT": "DE"}.get(run.last.region, run.last.region)


class RateOfPeriodStart(Engine):
    """The rate of the day on which the period begins."""

    code = "TAX_RATE_JURISDICTION"

    def rate_of(self, run: Run, day: date) -> Decimal:
        return super().rate_of(run, run.start)


class TaxesTheGross(Engine):
    """Tax on what was charged before the discount."""

    code = "TAX_BASE"

    def tax_base(self, line: Line) -> Decimal:
        return line.gross if line.kind in ("subscription", "usage", "proration") else line.taxable


class UsageUntaxed(Engine):
    """Usage lines are not taxed. That is also the rate of a region without tax, which is what a tax of nothing implies."""

    code = "TAX_RATE_JURISDICTION"

    def tax_base(self, line: Line) -> Decimal:
        return ZERO if line.kind == "usage" and self.conventions.tax_point == "line" else line.taxable


class UsageOutOfTheBase(Engine):
    """Usage is left out of the sum that an invoice is taxed on."""

    code = "TAX_BASE"

    def tax_base(self, line: Line) -> Decimal:
        return ZERO if line.kind == "usage" and self.conventions.tax_point == "invoice" else line.taxable


class WrongScale(Engine):
    """Sends yen in hundredths, or fils as if a dinar had a hundred of them."""

    code = "MINOR_UNIT"

    def bill(self, sub: Subscription, start: date, end: date) -> list[Line]:
        lines = super().bill(sub, start, end)
        for line in lines:
            factor = {"JPY": 100, "KWD": 10}.get(line.currency, 1)
            for name in ("gross", "discount", "credit", "taxable", "tax", "total"):
                setattr(line, name, getattr(line, name) * factor)
            line.unit_price = line.unit_price * factor if line.unit_price is not None else None
        return lines


class TwoDecimalsAlways(Engine):
    """Settles yen at two decimals."""

    code = "MINOR_UNIT"

    def settle(self, amount: Fraction, currency: str) -> Decimal:
        return settle(amount, 2, "ROUND_HALF_UP") if currency == "JPY" else super().settle(amount, currency)


class CutsOff(Engine):
    """Cuts off instead of rounding."""

    code = "ROUNDING"

    def settle(self, amount: Fraction, currency: str) -> Decimal:
        return settle(amount, EXPONENTS[currency], "ROUND_DOWN")


class RoundsUpTax(Engine):
    """Tax is always rounded up."""

    code = "ROUNDING"

    def tax_of(self, base: Decimal, rate: Decimal, currency: str) -> Decimal:
        exact = Fraction(base) * Fraction(rate)
        down = settle(exact, EXPONENTS[currency], "ROUND_DOWN")
        return down + Decimal(1).scaleb(-EXPONENTS[currency]) if exact > Fraction(down) else down


class ShiftsADay(Engine):
    """Bills the right charges, dated a day later."""

    code = "INVOICE_PERIOD"

    def bill(self, sub: Subscription, start: date, end: date) -> list[Line]:
        lines = super().bill(sub, start, end)
        for line in lines:
            line.start, line.end = line.start + timedelta(days=1), line.end + timedelta(days=1)
        return lines


def _delayed(sub: Subscription, meter: str, day: date) -> bool:
    """Whether a day's lost units could also be a correction or a late arrival that was not read."""
    return any(e.corrects or (e.received - e.at).total_seconds() > 3600 for e in Engine.of_day(sub, meter, day))


BUGS: tuple[type[Engine], ...] = (
    LosesAnEvent, LosesADay, CountsRetries, AddsCorrections, IgnoresCorrections, ClosesEarly, SumsUtcDays, DropsTheLastDay,
    SeatsOfBefore, SeatsOfAfter, OldVersion, OldPrices, ListPrice, ListMinimum, NoFreeUnits, NoAllowance, ExclusiveTiers,
    VolumeForGraduated, ForgetsTierFees, WholePackagesOnly, FullPrice, ThirtyDays, CountsBothEnds, NoMinimum, MinimumAsFee,
    NoCap, HalfTheDiscount, ExpiredDiscount, ForgottenCoupon, CouponTwice, ForgottenCredit, PartOfCredit, ChargeByHand,
    GoodwillByHand, MinimumFirst, CreditOnTheOtherSide, OldTaxTable, SwappedRegion, RateOfPeriodStart, TaxesTheGross,
    UsageUntaxed, UsageOutOfTheBase, WrongScale, TwoDecimalsAlways, CutsOff, RoundsUpTax, ShiftsADay,
)  # fmt: skip
"""Every bug, one class each."""
