"""Tiers sold by the started block: a tier is so many blocks of a size, and a begun block counts in full."""

from __future__ import annotations

from dataclasses import dataclass

from billing_recon.compute.money import QUANTITY, RAW
from billing_recon.compute.rating.model import Sources, said_units
from billing_recon.compute.rating.tiers import holds


def _words(at: Sources, model: str, blocks: str, held: str, all_or: str) -> str:
    """Words of the tier in which the units end."""
    return f"""
SELECT part_id,
    '{{"units":"' || say_quantity(total) || '","tier":' || CAST(tier_no AS VARCHAR) || ',"block_size":"' || say_quantity(block_size)
        || '","blocks":"' || CAST({blocks} AS VARCHAR) || '","block_price":"' || rtrim(rtrim(CAST(unit AS VARCHAR), '0'), '.')
        || '"}}' AS steps,
    {all_or} || {said_units("total")} || ' ' || noun || ', of which ' || group_thousands(CAST({blocks} AS VARCHAR))
        || CASE WHEN {blocks} = 1 THEN ' block' ELSE ' blocks' END || ' of ' || {said_units("block_size")} || ' in tier ' || CAST(tier_no AS VARCHAR) || ' at ' || currency || ' '
        || unit_said AS phrase
FROM ({held}) AS held"""


_HELD = "t.part_id, t.total, t.noun, t.currency, s.tier_no, s.lower, s.unit, s.through, s.block_size, s.unit_said"


@dataclass(frozen=True, slots=True)
class GraduatedBlocks:
    """Each tier's blocks at the tier's own price; usage beyond the last tier's blocks is not billed."""

    name: str = "graduated_blocks"
    doc: str = "for each tier its started blocks x the price of a block (docs/rating.md, rule 9)"

    unit_price: None = None
    amount: str = f"CAST(s.through + extend(packages_of(t.total - s.lower, s.block_size), s.unit) AS {RAW})"
    earlier: str = f"CAST(p.through + extend(packages_of(t.prior - p.lower, p.block_size), p.unit) AS {RAW})"

    def steps(self, at: Sources) -> str:
        return f"""
SELECT part_id, tier_no AS step_no, tier_no, CAST(blocks AS {QUANTITY}) AS units, unit AS price, extend(blocks, unit) AS raw
FROM (
    SELECT t.part_id, s.tier_no, s.unit, packages_of(least(t.total, coalesce(s.upper, t.total)) - s.lower, s.block_size)
        - packages_of(greatest(least(t.prior, coalesce(s.upper, t.prior)) - s.lower, 0), s.block_size) AS blocks
    FROM {at.terms} AS t
    JOIN term_tiers AS s ON s.term_no = t.term_no AND (s.lower < t.total OR s.tier_no = 1)
    WHERE t.model = '{self.name}'
) AS begun"""

    def words(self, at: Sources) -> str:
        return _words(at, self.name, "packages_of(total - lower, block_size)", self._held(at), "''")

    def _held(self, at: Sources) -> str:
        return f"""
    SELECT {_HELD}
    FROM {at.terms} AS t
    JOIN term_tiers AS s ON {holds("t.total", "s")}
    WHERE t.model = '{self.name}'"""


@dataclass(frozen=True, slots=True)
class VolumeBlocks:
    """All units in blocks of the tier that holds them, at its price; beyond the last tier, in blocks of the last."""

    name: str = "volume_blocks"
    doc: str = "all units in started blocks of the tier that holds them x the price of a block (docs/rating.md, rule 9)"

    unit_price: None = None
    amount: str = "CASE WHEN t.closes THEN extend(packages_of(t.total, s.block_size), s.unit) ELSE extend(0, 0) END"
    earlier: None = None

    def steps(self, at: Sources) -> None:
        return None

    def words(self, at: Sources) -> str:
        return _words(at, self.name, "packages_of(total, block_size)", self._held(at), "'all '")

    def _held(self, at: Sources) -> str:
        return f"""
    SELECT {_HELD}
    FROM {at.terms} AS t
    JOIN term_tiers AS s ON {holds("t.total", "s")}
    WHERE t.model = '{self.name}'"""
