"""Every sentence by the name that findings state. The sentences themselves are in the modules of their topics."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain import metering, payment
from billing_recon.explain.facts import Sentence

SENTENCES: Mapping[str, Sentence] = {
    **payment.SENTENCES,
    **metering.SENTENCES,
}
"""Name -> sentence. A test holds the names to those that the relations can state, both ways."""
