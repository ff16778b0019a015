"""All bugs of the billing engine, those with the fewest places first. Proposals as in faults."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from billing_recon.core.catalog import Plan, TaxRate
from billing_recon.core.company import Profile
from billing_recon.core.policy import Windows
from billing_recon.core.reason import Code
from billing_recon.simulate.adjustment_faults import AdjustmentFaults
from billing_recon.simulate.billing import Invoice
from billing_recon.simulate.faults import Fault
from billing_recon.simulate.invoice_faults import InvoiceFaults
from billing_recon.simulate.line_faults import LineFaults, Lines
from billing_recon.simulate.money_faults import MoneyFaults
from billing_recon.simulate.price_book import PriceBook
from billing_recon.simulate.usage import UsageBook
from billing_recon.simulate.usage_faults import UsageFaults
from billing_recon.simulate.wide_faults import WideFaults

_PICKIEST = (
    Code.INVOICE_UNEXPECTED,
    Code.CONTRACT_OVERRIDE,
    Code.CAP,
    Code.ALLOWANCE_ROLLOVER,
    Code.CREDIT_VALUE,
    Code.PRORATION,
    Code.MINIMUM,
    Code.USAGE_CORRECTED,
    Code.USAGE_AGGREGATION,
    Code.STEP_ORDER,
)
"""Faults with few places, the fewest first; the others use the places that remain."""


@dataclass(slots=True)
class EngineFaults:
    """Where engine bugs can be injected: the clean invoices of `first` to `last` and the usage behind them."""

    issued: list[Invoice]
    usage: UsageBook
    plans: tuple[Plan, ...]
    taxes: tuple[TaxRate, ...]
    profile: Profile
    windows: Windows
    first: date
    last: date
    used: set[int] = field(default_factory=set)

    @property
    def registry(self) -> tuple[Fault[Invoice], ...]:
        """The engine's faults, those with the fewest places first, with a code's forms one after another."""
        book, clean, limits = PriceBook(self.plans, self.taxes), tuple(self.issued), (self.first, self.last, self.used)
        lines = Lines(book, self.profile, self.plans, self.taxes)
        whole = InvoiceFaults(self.issued, clean, self.usage, book, self.profile, self.windows, *limits)
        usage = UsageFaults(clean, self.usage, book, self.profile, self.windows, *limits)
        return _ordered(
            (
                *usage.registry,
                *WideFaults(lines, whole, self.usage).registry,
                *LineFaults(lines).registry,
                *AdjustmentFaults(lines).registry,
                *MoneyFaults(lines).registry,
                *whole.registry,
            )
        )


def _ordered(faults: Iterable[Fault[Invoice]]) -> tuple[Fault[Invoice], ...]:
    by_code: dict[Code, list[Fault[Invoice]]] = {code: [] for code in _PICKIEST}
    for fault in faults:
        by_code.setdefault(fault.code, []).append(fault)
    return tuple(fault for forms in by_code.values() for fault in forms)
