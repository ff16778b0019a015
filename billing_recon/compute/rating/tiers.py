"""Graduated tiers as SQL, for the models that charge each tier's units by themselves. What a tier is stands in core.tiers."""

from __future__ import annotations

from billing_recon.compute.money import QUANTITY, RAW


def through(units: str, tier: str) -> str:
    """SQL for what all units up to `units` cost, with the fee of every tier entered, where `tier` is the row that holds them.

    One look-up: what the tiers before cost in full is in the catalog's tables. For no units it is the first tier's fee, if
    the profile bills it; a period's first part did, so a later one owes the difference.
    """
    return f"""CASE WHEN {units} > 0
        THEN CAST({tier}.through + extend({units} - {tier}.counts_from, {tier}.unit) AS {RAW})
        WHEN item.fee_at_zero THEN CAST({tier}.flat AS {RAW}) ELSE CAST(0 AS {RAW}) END"""


def holds(units: str, tier: str) -> str:
    """SQL condition: the tier holds the units; `up_to` is inclusive, and the first tier holds none."""
    return (
        f"{tier}.term_no = item.term_no AND ({tier}.lower < {units} OR {tier}.tier_no = 1) "
        f"AND ({tier}.upper IS NULL OR {units} <= {tier}.upper)"
    )


def _reached(tier: str) -> str:
    """SQL condition: some of this part's units lie in the tier, or there are none and it is the first."""
    return (
        f"{tier}.lower < item.total AND ({tier}.upper IS NULL OR {tier}.upper > item.prior) "
        f"OR {tier}.tier_no = 1 AND item.total = 0"
    )


def _entered(tier: str) -> str:
    """SQL condition: this part enters the tier, and so owes its fee."""
    return (
        f"({tier}.lower >= item.prior AND {tier}.lower < item.total AND ({tier}.tier_no > 1 OR item.opens OR NOT item.fee_at_zero) "
        f"OR {tier}.tier_no = 1 AND item.total = 0 AND item.opens AND item.fee_at_zero)"
    )


def _units(tier: str) -> str:
    """SQL for this part's units in the tier."""
    return (
        f"CAST(greatest(least(item.total, coalesce({tier}.upper, item.total)) "
        f"- CASE WHEN item.prior > {tier}.lower THEN item.prior ELSE {tier}.counts_from END, 0) AS {QUANTITY})"
    )


LADDERS = """
    LEFT JOIN (
        SELECT term_no, list(struct_pack(tier_no := tier_no, lower := lower, upper := upper, counts_from := counts_from,
            unit := unit, flat := flat, head := head, middle := middle, flat_bare := flat_bare) ORDER BY tier_no) AS tiers
        FROM term_tiers GROUP BY term_no
    ) AS ladder ON ladder.term_no = item.term_no AND item.model IN ({models})"""
"""A charge's tiers as one list, so that the tiers of an item's working need no grouping."""

_FEE = f"CASE WHEN step.fee THEN CAST(step.flat AS {RAW}) ELSE CAST(0 AS {RAW}) END"
_STEP = f"""step.head || say_quantity(step.units) || step.middle || CASE WHEN step.fee THEN step.flat_bare ELSE '0' END
        || '","amount":"' || plain(CAST(extend(step.units, step.unit) + {_FEE} AS {RAW})) || '"}}'"""
_STEPS = f"""list_filter(list_transform(list_filter(ladder.tiers, lambda rung: {_reached("rung")}),
        lambda rung: struct_pack(head := rung.head, middle := rung.middle, flat_bare := rung.flat_bare, unit := rung.unit,
            flat := rung.flat, units := {_units("rung")}, fee := rung.flat <> 0 AND {_entered("rung")})),
        lambda step: step.units > 0 OR step.fee)"""

GRADUATED_WORKING = (
    f"""'{{"tiers":[' || array_to_string(list_transform({_STEPS}, lambda step: {_STEP}), ',') || ']}}'"""
)
"""The tiers that the units reach, each with its own units, price, fee (where this part enters it) and amount."""


def graduated_steps(terms: str, model: str) -> str:
    """Each tier's units of this part, and each tier's fee where this part enters the tier."""
    reached = f"""
    SELECT item.part_id, tier.tier_no, tier.unit, tier.flat, {_units("tier")} AS units, {_entered("tier")} AS entered
    FROM {terms} AS item
    JOIN term_tiers AS tier ON tier.term_no = item.term_no AND ({_reached("tier")})
    WHERE item.model = '{model}'"""
    return f"""
SELECT part_id, CAST(tier_no + tier_no - 1 AS INTEGER) AS step_no, tier_no, units, unit AS price, extend(units, unit) AS raw
FROM ({reached}) AS reached
UNION ALL
SELECT part_id, CAST(tier_no + tier_no AS INTEGER) AS step_no, tier_no, CAST(NULL AS {QUANTITY}) AS units, flat AS price,
    CAST(flat AS {RAW}) AS raw
FROM ({reached}) AS reached WHERE entered AND flat <> 0"""
