"""The chains into which bugs of later layers are injected: single ones, an account's or a batch's. The bugs are in *_faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from random import Random

from billing_recon.core.company import Profile
from billing_recon.core.money import minor_unit
from billing_recon.core.policy import Windows
from billing_recon.core.reason import Code, Pair
from billing_recon.simulate.downstream import Chain
from billing_recon.simulate.faults import Fault, Finding, Proposal, Reach, together

Propose = Callable[[Chain, Random], Proposal | None]


@dataclass(slots=True)
class Following:
    """Invoices and everything that followed them, up to `last`. `used`: ids of invoices that have a fault already."""

    chains: list[Chain]
    profile: Profile
    windows: Windows
    last: date
    used: set[int] = field(default_factory=set)
    _first_of: dict[date, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for chain in self.chains:
            self._first_of.setdefault(chain.invoice.issued_on, id(chain))

    def is_first(self, chain: Chain) -> bool:
        """Whether a chain's invoice is the first of its day."""
        return self._first_of[chain.invoice.issued_on] == id(chain)

    def account(self, code: Code, one: Propose, doc: str) -> Fault[Chain]:
        """A form of the bug that affects all invoices of a customer, two or more."""

        def propose(chain: Chain, rng: Random) -> Proposal | None:
            customer, seed = chain.invoice.subscription.customer, rng.random()
            alike = [c for c in self._unused() if c.invoice.subscription.customer == customer]
            return together(one(other, Random(seed)) for other in alike)

        return Fault(code, "account", propose, doc, Reach.ACCOUNT, several=True)

    def batch(self, code: Code, one: Propose, doc: str, form: str = "batch") -> Fault[Chain]:
        """A form of the bug that affects all possible invoices of a day, two or more."""

        def propose(chain: Chain, rng: Random) -> Proposal | None:
            return together(
                one(other, rng) for other in self._unused() if other.invoice.issued_on == chain.invoice.issued_on
            )

        return Fault(code, form, propose, doc, Reach.BATCH, several=True)

    def other_customer(self, chain: Chain, rng: Random) -> str | None:
        """Somebody else's id; None if the one drawn is the invoice's own."""
        drawn = self.chains[rng.randrange(len(self.chains))].invoice.subscription.customer.customer_id
        return None if drawn == chain.invoice.subscription.customer.customer_id else drawn

    def proposal(
        self,
        code: Code,
        pair: Pair,
        chain: Chain,
        day: date,
        delta: Decimal,
        apply: Callable[[], None],
        line: int | None = None,
    ) -> Proposal | None:
        """A fault with one finding; None if the invoice is over zero or the day is after the simulation."""
        if day > self.last or chain.invoice.total <= 0 or chain.invoice.status != "issued":
            return None
        subscription_id = chain.invoice.subscription.subscription_id
        return Proposal((Finding(code, pair, subscription_id, day, delta, chain.invoice, line),), apply)

    def _unused(self) -> list[Chain]:
        return [chain for chain in self.chains if id(chain.invoice) not in self.used]


def off(amount: Decimal, currency: str, rng: Random) -> Decimal:
    """By how much a wrong amount differs: never zero, and less than the amount if negative."""
    unit = minor_unit(currency)
    units = 1 + rng.randrange(4_000)
    if rng.random() < 0.5 and unit * units < amount:
        return -unit * units
    return unit * units
