"""Every sentence by the name under which a finding asks for it. A sentence takes facts and returns text; it computes no money."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain import (
    cash,
    contract_terms,
    document,
    ledger,
    metered_usage,
    payment,
    population,
    settlement,
    step_order,
    tax,
    usage,
)
from billing_recon.explain.facts import Sentence

SENTENCES: Mapping[str, Sentence] = {
    **population.SENTENCES,
    **usage.SENTENCES,
    **contract_terms.SENTENCES,
    **step_order.SENTENCES,
    **tax.SENTENCES,
    **settlement.SENTENCES,
    **document.SENTENCES,
    **ledger.SENTENCES,
    **payment.SENTENCES,
    **cash.SENTENCES,
    **metered_usage.SENTENCES,
}
"""Name -> sentence. A test holds the names to those that the relations can state, both ways."""
