"""Something that is wrong now, and what a page says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from billing_recon.core.figures import with_currency
from billing_recon.core.operations import Cause
from billing_recon.core.severity import Severity

SHOWN = 5
"""Codes, sentences and days that a page names; the report has all of them."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong. `version` changes whenever it has to be looked at again; `about` tells apart what has no day.

    `money` is what is at risk per currency, added gross; `owner` the team that mends it, `taken_by` who already works on it.
    `severity` replaces that of the cause.
    """

    cause: Cause
    day: str
    title: str
    version: str
    why: tuple[str, ...] = ()
    next_step: str = ""
    owner: str = ""
    taken_by: str = ""
    gate: str = ""
    codes: tuple[str, ...] = ()
    money: Mapping[str, Decimal] = field(default_factory=dict)
    link: str = ""
    about: str = ""
    severity: Severity | None = None

    @property
    def key(self) -> str:
        """The key of its incident: cause and day, or cause and subject."""
        return f"{self.cause.value}/{self.day or self.about}"

    def notice(self, company: str) -> dict[str, Any]:
        """What a page says, whatever the channel. Amounts are text."""
        return {
            "company": company,
            "cause": self.cause.value,
            "day": self.day,
            "title": self.title,
            "gate": self.gate,
            "why": list(self.why[:SHOWN]),
            "money": {currency: with_currency(amount, currency) for currency, amount in sorted(self.money.items())},
            "codes": list(self.codes[:SHOWN]),
            "owner": self.owner,
            "taken_by": self.taken_by,
            "next_step": self.next_step,
            "link": self.link,
        }


def added(money: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    """The sum per currency; currencies are never added.

    >>> added([{"EUR": Decimal(1)}, {"EUR": Decimal(2), "USD": Decimal(5)}])
    {'EUR': Decimal('3'), 'USD': Decimal('5')}
    """
    total: dict[str, Decimal] = {}
    for amounts in money:
        for currency, amount in amounts.items():
            total[currency] = total.get(currency, Decimal(0)) + amount
    return total
