"""Every mutation, in the order in which they look for a bill: those that few bills fit come first."""

from __future__ import annotations

from quality.mutations.again import AGAIN
from quality.mutations.bills import BILLS
from quality.mutations.charges import CHARGES
from quality.mutations.contracts import CONTRACTS
from quality.mutations.documents import DOCUMENTS
from quality.mutations.finding import Mutation
from quality.mutations.mapped import MAPPED
from quality.mutations.postings import POSTINGS
from quality.mutations.receipts import RECEIPTS
from quality.mutations.together import TOGETHER
from quality.mutations.usage import USAGE

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
