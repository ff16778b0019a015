"""Where the tiers of a charge begin and end, and the cost of all tiers before one. Pricing is in compute.rating."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from itertools import pairwise

from billing_recon.core.catalog import Charge, Tier
from billing_recon.core.profile import Profile

_EXACT = Context(prec=60)


@dataclass(frozen=True, slots=True)
class TierEdges:
    """One tier with its edges.

    `lower` is exclusive, `upper` inclusive (empty: no end). Units are counted from `counts_from`, which is `lower` except in
    stepped tiers. `through` is the full cost of all tiers before, plus every fee up to this tier's own.
    """

    tier: Tier
    tier_no: int
    lower: Decimal
    upper: Decimal | None
    counts_from: Decimal
    unit: Decimal
    through: Decimal


def tier_edges(charge: Charge, profile: Profile) -> Iterator[TierEdges]:
    """Each tier begins where the one before ends; the profile's `stepped_tiers` sets where units are counted from.

    A tier of blocks ends after max_blocks. Usage beyond the last block of a graduated charge is not billed, so a free tier
    follows it; for a volume charge it is priced in the last tier.
    """
    with localcontext(_EXACT):
        lower, through = Decimal(0), Decimal(0)
        tiers = charge.tiers
        if charge.model == "graduated_blocks" and tiers[-1].max_blocks is not None:
            tiers = (*tiers, Tier(block_size=Decimal(1)))
        stepping = profile.stepped_tiers == "unless_all_adjacent" and (
            charge.model == "graduated_percentage" or not _all_adjacent(tiers)
        )
        for number, tier in enumerate(tiers, start=1):
            unit = tier.unit if tier.rate is None else tier.rate
            upper = tier.up_to if tier.block_size is None else _after_blocks(lower, tier)
            if charge.model == "volume_blocks" and number == len(tiers):
                upper = None
            counts_from = tier.first_unit - 1 if stepping and tier.first_unit else lower
            through += tier.flat
            yield TierEdges(tier, number, lower, upper, counts_from, unit, through)
            if upper is not None:
                full = upper - counts_from if tier.block_size is None else Decimal(tier.max_blocks or 0)
                lower, through = upper, through + unit * full


def _all_adjacent(tiers: Sequence[Tier]) -> bool:
    return all(after.first_unit in (None, before.up_to) for before, after in pairwise(tiers))


def _after_blocks(lower: Decimal, tier: Tier) -> Decimal | None:
    return None if tier.max_blocks is None else lower + tier.max_blocks * (tier.block_size or Decimal(0))
