"""Every sentence by the name under which a finding asks for it. A sentence takes facts and returns text; it computes no money."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain import document, ledger, metering, payment
from billing_recon.explain.facts import Sentence

SENTENCES: Mapping[str, Sentence] = {
    **document.SENTENCES,
    **ledger.SENTENCES,
    **payment.SENTENCES,
    **metering.SENTENCES,
}
"""Name -> sentence. A test holds the names to those that the relations can state, both ways."""
