"""All bugs after the engine together: documents, ledger and money that do not follow its invoices, the pickiest first."""

from __future__ import annotations

from billing_recon.simulate.cash_faults import CashFaults
from billing_recon.simulate.chains import Following
from billing_recon.simulate.document_faults import DocumentFaults
from billing_recon.simulate.downstream import Chain
from billing_recon.simulate.faults import Fault
from billing_recon.simulate.ledger_faults import LedgerFaults
from billing_recon.simulate.payment_faults import PaymentFaults


def later_faults(chains: Following) -> tuple[Fault[Chain], ...]:
    """The later layers' faults: payments must have settled, so they find the fewest places."""
    cash = CashFaults(chains).registry
    return (*PaymentFaults(chains).registry, *cash, *LedgerFaults(chains).registry, *DocumentFaults(chains).registry)
