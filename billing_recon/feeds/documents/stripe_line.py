"""Lines of Stripe's invoices and credit notes: net amounts, taxes, discounts and the price that gives them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing_recon.core.document import Adjustment, DocumentLine
from billing_recon.feeds.documents.arithmetic import EXACT
from billing_recon.feeds.documents.stripe_money import (
    Json,
    Money,
    day_of,
    decimal_text,
    identifier,
    minor_units,
    needed,
    objects,
    part,
    text,
    total,
)


@dataclass(frozen=True, slots=True)
class Tax:
    """One tax of a line or document. `inclusive`: the stated amounts include it."""

    amount: Decimal
    inclusive: bool
    base: Decimal | None
    rate: Decimal | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line as stated, in minor units."""

    stated: Json
    amount: Decimal
    amount_excluding_tax: Decimal | None
    taxes: tuple[Tax, ...]
    discounts: Decimal
    own_discounts: Decimal
    """Discounts on the line itself, included in `discounts`."""
    credits: Decimal
    """The customer's billing credits, deducted before tax."""

    @property
    def included_tax(self) -> Decimal:
        return sum((tax.amount for tax in self.taxes if tax.inclusive), Decimal(0))


def rates_of(document: Json, lines: list[Json]) -> dict[str, Decimal]:
    """Return id -> percent of each tax rate that is given in full somewhere in the document."""
    whole: list[Any] = objects(document, "default_tax_rates")
    for line in lines:
        whole += [rate for rate in line.get("tax_rates") or [] if isinstance(rate, dict)]
    whole += [tax.get("tax_rate") for line in (document, *lines) for tax in taxes_stated(line)]
    rates: dict[str, Decimal] = {}
    for rate in whole:
        if isinstance(rate, dict) and (name := identifier(rate)) is not None:
            percent = decimal_text(rate, "percentage")
            if percent is not None:
                rates[name] = percent
    return rates


def taxes_stated(stated: Json) -> list[Json]:
    """Return the taxes of a document or line, under the name of its API version."""
    names = ("total_taxes", "total_tax_amounts", "taxes", "tax_amounts")
    return next((objects(stated, name) for name in names if stated.get(name) is not None), [])


def taxes_of(stated: Json, rates: dict[str, Decimal]) -> tuple[Tax, ...]:
    """Return the taxes of a document or line with their known rates."""
    return tuple(
        Tax(
            amount=needed(tax, "amount"),
            inclusive=tax.get("inclusive") is True or tax.get("tax_behavior") == "inclusive",
            base=minor_units(tax, "taxable_amount"),
            rate=rates.get(identifier(tax.get("tax_rate") or part(tax, "tax_rate_details").get("tax_rate")) or ""),
        )
        for tax in taxes_stated(stated)
    )


def line_of(stated: Json, rates: dict[str, Decimal], document_discounts: frozenset[str]) -> Line:
    """Read a line as stated. `document_discounts` are the ids of discounts on the whole document."""
    given = {name for value in stated.get("discounts") or [] if (name := identifier(value))} - document_discounts
    shares = objects(stated, "discount_amounts")
    lone = minor_units(stated, "discount_amount") if not shares else None
    return Line(
        stated=stated,
        amount=needed(stated, "amount"),
        amount_excluding_tax=minor_units(stated, "amount_excluding_tax"),
        taxes=taxes_of(stated, rates),
        discounts=total(shares, "amount") if lone is None else lone,
        own_discounts=total([share for share in shares if identifier(share.get("discount")) in given], "amount"),
        credits=credits_of(stated, "pretax_credit_amounts"),
    )


def credits_of(stated: Json, name: str) -> Decimal:
    """Return the billing credits among deductions before tax; discounts, listed there again, are left out."""
    return total([part for part in objects(stated, name) if part.get("type") == "credit_balance_transaction"], "amount")


def document_line(line: Line, position: int, net: Decimal, taken_off: Decimal, money: Money) -> DocumentLine:
    """Return the line of a Document. `net` is its amount without tax after its own discounts, `taken_off`."""
    quantity = decimal_text(line.stated, "quantity_decimal")
    quantity = decimal_text(line.stated, "quantity") if quantity is None else quantity
    price, base = _price(line, quantity, net + taken_off)
    tax = sum((tax.amount for tax in line.taxes), Decimal(0))
    rates = [tax.rate for tax in line.taxes]
    start, end = (minor_units(part(line.stated, "period"), name) for name in ("start", "end"))
    return DocumentLine(
        line_no=str(position),
        description=text(line.stated, "description"),
        quantity=None if quantity is None else f"{quantity:f}",
        base_quantity=None if base is None else f"{base:f}",
        unit_price=money.text(price),
        amount=money.text(net),
        tax_rate=f"{rates[0]:f}" if len(rates) == 1 and rates[0] is not None else None,
        adjustments=(Adjustment(charge=False, amount=money.text(taken_off) or "0"),) if taken_off else (),
        tax=money.text(tax) if line.taxes else None,
        object_id=identifier(line.stated),
        period_start=day_of(start, "period.start"),
        period_end=day_of(end if end is None or end == start else end - 1, "period.end"),
    )


def _price(line: Line, quantity: Decimal | None, gross: Decimal) -> tuple[Decimal | None, Decimal | None]:
    """Return the stated unit price, and its base quantity if that is not one.

    The price that reproduces the line's amount wins; without one, the first stated price is used, so that the difference is
    reported. For a proration, or if tax is included, only a price that reproduces the amount is used: others are for a
    whole period, or rounded from prices with tax.
    """
    without_tax = decimal_text(line.stated, "unit_amount_excluding_tax")
    stated = [price for price in (without_tax, *_listed_prices(line.stated)) if price is not None]
    base = _package(line.stated)
    if quantity is None or not stated:
        return None, None
    if base is not None and EXACT.remainder(quantity, base):
        return None, None  # billed by whole packages: no unit price reproduces the amount
    for price in stated:
        off = EXACT.subtract(EXACT.multiply(quantity, price), EXACT.multiply(gross, base or Decimal(1)))
        if abs(off) * 2 <= (base or Decimal(1)):
            return price, base
    if _is_proration(line.stated) or line.included_tax:
        return None, None
    return stated[0], base


def _listed_prices(stated: Json) -> list[Decimal | None]:
    price, plan = part(stated, "price"), part(stated, "plan")
    if "tiered" in (price.get("billing_scheme"), plan.get("billing_scheme")):
        return []
    return [
        decimal_text(stated, "unit_amount_decimal"),
        minor_units(stated, "unit_amount"),
        decimal_text(part(stated, "pricing"), "unit_amount_decimal"),
        decimal_text(price, "unit_amount_decimal"),
        minor_units(price, "unit_amount"),
        decimal_text(plan, "amount_decimal"),
        minor_units(plan, "amount"),
    ]


def _package(stated: Json) -> Decimal | None:
    for holder in (part(stated, "price"), part(stated, "plan")):
        size = minor_units(part(holder, "transform_quantity") or part(holder, "transform_usage"), "divide_by")
        if size is not None and size > 1:
            return size
    return None


def _is_proration(stated: Json) -> bool:
    parents = (
        stated,
        part(stated, "parent", "subscription_item_details"),
        part(stated, "parent", "invoice_item_details"),
    )
    return any(holder.get("proration") is True for holder in parents)
