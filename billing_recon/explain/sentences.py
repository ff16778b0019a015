"""Every sentence by the name under which a finding asks for it. A sentence takes facts and returns text; it computes no money."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from billing_recon.explain import document, ledger
from billing_recon.explain.facts import Facts

Sentence = Callable[[Facts], str]

SENTENCES: Mapping[str, Sentence] = {
    **document.SENTENCES,
    **ledger.SENTENCES,
}
"""Name -> sentence, collected from the modules of the pairs. A test asks for every name that the relations can state."""


def sentence(name: str, facts: Facts) -> str:
    """The sentence `name` with these facts. KeyError: a relation states a sentence that nobody wrote, which is a bug."""
    return SENTENCES[name](facts)
