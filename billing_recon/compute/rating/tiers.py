"""Graduated tiers as SQL, for the models that charge each tier's units by themselves. What a tier is stands in core.tiers."""

from __future__ import annotations

from billing_recon.compute.money import QUANTITY, RAW
from billing_recon.compute.rating.model import Sources, said_units, text


def through(units: str, tier: str) -> str:
    """SQL for what all units up to `units` cost, with the fee of every tier entered, where `tier` is the row that holds them.

    One look-up: what the tiers before cost in full is in the catalog's tables. For no units it is the first tier's fee, where
    the profile bills it; a period's first part did, so a later one owes the difference.
    """
    return f"""CASE WHEN {units} > 0
        THEN CAST({tier}.through + extend({units} - {tier}.counts_from, {tier}.unit) AS {RAW})
        WHEN t.fee_at_zero THEN CAST({tier}.flat AS {RAW}) ELSE CAST(0 AS {RAW}) END"""


def holds(units: str, tier: str) -> str:
    """SQL condition: the tier holds the units; `up_to` is inclusive, and the first tier holds none."""
    return (
        f"{tier}.term_no = t.term_no AND ({tier}.lower < {units} OR {tier}.tier_no = 1) "
        f"AND ({tier}.upper IS NULL OR {units} <= {tier}.upper)"
    )


_ENTERED = """(s.lower >= t.prior AND s.lower < t.total AND (s.tier_no > 1 OR t.opens OR NOT t.fee_at_zero)
        OR s.tier_no = 1 AND t.total = 0 AND t.opens AND t.fee_at_zero)"""

_REACHED = "s.lower < t.total AND (s.upper IS NULL OR s.upper > t.prior) OR s.tier_no = 1 AND t.total = 0"


def graduated_steps(at: Sources, model: str) -> str:
    """Each tier's units of this part, and each tier's fee where this part enters the tier."""
    return f"""
SELECT part_id, CAST(tier_no + tier_no - 1 AS INTEGER) AS step_no, tier_no, units, unit AS price, extend(units, unit) AS raw
FROM ({_by_tier(at, model)}) AS reached
UNION ALL
SELECT part_id, CAST(tier_no + tier_no AS INTEGER) AS step_no, tier_no, CAST(NULL AS {QUANTITY}) AS units, flat AS price,
    CAST(flat AS {RAW}) AS raw
FROM ({_by_tier(at, model)}) AS reached WHERE entered AND flat <> 0"""


def _by_tier(at: Sources, model: str) -> str:
    return f"""
    SELECT t.part_id, s.tier_no, s.unit, s.flat, CAST(greatest(least(t.total, coalesce(s.upper, t.total))
            - CASE WHEN t.prior > s.lower THEN t.prior ELSE s.counts_from END, 0) AS {QUANTITY}) AS units,
        {_ENTERED} AS entered
    FROM {at.terms} AS t
    JOIN term_tiers AS s ON s.term_no = t.term_no AND ({_REACHED})
    WHERE t.model = '{model}'"""


def graduated_words(at: Sources, model: str) -> str:
    """The tiers one by one: `10,000 units included + 12,000 above the first 10,000 at USD 0.015`.

    A charge's tiers are one list, so that an item's words need no grouping; what is the same for every item of a tier is
    written in term_tiers.
    """
    step = (
        "s.head || say_quantity(s.units) || s.middle || CASE WHEN s.fee THEN s.flat_bare ELSE '0' END || '\",\"amount\":\"' || "
        f"{text(f'CAST(extend(s.units, s.unit) + CASE WHEN s.fee THEN CAST(s.flat AS {RAW}) ELSE CAST(0 AS {RAW}) END AS {RAW})')}"
        " || '\"}'"
    )
    phrase = (
        "CASE WHEN s.units = 0 THEN 'no ' || c.noun || ', fee of ' || c.currency || ' ' || s.flat_said ELSE "
        f"{said_units('s.units')} || coalesce(s.place, ' ' || c.noun) || CASE WHEN s.fee THEN s.with_fee ELSE s.alone END END"
    )
    units = (
        "greatest(least(t.total, coalesce(s.upper, t.total)) "
        "- CASE WHEN t.prior > s.lower THEN t.prior ELSE s.counts_from END, 0)"
    )
    return f"""
SELECT c.part_id, '{{"tiers":[' || array_to_string(list_transform(c.tiers, lambda s: {step}), ',') || ']}}' AS steps,
    CASE WHEN len(c.tiers) = 0 THEN 'no ' || c.noun
        ELSE array_to_string(list_transform(c.tiers, lambda s: {phrase}), ' + ') END AS phrase
FROM (
    SELECT t.part_id, t.noun, t.currency, list_filter(list_transform(list_filter(l.tiers, lambda s: {_REACHED}), lambda s: struct_pack(
        head := s.head, middle := s.middle, place := s.place, alone := s.alone, with_fee := s.with_fee, flat_bare := s.flat_bare, flat_said := s.flat_said,
        unit := s.unit, flat := s.flat, units := CAST({units} AS {QUANTITY}), fee := s.flat <> 0 AND {_ENTERED}
    )), lambda s: s.units > 0 OR s.fee) AS tiers
    FROM {at.terms} AS t
    JOIN (
        SELECT term_no, list(struct_pack(tier_no := tier_no, lower := lower, upper := upper, counts_from := counts_from,
            unit := unit, flat := flat, head := head, middle := middle, place := place, alone := alone, with_fee := with_fee,
            flat_bare := flat_bare, flat_said := flat_said) ORDER BY tier_no) AS tiers
        FROM term_tiers GROUP BY term_no
    ) AS l ON l.term_no = t.term_no
    WHERE t.model = '{model}'
) AS c"""
