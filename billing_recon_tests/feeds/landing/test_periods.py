"""Files of a month, a week or any range: each day takes its own rows, no row is lost, and a bad file spoils its own days only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing_recon.core.feed import Feed
from billing_recon.core.landing import LandingStatus
from billing_recon_tests.feeds.desk import PAYMENT, Desk, payment

Desks = Callable[..., Desk]
MISSING, EMPTY, PRESENT, REFUSED = "missing", "empty", "present", "refused"


def paid(*days: str) -> str:
    """A file with a payment of each day."""
    return "\n".join([PAYMENT, *(payment(payment_id=f"P-{day}", processed_at=f"{day}T10:00:00Z") for day in days), ""])


def journal(*days: str) -> str:
    """A text journal with a sale of 10.00 on each day."""
    return "\n".join(f"{day} Sale\n    1201    10.00 EUR\n    4711   -10.00 EUR\n" for day in days)


def delivered(desk_of: Desks, files: Mapping[str, str], table: str = "payments", **feed: Any) -> Desk:
    column = {"payments": "processed_at", "ledger_entries": "posted_on"}[table]
    desk = desk_of(feeds={table: {"day_column": column} | feed}, roles={"12*": "ar", "4???": "revenue"})
    for name, content in files.items():
        path = desk.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return desk


def statuses(desk: Desk, *days: str, table: str = "payments") -> dict[str, str]:
    return {day: desk.land(table, day=date.fromisoformat(day)).status.value for day in days}


def test_a_row_outside_the_month_of_its_file_is_quarantined_on_the_nearest_day(desk_of: Desks) -> None:
    """A sender whose months end in another time zone puts a payment of 1 April into March's file: April's never reads it."""
    files = {"in/2026-03.csv": paid("2026-03-02", "2026-04-01", "2026-02-27"), "in/2026-04.csv": paid("2026-04-02")}
    desk = delivered(desk_of, files, path="in/{month}.csv")
    aside = {}
    for day in ("2026-03-01", "2026-03-02", "2026-03-31", "2026-04-01"):
        report = desk.land(day=date.fromisoformat(day))
        assert report.equation_holds
        aside[day] = (report.accepted, desk.quarantined("source_row, reason, field"))
    assert aside == {
        "2026-03-01": (0, [(3, "WRONG_DAY", "processed_at")]),
        "2026-03-02": (1, []),
        "2026-03-31": (0, [(2, "WRONG_DAY", "processed_at")]),
        "2026-04-01": (0, []),
    }
    desk.land(day=date(2026, 3, 31))
    assert "lies on 2026-04-01, outside the days that the name of its file promises" in desk.messages()[0]


def test_a_row_without_a_day_is_quarantined_on_the_day_of_the_row_before_it(desk_of: Desks) -> None:
    rows = paid("2026-03-02", "2026-03-05").replace("2026-03-05T10", "soon")
    desk = delivered(desk_of, {"2026-03.csv": rows}, path="{month}.csv")
    assert (desk.land(day=date(2026, 3, 2)).rows_in, desk.quarantined("source_row")) == (2, [(2,)])
    assert desk.land(day=date(2026, 3, 1)).rows_in == 0


def test_all_files_by_wildcard_give_such_a_row_its_day(desk_of: Desks) -> None:
    """The cure that the message names."""
    files = {"in/2026-03.csv": paid("2026-03-02", "2026-04-01"), "in/2026-04.csv": paid("2026-04-02")}
    desk = delivered(desk_of, files, path="in/*.csv")
    assert desk.land(day=date(2026, 4, 1)).accepted == 1


@pytest.mark.parametrize("name", ["{from}_{to}.csv", "bank/{from:%d%m%y}-{to:%d%m%y}*.csv"])
def test_a_file_may_name_the_first_and_last_day_that_it_holds(desk_of: Desks, name: str) -> None:
    def file(first: date, last: date) -> str:
        ends = {"{from}_{to}.csv": f"{first}_{last}.csv"}
        return ends.get(name, f"bank/{first:%d%m%y}-{last:%d%m%y} final.csv")

    files = {
        file(date(2026, 3, 1), date(2026, 3, 5)): paid("2026-03-03"),
        file(date(2026, 3, 6), date(2026, 3, 10)): "503 Service Unavailable\n",
        file(date(2026, 3, 14), date(2026, 3, 20)): paid("2026-03-15", "2026-03-21"),
    }
    desk = delivered(desk_of, files, path=name)
    assert statuses(
        desk, "2026-03-01", "2026-03-03", "2026-03-05", "2026-03-08", "2026-03-12", "2026-03-14", "2026-03-20"
    ) == {
        "2026-03-01": EMPTY,
        "2026-03-03": PRESENT,
        "2026-03-05": EMPTY,  # the file is complete to its last day
        "2026-03-08": REFUSED,  # the bad file refuses its own days, and no others
        "2026-03-12": MISSING,  # no file holds it
        "2026-03-14": EMPTY,
        "2026-03-20": PRESENT,  # the payment of the 21st is quarantined
    }
    assert desk.quarantined("reason") == [("WRONG_DAY",)]


def test_ranges_that_overlap_add_up_and_a_payment_in_both_counts_once(desk_of: Desks) -> None:
    files = {
        "2026-03-01_2026-03-05.csv": paid("2026-03-04", "2026-03-05"),
        "2026-03-04_2026-03-09.csv": paid("2026-03-04", "2026-03-09"),
    }
    desk = delivered(desk_of, files, path="{from}_{to}.csv")
    report = desk.land(day=date(2026, 3, 4))
    assert (report.accepted, report.duplicates, report.of_other_days) == (1, 1, 2)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("books/{day:%G-W%V}.journal", ("books/2026-W10.journal", "books/2026-W11.journal", "books/2026-W12.journal")),
        (
            "books/{from}_{to}.journal",
            (
                "books/2026-03-02_2026-03-08.journal",
                "books/2026-03-09_2026-03-15.journal",
                "books/2026-03-16_2026-03-22.journal",
            ),
        ),
    ],
)
def test_a_ledger_comes_a_file_a_week_or_a_range_and_a_bad_file_refuses_its_own_days(
    desk_of: Desks, path: str, names: tuple[str, ...]
) -> None:
    contents = (journal("2026-03-02", "2026-03-04"), "what is this\n", journal("2026-03-18"))
    desk = delivered(desk_of, dict(zip(names, contents, strict=True)), "ledger_entries", format="hledger", path=path)
    days = ("2026-03-02", "2026-03-03", "2026-03-04", "2026-03-06", "2026-03-10", "2026-03-16", "2026-03-18")
    assert statuses(desk, *days, table="ledger_entries") == dict(
        zip(days, (PRESENT, EMPTY, PRESENT, EMPTY, REFUSED, EMPTY, PRESENT), strict=True)
    )
    assert desk.rows("role, debit - credit") == [("ar", Decimal(10)), ("revenue", Decimal(-10))]


def test_two_ledgers_of_a_range_quarantine_a_posting_outside_each_ones_own_days(desk_of: Desks) -> None:
    """The rows of several ledger files are read together, but each file promises its own days."""
    files = {
        "2026-03-01_2026-03-05.journal": journal("2026-03-04"),
        "2026-03-04_2026-03-09.journal": journal("2026-03-04", "2026-03-02"),
    }
    desk = delivered(desk_of, files, "ledger_entries", format="hledger", path="{from}_{to}.journal")
    report = desk.land("ledger_entries", day=date(2026, 3, 4))
    assert report.equation_holds
    assert set(desk.quarantined("source_file, reason")) == {("2026-03-04_2026-03-09.journal", "WRONG_DAY")}
    assert desk.rows("DISTINCT posted_on") == [(date(2026, 3, 4),)]


def test_a_ledger_that_covers_its_month_has_no_missing_days(desk_of: Desks) -> None:
    for covers, status in ((None, MISSING), ("period", EMPTY)):
        feed = {"format": "hledger", "path": "{month}.journal", "covers": covers}
        desk = delivered(desk_of, {"2026-03.journal": journal("2026-03-04")}, "ledger_entries", **feed)
        assert statuses(desk, "2026-03-01", "2026-03-31", table="ledger_entries") == {
            "2026-03-01": status,
            "2026-03-31": status,
        }


def test_of_files_that_replace_one_another_the_highest_number_counts(desk_of: Desks) -> None:
    """x_10 comes after x_9, whatever their order as texts."""
    for path in ("{day}_*.csv", "{month}_*.csv"):
        names = [f"{path.partition('_')[0].format(day='2026-03-02', month='2026-03')}_{n}.csv" for n in (2, 9, 10)]
        feed: dict[str, Any] = {"path": path, "take": "last"}
        feed |= {"day_column": None} if path.startswith("{day}") else {}
        files = {name: paid("2026-03-02").replace("10.50", f"{n}.00") for n, name in enumerate(names, 1)}
        desk = delivered(desk_of, files, **feed)
        report = desk.land(day=date(2026, 3, 2))
        assert desk.rows("amount") == [(Decimal(3),)]
        assert f"replaced by {names[2]}: {names[0]}, {names[1]}" in report.message


def test_a_file_that_is_replaced_under_its_own_name_lands_by_a_run_of_its_day(desk_of: Desks) -> None:
    desk = delivered(desk_of, {"in/2026-03.csv": paid("2026-03-02", "2026-03-03")}, path="in/{month}.csv")
    assert desk.land(day=date(2026, 3, 2)).accepted == 1
    (desk.home / "in/2026-03.csv").write_text(paid("2026-03-03"))
    assert desk.land(day=date(2026, 3, 2)).status is LandingStatus.MISSING


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("{from}.csv", "{from} and {to} together name the first and last day"),
        ("{day}/{from}_{to}.csv", "without {day} or {month}"),
        ("{day:%Y-W%V}.csv", "%V is the week of the year %G"),
    ],
)
def test_a_path_whose_days_are_ambiguous_is_refused(path: str, says: str) -> None:
    with pytest.raises(ValueError, match="path") as refused:
        Feed.model_validate({"path": path, "day_column": "processed_at"})
    assert says in str(refused.value)


@pytest.mark.parametrize("path", ["in/{month}*.csv", "in/**.csv"])
def test_two_wildcards_in_a_row_are_one(desk_of: Desks, path: str) -> None:
    desk = delivered(desk_of, {"in/2026-03 final.csv": paid("2026-03-01", "2026-03-03")}, path=path)
    assert statuses(desk, "2026-03-02", "2026-03-03") == {"2026-03-02": EMPTY, "2026-03-03": PRESENT}
