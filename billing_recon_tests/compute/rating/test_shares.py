"""Shares of periods and billing cycles, against a calendar walked day by day."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from random import Random

import pytest

from billing_recon.compute.rating.cycles import cycles
from billing_recon.compute.rating.proration import counted, shares, stubs
from billing_recon_tests.compute.rating.desk import answer, desk, table

CYCLE = {
    "item_id": "INTEGER",
    "begins": "DATE",
    "stops": "DATE",
    "target": "DATE",
    "cycle_day": "INTEGER",
    "months": "INTEGER",
    "days": "INTEGER",
    "in_advance": "BOOLEAN",
}
STUB = {
    "item_id": "INTEGER",
    "ahead": "BOOLEAN",
    "edge": "DATE",
    "other": "DATE",
    "months": "INTEGER",
    "days": "INTEGER",
}
TIMES = {"item_id": "INTEGER", "begins": "TIMESTAMP", "ends": "TIMESTAMP"}
SPAN = {
    **TIMES,
    "period_begins": "TIMESTAMP",
    "period_ends": "TIMESTAMP",
    "seconds_part": "BIGINT",
    "seconds_whole": "BIGINT",
}


def month_on(day: date, months: int, cycle_day: int | None = None) -> date:
    """So many months on, at the cycle day or the month's last."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(cycle_day or day.day, last))


def nine(part: int, whole: int) -> Decimal:
    return (Decimal(part) / Decimal(whole)).quantize(Decimal(1).scaleb(-9), rounding=ROUND_HALF_UP)


def number_of_cycles(
    begins: date, stops: date | None, target: date, cycle_day: int, months: int, *, in_advance: bool
) -> Decimal:
    """Rule 19 by walking from edge to edge; each stub rounded by itself."""
    if stops is not None and stops <= begins:
        return Decimal(0)
    first = month_on(begins, 0, cycle_day)
    if first < begins:
        first = month_on(first, months, cycle_day)
    edges = [month_on(first, months * n, cycle_day) for n in range(60)]
    if in_advance:
        billed_to = next(edge for edge in edges if edge > target) if target >= first else first
        if stops is not None:
            billed_to = stops if target >= stops else min(stops, billed_to)
    else:
        passed = [edge for edge in edges if edge <= target]
        if stops is not None and target == stops:
            billed_to = target
        elif not passed:
            return Decimal(0)
        else:
            billed_to = passed[-1]
            if stops is not None and (stops < first or stops <= target):
                billed_to = stops
    if stops is not None and stops <= first:
        return nine((stops - begins).days, (stops - month_on(stops, -months)).days)
    owed = nine((first - begins).days, (first - month_on(first, -months)).days) if first > begins else Decimal(0)
    whole = [edge for edge in edges if edge <= billed_to]
    owed += len(whole) - 1
    if billed_to > whole[-1]:
        owed += nine((billed_to - whole[-1]).days, (month_on(whole[-1], months) - whole[-1]).days)
    return owed


@pytest.mark.parametrize("in_advance", [True, False])
def test_cycles_are_what_walking_from_edge_to_edge_gives(in_advance: bool) -> None:
    random = Random(in_advance)
    rows = []
    for number in range(6000):
        begins = date(2023, 1, 1) + timedelta(days=random.randrange(800))
        if random.random() < 0.2:
            begins = month_on(begins, 0, 31)
        stops = begins + timedelta(days=random.randrange(0, 900)) if random.random() < 0.6 else None
        target = begins + timedelta(days=random.randrange(0, 900))
        if stops is not None and random.random() < 0.2:
            target = stops
        rows.append(
            (number, begins, stops, target, random.randrange(1, 32), random.choice((1, 3, 6, 12)), 0, in_advance)
        )
    con = desk(engine="killbill")
    table(con, "asked", CYCLE, rows)
    sql = "SELECT item_id, sum(CASE part WHEN 'whole' THEN CAST(number AS DECIMAL(38,22)) ELSE ratio END) FROM billed GROUP BY 1"
    found = dict(answer(con, cycles("asked", "billed"), sql))
    for number, begins, stops, target, cycle_day, months, _, advance in rows:
        expected = number_of_cycles(begins, stops, target, cycle_day, months, in_advance=advance)
        assert found.get(number, Decimal(0)) == expected, (begins, stops, target, cycle_day, months)


def test_cycles_of_weeks_begin_where_the_charge_begins() -> None:
    con = desk(engine="killbill")
    table(
        con,
        "asked",
        CYCLE,
        [
            (1, "2026-03-04", None, "2026-03-18", 1, 0, 7, True),
            (2, "2026-03-04", "2026-03-09", "2026-03-04", 1, 0, 7, True),
        ],
    )
    sql = "SELECT item_id, part, number, ratio FROM billed ORDER BY item_id"
    assert answer(con, cycles("asked", "billed"), sql) == [
        (1, "whole", 3, Decimal(1)),
        (2, "trailing", 1, Decimal("0.714285714")),
    ]


def test_a_stub_is_a_share_of_the_period_at_its_edge() -> None:
    con = desk(engine="killbill")
    rows = [(1, True, "2023-03-15", "2023-02-23", 1, 0), (2, False, "2012-03-02", "2012-06-02", 1, 0)]
    table(con, "asked", STUB, rows)
    found = answer(con, stubs("asked", "found"), "SELECT part, whole, ratio FROM found ORDER BY item_id")
    assert found == [(20, 28, Decimal("0.714285714")), (92, 31, Decimal("2.967741935"))]


@pytest.mark.parametrize(
    ("begins", "ends", "fixed", "days"),
    [
        ("2024-02-15", "2024-02-23", 30, 8),  # within a month of the year nothing is corrected
        ("2023-05-23", "2023-06-15", 30, 22),
        ("2023-05-23", "2023-06-15", 28, 20),
        ("2023-02-23", "2023-03-15", 30, 22),
        ("2024-02-23", "2024-03-15", 28, 20),
        ("2023-05-23", "2023-06-15", None, 23),
    ],
)
def test_months_of_fixed_days_correct_the_month_that_is_left(
    begins: str, ends: str, fixed: int | None, days: int
) -> None:
    con = desk(fixed_days=fixed)
    table(con, "asked", TIMES, [(1, begins, ends)])
    assert answer(con, counted("asked", "found"), "SELECT days FROM found") == [(days,)]


def test_shares_are_exact_to_the_22nd_decimal_and_rounded_only_where_the_profile_says() -> None:
    random = Random("shares")
    rows = []
    for number in range(3000):
        month = date(2026, random.randrange(1, 13), 1)
        end = month_on(month, 1)
        begin = month + timedelta(days=random.randrange(0, 27))
        rows.append((number, begin, end, month, end, None, None))
    for decimals in (None, 9, 16):
        con = desk(ratio_decimals=decimals)
        table(con, "asked", SPAN, rows)
        found = answer(con, shares("asked", "found"), "SELECT part, whole, ratio FROM found ORDER BY item_id")
        for (_, begin, end, month, *_), (part, whole, ratio) in zip(rows, found, strict=True):
            assert (part, whole) == ((end - begin).days, (end - month).days)
            exact = Fraction(part, whole)
            if decimals is None:
                assert abs(Fraction(ratio) - exact) <= Fraction(1, 2 * 10**22)
            else:
                scaled = exact * 10**decimals
                assert Fraction(ratio) * 10**decimals == int(scaled + Fraction(1, 2))


def test_a_part_that_ends_before_it_begins_is_none() -> None:
    con = desk(proration="by_second")
    table(con, "asked", SPAN, [(1, "2025-03-15", "2025-02-01", "2025-01-01", "2025-02-01", None, None)])
    assert answer(con, shares("asked", "found"), "SELECT part, ratio FROM found") == [(0, Decimal(0))]
