"""A local time is in the feed's time zone however its column is made; what the clocks leave open is declared and counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from billing_recon.core.landing import LandingStatus
from billing_recon_tests.feeds.desk import DAY, Desk
from billing_recon_tests.feeds.sheets import Number, workbook

Desks = Callable[..., Desk]
REST: dict[str, Any] = {
    "payment_id": "id",
    "kind": {"value": "payment"},
    "customer_id": {"value": "C-1"},
    "amount": {"value": "10"},
    "currency": {"value": "EUR"},
    "status": {"value": "succeeded"},
}
UTC = "strftime(processed_at AT TIME ZONE 'UTC', '%m-%d %H:%M:%S.%f')"


def landed(desk_of: Desks, at: Any, *rows: str, day: date = DAY, header: str = "id,Datum,Uhrzeit", **feed: Any) -> Desk:
    declared = {"columns": REST | {"processed_at": at}, "unknown_columns": "ignore", "timezone": "Europe/Berlin"} | feed
    desk = desk_of(feeds={"payments": declared}, timezone="Europe/Berlin")
    desk.put("\n".join([header, *rows, ""]), name=f"{day}.csv")
    return desk


@pytest.mark.parametrize(
    "sql",
    [
        "strptime(Datum || ' ' || Uhrzeit, '%d.%m.%Y %H:%M:%S')",
        "Datum || ' ' || Uhrzeit",
        "right(Datum, 4) || '-' || substr(Datum, 4, 2) || '-' || left(Datum, 2) || ' ' || Uhrzeit",
    ],
)
def test_a_date_and_a_time_in_two_columns_are_a_local_time(desk_of: Desks, sql: str) -> None:
    day = date(2026, 9, 7)
    desk = landed(desk_of, {"sql": sql}, "1,07.09.2026,23:30:00", day=day, dates=["%d.%m.%Y %H:%M:%S"])
    assert desk.land(day=day).accepted == 1, desk.messages()
    assert desk.rows(UTC) == [("09-07 21:30:00.000000",)], "half past eleven in Berlin, the same day there"


def test_a_constant_time_is_local_too(desk_of: Desks) -> None:
    desk = landed(desk_of, {"value": f"{DAY} 00:30:00"}, "1,,")
    assert desk.land().accepted == 1, desk.messages()
    assert desk.rows(UTC) == [("03-01 23:30:00.000000",)]


CHANGES = ("1,2026-03-29 01:59:59,", "2,2026-03-29 02:30:00,", "3,2026-03-29 03:00:00,")
BACK = ("1,2026-10-25 01:59:59,", "2,2026-10-25 02:30:00,", "3,2026-10-25 03:00:00,")


@pytest.mark.parametrize(("day", "rows"), [(date(2026, 3, 29), CHANGES), (date(2026, 10, 25), BACK)])
@pytest.mark.parametrize("at", ["Datum", {"sql": "CAST(Datum AS TIMESTAMP)"}, {"sql": "Datum"}])
def test_a_time_that_the_clocks_skip_or_repeat_is_set_aside(
    desk_of: Desks, day: date, rows: tuple[str, ...], at: Any
) -> None:
    desk = landed(desk_of, at, *rows, day=day)
    report = desk.land(day=day)
    assert (report.accepted, report.quarantined) == (2, 1), desk.messages()
    assert "does not exist or exists twice, because the clocks of Europe/Berlin changed" in desk.messages()[0]
    assert "clock_change: before" in desk.messages()[0]


@pytest.mark.parametrize(
    ("policy", "day", "rows", "utc"),
    [
        ("before", date(2026, 3, 29), CHANGES, ["00:59:59", "01:30:00", "01:00:00"]),
        ("after", date(2026, 3, 29), CHANGES, ["00:59:59", "00:30:00", "01:00:00"]),
        ("before", date(2026, 10, 25), BACK, ["23:59:59", "00:30:00", "02:00:00"]),
        ("after", date(2026, 10, 25), BACK, ["23:59:59", "01:30:00", "02:00:00"]),
    ],
)
def test_the_declared_policy_decides_and_is_counted(
    desk_of: Desks, policy: str, day: date, rows: tuple[str, ...], utc: list[str]
) -> None:
    desk = landed(desk_of, "Datum", *rows, day=day, clock_change=policy)
    report = desk.land(day=day)
    assert report.accepted == 3, desk.messages()
    assert desk.rows("payment_id, strftime(processed_at AT TIME ZONE 'UTC', '%H:%M:%S')") == list(
        zip("123", utc, strict=True)
    )
    assert "1 local time does not exist or exists twice" in report.message


@pytest.mark.parametrize("zone", ["Australia/Lord_Howe", "America/New_York", "Europe/Dublin"])
def test_every_hour_of_a_year_is_the_instant_that_the_zone_database_gives(desk_of: Desks, zone: str) -> None:
    """Against Python's own zone database, both sides of each change."""
    from datetime import UTC as utc
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    from billing_recon.feeds.parse import notation, types

    con = desk_of().con
    for macro in (*types.MACROS, *notation.MACROS):
        con.execute(macro)
    first = datetime(2026, 1, 1)  # noqa: DTZ001
    moments = [first + timedelta(minutes=30 * n) for n in range(2 * 24 * 365)]

    def instants(moment: datetime) -> tuple[datetime, datetime]:
        found = [moment.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(utc) for fold in (0, 1)]
        return found[0], found[1]

    expected = [instants(moment) for moment in moments]
    con.execute("CREATE TEMP TABLE moments AS SELECT unnest(?) AS m", [moments])
    for policy, side in (("before", 0), ("after", 1), ("", None)):
        rows = con.execute(f"SELECT local_instant(m, '{zone}', '{policy}') FROM moments ORDER BY m").fetchall()
        for (found,), both in zip(rows, expected, strict=True):
            right = both[side] if side is not None else both[0] if both[0] == both[1] else None
            assert (None if found is None else found.astimezone(utc)) == right


def test_nanoseconds_are_set_aside_unless_cutting_them_is_declared(desk_of: Desks) -> None:
    fine = f"{DAY}T10:00:00.123456789Z"
    desk = landed(desk_of, "Datum", f"1,{fine},", f"2,{DAY}T10:00:00.123456000Z,")
    assert desk.land().accepted == 1
    assert desk.rows(UTC) == [("03-02 10:00:00.123456",)]
    assert desk.quarantined() == [(1, "TOO_MANY_DECIMALS", "processed_at")]
    assert "nanoseconds: cut" in desk.messages()[0]
    for cut in ({"nanoseconds": "cut"}, {"nanoseconds": "cut", "timezone": None}):
        desk = landed(desk_of, "Datum", f"1,{fine},", **cut)
        assert desk.land().accepted == 1, desk.messages()
        assert desk.rows(UTC) == [("03-02 10:00:00.123456",)]


def test_nanoseconds_of_a_typed_column_are_not_cut_either(desk_of: Desks) -> None:
    desk = landed(desk_of, "at", timezone=None)
    (desk.home / "landing" / "payments" / f"{DAY}.csv").unlink()
    path = desk.home / "landing" / "payments" / f"{DAY}.parquet"
    desk.con.execute(
        f"COPY (SELECT '1' AS id, TIMESTAMP_NS '{DAY} 10:00:00.123456789' AS at) TO '{path}' (FORMAT parquet)"
    )
    assert desk.land().status is LandingStatus.PRESENT
    assert desk.quarantined("reason, field") == [("TOO_MANY_DECIMALS", "processed_at")]


@pytest.mark.parametrize(
    ("feed", "stored"),
    [
        ({}, "2026-03-02 05:00:00"),
        ({"timezone": "UTC"}, "2026-03-02 00:00:00"),
        ({"day_zone": "Europe/Berlin"}, "2026-03-01 23:00:00"),
    ],
)
def test_a_day_without_a_time_is_a_day_where_the_company_is(desk_of: Desks, feed: dict[str, str], stored: str) -> None:
    """Midnight in UTC was the evening before in New York: a bank's 03/02/2026 was a payment of 1 March."""
    declared = {"columns": REST | {"processed_at": "Datum"}, "unknown_columns": "ignore", "dates": ["%m/%d/%Y"]} | feed
    desk = desk_of(feeds={"payments": declared}, timezone="America/New_York")
    desk.put("id,Datum\nP-1,03/02/2026\n")
    assert desk.land().accepted == 1
    assert desk.rows("CAST(processed_at AT TIME ZONE 'UTC' AS VARCHAR)") == [(stored,)]


def test_days_of_a_file_with_many_days_and_of_a_workbook_are_the_companys(desk_of: Desks) -> None:
    sheet = workbook(("S", [["id", "Datum"], ["P-1", Number("46083", 1)]]))
    desk = desk_of(
        feeds={"payments": {"columns": REST | {"processed_at": "Datum"}, "unknown_columns": "ignore"}},
        timezone="America/New_York",
    )
    desk.put(sheet, name=f"{DAY}.xlsx")
    assert desk.land().accepted == 1, desk.messages()
    assert desk.rows("CAST(processed_at AT TIME ZONE 'America/New_York' AS DATE)") == [(DAY,)]
    many = {"columns": REST | {"processed_at": "Datum"}, "unknown_columns": "ignore", "dates": ["%m/%d/%Y"]}
    desk = desk_of(
        feeds={"payments": {**many, "path": "bank.csv", "day_column": "processed_at"}}, timezone="America/New_York"
    )
    (desk.home / "bank.csv").write_text("id,Datum\nP-1,03/01/2026\nP-2,03/02/2026\nP-3,03/03/2026\n", encoding="utf-8")
    assert desk.land().accepted == 1
    assert desk.rows("payment_id") == [("P-2",)]
