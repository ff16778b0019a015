"""Bugs on the way to the ledger: journals that are absent, doubled, wrong or in the wrong place. Proposals as in faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from billing_recon.core.period import add_months
from billing_recon.core.reason import Code, Pair
from billing_recon.simulate.chains import Following, off
from billing_recon.simulate.downstream import Chain
from billing_recon.simulate.faults import Fault, Finding, Proposal
from billing_recon.simulate.price_book import ZERO

_PAIR = Pair.BILLED_BOOKED
Entries = list[tuple[str, Decimal, Decimal]]


@dataclass(frozen=True, slots=True)
class LedgerFaults:
    """Where the ledger can differ from the invoices."""

    chains: Following

    @property
    def registry(self) -> tuple[Fault[Chain], ...]:
        """The faults of journals, with their forms."""
        missing, twice, amount = Code.LEDGER_MISSING, Code.LEDGER_DUPLICATE, Code.LEDGER_AMOUNT
        month, place = Code.LEDGER_PERIOD, Code.LEDGER_ACCOUNT
        account, batch = self.chains.account, self.chains.batch
        return (
            Fault(missing, "invoice", self.never_booked, "an invoice's journal is missing"),
            account(missing, self.never_booked, "an account's journals are missing"),
            batch(missing, self.never_booked, "a day's batch is missing except for its first journal"),
            Fault(twice, "retry", self.booked_twice, "a retry posts a journal twice, on the same or the next day"),
            Fault(twice, "entries_twice", self.entries_twice, "a journal has each of its entries twice"),
            batch(twice, self.booked_again, "a retry posts a day's whole batch twice"),
            Fault(amount, "other_amount", self.other_amount, "a balanced journal has the wrong amount"),
            Fault(amount, "without_tax", self.without_tax, "a journal leaves out the tax and its receivable"),
            Fault(amount, "sides_swapped", self.swapped, "debits are posted as credits, like a reversal"),
            account(amount, self.without_tax, "an account's journals leave out the tax"),
            Fault(
                month, "month_end_before", self.month_end_before, "a journal is dated at the end of the month before"
            ),
            Fault(month, "month_before", self.month_before, "a journal is dated a month early"),
            batch(month, self.month_end_before, "a day's batch is dated in the month before"),
            Fault(place, "revenue_as_tax", self.revenue_as_tax, "revenue is posted to the tax account"),
            Fault(place, "tax_as_revenue", self.tax_as_revenue, "tax is posted as revenue"),
            Fault(place, "other_customer", self.on_another, "the receivable is on another customer"),
            account(place, self.on_another, "an account's journals are on another customer"),
            Fault(
                Code.KEY_UNMAPPED,
                "journal",
                self.of_nobody,
                "a journal is for an invoice that the engine does not have",
            ),
        )

    def never_booked(self, chain: Chain, rng: Random) -> Proposal | None:
        """The whole journal is missing; the first invoice of a day keeps its journal, so that the day has one."""
        day = chain.invoice.issued_on + timedelta(days=self.chains.windows.ledger_lag_days)
        if self.chains.is_first(chain):
            return None
        return self._found(Code.LEDGER_MISSING, chain, day, -chain.invoice.total, chain.postings.clear)

    def booked_twice(self, chain: Chain, rng: Random) -> Proposal | None:
        """A second copy of the journal, on the same or the next day."""
        return self._again(chain, rng.randrange(2))

    def booked_again(self, chain: Chain, rng: Random) -> Proposal | None:
        """A second copy of the journal on its day."""
        return self._again(chain, 0)

    def _again(self, chain: Chain, days: int) -> Proposal | None:
        posting = chain.postings[0]
        again = replace(posting, posted_on=posting.posted_on + timedelta(days=days), entries=list(posting.entries))
        return self._found(
            Code.LEDGER_DUPLICATE, chain, again.posted_on, chain.invoice.total, lambda: chain.postings.append(again)
        )

    def entries_twice(self, chain: Chain, rng: Random) -> Proposal | None:
        """One journal with all its entries repeated."""
        return self._rewritten(Code.LEDGER_DUPLICATE, chain, chain.postings[0].entries * 2)

    def other_amount(self, chain: Chain, rng: Random) -> Proposal | None:
        """AR and revenue are both off by the same amount: the journal balances and is wrong."""
        entries = chain.postings[0].entries
        revenue = sum((credit for role, _, credit in entries if role == "revenue"), ZERO)
        if revenue <= 0:
            return None
        by = off(min(revenue, chain.invoice.total), chain.invoice.currency, rng)
        wrong = [
            (role, d + (by if role == "ar" else 0), c + (by if role == "revenue" else 0)) for role, d, c in entries
        ]
        return self._rewritten(Code.LEDGER_AMOUNT, chain, wrong)

    def without_tax(self, chain: Chain, rng: Random) -> Proposal | None:
        """No tax payable, and a receivable without it."""
        entries = chain.postings[0].entries
        tax = sum((credit for role, _, credit in entries if role == "tax_payable"), ZERO)
        if not tax or tax >= chain.invoice.total:
            return None
        left = [(role, d - (tax if role == "ar" else 0), c) for role, d, c in entries if role != "tax_payable"]
        return self._rewritten(Code.LEDGER_AMOUNT, chain, left)

    def swapped(self, chain: Chain, rng: Random) -> Proposal | None:
        """Every debit is a credit."""
        return self._rewritten(Code.LEDGER_AMOUNT, chain, [(role, c, d) for role, d, c in chain.postings[0].entries])

    def month_end_before(self, chain: Chain, rng: Random) -> Proposal | None:
        """The journal arrives on time, dated the last day of the month before its invoice."""
        return self._dated(chain, chain.invoice.issued_on.replace(day=1) - timedelta(days=1))

    def month_before(self, chain: Chain, rng: Random) -> Proposal | None:
        """The journal arrives on time, dated the same day of the month before."""
        return self._dated(chain, add_months(chain.postings[0].posted_on, -1))

    def _dated(self, chain: Chain, day: date) -> Proposal | None:
        posting = chain.postings[0]
        landed_on = posting.posted_on

        def apply() -> None:
            posting.posted_on, posting.landed_on = day, landed_on

        wrong = (day.year, day.month) < (chain.invoice.issued_on.year, chain.invoice.issued_on.month)
        return self._found(Code.LEDGER_PERIOD, chain, landed_on, ZERO, apply) if wrong else None

    def revenue_as_tax(self, chain: Chain, rng: Random) -> Proposal | None:
        """AR is right, but revenue is posted to the tax account."""
        return self._on_role(chain, "revenue", "tax_payable")

    def tax_as_revenue(self, chain: Chain, rng: Random) -> Proposal | None:
        """AR is right, but tax is posted as revenue."""
        return self._on_role(chain, "tax_payable", "revenue")

    def _on_role(self, chain: Chain, right: str, wrong: str) -> Proposal | None:
        entries = chain.postings[0].entries
        if not sum(credit for role, _, credit in entries if role == right):
            return None
        return self._rewritten(
            Code.LEDGER_ACCOUNT, chain, [(wrong if role == right else role, d, c) for role, d, c in entries]
        )

    def on_another(self, chain: Chain, rng: Random) -> Proposal | None:
        """Accounts and amounts are right, and the customer is another."""
        other = self.chains.other_customer(chain, rng)
        if other is None:
            return None

        def apply() -> None:
            chain.postings[0].customer_id = other

        return self._found(Code.LEDGER_ACCOUNT, chain, chain.postings[0].posted_on, ZERO, apply)

    def of_nobody(self, chain: Chain, rng: Random) -> Proposal | None:
        """A copy of a journal for an invoice number that does not exist."""
        posting = chain.postings[0]
        stranger = replace(posting, named=f"EXT-{chain.invoice.invoice_id[4:]}", entries=list(posting.entries))
        day = posting.posted_on + timedelta(days=self.chains.windows.ledger_lag_days)
        found = Finding(Code.KEY_UNMAPPED, _PAIR, "", day, chain.invoice.total, named=stranger.named)
        if day > self.chains.last or chain.invoice.total <= 0:
            return None
        return Proposal((found,), lambda: chain.postings.append(stranger), (chain.invoice,))

    def _rewritten(self, code: Code, chain: Chain, entries: Entries) -> Proposal | None:
        """The invoice's journal with other entries; the difference is that of its receivable."""
        posting = chain.postings[0]
        booked = sum((debit - credit for role, debit, credit in entries if role == "ar"), ZERO)

        def apply() -> None:
            posting.entries = entries

        return self._found(code, chain, posting.posted_on, booked - chain.invoice.total, apply)

    def _found(self, code: Code, chain: Chain, day: date, delta: Decimal, apply: Callable[[], None]) -> Proposal | None:
        return self.chains.proposal(code, _PAIR, chain, day, delta, apply)
