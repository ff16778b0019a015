"""The facts of one finding, and how each kind of fact is written for a reader. Which facts a sentence uses is in its own module."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Facts:
    """What a finding states, by name (`values`): its own columns, and what only its sentence needs.

    `decimals`: at how many decimals each currency's amounts settle.

    Figures are exact decimals. A fact that is absent or NULL is None.
    """

    values: Mapping[str, Any]
    decimals: Mapping[str, int]

    @classmethod
    def read(cls, columns: Mapping[str, Any], facts: str | None, decimals: Mapping[str, int]) -> Facts:
        """Columns with what `facts` adds to them or states otherwise: a JSON object whose figures keep every digit."""
        return cls({**columns, **json.loads(facts or "{}", parse_float=Decimal)}, decimals)

    @property
    def currency(self) -> str | None:
        return self.values.get("currency")

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


Sentence = Callable[[Facts], str]
"""Facts in words. It computes no money."""


def words(template: str) -> Sentence:
    """A sentence with facts in their places, each written as its kind; without a kind, as plain text.

    The kinds: {paid:money}, {delta:signed}, {used:units}, {off:size} (units without sign), {rate:percent}, {n:count line}.

    >>> words("{id} bills {paid:money} in {n:count line}.")(Facts({"id": "A", "paid": 5, "n": 2, "currency": "USD"}, {}))
    'A bills USD 5 in 2 lines.'
    """
    return lambda facts: template.format_map({name: _Fact(facts, name) for name in facts.values})


@dataclass(frozen=True, slots=True)
class _Fact:
    facts: Facts
    name: str

    def __format__(self, kind: str) -> str:
        match kind.partition(" "):
            case "", _, _:
                return str(self.facts[self.name])
            case "money", _, _:
                return self.facts.money(self.name)
            case "signed", _, _:
                return self.facts.signed(self.name)
            case "units", _, _:
                return self.facts.units(self.name)
            case "size", _, _:
                return units(abs(self.facts.number(self.name)))
            case "percent", _, _:
                return percent(self.facts.number(self.name))
            case "count", _, noun:
                return count(self.facts[self.name], noun)
        raise ValueError(f"{{{self.name}:{kind}}}: no such kind of fact")


IN_DOUBT = "; more than one match fits, so none is made."
"""How a sentence ends about a posting or payment that could be matched in several ways."""


def grouped(value: Decimal, decimals: int) -> str:
    """A figure with its thousands separated, with at least so many decimals and more only where it has them.

    >>> grouped(Decimal("-12000.500000"), 2), grouped(Decimal("0.0150"), 2), grouped(Decimal("7"), 0)
    ('-12,000.50', '0.015', '7')
    """
    whole, _, rest = f"{value:f}".partition(".")
    rest = rest.rstrip("0").ljust(decimals, "0")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}" + (f".{rest}" if rest else "")


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


def count(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun.

    >>> count(1, "line"), count(1200, "day"), count(2, "currency", "currencies")
    ('1 line', '1,200 days', '2 currencies')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
