"""Bugs of the billing engine after rating: minimum, cap, discount, coupon, credit, lines by hand, order of steps. Proposals as in faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

from billing_recon.core.money import minor_unit
from billing_recon.core.reason import Code
from billing_recon.simulate.billing import Invoice
from billing_recon.simulate.engine import EngineLine, retotal, settled
from billing_recon.simulate.faults import Fault, Proposal, Reach
from billing_recon.simulate.line_faults import ORDINARY, Lines, Propose, added, line_fault, only, without
from billing_recon.simulate.price_book import ZERO

_CAP = "cap"


@dataclass(slots=True)
class AdjustmentFaults:
    """Where adjustments of a clean invoice can go wrong: minimums, discounts, coupons, credits."""

    lines: Lines

    @property
    def registry(self) -> tuple[Fault[Invoice], ...]:
        """The faults of adjustments, with their forms."""

        def form(code: Code, name: str, propose: Propose, doc: str) -> Fault[Invoice]:
            return Fault(code, name, propose, doc, Reach.LINE)

        one, order, off = self.lines.one, Code.STEP_ORDER, Code.DISCOUNT_VALUE
        return (
            form(Code.CAP, "not_applied", self.no_cap, "the amount above the agreed maximum is charged too"),
            form(Code.CAP, "half_applied", self.half_a_cap, "only half of the amount above the maximum is taken off"),
            form(Code.CREDIT_VALUE, "forgotten", self.no_credit, "a credit is not given"),
            form(Code.CREDIT_VALUE, "half_given", self.half_a_credit, "half of a credit is given"),
            form(Code.CREDIT_VALUE, "given_twice", self.credit_twice, "a credit is given twice"),
            form(Code.MINIMUM, "not_filled", self.no_minimum, "the shortfall to the minimum is not charged"),
            form(
                Code.MINIMUM, "half_filled", self.half_a_minimum, "only half of the shortfall to the minimum is charged"
            ),
            form(
                order,
                "credit_before_tax",
                one(order, self.credit_before_tax, plain=False, smallest=ZERO),
                "a credit is taken before tax instead of after it",
            ),
            form(
                order,
                "discount_after_tax",
                one(order, self.discount_after_tax, plain=False, smallest=ZERO),
                "a discount is taken after tax instead of before it",
            ),
            form(off, "forgotten", one(off, self.no_discount), "a line's discount is not given"),
            form(off, "other_rate", one(off, self.other_rate), "a line's discount has a rate that was not agreed"),
            form(
                off, "not_discountable", one(off, self.on_anything), "a charge that is not discountable gets a discount"
            ),
            form(off, "coupon_forgotten", self.no_coupon, "a coupon is not taken off"),
            form(off, "coupon_twice", self.coupon_twice, "a coupon is taken off twice"),
            form(Code.MANUAL_ADJUSTMENT, "fee", self.fee, "somebody adds a setup fee by hand"),
            form(Code.MANUAL_ADJUSTMENT, "goodwill", self.goodwill, "somebody reduces the invoice by hand"),
        )

    def no_cap(self, invoice: Invoice, rng: Random) -> Proposal | None:
        index = self._alone(invoice, "discount", ("discount",), meter=_CAP)
        return None if index is None else without(Code.CAP, invoice, index)

    def half_a_cap(self, invoice: Invoice, rng: Random) -> Proposal | None:
        index = self._alone(invoice, "discount", ("discount",), meter=_CAP)
        return None if index is None else self._halved(Code.CAP, invoice, index, "discount")

    def no_coupon(self, invoice: Invoice, rng: Random) -> Proposal | None:
        index = self._coupon(invoice)
        return None if index is None else without(Code.DISCOUNT_VALUE, invoice, index)

    def coupon_twice(self, invoice: Invoice, rng: Random) -> Proposal | None:
        index = self._coupon(invoice)
        if index is None or invoice.total + invoice.lines[index].total <= 0:
            return None
        return added(Code.DISCOUNT_VALUE, invoice, invoice.lines[index])

    def _coupon(self, invoice: Invoice) -> int | None:
        index = self._alone(invoice, "discount", ("discount", "minimum"))
        return None if index is None or invoice.lines[index].meter == _CAP else index

    def no_credit(self, invoice: Invoice, rng: Random) -> Proposal | None:
        index = self._alone(invoice, "credit")
        return None if index is None else without(Code.CREDIT_VALUE, invoice, index)

    def half_a_credit(self, invoice: Invoice, rng: Random) -> Proposal | None:
        index = self._alone(invoice, "credit")
        return None if index is None else self._halved(Code.CREDIT_VALUE, invoice, index, "credit")

    def credit_twice(self, invoice: Invoice, rng: Random) -> Proposal | None:
        index = self._alone(invoice, "credit")
        if index is None or invoice.total + invoice.lines[index].total <= 0:
            return None
        return added(Code.CREDIT_VALUE, invoice, invoice.lines[index])

    def no_minimum(self, invoice: Invoice, rng: Random) -> Proposal | None:
        index = self._alone(invoice, "minimum", ("minimum",))
        return None if index is None else without(Code.MINIMUM, invoice, index)

    def half_a_minimum(self, invoice: Invoice, rng: Random) -> Proposal | None:
        index = self._alone(invoice, "minimum", ("minimum",))
        return None if index is None else self._halved(Code.MINIMUM, invoice, index, "gross")

    def _alone(
        self, invoice: Invoice, kind: str, others: tuple[str, ...] | None = None, *, meter: str | None = None
    ) -> int | None:
        """The index of an invoice's only line of a kind, if all other lines are ordinary or of the kinds in `others`."""
        indexes = [n for n, line in enumerate(invoice.lines) if line.kind == kind]
        if len(indexes) != 1 or not invoice.lines[indexes[0]].total:
            return None
        if others is not None and not only(invoice, (*ORDINARY, *others)):
            return None
        return indexes[0] if meter is None or invoice.lines[indexes[0]].meter == meter else None

    def _halved(self, code: Code, invoice: Invoice, index: int, figure: str) -> Proposal | None:
        line = invoice.lines[index]
        half = settled(getattr(line, figure) / 2, line.currency, self.lines.profile)
        wrong = self.lines.at(line, half) if figure == "gross" else retotal(line, self.lines.profile, **{figure: half})
        if abs(wrong.total - line.total) <= minor_unit(line.currency):
            return None
        return line_fault(code, invoice, index, wrong)

    def no_discount(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """An agreed discount is not given."""
        return self._discounted(line, ZERO) if line.discount else []

    def other_rate(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """Three points more than agreed."""
        return self._discounted(line, line.discount_rate + Decimal("0.03")) if line.discount else []

    def on_anything(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """The contract's rate on a charge that is not discountable."""
        charge = self.lines.charge(line)
        rates = {other.discount_rate for other in invoice.lines if other.discount_rate}
        if charge is None or charge.discountable or len(rates) != 1:
            return []
        return self._discounted(line, rates.pop())

    def _discounted(self, line: EngineLine, rate: Decimal) -> Sequence[EngineLine]:
        off = settled(line.gross * rate, line.currency, self.lines.profile)
        return [retotal(line, self.lines.profile, discount_rate=rate, discount=off)]

    def credit_before_tax(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """The credit lowers the taxable amount."""
        if line.kind != "credit" or self.lines.profile.credit != "after_tax" or not _in_order(invoice):
            return []
        tax = settled(-line.credit * line.tax_rate, line.currency, self.lines.profile)
        return [replace(line, taxable=-line.credit, tax=tax, total=tax - line.credit)]

    def discount_after_tax(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """Tax on the gross, and then the discount."""
        if not line.discount or line.kind not in ORDINARY or not _in_order(invoice):
            return []
        tax = settled(line.gross * line.tax_rate, line.currency, self.lines.profile)
        return [replace(line, taxable=line.gross, tax=tax, total=line.gross + tax - line.discount)]

    def fee(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """One more line: a setup fee that no contract knows."""
        return self._by_hand(invoice, "setup", 500 + rng.randrange(20_000))

    def goodwill(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """One more line that takes off less than half of the invoice."""
        units = int(invoice.total / minor_unit(invoice.currency)) // 2
        return self._by_hand(invoice, "goodwill", -1 - rng.randrange(units - 1)) if units > 10 else None

    def _by_hand(self, invoice: Invoice, what: str, units: int) -> Proposal | None:
        line = next((line for line in invoice.lines if line.kind in ORDINARY), None)
        if line is None or any(line.kind == "credit" for line in invoice.lines):
            return None
        amount = minor_unit(line.currency) * units
        hand = replace(line, kind="adjustment", meter=what, charge_id=None, quantity=Decimal(1), unit_price=None)
        hand = retotal(
            hand, self.lines.profile, gross_raw=amount, gross=amount, discount_rate=ZERO, discount=ZERO, credit=ZERO
        )
        return added(Code.MANUAL_ADJUSTMENT, invoice, hand)


def _in_order(invoice: Invoice) -> bool:
    """Whether only the credits depend on the order of an invoice's steps."""
    return not any(line.kind in ("minimum", "discount") for line in invoice.lines)
