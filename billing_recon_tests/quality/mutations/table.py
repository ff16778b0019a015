"""Every mutation, in the order in which they look for a bill: those that few bills fit come first."""

from __future__ import annotations

from billing_recon_tests.quality.mutations.again import AGAIN
from billing_recon_tests.quality.mutations.bills import BILLS
from billing_recon_tests.quality.mutations.charges import CHARGES
from billing_recon_tests.quality.mutations.contracts import CONTRACTS
from billing_recon_tests.quality.mutations.documents import DOCUMENTS
from billing_recon_tests.quality.mutations.finding import Mutation
from billing_recon_tests.quality.mutations.mapped import MAPPED
from billing_recon_tests.quality.mutations.postings import POSTINGS
from billing_recon_tests.quality.mutations.receipts import RECEIPTS
from billing_recon_tests.quality.mutations.together import TOGETHER
from billing_recon_tests.quality.mutations.usage import USAGE

_LAYERS = {
    "engine": CHARGES,
    "bills": BILLS,
    "document": DOCUMENTS,
    "ledger": POSTINGS,
    "bank": RECEIPTS,
    "together": TOGETHER,
    "names": MAPPED,
    "usage": USAGE,
    "contract": CONTRACTS,
    "again": AGAIN,
}
MUTATIONS: tuple[Mutation, ...] = tuple(
    Mutation(f"{layer}:{strike.__name__}", strike) for layer, strikes in _LAYERS.items() for strike in strikes
)
