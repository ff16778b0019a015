"""Tiers sold by the started block: a tier is so many blocks of a size, and a begun block counts in full."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.money import QUANTITY, RAW


def _working(blocks: str) -> str:
    """SQL of the working: the tier in which the units end, and its blocks."""
    return f"""'{{"units":"' || say_quantity(item.total) || '","tier":' || CAST(tier.tier_no AS VARCHAR) || ',"block_size":"'
        || say_quantity(tier.block_size) || '","blocks":"' || CAST({blocks} AS VARCHAR) || '","block_price":"'
        || plain(tier.unit) || '"}}'"""


def _cost(units: str, tier: str) -> str:
    return (
        f"CAST({tier}.through + extend(packages_of({units} - {tier}.lower, {tier}.block_size), {tier}.unit) AS {RAW})"
    )


@dataclass(frozen=True, slots=True)
class GraduatedBlocks:
    """Each tier's blocks at the tier's own price; usage beyond the last tier's blocks is not billed."""

    name: str = "graduated_blocks"
    doc: str = "for each tier its started blocks x the price of a block (docs/rating.md, rule 9)"

    unit_price: None = None
    amount: str = _cost("item.total", "tier")
    earlier: str = _cost("item.prior", "earlier_tier")
    working: str = _working("packages_of(item.total - tier.lower, tier.block_size)")

    def steps(self, terms: str) -> str:
        return f"""
SELECT part_id, tier_no AS step_no, tier_no, CAST(blocks AS {QUANTITY}) AS units, unit AS price, extend(blocks, unit) AS raw
FROM (
    SELECT item.part_id, tier.tier_no, tier.unit,
        packages_of(least(item.total, coalesce(tier.upper, item.total)) - tier.lower, tier.block_size) - packages_of(
            greatest(least(item.prior, coalesce(tier.upper, item.prior)) - tier.lower, 0), tier.block_size) AS blocks
    FROM {terms} AS item
    JOIN term_tiers AS tier ON tier.term_no = item.term_no AND (tier.lower < item.total OR tier.tier_no = 1)
    WHERE item.model = '{self.name}'
) AS begun"""


@dataclass(frozen=True, slots=True)
class VolumeBlocks:
    """All units in blocks of the tier that holds them, at its price; beyond the last tier, in blocks of the last."""

    name: str = "volume_blocks"
    doc: str = "all units in started blocks of the tier that holds them x the price of a block (docs/rating.md, rule 9)"

    unit_price: None = None
    amount: str = (
        "CASE WHEN item.closes THEN extend(packages_of(item.total, tier.block_size), tier.unit) ELSE extend(0, 0) END"
    )
    earlier: None = None
    working: str = _working("packages_of(item.total, tier.block_size)")

    def steps(self, terms: str) -> None:
        return None
