"""Bugs between the money and the ledger's cash: receipts that are absent, doubled, wrong or in the wrong place. Proposals as in faults."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from billing_recon.core.reason import Code, Pair
from billing_recon.simulate.chains import Following, off
from billing_recon.simulate.downstream import Chain, Journal, Payment, fee_of, only_success, settlement
from billing_recon.simulate.faults import Fault, Finding, Proposal
from billing_recon.simulate.price_book import ZERO

_PAIR = Pair.PAID_BOOKED


@dataclass(frozen=True, slots=True)
class CashFaults:
    """Where the ledger's cash can differ from the payments."""

    chains: Following

    @property
    def registry(self) -> tuple[Fault[Chain], ...]:
        """The faults of receipts, with their forms."""
        missing, amount, account = Code.LEDGER_MISSING, Code.LEDGER_AMOUNT, Code.LEDGER_ACCOUNT
        return (
            Fault(missing, "receipt", self.not_booked, "a payment's journal is missing"),
            Fault(missing, "fee", self.fee_not_booked, "a payment is booked without the fee that the provider kept"),
            self.chains.batch(missing, self.not_booked, "the payments of a day's invoices are not booked", "receipts"),
            Fault(Code.LEDGER_DUPLICATE, "receipt", self.booked_twice, "a payment is booked twice"),
            Fault(amount, "receipt", self.other_amount, "a payment's balanced journal has the wrong amount"),
            Fault(amount, "receipt_as_refund", self.swapped, "a payment is booked as if it were a refund"),
            Fault(amount, "fee", self.other_fee, "the fee is booked at another amount, and the rest as cash"),
            Fault(account, "receipt_as_revenue", self.as_revenue, "a payment is credited to revenue"),
            Fault(account, "receipt_in_suspense", self.in_suspense, "a payment is debited to a suspense account"),
            Fault(account, "receipt_of_another", self.on_another, "a payment is credited to another customer"),
            Fault(Code.LEDGER_PERIOD, "receipt", self.month_before, "a payment is booked in the month before"),
            Fault(Code.LEDGER_UNEXPECTED, "receipt", self.of_nobody, "cash is booked for which there is no payment"),
        )

    def not_booked(self, chain: Chain, rng: Random) -> Proposal | None:
        """The payment has no journal."""
        payment = only_success(chain)
        return (
            None
            if payment is None
            else self._booked(Code.LEDGER_MISSING, chain, payment, [], -payment.amount, overdue=True)
        )

    def fee_not_booked(self, chain: Chain, rng: Random) -> Proposal | None:
        """All of the payment is booked as cash."""
        payment, fee = self._with_fee(chain)
        if payment is None or not fee:
            return None
        return self._booked(Code.LEDGER_MISSING, chain, payment, [settlement(payment, fee * 0)], fee, overdue=True)

    def booked_twice(self, chain: Chain, rng: Random) -> Proposal | None:
        """A second copy of the journal, on the same or the next day."""
        payment, fee = self._with_fee(chain)
        if payment is None:
            return None
        first = settlement(payment, fee)
        again = replace(
            first, posted_on=first.posted_on + timedelta(days=rng.randrange(2)), entries=list(first.entries)
        )
        return self._booked(Code.LEDGER_DUPLICATE, chain, payment, [first, again], payment.amount, day=again.posted_on)

    def other_amount(self, chain: Chain, rng: Random) -> Proposal | None:
        """Cash and receivable are off by the same amount."""
        payment, fee = self._with_fee(chain)
        if payment is None:
            return None
        by = off(payment.amount - fee, chain.invoice.currency, rng)
        if by in (fee, -fee):
            return None
        wrong = settlement(replace(payment, amount=payment.amount + by), fee)
        return self._booked(Code.LEDGER_AMOUNT, chain, payment, [wrong], by)

    def swapped(self, chain: Chain, rng: Random) -> Proposal | None:
        """Debits are credits."""
        payment, fee = self._with_fee(chain)
        if payment is None:
            return None
        right = settlement(payment, fee)
        wrong = replace(right, entries=[(role, credit, debit) for role, debit, credit in right.entries])
        return self._booked(Code.LEDGER_AMOUNT, chain, payment, [wrong], -payment.amount - payment.amount)

    def other_fee(self, chain: Chain, rng: Random) -> Proposal | None:
        """The fee is booked at another amount; what is left of the payment is cash."""
        payment, fee = self._with_fee(chain)
        if payment is None or not fee:
            return None
        by = off(min(fee, payment.amount - fee), chain.invoice.currency, rng)
        if not 0 < fee + by < payment.amount:
            return None
        return self._booked(Code.LEDGER_AMOUNT, chain, payment, [settlement(payment, fee + by)], -by)

    def as_revenue(self, chain: Chain, rng: Random) -> Proposal | None:
        """Cash is right; revenue is credited, not the receivable."""
        return self._on_role(chain, "ar", "revenue")

    def in_suspense(self, chain: Chain, rng: Random) -> Proposal | None:
        """The receivable is right; a suspense account is debited, not cash."""
        return self._on_role(chain, "cash", "other", keeps_fee=False)

    def _on_role(self, chain: Chain, right: str, wrong: str, *, keeps_fee: bool = True) -> Proposal | None:
        payment, fee = self._with_fee(chain)
        if payment is None:
            return None
        journal = settlement(payment, fee if keeps_fee else fee * 0)
        entries = [(wrong if role == right else role, debit, credit) for role, debit, credit in journal.entries]
        return self._booked(Code.LEDGER_ACCOUNT, chain, payment, [replace(journal, entries=entries)], ZERO)

    def on_another(self, chain: Chain, rng: Random) -> Proposal | None:
        """Amounts and accounts are right; the receivable is another customer's."""
        payment, fee = self._with_fee(chain)
        other = self.chains.other_customer(chain, rng)
        if payment is None or other is None:
            return None
        journal = replace(settlement(payment, fee), customer_id=other)
        return self._booked(Code.LEDGER_ACCOUNT, chain, payment, [journal], ZERO)

    def month_before(self, chain: Chain, rng: Random) -> Proposal | None:
        """The journal arrives on time, dated the last day of the month before the payment."""
        payment, fee = self._with_fee(chain)
        if payment is None:
            return None
        day = payment.processed_at.date().replace(day=1) - timedelta(days=1)
        journal = replace(settlement(payment, fee), posted_on=day, landed_on=payment.booked_on)
        return self._booked(Code.LEDGER_PERIOD, chain, payment, [journal], ZERO)

    def of_nobody(self, chain: Chain, rng: Random) -> Proposal | None:
        """A receipt for an invoice number that nobody paid."""
        payment, fee = self._with_fee(chain)
        if payment is None or chain.invoice.total <= 0:
            return None
        right = settlement(payment, fee)
        stranger = replace(right, named=f"EXT-{chain.invoice.invoice_id[4:]}", entries=list(right.entries))
        day = payment.booked_on + timedelta(days=self.chains.windows.cash_lag_days)
        found = Finding(Code.LEDGER_UNEXPECTED, _PAIR, "", day, payment.amount, named=stranger.named)
        if day > self.chains.last:
            return None

        def apply() -> None:
            payment.booking = [right, stranger]

        return Proposal((found,), apply, (chain.invoice,))

    def _with_fee(self, chain: Chain) -> tuple[Payment | None, Decimal]:
        payment = only_success(chain)
        if payment is None or payment.kind != "payment":
            return None, ZERO
        return payment, fee_of(payment, chain.invoice.currency, self.chains.profile)

    def _booked(
        self,
        code: Code,
        chain: Chain,
        payment: Payment,
        journals: list[Journal],
        delta: Decimal,
        *,
        overdue: bool = False,
        day: date | None = None,
    ) -> Proposal | None:
        """The payment with these journals. It is known when it is booked, or when the lag of cash has passed."""

        def apply() -> None:
            payment.booking = journals

        waits = timedelta(days=self.chains.windows.cash_lag_days)
        known = payment.processed_at.date() + waits if overdue else payment.booked_on
        return self.chains.proposal(code, _PAIR, chain, day or known, delta, apply)
