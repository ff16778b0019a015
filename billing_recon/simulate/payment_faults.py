"""Bugs and mischief with money: collected twice, not at all, otherwise, from or for somebody else, taken back. Proposals as in faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from billing_recon.core.reason import Code, Pair
from billing_recon.simulate.chains import Following, off
from billing_recon.simulate.downstream import Chain, Payment, only_success
from billing_recon.simulate.engine import settled
from billing_recon.simulate.faults import Fault, Finding, Proposal
from billing_recon.simulate.price_book import ZERO

_PAIR = Pair.BILLED_PAID


@dataclass(frozen=True, slots=True)
class PaymentFaults:
    """Where the payments can differ from the invoices."""

    chains: Following

    @property
    def registry(self) -> tuple[Fault[Chain], ...]:
        """The faults of payments, with their forms."""
        missing, twice, amount = Code.PAYMENT_MISSING, Code.PAYMENT_DUPLICATE, Code.PAYMENT_AMOUNT
        stray, back = Code.PAYMENT_MISAPPLIED, Code.REFUND_DISPUTE
        account, batch = self.chains.account, self.chains.batch
        return (
            Fault(missing, "invoice", self.never_collected, "an invoice is never collected"),
            account(missing, self.never_collected, "an account's invoices are never collected"),
            Fault(twice, "retry", self.charged_twice, "a customer is charged twice and not refunded"),
            batch(twice, self.charged_again, "every payment of a day's invoices is charged again"),
            Fault(amount, "other_amount", self.other_amount, "the collected amount differs from the invoice's"),
            Fault(amount, "without_tax", self.without_tax, "the collected amount leaves out the tax"),
            account(amount, self.without_tax, "an account is charged without the tax"),
            Fault(back, "refunded", self.refunded, "the whole payment is refunded, but the invoice is not credited"),
            Fault(
                back,
                "charged_back",
                self.charged_back,
                "the customer charges the payment back, but the invoice is not credited",
            ),
            Fault(
                back,
                "part_refunded",
                self.half_refunded,
                "half of the payment is refunded, but the invoice is not credited",
            ),
            Fault(stray, "other_customer", self.paid_by_another, "another customer's payment is applied to an invoice"),
            Fault(
                stray, "unknown_invoice", self.for_nobody, "a payment is for an invoice that the engine does not have"
            ),
            account(
                stray, self.paid_by_another, "another customer's payments are applied to all of an account's invoices"
            ),
        )

    def never_collected(self, chain: Chain, rng: Random) -> Proposal | None:
        """No attempt of any status until the terms have passed."""
        day = chain.invoice.issued_on + timedelta(days=self.chains.windows.payment_terms_days)
        if not chain.payments:
            return None
        return self._found(Code.PAYMENT_MISSING, chain, day, -chain.invoice.total, chain.payments.clear)

    def charged_twice(self, chain: Chain, rng: Random) -> Proposal | None:
        """A second successful payment within a day, without a refund."""
        return self._again(chain, rng.randrange(2))

    def charged_again(self, chain: Chain, rng: Random) -> Proposal | None:
        """A second successful payment at once, and no refund."""
        return self._again(chain, 0)

    def _again(self, chain: Chain, days: int) -> Proposal | None:
        payment = only_success(chain)
        if payment is None:
            return None
        later = timedelta(days=days)
        again = replace(
            payment,
            processed_at=payment.processed_at + later + timedelta(seconds=30),
            booked_on=payment.booked_on + later,
            attempt=payment.attempt + 1,
        )
        return self._found(
            Code.PAYMENT_DUPLICATE,
            chain,
            self._settled_on(payment),
            payment.amount,
            lambda: chain.payments.append(again),
        )

    def other_amount(self, chain: Chain, rng: Random) -> Proposal | None:
        """The one successful payment is of another amount."""
        payment = only_success(chain)
        return None if payment is None else self._paid(chain, payment, off(payment.amount, chain.invoice.currency, rng))

    def without_tax(self, chain: Chain, rng: Random) -> Proposal | None:
        """The one successful payment lacks the tax."""
        payment = only_success(chain)
        tax = sum((line.tax for line in chain.invoice.lines), ZERO)
        return self._paid(chain, payment, -tax) if payment is not None and 0 < tax < payment.amount else None

    def _paid(self, chain: Chain, payment: Payment, by: Decimal) -> Proposal | None:
        def apply() -> None:
            payment.amount += by

        return self._found(Code.PAYMENT_AMOUNT, chain, self._settled_on(payment), by, apply)

    def refunded(self, chain: Chain, rng: Random) -> Proposal | None:
        """All that was paid is refunded within the days to settle."""
        return self._back(chain, rng, "refund")

    def charged_back(self, chain: Chain, rng: Random) -> Proposal | None:
        """All that was paid is charged back within the days to settle."""
        return self._back(chain, rng, "chargeback")

    def half_refunded(self, chain: Chain, rng: Random) -> Proposal | None:
        """Half of the payment is refunded within the days to settle."""
        return self._back(chain, rng, "refund", 2)

    def _back(self, chain: Chain, rng: Random, kind: str, part: int = 1) -> Proposal | None:
        payment = only_success(chain)
        if payment is None or payment.kind != "payment":
            return None
        amount = settled(payment.amount / part, chain.invoice.currency, self.chains.profile)
        days = timedelta(days=1 + rng.randrange(self.chains.windows.payment_settle_days - 1))
        back = replace(
            payment,
            kind=kind,
            amount=amount,
            processed_at=payment.processed_at + days,
            booked_on=payment.booked_on + days,
            attempt=payment.attempt + 1,
        )
        if not amount:
            return None
        return self._found(
            Code.REFUND_DISPUTE, chain, self._settled_on(payment), -amount, lambda: chain.payments.append(back)
        )

    def paid_by_another(self, chain: Chain, rng: Random) -> Proposal | None:
        """The right amount on the right invoice, from another customer."""
        payment, other = only_success(chain), self.chains.other_customer(chain, rng)
        if payment is None or other is None:
            return None

        def apply() -> None:
            payment.customer_id = other

        return self._found(Code.PAYMENT_MISAPPLIED, chain, self._settled_on(payment), ZERO, apply)

    def for_nobody(self, chain: Chain, rng: Random) -> Proposal | None:
        """A copy of a payment for an invoice number that does not exist."""
        payment = only_success(chain)
        if payment is None or chain.invoice.total <= 0:
            return None
        stranger = replace(payment, named=f"EXT-{chain.invoice.invoice_id[4:]}")
        day = self._settled_on(payment)
        found = Finding(Code.PAYMENT_MISAPPLIED, _PAIR, "", day, payment.amount, named=stranger.named)
        if day > self.chains.last:
            return None
        return Proposal((found,), lambda: chain.payments.append(stranger), (chain.invoice,))

    def _settled_on(self, payment: Payment) -> date:
        return payment.processed_at.date() + timedelta(days=self.chains.windows.payment_settle_days)

    def _found(self, code: Code, chain: Chain, day: date, delta: Decimal, apply: Callable[[], None]) -> Proposal | None:
        return self.chains.proposal(code, _PAIR, chain, day, delta, apply)
