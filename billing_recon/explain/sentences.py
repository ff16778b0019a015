"""Every sentence by the name under which a finding asks for it. A sentence takes facts and returns text; it computes no money."""

from __future__ import annotations

from collections.abc import Mapping

from billing_recon.explain import population, rating_terms, settling, step_order, tax, usage
from billing_recon.explain.facts import Facts, Sentence

SENTENCES: Mapping[str, Sentence] = {
    **population.SENTENCES,
    **usage.SENTENCES,
    **rating_terms.SENTENCES,
    **step_order.SENTENCES,
    **tax.SENTENCES,
    **settling.SENTENCES,
}
"""Name -> sentence, collected from the modules of the pairs. A test asks for every name that the relations can state."""


def sentence(name: str, facts: Facts) -> str:
    """The sentence `name` with these facts. KeyError: a relation states a sentence that nobody wrote, which is a bug."""
    return SENTENCES[name](facts)
