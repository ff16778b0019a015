"""Bugs after the engine: documents, ledger and money that do not follow its invoices. Proposals as in faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from billing_recon.core.money import minor_unit
from billing_recon.core.policy import Windows
from billing_recon.core.reason import Code, Pair
from billing_recon.simulate.downstream import Chain, Payment
from billing_recon.simulate.engine import ZERO
from billing_recon.simulate.faults import Fault, Finding, Proposal


@dataclass(frozen=True, slots=True)
class DownstreamFaults:
    """Where the later layers' bugs strike: chains whose difference can be known by `last`."""

    chains: list[Chain]
    windows: Windows
    last: date

    @property
    def registry(self) -> tuple[Fault[Chain], ...]:
        """The later layers' faults, the pickiest first."""
        return (
            Fault(Code.PAYMENT_MISSING, self.never_collected, "nobody tries to collect an invoice"),
            Fault(Code.PAYMENT_DUPLICATE, self.charged_twice, "a customer is charged twice and not refunded"),
            Fault(Code.PAYMENT_AMOUNT, self.paid_another_amount, "the amount collected is not the invoice's"),
            Fault(Code.LEDGER_MISSING, self.never_booked, "an invoice's journal is absent"),
            Fault(Code.LEDGER_DUPLICATE, self.booked_twice, "an invoice's journal is posted twice"),
            Fault(Code.LEDGER_AMOUNT, self.booked_another_amount, "a balanced journal has the wrong amount"),
            Fault(Code.LEDGER_PERIOD, self.booked_last_month, "a journal is dated into the month before"),
            Fault(Code.LEDGER_ACCOUNT, self.booked_as_tax, "revenue is posted to the tax account"),
            Fault(Code.REFUND_DISPUTE, self.charged_back, "the customer takes the money back, and the invoice stands"),
            Fault(Code.PAYMENT_MISAPPLIED, self.paid_by_another, "another customer's money is put on an invoice"),
            Fault(Code.RENDER_MISSING, self.never_rendered, "an invoice has no document", spares_one_a_day=True),
            Fault(Code.RENDER_DUPLICATE, self.rendered_twice, "an invoice has two documents"),
            Fault(Code.RENDER_VALUE, self.rendered_other_figures, "a document shows other figures"),
        )

    def never_rendered(self, chain: Chain, rng: Random) -> Proposal | None:
        """The document is absent; the day keeps at least one other."""
        issued_on = chain.invoice.issued_on
        others = sum(bool(c.documents) for c in self.chains if c.invoice.issued_on == issued_on)
        day = issued_on + timedelta(days=self.windows.render_lag_days)
        if others < 2:
            return None
        return self._proposal(
            Code.RENDER_MISSING, Pair.BILLED_RENDERED, chain, day, -chain.invoice.total, chain.documents.clear
        )

    def rendered_twice(self, chain: Chain, rng: Random) -> Proposal | None:
        """A second document of the same invoice, on the same or the next day."""
        day = chain.invoice.issued_on + timedelta(days=rng.randrange(2))
        if not chain.documents:
            return None
        again = replace(chain.documents[0], issued_on=day)
        return self._proposal(
            Code.RENDER_DUPLICATE,
            Pair.BILLED_RENDERED,
            chain,
            day,
            chain.invoice.total,
            lambda: chain.documents.append(again),
        )

    def rendered_other_figures(self, chain: Chain, rng: Random) -> Proposal | None:
        """The header shows another amount; more often than not a line does, and the header follows it."""
        document = next(iter(chain.documents), None)
        if document is None:
            return None
        shown = [n for n, item in enumerate(document.lines) if item.amount > 0]
        if not shown:
            return None
        index = shown[rng.randrange(len(shown))] if rng.random() < 0.6 else None
        base = chain.invoice.total if index is None else document.lines[index].amount
        off = _off(base, chain.invoice.currency, rng)
        wrong = replace(document, total=document.total + off, payable=document.payable + off)
        if index is not None:
            item = document.lines[index]
            changed = replace(item, amount=item.amount + off)
            wrong.subtotal += off
            wrong.lines = [*document.lines[:index], changed, *document.lines[index + 1 :]]

        def apply() -> None:
            chain.documents[0] = wrong

        return self._proposal(
            Code.RENDER_VALUE, Pair.BILLED_RENDERED, chain, chain.invoice.issued_on, off, apply, index
        )

    def never_booked(self, chain: Chain, rng: Random) -> Proposal | None:
        """The whole journal is absent; the first invoice of a day keeps its own, so that the day has one."""
        day = chain.invoice.issued_on + timedelta(days=self.windows.ledger_lag_days)
        if next(c for c in self.chains if c.invoice.issued_on == chain.invoice.issued_on) is chain:
            return None
        return self._proposal(
            Code.LEDGER_MISSING, Pair.BILLED_BOOKED, chain, day, -chain.invoice.total, chain.postings.clear
        )

    def booked_twice(self, chain: Chain, rng: Random) -> Proposal | None:
        """The journal once more, on the same or the next day."""
        posting = chain.postings[0]
        again = replace(posting, posted_on=posting.posted_on + timedelta(days=rng.randrange(2)))
        return self._proposal(
            Code.LEDGER_DUPLICATE,
            Pair.BILLED_BOOKED,
            chain,
            again.posted_on,
            chain.invoice.total,
            lambda: chain.postings.append(again),
        )

    def booked_another_amount(self, chain: Chain, rng: Random) -> Proposal | None:
        """AR and revenue are both off by the same amount: the journal balances and is wrong."""
        posting = chain.postings[0]
        revenue = next(credit for role, _, credit in posting.entries if role == "revenue")
        if revenue <= 0:
            return None
        off = _off(min(revenue, chain.invoice.total), chain.invoice.currency, rng)

        def apply() -> None:
            posting.entries = [
                (role, debit + (off if role == "ar" else 0), credit + (off if role == "revenue" else 0))
                for role, debit, credit in posting.entries
            ]

        return self._proposal(Code.LEDGER_AMOUNT, Pair.BILLED_BOOKED, chain, posting.posted_on, off, apply)

    def paid_another_amount(self, chain: Chain, rng: Random) -> Proposal | None:
        """The one successful payment is of another amount."""
        payment = _only_success(chain)
        if payment is None:
            return None
        off = _off(payment.amount, chain.invoice.currency, rng)

        def apply() -> None:
            payment.amount += off

        return self._proposal(Code.PAYMENT_AMOUNT, Pair.BILLED_PAID, chain, self._settled_on(payment), off, apply)

    def charged_twice(self, chain: Chain, rng: Random) -> Proposal | None:
        """A second successful payment within a day, and no refund."""
        payment = _only_success(chain)
        if payment is None:
            return None
        days = timedelta(days=rng.randrange(2))
        again = replace(
            payment,
            processed_at=payment.processed_at + days + timedelta(seconds=30),
            booked_on=payment.booked_on + days,
            attempt=payment.attempt + 1,
        )
        return self._proposal(
            Code.PAYMENT_DUPLICATE,
            Pair.BILLED_PAID,
            chain,
            self._settled_on(payment),
            payment.amount,
            lambda: chain.payments.append(again),
        )

    def never_collected(self, chain: Chain, rng: Random) -> Proposal | None:
        """No attempt of any status until the terms have passed."""
        day = chain.invoice.issued_on + timedelta(days=self.windows.payment_terms_days)
        return self._proposal(
            Code.PAYMENT_MISSING, Pair.BILLED_PAID, chain, day, -chain.invoice.total, chain.payments.clear
        )

    def booked_last_month(self, chain: Chain, rng: Random) -> Proposal | None:
        """The journal comes in time and bears the last day of the month before its invoice."""
        issued_on = chain.invoice.issued_on
        posting = chain.postings[0]
        landed_on = posting.posted_on

        def apply() -> None:
            posting.posted_on, posting.landed_on = issued_on.replace(day=1) - timedelta(days=1), landed_on

        return self._proposal(Code.LEDGER_PERIOD, Pair.BILLED_BOOKED, chain, landed_on, ZERO, apply)

    def booked_as_tax(self, chain: Chain, rng: Random) -> Proposal | None:
        """AR is right, and revenue stands on the tax account."""
        posting = chain.postings[0]
        if not sum(credit for role, _, credit in posting.entries if role == "revenue"):
            return None

        def apply() -> None:
            posting.entries = [(("tax_payable" if role == "revenue" else role), d, c) for role, d, c in posting.entries]

        return self._proposal(Code.LEDGER_ACCOUNT, Pair.BILLED_BOOKED, chain, posting.posted_on, ZERO, apply)

    def charged_back(self, chain: Chain, rng: Random) -> Proposal | None:
        """All that was paid goes back within the days to settle, as a refund or a chargeback."""
        payment = _only_success(chain)
        if payment is None or payment.kind != "payment":
            return None
        days = timedelta(days=1 + rng.randrange(self.windows.payment_settle_days - 1))
        back = replace(
            payment,
            kind=rng.choice(("chargeback", "refund")),
            processed_at=payment.processed_at + days,
            booked_on=payment.booked_on + days,
            attempt=payment.attempt + 1,
        )
        return self._proposal(
            Code.REFUND_DISPUTE,
            Pair.BILLED_PAID,
            chain,
            self._settled_on(payment),
            -payment.amount,
            lambda: chain.payments.append(back),
        )

    def paid_by_another(self, chain: Chain, rng: Random) -> Proposal | None:
        """The right amount on the right invoice, from a customer whose it is not."""
        payment = _only_success(chain)
        own = chain.invoice.subscription.customer.customer_id
        others = [c.invoice.subscription.customer.customer_id for c in self.chains]
        other = others[rng.randrange(len(others))]
        if payment is None or other == own:
            return None

        def apply() -> None:
            payment.customer_id = other

        return self._proposal(Code.PAYMENT_MISAPPLIED, Pair.BILLED_PAID, chain, self._settled_on(payment), ZERO, apply)

    def _settled_on(self, payment: Payment) -> date:
        return payment.processed_at.date() + timedelta(days=self.windows.payment_settle_days)

    def _proposal(
        self,
        code: Code,
        pair: Pair,
        chain: Chain,
        day: date,
        delta: Decimal,
        apply: Callable[[], None],
        line: int | None = None,
    ) -> Proposal | None:
        """The fault with its one finding, unless the invoice is of nothing or the day lies beyond the simulation."""
        if day > self.last or chain.invoice.total <= 0 or chain.invoice.status != "issued":
            return None
        subscription_id = chain.invoice.subscription.subscription_id
        return Proposal((Finding(code, pair, subscription_id, day, delta, chain.invoice, line),), apply)


def _only_success(chain: Chain) -> Payment | None:
    succeeded = [p for p in chain.payments if p.status == "succeeded"]
    return succeeded[0] if len(succeeded) == 1 else None


def _off(amount: Decimal, currency: str, rng: Random) -> Decimal:
    """A wrong amount's distance from the right one: never zero, and less than the amount where it is below."""
    unit = minor_unit(currency)
    units = 1 + rng.randrange(4_000)
    if rng.random() < 0.5 and unit * units < amount:
        return -unit * units
    return unit * units
