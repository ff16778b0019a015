"""Bugs of the service that renders invoices: documents that are absent, doubled or show something else. Proposals as in faults."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

from billing_recon.core.reason import Code, Pair
from billing_recon.simulate.chains import Following, off
from billing_recon.simulate.downstream import Chain, Document
from billing_recon.simulate.faults import Fault, Finding, Proposal, Reach

_PAIR = Pair.BILLED_RENDERED


@dataclass(frozen=True, slots=True)
class DocumentFaults:
    """Where documents can differ from their invoices."""

    chains: Following

    @property
    def registry(self) -> tuple[Fault[Chain], ...]:
        """The faults of documents, with their forms."""
        missing, twice, value = Code.RENDER_MISSING, Code.RENDER_DUPLICATE, Code.RENDER_VALUE
        account, batch = self.chains.account, self.chains.batch
        return (
            Fault(missing, "invoice", self.never_rendered, "an invoice has no document", spares_one_a_day=True),
            account(missing, self.never_rendered, "no invoice of an account has a document"),
            batch(missing, self.never_rendered, "a day's rendering stops after its first document"),
            Fault(
                twice, "retry", self.rendered_twice, "a retry renders a second document, on the same or the next day"
            ),
            batch(twice, self.rendered_again, "a day's documents are rendered twice"),
            Fault(value, "line", self.other_line, "a line shows another amount, and the totals follow", Reach.LINE),
            Fault(value, "header", self.other_header, "the totals show another amount than the lines"),
            Fault(value, "line_left_out", self.line_left_out, "a line is left out, and the totals follow", Reach.LINE),
            Fault(value, "tax_left_out", self.tax_left_out, "the totals leave out the tax"),
            account(value, self.tax_left_out, "the template of an account leaves out the tax"),
            Fault(
                Code.KEY_UNMAPPED,
                "document",
                self.of_nobody,
                "a document is for an invoice that the engine does not have",
            ),
        )

    def never_rendered(self, chain: Chain, rng: Random) -> Proposal | None:
        """The document is absent; the day keeps that of its first invoice."""
        if not chain.documents or self.chains.is_first(chain):
            return None
        day = chain.invoice.issued_on + timedelta(days=self.chains.windows.render_lag_days)
        return self.chains.proposal(Code.RENDER_MISSING, _PAIR, chain, day, -chain.invoice.total, chain.documents.clear)

    def rendered_twice(self, chain: Chain, rng: Random) -> Proposal | None:
        """A second document of the same invoice, on the same or the next day."""
        return self._again(chain, rng.randrange(2))

    def rendered_again(self, chain: Chain, rng: Random) -> Proposal | None:
        """A second document of the same invoice on the same day."""
        return self._again(chain, 0)

    def _again(self, chain: Chain, days: int) -> Proposal | None:
        if not chain.documents:
            return None
        again = replace(chain.documents[0], issued_on=chain.invoice.issued_on + timedelta(days=days))
        return self.chains.proposal(
            Code.RENDER_DUPLICATE,
            _PAIR,
            chain,
            again.issued_on,
            chain.invoice.total,
            lambda: chain.documents.append(again),
        )

    def other_line(self, chain: Chain, rng: Random) -> Proposal | None:
        """One line is off before tax, and the header with it."""
        document = next(iter(chain.documents), None)
        shown = [] if document is None else [n for n, item in enumerate(document.lines) if item.amount > 0]
        if document is None or not shown:
            return None
        index = shown[rng.randrange(len(shown))]
        item = document.lines[index]
        by = off(item.amount, chain.invoice.currency, rng)
        changed = replace(item, amount=item.amount + by)
        wrong = replace(
            document,
            subtotal=document.subtotal + by,
            total=document.total + by,
            payable=document.payable + by,
            lines=[*document.lines[:index], changed, *document.lines[index + 1 :]],
        )
        return self._shown(chain, wrong, index)

    def line_left_out(self, chain: Chain, rng: Random) -> Proposal | None:
        """One line of several is absent, and the header is the sum of the others."""
        document = next(iter(chain.documents), None)
        shown = [] if document is None else [n for n, item in enumerate(document.lines) if item.amount > 0]
        if document is None or len(shown) < 2:
            return None
        index = shown[rng.randrange(len(shown))]
        line = document.lines[index].line
        wrong = replace(
            document,
            subtotal=document.subtotal - line.gross,
            discount=document.discount - line.discount,
            tax=document.tax - line.tax,
            total=document.total - line.total,
            payable=document.payable - line.total,
            lines=[*document.lines[:index], *document.lines[index + 1 :]],
        )
        return self._shown(chain, wrong, index)

    def other_header(self, chain: Chain, rng: Random) -> Proposal | None:
        """Total and payable are off, and the lines are right."""
        document = next(iter(chain.documents), None)
        if document is None:
            return None
        by = off(chain.invoice.total, chain.invoice.currency, rng)
        return self._shown(chain, replace(document, total=document.total + by, payable=document.payable + by))

    def tax_left_out(self, chain: Chain, rng: Random) -> Proposal | None:
        """Tax is shown as zero, and the payable amount leaves it out."""
        document = next(iter(chain.documents), None)
        if document is None or not document.tax:
            return None
        total, payable = document.total - document.tax, document.payable - document.tax
        return self._shown(chain, replace(document, tax=document.tax * 0, total=total, payable=payable))

    def _shown(self, chain: Chain, wrong: Document, line: int | None = None) -> Proposal | None:
        """Another document in the place of the right one, seen on the day of the invoice."""

        def apply() -> None:
            chain.documents[0] = wrong

        by = wrong.payable - chain.documents[0].payable
        return self.chains.proposal(Code.RENDER_VALUE, _PAIR, chain, chain.invoice.issued_on, by, apply, line)

    def of_nobody(self, chain: Chain, rng: Random) -> Proposal | None:
        """A copy of a document for an invoice number that does not exist."""
        if not chain.documents:
            return None
        stranger = replace(chain.documents[0], named=f"EXT-{chain.invoice.invoice_id[4:]}")
        day = chain.invoice.issued_on + timedelta(days=self.chains.windows.render_lag_days)
        found = Finding(Code.KEY_UNMAPPED, _PAIR, "", day, stranger.payable, named=stranger.named)
        if day > self.chains.last or chain.invoice.total <= 0:
            return None
        return Proposal((found,), lambda: chain.documents.append(stranger), (chain.invoice,))
