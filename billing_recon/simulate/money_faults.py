"""Bugs of the billing engine in tax, rounding and the unit of money. Proposals as in faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

from billing_recon.core.money import Rounding, minor_unit
from billing_recon.core.reason import Code
from billing_recon.simulate.billing import Invoice
from billing_recon.simulate.engine import EngineLine, retotal, settled
from billing_recon.simulate.faults import Fault, Reach
from billing_recon.simulate.line_faults import ORDINARY, Lines, Way
from billing_recon.simulate.price_book import ZERO, rate_charge

_FIGURES = ("gross", "discount", "credit", "taxable", "tax", "total")


@dataclass(slots=True)
class MoneyFaults:
    """Where the tax or the amounts of a clean invoice's lines can go wrong."""

    lines: Lines

    @property
    def registry(self) -> tuple[Fault[Invoice], ...]:
        """The faults of tax and of figures, with their forms."""
        one, every = self.lines.one, self.lines.every

        def form(
            code: Code, name: str, way: Way, doc: str, *, plain: bool = True, smallest: Decimal = Decimal(1)
        ) -> Fault[Invoice]:
            return Fault(code, name, one(code, way, plain=plain, smallest=smallest), doc, Reach.LINE)

        region, base, unit, rounding = Code.TAX_RATE_JURISDICTION, Code.TAX_BASE, Code.MINOR_UNIT, Code.ROUNDING
        return (
            form(base, "gross", self.on_gross, "tax is computed on the gross, before discounts"),
            form(base, "half", self.on_half, "tax is computed on half of the taxable amount"),
            form(rounding, "tax_cut_off", self.tax_down, "tax is truncated instead of rounded half up", smallest=ZERO),
            form(rounding, "tax_rounded_up", self.tax_up, "tax is always rounded up", smallest=ZERO),
            form(rounding, "gross_cut_off", self.gross_down, "a gross is truncated instead of rounded", smallest=ZERO),
            form(rounding, "each_tier", self.tier_by_tier, "each tier is rounded instead of their sum", smallest=ZERO),
            Fault(
                rounding,
                "every_line_cut_off",
                every(rounding, self.tax_down, smallest=ZERO, fewest=2),
                "the tax of every line of an invoice is truncated",
                several=True,
            ),
            form(unit, "line_in_cents", self.in_cents, "a line is in cents instead of whole units"),
            form(unit, "not_settled", self.unsettled, "a gross keeps decimals that the currency lacks", smallest=ZERO),
            Fault(
                unit,
                "invoice_in_cents",
                every(unit, self.in_cents, fewest=2),
                "every line of an invoice is in cents",
                several=True,
            ),
            form(
                region,
                "other_region",
                self.elsewhere,
                "a line is taxed at another region's rate",
                plain=False,
                smallest=ZERO,
            ),
            form(region, "former_rate", self.former_rate, "a line is taxed at the previous rate"),
            Fault(
                region,
                "invoice_other_region",
                every(region, self.elsewhere_alike, fewest=2),
                "every line of an invoice is taxed at another region's rate",
                several=True,
            ),
            form(Code.UNEXPLAINED, "total", self.off_total, "a total is not the sum of its parts", plain=False),
        )

    def on_gross(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """The discount does not lower the tax."""
        return self._taxed_on(invoice, line, line.gross)

    def on_half(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """Only a half is taxed."""
        return self._taxed_on(invoice, line, settled(line.taxable / 2, line.currency, self.lines.profile))

    def _taxed_on(self, invoice: Invoice, line: EngineLine, base: Decimal) -> Sequence[EngineLine]:
        """Tax on `base`, unless some region's rate on the right base gives it too."""
        tax = settled(base * line.tax_rate, line.currency, self.lines.profile)
        rates = set(self.lines.book.tax_rates(invoice.period.end).values())
        near = 2 * minor_unit(line.currency)
        if base == line.taxable or not line.taxable or any(abs(line.taxable * rate - tax) <= near for rate in rates):
            return []
        return [retotal(line, self.lines.profile, tax=tax)]

    def elsewhere(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """The rates of other regions on the same day."""
        if not line.taxable or any(line.kind == "credit" for line in invoice.lines):
            return []
        rates = sorted(set(self.lines.book.tax_rates(invoice.period.end).values()) - {line.tax_rate})
        return [retotal(line, self.lines.profile, tax_rate=rate) for rate in rates]

    def elsewhere_alike(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """The lowest other rate, the same for every line."""
        return self.elsewhere(invoice, line, rng)[:1]

    def former_rate(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """The region's rate before its last change."""
        rate = self.lines.former_tax_rate(line.tax_region, invoice.period.end)
        return [] if rate is None or not line.taxable else [retotal(line, self.lines.profile, tax_rate=rate)]

    def tax_down(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """Tax cut off."""
        return self._tax_settled(line, Rounding.DOWN)

    def tax_up(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """Tax rounded up."""
        return self._tax_settled(line, Rounding.UP)

    def _tax_settled(self, line: EngineLine, rounding: Rounding) -> Sequence[EngineLine]:
        tax = settled(line.tax_raw, line.currency, self.lines.profile, rounding)
        return [] if tax == line.tax else [retotal(line, self.lines.profile, tax=tax)]

    def gross_down(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """Gross cut off."""
        gross = settled(line.gross_raw, line.currency, self.lines.profile, Rounding.DOWN)
        return [] if gross == line.gross else [self._grossed(line, gross)]

    def tier_by_tier(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """The sum of the tiers' settled amounts, as far as that is less than a unit from the unrounded sum."""
        charge = self.lines.charge(line)
        if charge is None or line.kind == "proration" or charge.model != "graduated":
            return []
        amounts, below = [], ZERO
        for tier in charge.tiers:
            units = line.quantity if tier.up_to is None else min(line.quantity, tier.up_to)
            amount = rate_charge(charge, units)
            amounts.append(settled(amount - below, line.currency, self.lines.profile))
            below = amount
        gross = sum(amounts, ZERO)
        near = abs(gross - line.gross_raw) < minor_unit(line.currency)
        return [self._grossed(line, gross)] if near and gross != line.gross else []

    def _grossed(self, line: EngineLine, gross: Decimal) -> EngineLine:
        discount = settled(gross * line.discount_rate, line.currency, self.lines.profile)
        return retotal(line, self.lines.profile, gross=gross, discount=discount)

    def in_cents(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """Every amount is a hundred times too large."""
        if line.kind not in ORDINARY or not line.total:
            return []
        return [replace(line, **{name: getattr(line, name) * 100 for name in _FIGURES})]

    def unsettled(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """The gross has two decimals more than the currency, and so have the amounts derived from it."""
        gross = line.gross_raw.quantize(minor_unit(line.currency).scaleb(-2))
        if line.kind not in ORDINARY or line.discount_rate or gross == line.gross:
            return []
        return [retotal(line, self.lines.profile, gross=gross)]

    def off_total(self, invoice: Invoice, line: EngineLine, rng: Random) -> Sequence[EngineLine]:
        """The total is off by some cents without any reason."""
        return [replace(line, total=line.total + minor_unit(line.currency) * (2 + rng.randrange(90)))]
