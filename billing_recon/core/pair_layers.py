"""Which layers a pair compares, and which files it depends on."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from billing_recon.core.reason import Pair

COMPARES: dict[Pair, frozenset[str]] = {
    Pair.EXPECTED_BILLED: frozenset({"subscriptions"}),
    Pair.BILLED_RENDERED: frozenset({"invoice_lines", "rendered_invoices"}),
    Pair.BILLED_BOOKED: frozenset({"invoice_lines", "ledger_entries"}),
    Pair.RENDERED_BOOKED: frozenset({"rendered_invoices", "ledger_entries"}),
    Pair.BILLED_PAID: frozenset({"invoice_lines", "payments"}),
    Pair.PAID_BOOKED: frozenset({"payments", "ledger_entries"}),
}
"""The layers without which a pair has nothing to compare. Metered usage without a layer has no rows of itself."""


READS: dict[Pair, frozenset[str]] = COMPARES | {
    Pair.EXPECTED_BILLED: frozenset({"subscriptions", "usage_events", "invoice_lines"}),
    Pair.METERED_USED: frozenset({"usage_events", "metered_usage"}),
}
"""The layers whose files of the day a pair depends on: what is in a file that could not be read is not missing."""


def layers_of(pairs: Iterable[Pair]) -> frozenset[str]:
    """The layers that the breaks of some pairs rest on."""
    chosen = tuple(pairs)
    lines = {"rendered_lines"} if Pair.BILLED_RENDERED in chosen else set()
    return frozenset({"key_map", *lines}).union(*(READS[pair] for pair in chosen))


def pairs_compared(
    absent: Collection[str], unread: Collection[str] = (), *, books_cash: bool = True
) -> tuple[Pair, ...]:
    """The pairs that can be compared if the company has none of the `absent` layers and `unread` files could not be read.

    `books_cash`: the ledger has accounts of role cash. One that books sales only has nothing to compare payments with.

    Against a layer that does not exist everything would be missing, and none of that would be true. The same holds for a
    file of the day that was refused: the day is INCONCLUSIVE, and is run again once the file is corrected.
    """
    return tuple(
        pair
        for pair, layers in READS.items()
        if not COMPARES.get(pair, frozenset()) & set(absent)
        and not layers & set(unread)
        and (books_cash or pair is not Pair.PAID_BOOKED)
    )
