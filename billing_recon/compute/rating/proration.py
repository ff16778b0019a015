"""Which share of a period is owed: days and seconds as the profile counts them, and stubs of billing cycles."""

from __future__ import annotations

from billing_recon.compute.money import RAW
from billing_recon.compute.relation import Relation

_BOTH_ENDS = "CASE day_count WHEN 'both_ends' THEN 1 ELSE 0 END"


def _days(begins: str, ends: str) -> str:
    """SQL for the days between two dates, counted as the profile says, before both ends are counted."""
    return (
        f"CASE WHEN fixed_days IS NOT NULL THEN fixed_days_between({begins}, {ends}, fixed_days) "
        f"ELSE days_between({begins}, {ends}) END"
    )


def counted(asked: str, into: str) -> tuple[Relation, ...]:
    """Days between two times as the profile counts them, ending in `into` (item_id, days).

    `asked`: item_id, begins and ends TIMESTAMP on the clock that decides which day it is. With `term_profile.fixed_days` every
    month has as many; with day_count both_ends the last day is counted too.
    """
    return (
        Relation(
            name=into,
            inputs=(asked, "term_profile"),
            doc="Days between two times.",
            sql=f"""
SELECT item_id, CAST({_days("begins", "ends")} + {_BOTH_ENDS} AS INTEGER) AS days
FROM {asked} AS asked
CROSS JOIN term_profile AS profile""",
        ),
    )


def shares(asked: str, into: str) -> tuple[Relation, ...]:
    """The share of a period that a part of it is, ending in `into` (item_id, part, whole BIGINT, ratio RAW).

    `asked`: item_id, begins, ends, period_begins, period_ends TIMESTAMP on the customer's clock, and seconds_part,
    seconds_whole BIGINT (real seconds, which differ from the clock's where it is changed; empty: as on the clock). By the
    second where run_params.proration says so, else by day. The share is 0 for a part that ends before it begins.
    """
    return (
        Relation(
            name=into,
            inputs=(asked, "term_profile", "run_params"),
            doc="Part, whole and ratio of each part of a period.",
            sql=f"""
SELECT item_id, part, whole, ratio_of(part, whole, ratio_decimals) AS ratio
FROM (
    SELECT asked.item_id, profile.ratio_decimals,
        CAST(CASE params.proration WHEN 'by_second'
            THEN greatest(coalesce(asked.seconds_part, datediff('second', asked.begins, asked.ends)), 0)
            ELSE {_days("asked.begins", "asked.ends")} + {_BOTH_ENDS} END AS BIGINT) AS part,
        CAST(CASE params.proration WHEN 'by_second'
            THEN coalesce(asked.seconds_whole, datediff('second', asked.period_begins, asked.period_ends))
            ELSE coalesce(fixed_days, days_between(asked.period_begins, asked.period_ends) + {_BOTH_ENDS}) END AS BIGINT) AS whole
    FROM {asked} AS asked
    CROSS JOIN term_profile AS profile
    CROSS JOIN run_params AS params
) AS spans""",
        ),
    )


def stubs(asked: str, into: str) -> tuple[Relation, ...]:
    """The share of a period by which a billing cycle begins late or ends early, ending in `into` (item_id, part, whole, ratio).

    `asked`: item_id, ahead (whether it is the stub before a cycle's edge; else the one after it), edge DATE, other DATE
    (where the stub begins, or ends), months and days INTEGER (the length of a period). The period is counted from the edge,
    backward for a leading stub, and is not aligned again.
    """
    return (
        Relation(
            name=into,
            inputs=(asked, "term_profile"),
            doc="Part, whole and ratio of each stub.",
            sql=f"""
WITH edged AS (
    SELECT item_id, CASE WHEN ahead THEN other ELSE edge END AS begins, CASE WHEN ahead THEN edge ELSE other END AS stops,
        CASE WHEN ahead THEN CAST(edge - to_months(months) - to_days(days) AS DATE) ELSE edge END AS period_begins,
        CASE WHEN ahead THEN edge ELSE CAST(edge + to_months(months) + to_days(days) AS DATE) END AS period_ends
    FROM {asked}
),
measured AS (
    SELECT item_id, ratio_decimals, CAST(CASE WHEN fixed_days IS NULL THEN stops - begins
            ELSE fixed_days_between(begins, stops, fixed_days) END AS BIGINT) AS part,
        CAST(coalesce(fixed_days, edged.period_ends - edged.period_begins) AS BIGINT) AS whole
    FROM edged
    CROSS JOIN term_profile AS profile
)
SELECT item_id, part, whole,
    CASE WHEN whole <= 0 THEN CAST(0 AS {RAW}) ELSE ratio_of(part, whole, ratio_decimals) END AS ratio
FROM measured""",
        ),
    )
