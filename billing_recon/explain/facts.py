"""The facts of one break, and how each kind of fact is written for a reader. Which facts a sentence uses is the sentence's matter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing_recon.core.figures import count as count
from billing_recon.core.figures import grouped as grouped


@dataclass(frozen=True, slots=True)
class Facts:
    """What a finding states, by name (`values`), and its currency; `decimals` at which each currency's amounts settle.

    Figures are exact decimals. A fact that is absent or NULL is None.
    """

    values: Mapping[str, Any]
    currency: str | None
    decimals: Mapping[str, int]

    @classmethod
    def read(cls, facts: str | None, currency: str | None, decimals: Mapping[str, int]) -> Facts:
        """Facts as the relations state them: a JSON object whose figures keep every digit."""
        return cls(json.loads(facts or "{}", parse_float=Decimal), currency, decimals)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def get(self, name: str) -> Any:
        return self.values.get(name)

    def has(self, name: str) -> bool:
        """Whether the fact is there: not NULL, not false."""
        return bool(self.values.get(name))

    def number(self, name: str) -> Decimal:
        """An exact figure."""
        return Decimal(self.values[name])

    def amount(self, name: str, currency: str | None = None) -> str:
        """An amount without its currency: 1,234.50."""
        return self.figure(self.number(name), currency)

    def figure(self, value: Decimal, currency: str | None = None) -> str:
        """An amount at its currency's decimals, and at more only where it has them."""
        return grouped(value, self.decimals.get(currency or self.currency or "", 0))

    def money(self, name: str, currency: str | None = None) -> str:
        """An amount after its currency: USD 1,234.50."""
        return f"{currency or self.currency} {self.amount(name, currency)}"

    def signed(self, name: str, currency: str | None = None) -> str:
        """A difference after its currency, with its sign: USD +6.00."""
        value = self.number(name)
        return f"{currency or self.currency} {'' if value < 0 else '+'}{self.figure(value, currency)}"

    def units(self, name: str) -> str:
        """A quantity: 12,400 or 0.5."""
        return units(self.number(name))


def units(quantity: Decimal) -> str:
    """A quantity with its thousands separated and no trailing zeros.

    >>> units(Decimal("12400.0000000000")), units(Decimal("0.50"))
    ('12,400', '0.5')
    """
    return grouped(quantity, 0)


def rate(value: Decimal) -> str:
    """A rate as plain text without trailing zeros.

    >>> rate(Decimal("0.19000000"))
    '0.19'
    """
    return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"


def percent(value: Decimal) -> str:
    """A rate as a percentage.

    >>> percent(Decimal("0.19000000")), percent(Decimal("1"))
    ('19%', '100%')
    """
    return f"{rate(value.scaleb(2))}%"
