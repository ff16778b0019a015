"""A file of many days: each day lands its own rows, and every row of the file is one day's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_recon.compute.engine import session
from billing_recon.core.landing import LandingStatus
from billing_recon_tests.feeds.desk import PAYMENT, Desk, payment

Desks = Callable[..., Desk]
FIRST = date(2026, 3, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(5)]


def paid(number: int, at: str, **changed: str) -> str:
    return payment(payment_id=f"P-{number}", processed_at=at, **changed)


def whole(desk_of: Desks, *rows: str, timezone: str = "UTC", **feed: Any) -> Desk:
    feed = {"path": "all.csv", "day_column": "processed_at"} | feed
    desk = desk_of(timezone=timezone, feeds={"payments": feed})
    (desk.home / "all.csv").write_text("\n".join([PAYMENT, *rows, ""]))
    return desk


def test_each_day_has_the_rows_of_its_day_in_the_companys_time_zone(desk_of: Desks) -> None:
    rows = (
        paid(1, "2026-03-02T00:00:00Z"),
        paid(2, "2026-03-02T04:59:59Z"),
        paid(3, "2026-03-01T05:00:00Z"),
        paid(4, "2026-03-03T04:59:59Z"),
    )
    desk = whole(desk_of, *rows, timezone="America/New_York")
    found = {}
    for day in DAYS:
        desk.land(day=day)
        found[day.day] = [row[0] for row in desk.rows("payment_id")]
    assert found == {1: ["P-1", "P-2", "P-3"], 2: ["P-4"], 3: [], 4: [], 5: []}


def test_a_day_that_the_file_does_not_reach_has_not_come(desk_of: Desks) -> None:
    desk = whole(desk_of, paid(1, "2026-03-02T00:00:00Z"), paid(2, "2026-03-04T00:00:00Z"))
    statuses = {day.day: desk.land(day=day).status for day in DAYS}
    assert statuses == {
        1: LandingStatus.MISSING,
        2: LandingStatus.PRESENT,
        3: LandingStatus.EMPTY,
        4: LandingStatus.PRESENT,
        5: LandingStatus.MISSING,
    }
    assert desk.land(day=DAYS[4]).message == "no rows of 2026-03-05: all.csv holds 2026-03-02 to 2026-03-04"


def test_a_row_without_a_day_is_set_aside_on_the_day_of_the_row_before_it(desk_of: Desks) -> None:
    rows = (
        paid(1, "soon"),
        paid(2, "2026-03-02T00:00:00Z"),
        paid(3, ""),
        "ragged,row",
        paid(4, "2026-03-03T00:00:00Z"),
        paid(5, "2026-02-30T00:00:00Z"),
        "ragged,too",
    )
    desk = whole(desk_of, *rows)
    aside = {}
    for day in DAYS[1:3]:
        desk.land(day=day)
        aside[day.day] = desk.quarantined()
    assert aside == {
        2: [(1, "UNPARSABLE", "processed_at"), (3, "MISSING_VALUE", "processed_at"), (4, "BROKEN_ROW", None)],
        3: [(6, "UNPARSABLE", "processed_at"), (7, "BROKEN_ROW", None)],
    }


def test_a_file_without_any_day_is_refused(desk_of: Desks) -> None:
    report = whole(desk_of, paid(1, "soon"), paid(2, "")).land(day=FIRST)
    assert report.status is LandingStatus.REFUSED
    assert "no row has a readable day in 'processed_at'" in report.message


@pytest.mark.parametrize("written", [{"dates": ["%d.%m.%Y"]}, {"dates": ["%d.%m.%Y %H:%M"], "timezone": "Asia/Tokyo"}])
def test_the_day_may_be_in_a_column_of_theirs(desk_of: Desks, written: dict[str, Any]) -> None:
    feed = {"path": "lines.csv", "day_column": "Rechnungsdatum", **written}
    desk = desk_of(feeds={"rendered_lines": feed})
    texts = (
        ["02.03.2026", "03.03.2026", "nie"] if len(written) == 1 else ["03.03.2026 08:59", "03.03.2026 09:00", "nie"]
    )
    header = "document_id,line_no,description,quantity,unit_price,amount,Rechnungsdatum"
    rows = [f"D-{n},1,x,1,1,1,{text}" for n, text in enumerate(texts, 1)]
    (desk.home / "lines.csv").write_text("\n".join([header, *rows, ""]))
    found = {}
    for day in DAYS[1:3]:
        desk.land("rendered_lines", day=day)
        found[day.day] = [row[0] for row in desk.rows("document_id")], desk.quarantined()
    assert found == {2: (["D-1"], []), 3: (["D-2"], [(3, "WRONG_DAY", None)])}


def test_a_column_that_is_none_is_named(desk_of: Desks) -> None:
    message = whole(desk_of, paid(1, "2026-03-02T00:00:00Z"), day_column="Datum").land(day=FIRST).message
    assert "feeds.payments.day_column 'Datum' is neither a date column of ours nor a column of the file" in message


def test_several_files_may_share_the_days_between_them(desk_of: Desks) -> None:
    desk = whole(desk_of, paid(1, "2026-03-01T00:00:00Z"), paid(2, "2026-03-02T00:00:00Z"), path="*.csv")
    (desk.home / "more.csv").write_text(
        "\n".join([PAYMENT, paid(3, "2026-03-02T00:00:00Z"), paid(4, "2026-03-04T00:00:00Z"), ""])
    )
    statuses = [(day.day, desk.land(day=day).status.value, len(desk.rows("payment_id"))) for day in DAYS]
    assert statuses == [(1, "present", 1), (2, "present", 2), (3, "empty", 0), (4, "present", 1), (5, "missing", 0)]


def test_rows_before_the_first_day_are_told_of_on_it(desk_of: Desks) -> None:
    desk = desk_of(first_day="2026-03-02", feeds={"payments": {"path": "all.csv", "day_column": "processed_at"}})
    rows = (paid(1, "2026-03-01T00:00:00Z"), paid(2, "2026-02-01T00:00:00Z"), paid(3, "2026-03-03T00:00:00Z"))
    (desk.home / "all.csv").write_text("\n".join([PAYMENT, *rows, ""]))
    assert (
        "2 rows of all.csv are before the first day 2026-03-02 and land in no partition"
        in desk.land(day=date(2026, 3, 2)).message
    )
    assert desk.land(day=date(2026, 3, 3)).message == ""


HOME = Path(tempfile.mkdtemp(prefix="billing-recon-days-"))
MANY = Desk(HOME, session(), feeds={"payments": {"path": "all.csv", "day_column": "processed_at"}})
MOMENTS = st.one_of(
    st.sampled_from(["", "x", "2026-03-09", "broken line"]),
    st.builds(lambda day, hour: f"2026-03-0{day}T{hour:02}:00:00Z", st.integers(1, 5), st.integers(0, 23)),
)


@pytest.mark.long
@given(moments=st.lists(MOMENTS, min_size=1, max_size=12))
@settings(max_examples=20, deadline=None)
def test_every_row_of_the_file_is_one_days(moments: list[str]) -> None:
    rows = ["broken,line" if at == "broken line" else paid(n, at) for n, at in enumerate(moments, 1)]
    (HOME / "all.csv").write_text("\n".join([PAYMENT, *rows, ""]))
    if not any(at.startswith("2026-03-0") and "T" in at for at in moments):
        return
    numbers: list[int] = []
    for day in DAYS:
        report = MANY.land(day=day)
        assert report.equation_holds
        numbers += [row[0] for row in MANY.rows("source_row") + MANY.quarantined("source_row")]
    assert sorted(numbers) == list(range(1, len(rows) + 1))
