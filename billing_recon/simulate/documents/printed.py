"""The content of a document before it has a form: rows of rendered_invoices and rendered_lines, with seller and buyer.

Nothing is corrected here. Figures that a form needs and a row lacks (net subtotal, prepaid amount, taxes by rate) are
derived from the row, so that a document with a wrong total states the wrong total in every form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing_recon.core.money import minor_unit, plain

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """A row of rendered_lines, where amount = gross - discount.

    `unit_price` is None if no price of one unit results in the line (tiers, packages, parts of a period); `gross` is then
    the price of the whole quantity.
    """

    line_no: int
    line_id: str
    description: str
    quantity: Decimal
    unit_price: Decimal | None
    gross: Decimal
    discount: Decimal
    amount: Decimal
    tax_rate: Decimal
    tax: Decimal

    @property
    def price(self) -> str:
        """The price stated: of one unit, or of the whole quantity."""
        return plain(self.gross if self.unit_price is None else self.unit_price)

    @property
    def price_base(self) -> str | None:
        """The number of units that `price` is for, if not one."""
        return plain(self.quantity) if self.unit_price is None and self.quantity else None

    @property
    def percent(self) -> str:
        """The tax rate in percent: 0.08875 is "8.875"."""
        return plain(self.tax_rate * HUNDRED)


@dataclass(frozen=True, slots=True)
class PrintedTax:
    """The lines of one rate: their taxable amount, and the tax that they state."""

    percent: str
    base: Decimal
    amount: Decimal

    @property
    def category(self) -> str:
        """UNCL 5305: S for a rate, Z for zero."""
        return category(self.percent)


@dataclass(frozen=True, slots=True)
class Party:
    """Who sells or buys. `number` is the seller's VAT number, or the buyer's number with the seller."""

    name: str
    number: str
    country: str


@dataclass(frozen=True, slots=True)
class PrintedInvoice:
    """A row of rendered_invoices with its lines; the columns as in the table."""

    document_id: str
    invoice_id: str
    issued_on: date
    currency: str
    seller: Party
    buyer: Party
    subtotal: Decimal
    discount: Decimal
    tax: Decimal
    total: Decimal
    payable: Decimal
    lines: tuple[PrintedLine, ...]

    @property
    def line_discounts(self) -> Decimal:
        """The sum of the lines' discounts."""
        return sum((line.discount for line in self.lines), self.nothing)

    @property
    def net_subtotal(self) -> Decimal:
        """BT-106: the header's subtotal less the lines' discounts."""
        return self.subtotal - self.line_discounts

    @property
    def other_discount(self) -> Decimal:
        """BT-107: the header's discount less the lines'; zero in a correct document."""
        return self.discount - self.line_discounts

    @property
    def taxable(self) -> Decimal:
        """BT-109."""
        return self.subtotal - self.discount

    @property
    def prepaid(self) -> Decimal:
        """BT-113: the credits used, which is total less payable."""
        return self.total - self.payable

    @property
    def taxes(self) -> tuple[PrintedTax, ...]:
        """BG-23: one a rate, the lowest first."""
        rates = sorted({line.tax_rate for line in self.lines})
        return tuple(
            PrintedTax(plain(rate * HUNDRED), self._sum(rate, _amount), self._sum(rate, _tax)) for rate in rates
        )

    @property
    def nothing(self) -> Decimal:
        """Zero at the currency's exponent: 0.00 USD, 0 JPY."""
        return minor_unit(self.currency) * 0

    def _sum(self, rate: Decimal, figure: Callable[[PrintedLine], Decimal]) -> Decimal:
        return sum((figure(line) for line in self.lines if line.tax_rate == rate), self.nothing)


def category(percent: str) -> str:
    """UNCL 5305 code of a rate in percent.

    >>> category("19"), category("0")
    ('S', 'Z')
    """
    return "S" if Decimal(percent) else "Z"


def _amount(line: PrintedLine) -> Decimal:
    return line.amount


def _tax(line: PrintedLine) -> Decimal:
    return line.tax
