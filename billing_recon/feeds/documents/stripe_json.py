"""Stripe's invoice and credit note objects of any API version since 2019, alone or in a list or an event.

| Document | invoice | credit note |
|---|---|---|
| issued_on | effective_at, else status_transitions.finalized_at, else created: the day in UTC | effective_at, else created |
| subtotal | subtotal; where tax is included, subtotal_excluding_tax | the same |
| allowances | total_discount_amounts (those not in the subtotal already) and billing credits | discount_amounts |
| charges | amount_shipping, or shipping_cost | the same |
| tax_exclusive, tax_inclusive | total_excluding_tax, total | the same |
| tax | total_taxes, total_tax_amounts, or tax | the same |
| prepaid | pre_payment_credit_notes_amount and what the customer's balance paid (starting to ending balance) | - |
| payable | amount_due | total |
| marks | test, if livemode is false | the same |

An earlier debt of the customer makes `prepaid` negative, because it is added to the amount due. Figures of a credit note are
positive, as stated. Amounts that Stripe states with tax included are converted to amounts without tax.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing_recon.core.document import Document, DocumentKind, DocumentLine, DocumentUnreadable, TaxSubtotal
from billing_recon.feeds.documents import arithmetic, effect, safe_json
from billing_recon.feeds.documents.stripe_line import Line, Tax, credits_of, document_line, line_of, rates_of, taxes_of
from billing_recon.feeds.documents.stripe_money import (
    Json,
    Money,
    day_of,
    identifier,
    minor_units,
    objects,
    part,
    quoted,
    text,
    total,
)

FORM = "stripe"
_OBJECT = re.compile(rb'"object"\s*:\s*"(?:invoice|credit_note|event|list|search_result)"')
_LISTS = ("list", "search_result")
_ZERO = Decimal(0)


def recognise(data: bytes) -> bool:
    """Whether JSON is a Stripe object that may contain an invoice."""
    return data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") and _OBJECT.search(data) is not None


def read(data: bytes, name: str) -> list[Document]:
    """Read every invoice and credit note of a file with its findings. Raise DocumentUnreadable."""
    values = safe_json.values(data)
    found: list[Document] = []
    for number, value in enumerate(values, 1):
        for where, stated in _unwrapped(value, f"object {number}" if len(values) > 1 else ""):
            try:
                found.append(effect.decided(_document(stated, name)))
            except DocumentUnreadable as error:
                raise DocumentUnreadable(f"{where}: {error}" if where else str(error)) from error
    return found


def _unwrapped(value: Any, where: str) -> Iterator[tuple[str, Json]]:
    """Yield the objects within lists and events, each with its location."""
    pending: list[tuple[str, Any]] = [(where, value)]
    while pending:
        where, value = pending.pop(0)
        kind = value.get("object") if isinstance(value, dict) else None
        inside = value if isinstance(value, list) else value.get("data") if kind in _LISTS else None
        if isinstance(inside, list):
            if isinstance(value, dict) and value.get("has_more") is True:
                raise DocumentUnreadable(
                    f"{where + ' ' if where else ''}it is one page of a list that has more (has_more is true): the rest would be "
                    "missing; export all pages"
                )
            pending[:0] = [(f"{where} [{index}]".strip(), part) for index, part in enumerate(inside)]
        elif kind == "event":
            pending.insert(0, (where, part(value, "data", "object")))
        elif kind in ("invoice", "credit_note"):
            yield where, value
        else:
            place = f"{where} is" if where else "it is"
            raise DocumentUnreadable(f"{place} not a Stripe invoice or credit note (object is {quoted(kind)})")


@dataclass(frozen=True, slots=True)
class _Figures:
    """The figures of a document and its lines without tax, in minor units."""

    lines: tuple[DocumentLine, ...]
    subtotal: Decimal | None
    allowances: Decimal | None
    charges: Decimal | None
    tax_exclusive: Decimal | None
    tax: Decimal | None


def _document(stated: Json, name: str) -> Document:
    is_note = stated["object"] == "credit_note"
    kind = DocumentKind.CREDIT_NOTE if is_note else DocumentKind.INVOICE
    if stated.get("deleted") is True:
        return Document(name, FORM, kind, identifier(stated), None, None, status="deleted")
    money = Money.of(stated)
    listed = objects(stated, "lines")
    rates = rates_of(stated, listed)
    taxes = taxes_of(stated, rates)
    own = frozenset(found for value in stated.get("discounts") or [] if (found := identifier(value)))
    lines = [line_of(line, rates, own) for line in listed]
    figures = _figures(stated, lines, taxes, money)
    customer = stated.get("customer")
    return Document(
        file=name,
        format=FORM,
        kind=kind,
        number=text(stated, "number"),
        issued_on=_issued_on(stated),
        currency=money.currency,
        seller=text(stated, "account_name"),
        buyer=text(stated, "customer_name") or text(part(stated, "customer"), "name"),
        customer=identifier(customer),
        subtotal=money.text(figures.subtotal),
        allowances=money.text(figures.allowances),
        charges=money.text(figures.charges),
        tax_exclusive=money.text(figures.tax_exclusive),
        tax=money.text(figures.tax),
        tax_inclusive=money.text(minor_units(stated, "total")),
        prepaid=None if is_note else money.text(_prepaid(stated)),
        payable=money.text(minor_units(stated, "total" if is_note else "amount_due")),
        lines=figures.lines,
        taxes=tuple(_tax_subtotal(tax, lines, money) for tax in taxes),
        references=_references(stated) if is_note else (),
        extra=tuple((key, value) for key in ("id", "status") if (value := text(stated, key)) is not None),
        status=text(stated, "status"),
        marks=("test",) if stated.get("livemode") is False else (),
    )


def _figures(stated: Json, lines: list[Line], taxes: tuple[Tax, ...], money: Money) -> _Figures:
    discounts = _discounts(stated) + credits_of(stated, "total_pretax_credit_amounts")
    shipping = part(stated, "shipping_cost")
    charges = minor_units(shipping, "amount_subtotal") if shipping else minor_units(stated, "amount_shipping")
    subtotal, grand = minor_units(stated, "subtotal"), minor_units(stated, "total")
    tax = sum((tax.amount for tax in taxes), _ZERO) if taxes else minor_units(stated, "tax")
    without = minor_units(stated, "total_excluding_tax")
    if without is None and grand is not None:
        without = grand - (tax or _ZERO)
    if tax is None and without is not None and without == grand:
        tax = _ZERO
    if not _states_discounts(stated) and part(stated, "discount") and subtotal is not None and without is not None:
        discounts = subtotal + (charges or _ZERO) - without
    if any(tax.inclusive and tax.amount for tax in taxes):
        nets, taken, subtotal, discounts, charges = _without_tax(stated, lines, without, charges or _ZERO)
    else:
        taken = _taken_off(lines, subtotal)
        nets = [line.amount - off for line, off in zip(lines, taken, strict=True)]
        discounts -= sum(taken, _ZERO)
    return _Figures(
        lines=tuple(
            document_line(line, position, net, off, money)
            for position, (line, net, off) in enumerate(zip(lines, nets, taken, strict=True), 1)
        ),
        subtotal=subtotal,
        allowances=discounts or None,
        charges=charges or None,
        tax_exclusive=without,
        tax=tax,
    )


def _taken_off(lines: list[Line], subtotal: Decimal | None) -> list[Decimal]:
    """Return the discounts that the subtotal already includes, by line: none, the lines' own, or all, whichever adds up."""
    gross = sum((line.amount for line in lines), _ZERO)
    for taken in ([line.own_discounts for line in lines], [line.discounts for line in lines]):
        if subtotal is not None and any(taken) and subtotal != gross and subtotal == gross - sum(taken, _ZERO):
            return taken
    return [_ZERO] * len(lines)


def _without_tax(
    stated: Json, lines: list[Line], without: Decimal | None, charges: Decimal
) -> tuple[list[Decimal], list[Decimal], Decimal | None, Decimal, Decimal]:
    """Return lines, subtotal, discounts and charges without tax, for a document whose amounts include it.

    Unless the lines' amounts without tax are stated, they are the amounts after discounts and tax, and the document has no
    allowances of its own.
    """
    nothing = [_ZERO] * len(lines)
    subtotal = minor_units(stated, "subtotal_excluding_tax")
    included = sum((tax.amount for tax in taxes_of(part(stated, "shipping_cost"), {}) if tax.inclusive), _ZERO)
    charges -= included
    nets = [line.amount_excluding_tax for line in lines if line.amount_excluding_tax is not None]
    if len(nets) < len(lines) or sum(nets, _ZERO) != subtotal:
        nets = [line.amount - line.discounts - line.credits - line.included_tax for line in lines]
    if subtotal is None or sum(nets, _ZERO) != subtotal:
        subtotal = None if without is None else without - charges
    discounts = _ZERO if subtotal is None or without is None else subtotal + charges - without
    return nets, nothing, subtotal, discounts, charges


_DISCOUNTS = ("total_discount_amounts", "discount_amounts")


def _states_discounts(stated: Json) -> bool:
    """Whether discount amounts are stated: API versions before 2020-08 only name the discount."""
    return any(stated.get(name) is not None for name in (*_DISCOUNTS, "discount_amount"))


def _discounts(stated: Json) -> Decimal:
    """Return the sum of all discounts of the document."""
    for name in _DISCOUNTS:
        if stated.get(name) is not None:
            return total(objects(stated, name), "amount")
    return minor_units(stated, "discount_amount") or _ZERO


def _prepaid(stated: Json) -> Decimal | None:
    """Return credit notes issued before payment and the part paid from the customer's balance. Payments are not included."""
    notes, starting = minor_units(stated, "pre_payment_credit_notes_amount"), minor_units(stated, "starting_balance")
    if notes is None and starting is None:
        return None
    notes, starting = notes or _ZERO, starting or _ZERO
    ending = minor_units(stated, "ending_balance")
    if ending is None:  # a draft: a debt is added in full, a credit up to the amount due
        due = (minor_units(stated, "total") or _ZERO) - notes
        return notes + (min(-starting, max(due, _ZERO)) if starting < 0 else -starting)
    return notes + ending - starting


def _tax_subtotal(tax: Tax, lines: list[Line], money: Money) -> TaxSubtotal:
    """Return the tax by rate, without the rate if rounding per line explains the difference to base x rate."""
    rate = tax.rate
    if rate is not None and tax.base is not None:
        off = abs(arithmetic.EXACT.multiply(tax.base, rate).scaleb(-2, arithmetic.EXACT) - tax.amount)
        rate = None if Decimal("0.5") < off <= Decimal("0.5") * len(lines) else rate
    return TaxSubtotal(
        base=money.text(tax.base), amount=money.text(tax.amount), rate=None if rate is None else f"{rate:f}"
    )


def _issued_on(stated: Json) -> str | None:
    """Return the day in UTC on which the document takes effect, as its own page shows it."""
    holders = (
        (stated, "effective_at"),
        (part(stated, "status_transitions"), "finalized_at"),
        (stated, "created"),
        (stated, "date"),
    )
    return next((found for holder, name in holders if (found := day_of(minor_units(holder, name), name))), None)


def _references(stated: Json) -> tuple[str, ...]:
    """Return the number of the invoice that a credit note corrects, else its id."""
    number = text(part(stated, "invoice"), "number") or identifier(stated.get("invoice"))
    return (number,) if number else ()
