"""Stripe's figures: integers in minor units, whose size is Stripe's own for some currencies. Exact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from billing_recon.core.currency import EXPONENTS
from billing_recon.core.document import DocumentUnreadable
from billing_recon.core.money import plain
from billing_recon.feeds.documents.arithmetic import EXACT
from billing_recon.feeds.documents.xml_element import LONGEST_FIGURE

Json = dict[str, Any]

DECIMALS = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Decimals where Stripe's minor unit differs from ISO 4217's: amounts in ISK and UGX are times 100, MGA's fifths are not
used. HUF and TWD are as in ISO (only payouts must be whole), and so are JPY (0) and KWD (3)."""


LARGEST = 10**20
"""In minor units. Sums of a document's figures then stay exact in Decimal."""


@dataclass(frozen=True, slots=True)
class Money:
    """Amounts in one currency. Figures are held in minor units, unrounded."""

    currency: str

    @classmethod
    def of(cls, stated: Json) -> Money:
        """Return the currency of an object. Raise DocumentUnreadable unless ISO 4217 has it."""
        code = stated.get("currency")
        if not isinstance(code, str) or code.upper() not in EXPONENTS:
            raise DocumentUnreadable(
                f"currency is {quoted(code)}, which is not an ISO 4217 code; ask for another export"
            )
        return cls(code.upper())

    def text(self, minor: Decimal | None) -> str | None:
        """Return an amount as decimal text with the currency's decimals, or as many as needed.

        >>> Money("USD").text(Decimal("1050")), Money("JPY").text(Decimal("1050")), Money("ISK").text(Decimal("50000"))
        ('10.50', '1050', '500')
        """
        if minor is None:
            return None
        decimals = DECIMALS.get(self.currency, EXPONENTS[self.currency])
        return plain(minor.scaleb(-decimals, EXACT), self.currency)


def minor_units(stated: Json, name: str) -> Decimal | None:
    """Return the integer at `name`; None if missing or null. Raise DocumentUnreadable for another value."""
    value = stated.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value):
        raise DocumentUnreadable(
            f"{name} is {quoted(value)}; Stripe states amounts as whole numbers of the smallest unit"
        )
    amount = Decimal(value)
    if amount.copy_abs() > LARGEST:
        raise DocumentUnreadable(f"{name} is {quoted(value)}, which is more than any amount; ask for another export")
    return amount


def day_of(seconds: Decimal | None, name: str) -> str | None:
    """Return the day in UTC of an instant in seconds since 1970; None if missing."""
    if seconds is None:
        return None
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds))).date().isoformat()
    except OverflowError as error:
        raise DocumentUnreadable(f"{name} is {seconds}, which is not a time in seconds since 1970") from error


def needed(stated: Json, name: str) -> Decimal:
    """Return the integer at `name`. Raise DocumentUnreadable if it is missing."""
    value = minor_units(stated, name)
    if value is None:
        raise DocumentUnreadable(f"an object in it has no {name}; export it completely")
    return value


def decimal_text(stated: Json, name: str) -> Decimal | None:
    """Return the number at `name`, a text ("12.5") or a number; None if missing or null."""
    value = stated.get(name)
    if value is None:
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal) or len(str(value)) > LONGEST_FIGURE:
            raise InvalidOperation
        number = Decimal(value)
    except InvalidOperation as error:
        raise DocumentUnreadable(f"{name} is {quoted(value)}, which is not a number") from error
    if not number.is_finite() or abs(number.adjusted()) > LONGEST_FIGURE:
        raise DocumentUnreadable(f"{name} is {quoted(value)}, which is not an amount")
    return number


def total(parts: list[Json], name: str) -> Decimal:
    """Return the sum of several objects' figures at `name`."""
    return sum((needed(part, name) for part in parts), Decimal(0))


def objects(stated: Json, name: str) -> list[Json]:
    """Return the objects at `name`, an array or a Stripe list; none if missing or null.

    Raise DocumentUnreadable for an incomplete list.
    """
    value = stated.get(name)
    if isinstance(value, dict):
        if value.get("has_more") is True:
            raise DocumentUnreadable(
                f"{name} holds only some of them (has_more); export the object with all its {name}"
            )
        value = value.get("data")
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        raise DocumentUnreadable(f"{name} is {quoted(value)}, not a list of objects; ask for another export")
    return value


def text(stated: Json, name: str) -> str | None:
    """Return the text at `name` with white space collapsed; None if missing, null or blank."""
    value = stated.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise DocumentUnreadable(f"{name} is {quoted(value)}, not a text; ask for another export")
    whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return " ".join(whole.split()) or None


def part(stated: Json, *path: str) -> Json:
    """Return the object at a path; empty if there is none, or only an id."""
    for name in path:
        value = stated.get(name)
        if not isinstance(value, dict):
            return {}
        stated = value
    return stated


def identifier(value: object) -> str | None:
    """Return the id of an object that is given in full or by its id."""
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) else None


def quoted(value: object) -> str:
    """Quote a value for a message, shortened."""
    return f"'{str(value)[:60]}'" if value is not None else "missing"
