"""Bugs of the billing engine that hold for an account, a version or a tax region, line by line. Proposals as in faults."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

from billing_recon.core.catalog import TaxRate
from billing_recon.core.reason import Code
from billing_recon.simulate.adjustment_faults import AdjustmentFaults
from billing_recon.simulate.billing import Invoice, price
from billing_recon.simulate.engine import EngineLine
from billing_recon.simulate.faults import Fault, Proposal, Reach, together
from billing_recon.simulate.invoice_faults import InvoiceFaults
from billing_recon.simulate.line_faults import LineFaults, Lines, Way, line_fault
from billing_recon.simulate.money_faults import MoneyFaults
from billing_recon.simulate.price_book import ZERO, PriceBook
from billing_recon.simulate.usage import UsageBook
from billing_recon.simulate.usage_faults import only_difference


@dataclass(slots=True)
class WideFaults:
    """Where the engine can make the same error on many lines: prices by version, taxes by region, errors by account."""

    lines: Lines
    whole: InvoiceFaults
    usage: UsageBook

    @property
    def registry(self) -> tuple[Fault[Invoice], ...]:
        """The faults of prices and of many lines, with their forms."""
        rating, adjusting, money = LineFaults(self.lines), AdjustmentFaults(self.lines), MoneyFaults(self.lines)
        every, of_account = self.lines.every, self.whole.of_account
        version, region = Code.PRICE_VERSION, Code.TAX_RATE_JURISDICTION

        def account(code: Code, way: Way, doc: str, smallest: Decimal = Decimal(1)) -> Fault[Invoice]:
            one = every(code, way, smallest=smallest)
            return Fault(code, "account", of_account(one), doc, Reach.ACCOUNT, several=True)

        return (
            Fault(
                version,
                "version_named",
                self.version_named,
                "a charge has another version's price, and names that version",
                Reach.LINE,
            ),
            Fault(
                version,
                "version_unnamed",
                self.version_unnamed,
                "a charge has another version's price without naming that version",
                Reach.LINE,
            ),
            Fault(
                version,
                "invoice",
                self.version_of_invoice,
                "every charge of an invoice has the other version's price",
                several=True,
            ),
            Fault(
                region,
                "table_behind",
                self.table_behind,
                "from a day on, the tax table has the previous rate of a region",
                Reach.BATCH,
                several=True,
            ),
            account(Code.ROUNDING, money.tax_down, "tax is truncated on all invoices of an account", ZERO),
            account(Code.MINOR_UNIT, money.in_cents, "all invoices of an account are in cents"),
            account(Code.TAX_BASE, money.on_gross, "an account's discounts do not lower its tax"),
            account(Code.STEP_ORDER, adjusting.discount_after_tax, "an account's discounts are taken after tax", ZERO),
            account(Code.DISCOUNT_VALUE, adjusting.no_discount, "an account's discount is not given on any line"),
            account(Code.CONTRACT_OVERRIDE, rating.list_price, "an account is billed at list prices"),
            account(Code.ALLOWANCE_ROLLOVER, rating.no_allowance, "an account's included units are billed"),
            account(Code.TIER_RATE, rating.other_model, "an account's tiers are priced by the other model"),
        )

    def version_named(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """One charge at the prices of the plan's other version, which the line names."""
        return self._version(invoice, rng, said=True)

    def version_unnamed(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """One charge by the prices of the plan's other version, while the line names the right one."""
        return self._version(invoice, rng, said=False)

    def _version(self, invoice: Invoice, rng: Random, *, said: bool) -> Proposal | None:
        candidates = [n for n, line in enumerate(invoice.lines) if line.charge_id]
        rng.shuffle(candidates)
        for index in candidates:
            for wrong in self._by_other_version(invoice, index):
                if said:
                    return line_fault(Code.PRICE_VERSION, invoice, index, wrong)
                right = invoice.lines[index].plan_version
                return line_fault(Code.PRICE_VERSION, invoice, index, replace(wrong, plan_version=right))
        return None

    def _by_other_version(self, invoice: Invoice, index: int) -> list[EngineLine]:
        """A line at each other version's price, if no other line changes."""
        line = invoice.lines[index]
        plan = self.lines.book.plan(line.plan_id, line.plan_version, line.currency)
        found = []
        for other in self.lines.book.other_versions(plan):
            prices = {charge.charge_id: charge for charge in other.charges}
            charges = tuple(prices[c.charge_id] if c.charge_id == line.charge_id else c for c in plan.charges)
            wrong = self.lines.book.replacing(plan.model_copy(update={"charges": charges}))
            lines = price(invoice.subscription, invoice.period, self.usage, wrong, self.lines.profile)
            if only_difference(invoice.lines, lines) == index:
                found.append(replace(lines[index], plan_version=other.plan_version))
        return found

    def version_of_invoice(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """Every possible charge at the other version's price, with that version named."""
        if not self.lines.plain(invoice):
            return None
        return together(
            line_fault(Code.PRICE_VERSION, invoice, index, wrong)
            for index, line in enumerate(invoice.lines)
            if line.charge_id
            for wrong in self._by_other_version(invoice, index)[:1]
        )

    def table_behind(self, invoice: Invoice, rng: Random) -> Proposal | None:
        """All invoices of a region from this one's day on, at the rate before its last change."""
        regions = {line.tax_region for line in invoice.lines}
        if len(regions) != 1:
            return None
        region = regions.pop()
        rate = self.lines.former_tax_rate(region, invoice.period.end)
        if rate is None:
            return None
        behind = [*(t for t in self.lines.taxes if t.tax_region != region), TaxRate(tax_region=region, rate=rate)]
        book = PriceBook(self.lines.plans, behind)
        return together(
            self._taxed(other, book)
            for other in self.whole.invoices
            if id(other) not in self.whole.used
            and other.issued_on >= invoice.issued_on
            and {line.tax_region for line in other.lines} == {region}
        )

    def _taxed(self, invoice: Invoice, book: PriceBook) -> Proposal | None:
        """An invoice by another tax table: one finding per taxed line."""
        wrong = price(invoice.subscription, invoice.period, self.usage, book, self.lines.profile)
        if len(wrong) != len(invoice.lines):
            return None
        return together(
            (
                line_fault(Code.TAX_RATE_JURISDICTION, invoice, index, line)
                for index, line in enumerate(wrong)
                if line.total != invoice.lines[index].total or line.taxable
            ),
            fewest=1,
        )
