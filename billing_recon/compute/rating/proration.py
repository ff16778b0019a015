"""Which share of a period is owed: days and seconds as the profile counts them, and billing cycles aligned to a day of the month."""

from __future__ import annotations

from billing_recon.compute.money import RAW
from billing_recon.compute.relation import Relation


def shared(amount: str, part: str, whole: str, decimals: str) -> str:
    """SQL for the part of an amount, its share rounded at so many decimals where any are given.

    Exact to the 22nd decimal; above 100 million part of a day's seconds would not fit beside an amount's decimals, so there
    the share itself is kept at 20.
    """
    return f"""CASE WHEN {part} = {whole} THEN CAST({amount} AS {RAW})
            WHEN {decimals} IS NULL AND ({whole} < 10000 OR abs({amount}) < 100000000) THEN share({amount}, {part}, {whole})
            ELSE part_of({amount}, ratio_of({part}, {whole}, {decimals})) END"""


def days_between(begins: str, ends: str) -> str:
    """SQL for the calendar days from one date (counted) to another (not counted); none where they are the wrong way round."""
    return f"greatest(CAST({ends} AS DATE) - CAST({begins} AS DATE), 0)"


def fixed_days_between(begins: str, ends: str, fixed: str) -> str:
    """SQL for the same where every month has `fixed` days: leaving a month takes off what it has above that.

    Within one month of the year the days are counted as they are, and only the month that is left is corrected.
    """
    return f"""(CAST({ends} AS DATE) - CAST({begins} AS DATE) - CASE WHEN month({begins}) = month({ends}) THEN 0
        ELSE day(last_day({begins})) - {fixed} END)"""


def counted(asked: str, into: str) -> tuple[Relation, ...]:
    """Days between two times as the profile counts them, ending in `into` (item_id, days).

    `asked`: item_id, begins and ends TIMESTAMP on the clock by which days are told. With `term_profile.fixed_days` every
    month has as many; with day_count both_ends the last day is counted too.
    """
    return (
        Relation(
            name=into,
            inputs=(asked, "term_profile"),
            doc="Days between two times.",
            sql=f"""
SELECT a.item_id, CAST(CASE WHEN p.fixed_days IS NOT NULL THEN {fixed_days_between("a.begins", "a.ends", "p.fixed_days")}
    ELSE {days_between("a.begins", "a.ends")} END + CASE p.day_count WHEN 'both_ends' THEN 1 ELSE 0 END AS INTEGER) AS days
FROM {asked} AS a
CROSS JOIN term_profile AS p""",
        ),
    )


def shares(asked: str, into: str) -> tuple[Relation, ...]:
    """The share of a period that a part of it is, ending in `into` (item_id, part, whole BIGINT, ratio RAW).

    `asked`: item_id, begins, ends, period_begins, period_ends TIMESTAMP on the customer's clock, and seconds_part,
    seconds_whole BIGINT (real seconds, which differ from the clock's where it is changed; empty: as on the clock). By the
    second where run_params.proration says so, else by day. A part that ends before it begins is none.
    """
    by_day = f"""CASE WHEN p.fixed_days IS NOT NULL
            THEN {fixed_days_between("a.begins", "a.ends", "p.fixed_days")}
            ELSE {days_between("a.begins", "a.ends")} END + CASE p.day_count WHEN 'both_ends' THEN 1 ELSE 0 END"""
    whole = f"""CASE WHEN p.fixed_days IS NOT NULL THEN p.fixed_days
            ELSE {days_between("a.period_begins", "a.period_ends")}
                + CASE p.day_count WHEN 'both_ends' THEN 1 ELSE 0 END END"""
    return (
        Relation(
            name=into,
            inputs=(asked, "term_profile", "run_params"),
            doc="Part, whole and ratio of each part of a period.",
            sql=f"""
SELECT s.item_id, s.part, s.whole, ratio_of(s.part, s.whole, p.ratio_decimals) AS ratio
FROM (
    SELECT a.item_id,
        CAST(CASE r.proration WHEN 'by_second' THEN greatest(coalesce(a.seconds_part,
            datediff('second', a.begins, a.ends)), 0) ELSE {by_day} END AS BIGINT) AS part,
        CAST(CASE r.proration WHEN 'by_second' THEN coalesce(a.seconds_whole,
            datediff('second', a.period_begins, a.period_ends)) ELSE {whole} END AS BIGINT) AS whole
    FROM {asked} AS a
    CROSS JOIN term_profile AS p
    CROSS JOIN run_params AS r
) AS s
CROSS JOIN term_profile AS p""",
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
SELECT s.item_id, s.part, s.whole, CASE WHEN s.whole <= 0 THEN CAST(0 AS {RAW})
    ELSE ratio_of(s.part, s.whole, p.ratio_decimals) END AS ratio
FROM (
    SELECT m.item_id, CAST(CASE WHEN p.fixed_days IS NULL THEN m.stops - m.begins
            ELSE {fixed_days_between("m.begins", "m.stops", "p.fixed_days")} END AS BIGINT) AS part,
        CAST(coalesce(p.fixed_days, m.period_ends - m.period_begins) AS BIGINT) AS whole
    FROM (
        SELECT item_id, CASE WHEN ahead THEN other ELSE edge END AS begins, CASE WHEN ahead THEN edge ELSE other END AS stops,
            CASE WHEN ahead THEN CAST(edge - to_months(months) - to_days(days) AS DATE) ELSE edge END AS period_begins,
            CASE WHEN ahead THEN edge ELSE CAST(edge + to_months(months) + to_days(days) AS DATE) END AS period_ends
        FROM {asked}
    ) AS m
    CROSS JOIN term_profile AS p
) AS s
CROSS JOIN term_profile AS p""",
        ),
    )
