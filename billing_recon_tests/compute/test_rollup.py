"""Usage rolled up by day of arrival: corrections, duplicates, late events, time zones."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from billing_recon.core.schema import USAGE_ROLLUP
from billing_recon_tests.compute.small_company import FIGURES, Events, SmallCompany, at, catalog, day, event

MARCH_1, MARCH_2, MARCH_3 = day("2026-03-01"), day("2026-03-02"), day("2026-03-03")
NOON = at("2026-03-01T12:00")


def subscription(zone: str, landed: str = "2026-03-01", subscription_id: str = "S1") -> dict[str, Any]:
    company = SmallCompany(
        catalog("{charge_id: c, kind: usage, model: per_unit, meter: events, unit_price: 1}"), MARCH_1
    )
    company.subscribes(subscription_id=subscription_id, timezone=zone, landed=day(landed), since="2026-01-01")
    return company.subscriptions[0]


def totals(found: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (str(row["usage_day"]), *(int(row[name]) for name in ("quantity", "events", "superseded_quantity")))
        for row in found
    ]


def test_events_add_up_per_usage_day_subscription_and_meter() -> None:
    events = Events([event("a", "2", NOON), event("b", "3", NOON), event("c", "5", NOON, meter="calls")])
    assert [(r["meter"], r["quantity"], r["events"]) for r in events.roll_up(MARCH_1)] == [
        ("calls", Decimal(5), 1),
        ("events", Decimal(5), 2),
    ]


def test_the_columns_are_those_of_the_rollup_with_their_types() -> None:
    (row,) = Events([event("a", "2", NOON)]).roll_up(MARCH_1)
    assert tuple(row) == USAGE_ROLLUP.names
    assert type(row["quantity"]) is Decimal


def test_a_correction_on_a_later_day_takes_the_original_out_and_puts_its_own_quantity_in() -> None:
    events = Events([event("a", "100", NOON), event("b", "40", NOON, arrived=MARCH_2, corrects="a")])
    assert totals(events.roll_up(MARCH_1)) == [("2026-03-01", 100, 1, 0)]
    assert totals(events.roll_up(MARCH_2)) == [("2026-03-01", -60, 0, 100)]


def test_a_correction_that_comes_with_its_original_leaves_only_itself() -> None:
    events = Events([event("a", "100", NOON), event("b", "40", NOON, corrects="a")])
    assert totals(events.roll_up(MARCH_1)) == [("2026-03-01", 40, 1, 100)]


def test_an_original_that_comes_after_its_correction_adds_nothing() -> None:
    events = Events([event("b", "40", NOON, corrects="a"), event("a", "100", NOON, arrived=MARCH_2)])
    assert totals(events.roll_up(MARCH_1)) == [("2026-03-01", 40, 1, 0)]
    assert totals(events.roll_up(MARCH_2)) == [("2026-03-01", 0, 0, 100)]


def test_the_last_correction_by_receipt_wins_and_then_the_greatest_id() -> None:
    late, later = NOON + timedelta(hours=2), NOON + timedelta(hours=3)
    first = event("b", "40", NOON, corrects="a", received_at=later)
    second = event("c", "50", NOON, corrects="a", received_at=late, arrived=MARCH_2)
    assert totals(Events([event("a", "100", NOON), first, second]).roll_up(MARCH_2)) == [("2026-03-01", 0, 0, 50)]
    tied = event("c", "50", NOON, corrects="a", received_at=later, arrived=MARCH_2)
    assert totals(Events([event("a", "100", NOON), first, tied]).roll_up(MARCH_2)) == [("2026-03-01", 10, 0, 40)]


def test_a_chain_of_corrections_resolves_to_its_last_link() -> None:
    events = Events(
        [
            event("a", "100", NOON),
            event("b", "40", NOON, arrived=MARCH_2, corrects="a", received_at=NOON + timedelta(hours=5)),
            event("c", "70", NOON, arrived=MARCH_3, corrects="b", received_at=NOON + timedelta(hours=9)),
        ]
    )
    assert totals(events.roll_up(MARCH_3)) == [("2026-03-01", 30, 0, 40)]
    assert events.state() == {(MARCH_1, "S1", "events"): (70, 1, 70, 1, 140, 2)}


def test_what_corrections_make_is_told_apart_from_what_came_beside_them() -> None:
    chain = [
        event("a", "100", NOON),
        event("b", "40", NOON, corrects="a", received_at=NOON + timedelta(hours=5)),
        event("c", "70", NOON, arrived=MARCH_2, corrects="b", received_at=NOON + timedelta(hours=9)),
        event("d", "9", NOON),
    ]
    assert [row["corrected_quantity"] for row in Events(chain).roll_up(MARCH_1)] == [Decimal(-60)]
    assert [row["corrected_quantity"] for row in Events(chain).roll_up(MARCH_2)] == [Decimal(30)]


def test_a_missing_link_joins_its_chain_when_it_comes() -> None:
    events = Events(
        [
            event("a", "100", NOON),
            event("c", "70", NOON, corrects="b", received_at=NOON + timedelta(hours=9)),
            event("b", "40", NOON, arrived=MARCH_2, corrects="a", received_at=NOON + timedelta(hours=5)),
        ]
    )
    assert totals(events.roll_up(MARCH_1)) == [("2026-03-01", 170, 2, 0)]
    assert totals(events.roll_up(MARCH_2)) == [("2026-03-01", -100, -1, 140)]


def test_a_correction_may_move_usage_to_another_day_meter_or_subscription() -> None:
    moved = event("b", "40", NOON + timedelta(days=1), arrived=MARCH_2, corrects="a", subscription_id="S2")
    found = Events([event("a", "100", NOON), moved]).roll_up(MARCH_2)
    assert [(r["usage_day"], r["subscription_id"], r["quantity"], r["superseded_quantity"]) for r in found] == [
        (MARCH_1, "S1", Decimal(-100), Decimal(100)),
        (MARCH_2, "S2", Decimal(40), Decimal(0)),
    ]


def test_ids_are_unique_only_within_their_source() -> None:
    other = event("b", "40", NOON, corrects="a", source="other")
    assert totals(Events([event("a", "100", NOON), other]).roll_up(MARCH_1)) == [("2026-03-01", 140, 2, 0)]


def test_corrections_that_name_each_other_count_once() -> None:
    one = event("a", "1", NOON, corrects="b", received_at=NOON + timedelta(hours=2))
    two = event("b", "2", NOON, corrects="a", arrived=MARCH_2)
    itself = event("x", "4", NOON, corrects="x", arrived=MARCH_2)
    assert Events([one, two, itself]).state() == {(MARCH_1, "S1", "events"): (5, 2, 4, 1, 2, 1)}


def test_an_id_that_an_earlier_day_has_adds_nothing_and_counts_as_a_duplicate() -> None:
    again = event("a", "100", NOON, arrived=MARCH_2)
    (row,) = Events([event("a", "100", NOON), again]).roll_up(MARCH_2)
    assert (row["quantity"], row["events"], row["duplicate_quantity"], row["duplicate_events"]) == (0, 0, 100, 1)


def test_duplicates_that_landing_collapsed_are_kept_beside_the_usage() -> None:
    found = Events([event("a", "100", NOON)]).roll_up(
        MARCH_1, [("S1", "C1", "events", NOON, Decimal(7)), ("S1", "C1", None, NOON, Decimal(9))]
    )
    assert [(r["quantity"], r["events"], r["duplicate_quantity"], r["duplicate_events"]) for r in found] == [
        (100, 1, 7, 1)
    ]


def test_usage_is_late_when_received_on_a_later_company_day_than_its_own() -> None:
    evening = at("2026-03-01T23:30", "Europe/Berlin")
    events = Events(company_timezone="Europe/Berlin")
    events.events = [
        event("a", "1", evening, received_at=evening + timedelta(minutes=20), arrived=MARCH_1),
        event("b", "2", evening, received_at=evening + timedelta(minutes=40), arrived=MARCH_2),
    ]
    assert [(r["quantity"], r["late_quantity"], r["late_events"]) for r in events.roll_up(MARCH_1)] == [(1, 0, 0)]
    assert [(r["quantity"], r["late_quantity"], r["late_events"]) for r in events.roll_up(MARCH_2)] == [(2, 2, 1)]


def test_the_usage_day_is_local_to_the_subscription_also_when_clocks_change() -> None:
    """2026-03-29 has 23 hours in Berlin: it ends at 22:00 UTC, while the day before ended at 23:00 UTC."""
    events = Events(subscriptions=[subscription("Europe/Berlin")])
    events.events = [
        event("a", "1", at("2026-03-28T22:59"), arrived=day("2026-03-30")),
        event("b", "2", at("2026-03-28T23:00"), arrived=day("2026-03-30")),
        event("c", "4", at("2026-03-29T21:59"), arrived=day("2026-03-30")),
        event("d", "8", at("2026-03-29T22:00"), arrived=day("2026-03-30")),
    ]
    assert [(str(r["usage_day"]), int(r["quantity"])) for r in events.roll_up(day("2026-03-30"))] == [
        ("2026-03-28", 1),
        ("2026-03-29", 6),
        ("2026-03-30", 8),
    ]


def test_usage_of_an_unknown_subscription_falls_on_the_companys_day() -> None:
    events = Events([event("a", "1", at("2026-03-01T20:00"))], company_timezone="Asia/Tokyo")
    assert [r["usage_day"] for r in events.roll_up(MARCH_1)] == [MARCH_2]


def test_an_event_leaves_the_day_it_was_counted_into_although_the_time_zone_changed_since() -> None:
    evening = at("2026-03-01T20:00")
    events = Events(subscriptions=[subscription("UTC"), subscription("Asia/Tokyo", landed="2026-03-03")])
    events.events = [event("a", "9", evening), event("b", "4", evening, arrived=MARCH_3, corrects="a")]
    assert events.state() == {
        (MARCH_1, "S1", "events"): (0, 0, 0, 0, 9, 1),
        (MARCH_2, "S1", "events"): (4, 1, 4, 1, 0, 0),
    }


def test_usage_that_was_received_in_time_and_delivered_later_is_late_but_the_opening_load_is_not() -> None:
    events = [event("a", "1", NOON, arrived=MARCH_2), event("b", "2", NOON, arrived=MARCH_3)]
    opened = Events(events, first_day=MARCH_2)
    assert [r["late_events"] for day in (MARCH_2, MARCH_3) for r in opened.roll_up(day)] == [0, 1]


def test_a_chain_of_many_corrections_is_walked_once() -> None:
    """A feed that sends a running total corrects its last event with each new one."""
    links = [
        event(
            f"e{n:05d}", str(n), NOON, corrects=f"e{n - 1:05d}" if n else None, received_at=NOON + timedelta(seconds=n)
        )
        for n in range(1500)
    ]
    assert totals(Events(links).roll_up(MARCH_1)) == [("2026-03-01", 1499, 1, sum(range(1499)))]


def test_a_correction_to_nothing_leaves_an_event_of_nothing() -> None:
    events = Events([event("a", "100", NOON), event("b", "0", NOON, arrived=MARCH_2, corrects="a")])
    assert events.state() == {(MARCH_1, "S1", "events"): (0, 1, 0, 1, 100, 1)}


def reopened(events: Events, day: date) -> list[tuple[Any, ...]]:
    return [
        (str(r["usage_day"]), r["late_window"], r["late_events"], r["taken_out_events"], int(r["quantity"]))
        for r in events.reopened(day)
    ]


def test_late_usage_and_corrections_reopen_their_own_days_and_say_by_how_much() -> None:
    events = Events(
        [
            event("a", "100", NOON),
            event("b", "5", NOON, arrived=MARCH_2, subscription_id="S2"),
            event("c", "40", NOON, arrived=MARCH_3, corrects="a"),
            event("d", "7", NOON - timedelta(days=3), arrived=MARCH_3),
            event("e", "9", NOON + timedelta(days=2), arrived=MARCH_3),
        ]
    )
    assert reopened(events, MARCH_1) == []
    assert reopened(events, MARCH_2) == [("2026-03-01", "open", 1, 0, 5)]
    assert reopened(events, MARCH_3) == [("2026-02-26", "closed", 1, 0, 7), ("2026-03-01", "open", 1, 1, -60)]


def test_a_correction_that_moves_usage_to_another_day_reopens_both() -> None:
    moved = event("b", "40", NOON + timedelta(days=1), arrived=MARCH_3, corrects="a")
    assert reopened(Events([event("a", "100", NOON), moved]), MARCH_3) == [
        ("2026-03-01", "open", 0, 1, -100),
        ("2026-03-02", "open", 1, 0, 40),
    ]


IDS = ["a", "b", "c", "d", "e", "f"]


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to six events that correct each other at random, also in circles and in gaps, on random hours and days."""
    ids = draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=6, unique=True))
    return [
        event(
            name,
            str(draw(st.integers(0, 9))),
            NOON + timedelta(hours=draw(st.integers(0, 30))),
            arrived=MARCH_1,
            corrects=draw(st.one_of(st.none(), st.sampled_from(IDS))),
            received_at=NOON + timedelta(hours=draw(st.integers(0, 40))),
            meter=draw(st.sampled_from(["events", "calls"])),
        )
        for name in ids
    ]


def effective(events: list[dict[str, Any]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """The state as plain Python sees it: per chain, one event counts and the others are superseded."""
    by_id = {e["event_id"]: e for e in events}

    def root(name: str) -> str:
        path: list[str] = []
        while name in by_id and by_id[name]["corrects"] is not None:
            if name in path:
                return min(path[path.index(name) :])
            path.append(name)
            name = by_id[name]["corrects"]
        return name

    chains: dict[str, list[dict[str, Any]]] = {}
    for e in events:
        chains.setdefault(root(e["event_id"]), []).append(e)
    state: dict[tuple[Any, ...], list[Any]] = {}
    for chain in chains.values():
        winner = max(chain, key=lambda e: (e["corrects"] is not None, e["received_at"], e["event_id"]))
        for e in chain:
            own: datetime = e["event_time"]
            figures = state.setdefault((own.date(), "S1", e["meter"]), [0] * len(FIGURES))
            late = max(e["received_at"].date(), e["observed_on"]) > own.date()
            changes = (
                (e["quantity"], 1, e["quantity"] * late, int(late), 0, 0)
                if e is winner
                else (0, 0, 0, 0, e["quantity"], 1)
            )
            state[own.date(), "S1", e["meter"]] = [a + b for a, b in zip(figures, changes, strict=True)]
    return {key: tuple(figures) for key, figures in state.items() if any(figures)}


@given(histories(), st.lists(st.integers(0, 3), min_size=6, max_size=6))
@settings(max_examples=20, deadline=None)
def test_the_state_is_the_same_in_whatever_order_and_on_whatever_days_events_arrive(
    events: list[dict[str, Any]], days: list[int]
) -> None:
    for one, number in zip(events, days, strict=False):
        one["observed_on"] = one["day"] = MARCH_1 + timedelta(days=number)
    assert Events(events).state() == effective(events)


def test_local_midnights_agree_with_the_time_zone_database() -> None:
    """A day of every hour of a year, held against zoneinfo, in zones with half hours, summer time and date line jumps."""
    for zone in ("America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe"):
        events = Events(subscriptions=[subscription(zone)])
        start = at("2026-03-25T00:30")
        hours = [start + timedelta(hours=n) for n in range(24 * 12)]
        events.events = [event(f"e{n}", "1", when, arrived=date(2026, 6, 1)) for n, when in enumerate(hours)]
        expected: dict[date, int] = {}
        for when in hours:
            local = when.astimezone(ZoneInfo(zone)).date()
            expected[local] = expected.get(local, 0) + 1
        assert {r["usage_day"]: r["events"] for r in events.roll_up(date(2026, 6, 1))} == expected
