"""Bugs of the billing engine in single lines: a wrong figure at one stage of one line. Proposals as in faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

from billing_recon.core.catalog import Charge
from billing_recon.core.company import Profile
from billing_recon.core.money import Rounding, minor_unit
from billing_recon.core.reason import Code, Pair
from billing_recon.simulate.billing import Invoice
from billing_recon.simulate.engine import ZERO, EngineLine, PriceBook, rate_charge, retotal, settled, share
from billing_recon.simulate.faults import Fault, Finding, Proposal

ORDINARY = ("subscription", "proration", "usage")
_FIGURES = ("gross", "discount", "credit", "taxable", "tax", "total")

Change = Callable[[EngineLine], list[EngineLine]]
"""The ways in which a line could be wrong."""


@dataclass(slots=True)
class LineFaults:
    """Where a single line of a clean invoice can go wrong."""

    book: PriceBook
    profile: Profile

    @property
    def registry(self) -> tuple[Fault[Invoice], ...]:
        """The faults of single lines, the pickiest first."""
        return (
            Fault(
                Code.CONTRACT_OVERRIDE,
                self.list_price,
                "the list price is charged, or the plan's minimum, not the contract's",
            ),
            Fault(Code.CAP, self.over_the_cap, "what is above the most that was agreed is charged all the same"),
            Fault(
                Code.ALLOWANCE_ROLLOVER,
                self.wrong_allowance,
                "included units are billed, or last period's are given again",
            ),
            Fault(Code.CREDIT_VALUE, self.wrong_credit, "a credit is forgotten or of another amount"),
            Fault(Code.STEP_ORDER, self.wrong_order, "a discount or a credit is taken on the wrong side of tax"),
            Fault(
                Code.PRORATION, self.wrong_share, "a part of a period is billed in full, or a day too many or too few"
            ),
            Fault(Code.MINIMUM, self.wrong_minimum, "the minimum is not filled, or not all of it"),
            Fault(Code.SUBSCRIPTION_STATE, self.wrong_seats, "seats are charged that the subscription does not have"),
            Fault(Code.TIER_RATE, self.wrong_tiers, "units are priced in the wrong tier"),
            Fault(Code.DISCOUNT_VALUE, self.wrong_discount, "a line's discount is forgotten or has another rate"),
            Fault(Code.TAX_BASE, self.wrong_base, "tax is computed on the gross, or on a part of what is taxable"),
            Fault(Code.ROUNDING, self.rounded_down, "a figure is cut off instead of rounded half up"),
            Fault(Code.MINOR_UNIT, self.wrong_unit, "figures are a hundred times what they should be"),
            Fault(Code.TAX_RATE_JURISDICTION, self.wrong_region, "a line is taxed at another region's rate"),
            Fault(Code.MANUAL_ADJUSTMENT, self.added_by_hand, "somebody adds a charge by hand"),
            Fault(Code.UNEXPLAINED, self.off_total, "a total is not the sum of its parts"),
        )

    def wrong_seats(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """A line by seats charges some too many or too few."""

        def ways(line: EngineLine) -> list[EngineLine]:
            charge = self._charge(line)
            if charge is None or line.kind != "subscription" or charge.model == "flat":
                return []
            seats = {line.quantity + 1 + rng.randrange(5), max(line.quantity - 1 - rng.randrange(3), ZERO)}
            return [self._at(line, rate_charge(charge, n), quantity=n) for n in sorted(seats)]

        return self._changed(Code.SUBSCRIPTION_STATE, invoice, rng, ways) if self._plain(invoice) else None

    def wrong_tiers(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """Graduated units priced by volume or the other way round, all units at the dearest price, or a tier too high."""

        def ways(line: EngineLine) -> list[EngineLine]:
            charge = self._charge(line)
            if charge is None or line.kind == "proration" or charge.model not in ("graduated", "volume"):
                return []
            other = charge.model_copy(update={"model": "volume" if charge.model == "graduated" else "graduated"})
            dearest = max(tier.unit for tier in charge.tiers)
            return [self._at(line, raw) for raw in (rate_charge(other, line.quantity), line.quantity * dearest)]

        return self._changed(Code.TIER_RATE, invoice, rng, ways) if self._plain(invoice) else None

    def wrong_allowance(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The free units are billed, or those of the period before are free once more."""

        def ways(line: EngineLine) -> list[EngineLine]:
            charge = self._charge(line)
            if charge is None or not charge.free_units:
                return []
            others = (charge.model_copy(update={"free_units": n}) for n in (ZERO, charge.free_units * 2))
            return [self._at(line, rate_charge(other, line.quantity)) for other in others]

        return self._changed(Code.ALLOWANCE_ROLLOVER, invoice, rng, ways) if self._plain(invoice) else None

    def wrong_share(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """A prorated line billed in full, or for one day more or less."""

        def ways(line: EngineLine) -> list[EngineLine]:
            charge = self._charge(line)
            if charge is None or line.kind != "proration":
                return []
            full = rate_charge(charge, line.quantity)
            days, whole = (line.period_end - line.period_start).days, invoice.period.days
            off = [share(full, days + step, whole) for step in (1, -1) if 0 < days + step < whole]
            return [self._at(line, raw) for raw in (full, *off)]

        return self._changed(Code.PRORATION, invoice, rng, ways) if self._plain(invoice) else None

    def wrong_minimum(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The line that fills the minimum is absent, or too small."""

        def ways(line: EngineLine) -> list[EngineLine]:
            return (
                [self._at(line, settled(line.gross / 2, line.currency, self.profile))] if line.kind == "minimum" else []
            )

        if not self._only(invoice, (*ORDINARY, "minimum")):
            return None
        if rng.random() < 0.5:
            return self._dropped(Code.MINIMUM, invoice, "minimum")
        return self._changed(Code.MINIMUM, invoice, rng, ways)

    def list_price(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The contract agrees a price or a minimum of its own, and the plan's is charged."""

        def ways(line: EngineLine) -> list[EngineLine]:
            span = next(s for s in reversed(invoice.subscription.spans) if s.start < line.period_end)
            charge = self._charge(line)
            if charge is not None and charge.charge_id in span.contract.overrides and self._plain(invoice):
                raw = rate_charge(charge, line.quantity)
                if line.kind == "proration":
                    raw = share(raw, (line.period_end - line.period_start).days, invoice.period.days)
                listed = {"flat": charge.amount, "per_unit": charge.unit_price, "package": charge.package_price}
                return [replace(self._at(line, raw), unit_price=listed.get(charge.model))]
            if line.kind != "minimum":
                return []
            agreed, minimum = span.contract.minimum, self.book.plan(*span.terms[:3]).minimum
            if agreed is None or minimum is None or (line.period_end - line.period_start).days != invoice.period.days:
                return []
            rest = (
                line.gross
                - settled(agreed, line.currency, self.profile)
                + settled(minimum, line.currency, self.profile)
            )
            return [self._at(line, rest)] if rest > 0 else []

        if not self._only(invoice, (*ORDINARY, "minimum")):
            return None
        return self._changed(Code.CONTRACT_OVERRIDE, invoice, rng, ways)

    def over_the_cap(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The line that takes off what is above the cap is absent."""
        capped = any(line.meter == "cap" for line in invoice.lines)
        if not capped or not self._only(invoice, (*ORDINARY, "discount")):
            return None
        return self._dropped(Code.CAP, invoice, "discount")

    def wrong_discount(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The discount of one line is forgotten, or has a rate that nobody agreed."""

        def ways(line: EngineLine) -> list[EngineLine]:
            if not line.discount:
                return []
            rates = (ZERO, line.discount_rate + Decimal("0.03"))
            return [
                retotal(
                    line,
                    self.profile,
                    discount_rate=rate,
                    discount=settled(line.gross * rate, line.currency, self.profile),
                )
                for rate in rates
            ]

        return self._changed(Code.DISCOUNT_VALUE, invoice, rng, ways) if self._plain(invoice) else None

    def wrong_credit(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """The only credit is forgotten, or half of it is given."""

        def ways(line: EngineLine) -> list[EngineLine]:
            half = settled(line.credit / 2, line.currency, self.profile)
            return [retotal(line, self.profile, credit=half)] if line.kind == "credit" else []

        if sum(line.kind == "credit" for line in invoice.lines) != 1:
            return None
        if rng.random() < 0.5:
            return self._dropped(Code.CREDIT_VALUE, invoice, "credit")
        return self._changed(Code.CREDIT_VALUE, invoice, rng, ways)

    def added_by_hand(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """One more line: a setup fee that no contract knows."""
        line = next((line for line in invoice.lines if line.kind in ORDINARY), None)
        if line is None or any(line.kind == "credit" for line in invoice.lines):
            return None
        fee = minor_unit(line.currency) * (500 + rng.randrange(20_000))
        hand = replace(line, kind="adjustment", meter="setup", charge_id=None, quantity=Decimal(1), unit_price=None)
        hand = retotal(hand, self.profile, gross_raw=fee, gross=fee, discount_rate=ZERO, discount=ZERO, credit=ZERO)
        index = len(invoice.lines)

        def apply() -> None:
            invoice.lines = [*invoice.lines, hand]

        return Proposal((finding(Code.MANUAL_ADJUSTMENT, invoice, hand.total, index),), apply)

    def wrong_order(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """A credit taken before tax where it comes after, or a line's discount after tax where it comes before."""

        def ways(line: EngineLine) -> list[EngineLine]:
            if line.kind == "credit" and self.profile.credit == "after_tax":
                tax = settled(-line.credit * line.tax_rate, line.currency, self.profile)
                return [replace(line, taxable=-line.credit, tax=tax, total=tax - line.credit)]
            if line.discount and line.kind in ORDINARY:
                tax = settled(line.gross * line.tax_rate, line.currency, self.profile)
                return [replace(line, taxable=line.gross, tax=tax, total=line.gross + tax - line.discount)]
            return []

        if any(line.kind in ("minimum", "discount") for line in invoice.lines):
            return None
        return self._changed(Code.STEP_ORDER, invoice, rng, ways, smallest=Decimal(0))

    def wrong_base(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """Tax on the gross although the line says what is taxable, or on half of it."""

        def ways(line: EngineLine) -> list[EngineLine]:
            bases = {line.gross, settled(line.taxable / 2, line.currency, self.profile)} - {line.taxable}
            found = []
            for base in sorted(bases):
                tax = settled(base * line.tax_rate, line.currency, self.profile)
                rates = set(self.book.tax_rates(invoice.period.end).values())
                if line.taxable and all(
                    abs(line.taxable * rate - tax) > 2 * minor_unit(line.currency) for rate in rates
                ):
                    found.append(retotal(line, self.profile, tax=tax))
            return found

        return self._changed(Code.TAX_BASE, invoice, rng, ways) if self._plain(invoice) else None

    def wrong_region(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """One line is taxed at the rate of another region, or at one of last year's."""

        def ways(line: EngineLine) -> list[EngineLine]:
            rates = sorted(set(self.book.tax_rates(invoice.period.end).values()) - {line.tax_rate})
            return [retotal(line, self.profile, tax_rate=rate) for rate in rates] if line.taxable else []

        if any(line.kind == "credit" for line in invoice.lines):
            return None
        return self._changed(Code.TAX_RATE_JURISDICTION, invoice, rng, ways, smallest=Decimal(0))

    def rounded_down(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """One line's tax or gross amount is cut off where half up would have gone up."""

        def ways(line: EngineLine) -> list[EngineLine]:
            tax = settled(line.tax_raw, line.currency, self.profile, Rounding.DOWN)
            gross = settled(line.gross_raw, line.currency, self.profile, Rounding.DOWN)
            discount = settled(gross * line.discount_rate, line.currency, self.profile)
            return [
                *([retotal(line, self.profile, tax=tax)] if tax != line.tax else []),
                *([retotal(line, self.profile, gross=gross, discount=discount)] if gross != line.gross else []),
            ]

        return self._changed(Code.ROUNDING, invoice, rng, ways, smallest=Decimal(0)) if self._plain(invoice) else None

    def wrong_unit(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """One line in cents where units are meant."""

        def ways(line: EngineLine) -> list[EngineLine]:
            if line.kind not in ORDINARY or not line.total:
                return []
            return [replace(line, **{name: getattr(line, name) * 100 for name in _FIGURES})]

        return self._changed(Code.MINOR_UNIT, invoice, rng, ways) if self._plain(invoice) else None

    def off_total(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """A line's total is off by some cents, and nothing says why."""

        def ways(line: EngineLine) -> list[EngineLine]:
            return [replace(line, total=line.total + minor_unit(line.currency) * (2 + rng.randrange(90)))]

        return self._changed(Code.UNEXPLAINED, invoice, rng, ways)

    def _charge(self, line: EngineLine) -> Charge | None:
        if line.charge_id is None or line.kind not in ORDINARY:
            return None
        plan = self.book.plan(line.plan_id, line.plan_version, line.currency)
        return next(charge for charge in plan.charges if charge.charge_id == line.charge_id)

    def _at(self, line: EngineLine, raw: Decimal, **changes: Decimal) -> EngineLine:
        """The line with another gross, and all that follows from it."""
        gross = settled(raw, line.currency, self.profile)
        discount = settled(gross * line.discount_rate, line.currency, self.profile)
        return retotal(line, self.profile, gross_raw=raw, gross=gross, discount=discount, **changes)

    def _only(self, invoice: Invoice, kinds: tuple[str, ...]) -> bool:
        return all(line.kind in kinds for line in invoice.lines)

    def _plain(self, invoice: Invoice) -> bool:
        """Whether no minimum, coupon or credit ties the lines together, so that a wrong line stays alone."""
        if not self._only(invoice, ORDINARY):
            return False
        plans = {(line.plan_id, line.plan_version, line.currency) for line in invoice.lines}
        agreed = [s.contract.minimum for s in invoice.subscription.spans] + [
            s.contract.cap for s in invoice.subscription.spans
        ]
        return all(self.book.plan(*plan).minimum is None for plan in plans) and not any(agreed)

    def _changed(
        self, code: Code, invoice: Invoice, rng: Random, ways: Change, *, smallest: Decimal = Decimal(1)
    ) -> Proposal | None:
        """One line of the invoice wrong in one of its ways, by more than `smallest` minor units: less is rounding."""
        for index in _shuffled(range(len(invoice.lines)), rng):
            right = invoice.lines[index]
            least = minor_unit(right.currency) * smallest
            wrong = [way for way in ways(right) if abs(way.total - right.total) > least]
            if wrong:
                return line_fault(code, invoice, index, wrong[rng.randrange(len(wrong))])
        return None

    def _dropped(self, code: Code, invoice: Invoice, kind: str) -> Proposal | None:
        """The invoice without its one line of a kind."""
        indexes = [n for n, line in enumerate(invoice.lines) if line.kind == kind]
        if len(indexes) != 1 or not invoice.lines[indexes[0]].total:
            return None
        index = indexes[0]

        def apply() -> None:
            invoice.lines = [*invoice.lines[:index], *invoice.lines[index + 1 :]]

        return Proposal((finding(code, invoice, -invoice.lines[index].total),), apply)


def line_fault(code: Code, invoice: Invoice, index: int, wrong: EngineLine) -> Proposal:
    """One line of an invoice replaced by a wrong one."""

    def apply() -> None:
        invoice.lines = [*invoice.lines[:index], wrong, *invoice.lines[index + 1 :]]

    return Proposal((finding(code, invoice, wrong.total - invoice.lines[index].total, index),), apply)


def finding(code: Code, invoice: Invoice, delta: Decimal, line: int | None = None) -> Finding:
    """What expected_billed finds of an invoice on the day of its issue."""
    subscription_id = invoice.subscription.subscription_id
    return Finding(code, Pair.EXPECTED_BILLED, subscription_id, invoice.issued_on, delta, invoice, line)


def _shuffled(numbers: range, rng: Random) -> Iterator[int]:
    order = list(numbers)
    rng.shuffle(order)
    return iter(order)
