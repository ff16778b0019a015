"""What is agreed around a charge's price: a discount, the most it may come to, the least, in the profile's order, part by part."""

from __future__ import annotations

from billing_recon.compute.money import AMOUNT, RAW
from billing_recon.compute.relation import Relation


def discount(gross: str, tier_amounts: str, rate: str, decimals: str, rounding: str) -> str:
    """SQL for what a rate takes off a gross: settled once, or once for each amount that the gross is the sum of, where it is.

    `tier_amounts` is an AMOUNT[], empty where the profile settles the line as a whole (see rating.registry.price).
    """
    return f"""CASE WHEN {tier_amounts} IS NULL THEN settle(apply_rate({gross}, {rate}), {decimals}, {rounding})
        ELSE CAST(coalesce(list_sum(list_transform({tier_amounts}, lambda one: settle(apply_rate(one, {rate}), {decimals},
            {rounding}))), 0) AS {AMOUNT}) END"""


def commit(priced: str, into: str) -> tuple[Relation, ...]:
    """Relations that adjust the relation `priced`, ending in `into`.

    `priced`: item_id, currency, decimals, gross AMOUNT, tier_amounts AMOUNT[] (empty: gross is one amount), discount_rate RATE
    (0: none), minimum and maximum AMOUNT of the whole period (empty: none), previous AMOUNT that earlier parts of the period
    came to after their own adjustments, and `closes`, whether this is the period's last part: only that one is raised to the
    minimum.

    `into`: item_id, gross, discount_raw, discount, over (what the maximum takes off), raised (what the minimum adds), net:
    gross - discount - over + raised, all AMOUNT but discount_raw, each settled when it is computed. The order of the three is
    `term_profile.step_order`: a discount after the minimum takes its rate off the raised amount too. A discount that comes first
    is settled for each of tier_amounts; what comes after another step is one amount.
    """
    adjusted = f"{into}_adjusted"
    return (
        Relation(
            name=adjusted,
            inputs=(priced, "term_profile", "run_params"),
            kept=False,
            rows_from=(priced,),
            doc="Each item after the first of the three adjustments, the second, and the third.",
            sql=f"""
WITH agreed AS (
    SELECT item.item_id, item.decimals, item.gross, item.tier_amounts, item.discount_rate, item.previous, item.closes,
        params.rounding, string_split(profile.step_order, ',') AS steps,
        settle(item.minimum, item.decimals, params.rounding) AS minimum,
        settle(item.maximum, item.decimals, params.rounding) AS maximum
    FROM {priced} AS item
    CROSS JOIN term_profile AS profile
    CROSS JOIN run_params AS params
),
unadjusted AS (
    SELECT item_id, decimals, tier_amounts, discount_rate, previous, closes, rounding, steps, minimum, maximum, gross AS net0
    FROM agreed
),
first AS ({_step(1, "unadjusted")}),
second AS ({_step(2, "first")}),
third AS ({_step(3, "second")})
SELECT item_id, steps, net0, raw1, net1, raw2, net2, raw3, net3 FROM third""",
        ),
        Relation(
            name=into,
            inputs=(adjusted,),
            rows_from=(priced,),
            doc="Each item with what its discount, its maximum and its minimum made of it.",
            sql=f"""
SELECT item_id, CAST(net0 AS {AMOUNT}) AS gross,
    CAST(CASE 'discount' WHEN steps[1] THEN raw1 WHEN steps[2] THEN raw2 ELSE raw3 END AS {RAW}) AS discount_raw,
    CAST({_taken("discount")} AS {AMOUNT}) AS discount, CAST({_taken("maximum")} AS {AMOUNT}) AS over,
    CAST(-({_taken("minimum")}) AS {AMOUNT}) AS raised, CAST(net3 AS {AMOUNT}) AS net
FROM {adjusted}""",
        ),
    )


def _step(number: int, source: str) -> str:
    """SELECT that applies the step which the profile puts at `number`."""
    before = f"net{number - 1}"
    amounts = "tier_amounts" if number == 1 else "NULL"
    kept = "".join(f", raw{n}, net{n}" for n in range(1, number))
    return f"""
    SELECT item_id, decimals, tier_amounts, discount_rate, previous, closes, rounding, steps, minimum, maximum, net0{kept},
        CASE steps[{number}] WHEN 'discount' THEN apply_rate({before}, discount_rate) END AS raw{number},
        CAST(CASE steps[{number}]
            WHEN 'discount' THEN {before} - {discount(before, amounts, "discount_rate", "decimals", "rounding")}
            WHEN 'maximum' THEN CASE WHEN maximum IS NULL OR previous + {before} <= maximum THEN {before}
                ELSE greatest(maximum - previous, 0) END
            WHEN 'minimum' THEN CASE WHEN minimum IS NULL OR NOT closes OR previous + {before} >= minimum THEN {before}
                ELSE minimum - previous END
        END AS {AMOUNT}) AS net{number}
    FROM {source}"""


def _taken(step: str) -> str:
    return f"CASE '{step}' WHEN steps[1] THEN net0 - net1 WHEN steps[2] THEN net1 - net2 ELSE net2 - net3 END"
