"""Bugs of the billing engine in what a line charges: seats, plan, price, tier, allowance, share. Proposals as in faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from random import Random

from billing_recon.core.catalog import Charge, Contract, Plan, TaxRate
from billing_recon.core.company import Profile
from billing_recon.core.money import minor_unit
from billing_recon.core.reason import Code, Pair
from billing_recon.simulate.billing import Invoice
from billing_recon.simulate.engine import EngineLine, retotal, settled
from billing_recon.simulate.faults import Fault, Finding, Proposal, Reach, together
from billing_recon.simulate.price_book import PriceBook, rate_charge, share

ORDINARY = ("subscription", "proration", "usage")

Way = Callable[[Invoice, EngineLine, Random], Sequence[EngineLine]]
"""The ways in which a line of an invoice can be wrong; none if the bug does not affect it."""
Propose = Callable[[Invoice, Random], Proposal | None]


@dataclass(slots=True)
class Lines:
    """The catalog and profile of correct lines, and proposals to make one or all lines of an invoice wrong."""

    book: PriceBook
    profile: Profile
    plans: tuple[Plan, ...]
    taxes: tuple[TaxRate, ...]

    def one(self, code: Code, way: Way, *, plain: bool = True, smallest: Decimal = Decimal(1)) -> Propose:
        """One line is wrong in one of its ways, by more than `smallest` minor units, before tax too (less is rounding).

        `plain`: only if no minimum, coupon or credit connects the lines, so that no other line changes.
        """

        def propose(invoice: Invoice, rng: Random) -> Proposal | None:
            if plain and not self.plain(invoice):
                return None
            for index in _shuffled(range(len(invoice.lines)), rng):
                wrong = self._wrong(invoice, index, way, rng, smallest)
                if wrong:
                    return line_fault(code, invoice, index, wrong[rng.randrange(len(wrong))])
            return None

        return propose

    def every(self, code: Code, way: Way, *, smallest: Decimal = Decimal(1), fewest: int = 1) -> Propose:
        """Every line that the bug touches wrong in its first way, `fewest` of them or more."""

        def propose(invoice: Invoice, rng: Random) -> Proposal | None:
            if not self.plain(invoice):
                return None
            return together(
                (
                    line_fault(code, invoice, index, wrong[0])
                    for index in range(len(invoice.lines))
                    if (wrong := self._wrong(invoice, index, way, rng, smallest))
                ),
                fewest,
            )

        return propose

    def charge(self, line: EngineLine) -> Charge | None:
        """The list price charge of an ordinary line."""
        if line.charge_id is None or line.kind not in ORDINARY:
            return None
        plan = self.book.plan(line.plan_id, line.plan_version, line.currency)
        return next(charge for charge in plan.charges if charge.charge_id == line.charge_id)

    def other_plans(self, line: EngineLine) -> list[Plan]:
        """The company's other plans with a line's version and currency."""
        same = (line.plan_version, line.currency)
        return [p for p in self.plans if (p.plan_version, p.currency) == same and p.plan_id != line.plan_id]

    def former_tax_rate(self, tax_region: str, on: date) -> Decimal | None:
        """A region's previous rate, if it differs from the rate on a day."""
        known = sorted((t.effective_from, t.rate) for t in self.taxes if t.tax_region == tax_region)
        rates = [rate for since, rate in known if since <= on]
        return rates[-2] if len(rates) > 1 and rates[-2] != rates[-1] else None

    def at(self, line: EngineLine, raw: Decimal, **changes: object) -> EngineLine:
        """The line with another gross, and all that follows from it."""
        gross = settled(raw, line.currency, self.profile)
        discount = settled(gross * line.discount_rate, line.currency, self.profile)
        return retotal(line, self.profile, gross_raw=raw, gross=gross, discount=discount, **changes)

    def plain(self, invoice: Invoice) -> bool:
        """Whether no minimum, cap, coupon or credit ties the lines together."""
        if not only(invoice, ORDINARY):
            return False
        plans = {(line.plan_id, line.plan_version, line.currency) for line in invoice.lines}
        agreed = any(span.contract.minimum or span.contract.cap for span in invoice.subscription.spans)
        return all(self.book.plan(*plan).minimum is None for plan in plans) and not agreed

    def _wrong(self, invoice: Invoice, index: int, way: Way, rng: Random, smallest: Decimal) -> list[EngineLine]:
        right = invoice.lines[index]
        least = minor_unit(right.currency) * smallest
        return [
            wrong
            for wrong in way(invoice, right, rng)
            if abs(wrong.total - right.total) > least and not 0 < abs(wrong.gross - right.gross) <= least
        ]


@dataclass(slots=True)
class LineFaults:
    """Where the charge of a clean invoice's line can go wrong."""

    lines: Lines

    @property
    def registry(self) -> tuple[Fault[Invoice], ...]:
        """The faults of charges, with their forms."""
        one = self.lines.one

        def form(code: Code, name: str, way: Way, doc: str, *, plain: bool = True) -> Fault[Invoice]:
            return Fault(code, name, one(code, way, plain=plain), doc, Reach.LINE)

        override, allowance = Code.CONTRACT_OVERRIDE, Code.ALLOWANCE_ROLLOVER
        state, tier, part = Code.SUBSCRIPTION_STATE, Code.TIER_RATE, Code.PRORATION
        return (
            form(override, "list_price", self.list_price, "the list price is charged instead of the contract's"),
            form(
                override,
                "list_minimum",
                self.list_minimum,
                "the plan's minimum is used instead of the contract's",
                plain=False,
            ),
            form(allowance, "billed", self.no_allowance, "included units are billed"),
            form(
                allowance,
                "given_twice",
                self.twice_the_allowance,
                "the previous period's included units are free again",
            ),
            form(part, "in_full", self.in_full, "a part of a period is billed as a whole one"),
            form(part, "day_more", self.day_more, "the last day is included: a day too many"),
            form(part, "day_less", self.day_less, "the first day is excluded: a day too few"),
            form(
                part, "month_of_30_days", self.by_thirty, "a part of a month is prorated by 30 days, whatever the month"
            ),
            form(state, "other_seats", self.other_seats, "a wrong number of seats is charged"),
            form(state, "previous_seats", self.previous_seats, "the seats before the last change are charged"),
            form(state, "other_plan", self.other_plan, "the base fee of another plan is charged"),
            form(
                tier,
                "other_model",
                self.other_model,
                "graduated tiers are priced by volume, or volume tiers as graduated",
            ),
            form(tier, "dearest_tier", self.dearest, "all units are charged at the most expensive tier's price"),
            form(tier, "flat_fee_left_out", self.no_flat_fee, "the flat fees of the tiers entered are not charged"),
        )

    def other_seats(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """Some seats too many or too few."""
        seats = {line.quantity + 1 + rng.randrange(5), max(line.quantity - 1 - rng.randrange(3), Decimal(0))}
        return [wrong for n in sorted(seats) for wrong in self._seated(line, n)]

    def previous_seats(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """The seats of the interval before the line's, if the plan was the same."""
        spans = [span for span in invoice.subscription.spans if span.start < line.period_end]
        former = [span for span in spans[:-1] if span.terms == spans[-1].terms and span.status == "active"]
        return self._seated(line, former[-1].quantity) if former and spans[-1].start <= line.period_start else []

    def _seated(self, line: EngineLine, seats: Decimal) -> Sequence[EngineLine]:
        charge = self.lines.charge(line)
        if charge is None or line.kind != "subscription" or charge.model == "flat" or seats == line.quantity:
            return []
        return [self.lines.at(line, rate_charge(charge, seats), quantity=seats)]

    def other_plan(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """The flat fee of another plan for a whole period; the line names that plan."""
        charge = self.lines.charge(line)
        if charge is None or line.kind != "subscription" or charge.model != "flat":
            return []
        if charge.charge_id in _contract(invoice, line).overrides:
            return []
        found = []
        for plan in self.lines.other_plans(line):
            theirs = next((c for c in plan.charges if c.charge_id == charge.charge_id and c.model == "flat"), None)
            if theirs is not None and theirs.discountable == charge.discountable:
                wrong = self.lines.at(line, rate_charge(theirs, Decimal(1)), plan_id=plan.plan_id)
                found.append(replace(wrong, unit_price=theirs.amount))
        return found

    def other_model(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """Graduated by volume or the other way round."""
        charge = self._tiered(line)
        if charge is None:
            return []
        other = charge.model_copy(update={"model": "volume" if charge.model == "graduated" else "graduated"})
        return [self.lines.at(line, rate_charge(other, line.quantity))]

    def dearest(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """All units at the dearest price."""
        charge = self._tiered(line)
        return [] if charge is None else [self.lines.at(line, line.quantity * max(t.unit for t in charge.tiers))]

    def no_flat_fee(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """The tiers without their flat fees."""
        charge = self._tiered(line)
        if charge is None:
            return []
        tiers = tuple(tier.model_copy(update={"flat": Decimal(0)}) for tier in charge.tiers)
        return [self.lines.at(line, rate_charge(charge.model_copy(update={"tiers": tiers}), line.quantity))]

    def _tiered(self, line: EngineLine) -> Charge | None:
        charge = self.lines.charge(line)
        tiered = charge is not None and line.kind != "proration" and charge.model in ("graduated", "volume")
        return charge if tiered else None

    def no_allowance(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """No unit is free."""
        return self._freeing(line, 0)

    def twice_the_allowance(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """Twice as many units are free."""
        return self._freeing(line, 2)

    def _freeing(self, line: EngineLine, times: int) -> Sequence[EngineLine]:
        charge = self.lines.charge(line)
        if charge is None or not charge.free_units:
            return []
        other = charge.model_copy(update={"free_units": charge.free_units * times})
        return [self.lines.at(line, rate_charge(other, line.quantity))]

    def in_full(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """A whole period's price for a part."""
        return self._shared(invoice, line, lambda days, whole: (whole, whole))

    def day_more(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """One day too many."""
        return self._shared(invoice, line, lambda days, whole: (days + 1, whole))

    def day_less(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """One day too few."""
        return self._shared(invoice, line, lambda days, whole: (days - 1, whole))

    def by_thirty(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """Every month has 30 days."""
        return self._shared(invoice, line, lambda days, whole: (days, 30 if 28 <= whole <= 31 else whole))

    def _shared(
        self, invoice: Invoice, line: EngineLine, days: Callable[[int, int], tuple[int, int]]
    ) -> Sequence[EngineLine]:
        charge = self.lines.charge(line)
        if charge is None or line.kind != "proration":
            return []
        part, whole = days((line.period_end - line.period_start).days, invoice.period.days)
        if not part:
            return []
        charge = _agreed(charge, _contract(invoice, line))
        return [self.lines.at(line, share(rate_charge(charge, line.quantity), part, whole))]

    def list_price(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """The list price of a charge that has a contract price."""
        charge = self.lines.charge(line)
        if charge is None or charge.charge_id not in _contract(invoice, line).overrides:
            return []
        raw = rate_charge(charge, line.quantity)
        if line.kind == "proration":
            raw = share(raw, (line.period_end - line.period_start).days, invoice.period.days)
        listed = {"flat": charge.amount, "per_unit": charge.unit_price, "package": charge.package_price}
        return [replace(self.lines.at(line, raw), unit_price=listed.get(charge.model))]

    def list_minimum(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """The plan's minimum for a whole period, if the contract has another."""
        if line.kind != "minimum" or not only(invoice, (*ORDINARY, "minimum")):
            return []
        span = next(s for s in reversed(invoice.subscription.spans) if s.start < line.period_end)
        agreed, minimum = span.contract.minimum, self.lines.book.plan(*span.terms[:3]).minimum
        if agreed is None or minimum is None or (line.period_end - line.period_start).days != invoice.period.days:
            return []
        rest = line.gross + sum(
            (settled(amount, line.currency, self.lines.profile) for amount in (minimum, -agreed)), Decimal(0)
        )
        return [self.lines.at(line, rest)] if rest > 0 else []


def only(invoice: Invoice, kinds: tuple[str, ...]) -> bool:
    """Whether all lines of an invoice are of these kinds."""
    return all(line.kind in kinds for line in invoice.lines)


def line_fault(code: Code, invoice: Invoice, index: int, wrong: EngineLine) -> Proposal:
    """A proposal that replaces one line of an invoice by a wrong one."""

    def apply() -> None:
        invoice.lines = [*invoice.lines[:index], wrong, *invoice.lines[index + 1 :]]

    return Proposal((finding(code, invoice, wrong.total - invoice.lines[index].total, index),), apply)


def without(code: Code, invoice: Invoice, index: int) -> Proposal:
    """A proposal that removes one line of an invoice."""

    def apply() -> None:
        invoice.lines = [*invoice.lines[:index], *invoice.lines[index + 1 :]]

    return Proposal((finding(code, invoice, -invoice.lines[index].total),), apply)


def added(code: Code, invoice: Invoice, more: EngineLine) -> Proposal:
    """A proposal that adds a last line to an invoice."""

    def apply() -> None:
        invoice.lines = [*invoice.lines, more]

    return Proposal((finding(code, invoice, more.total, len(invoice.lines)),), apply)


def finding(code: Code, invoice: Invoice, delta: Decimal, line: int | None = None) -> Finding:
    """A finding of expected_billed on the invoice's day of issue."""
    subscription_id = invoice.subscription.subscription_id
    return Finding(code, Pair.EXPECTED_BILLED, subscription_id, invoice.issued_on, delta, invoice, line)


def _contract(invoice: Invoice, line: EngineLine) -> Contract:
    return next(s for s in reversed(invoice.subscription.spans) if s.start < line.period_end).contract


def _agreed(charge: Charge, contract: Contract) -> Charge:
    price = contract.overrides.get(charge.charge_id)
    names = {"flat": "amount", "per_unit": "unit_price", "package": "package_price"}
    return charge if price is None else charge.model_copy(update={names[charge.model]: price})


def _shuffled(numbers: range, rng: Random) -> Iterator[int]:
    order = list(numbers)
    rng.shuffle(order)
    return iter(order)
