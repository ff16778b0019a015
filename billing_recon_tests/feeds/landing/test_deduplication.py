"""What comes twice counts once; what contradicts itself counts not at all."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_recon.core.schema import USAGE_EVENTS
from billing_recon_tests.feeds.desk import DAY, PAID, Desk, payment

EVENT = "event_id,source,customer_id,subscription_id,meter,quantity,event_time,received_at"


def event(
    event_id: str = "E-1", quantity: str = "5", at: str = "10:00", received: str = "10:01", day: date = DAY
) -> str:
    return f"{event_id},api,C-1,S-1,calls,{quantity},{day}T{at}:00Z,{day}T{received}:00Z"


def usage(desk: Desk, *rows: str, known: str | None = None):  # type: ignore[no-untyped-def]
    desk.put("\n".join([EVENT, *rows, ""]), table="usage_events")
    return desk.land("usage_events", known_usage=known)


def remember(desk: Desk) -> str:
    """What has been landed, as the usage of earlier days."""
    desk.con.execute(
        f"CREATE OR REPLACE TABLE known AS SELECT {', '.join(USAGE_EVENTS.names)}, DATE '{DAY}' - 1 AS landed_on, source_file, source_row FROM landed"
    )
    return "known"


def test_a_row_given_twice_is_collapsed_whatever_its_notation(desk: Desk) -> None:
    report = desk.payments(PAID, payment(amount="10.5"), payment(payment_id="P-2"), payment(amount="1.05e1"))
    assert (report.rows_in, report.accepted, report.quarantined, report.duplicates) == (4, 2, 0, 2)
    assert desk.rows("payment_id, source_row") == [("P-1", 1), ("P-2", 3)]


def test_one_key_with_two_contents_sets_every_row_of_the_key_aside(desk: Desk) -> None:
    report = desk.payments(PAID, payment(amount="11"), PAID, payment(payment_id="P-2"))
    assert desk.quarantined() == [(n, "DUPLICATE_KEY", "payment_id") for n in (1, 2, 3)]
    assert (report.accepted, report.duplicates) == (1, 0)


def test_an_empty_value_is_content_too(desk: Desk) -> None:
    report = desk.payments(PAID, payment(fee=""))
    assert report.reasons == {"DUPLICATE_KEY": 2}
    assert desk.payments(payment(fee=""), payment(fee="")).duplicates == 1


def test_a_broken_row_does_not_take_its_twin_with_it(desk: Desk) -> None:
    report = desk.payments(PAID, payment(amount="ten"))
    assert (report.accepted, report.reasons) == (1, {"UNPARSABLE": 1})


def test_an_event_delivered_again_is_the_same_event_and_the_first_receipt_stays(desk: Desk) -> None:
    report = usage(desk, event(received="11:00"), event(received="10:01"), event("E-2"))
    assert (report.accepted, report.duplicates) == (2, 1)
    assert desk.rows("event_id, source_row") == [("E-1", 2), ("E-2", 3)]
    assert desk.rows("subscription_id, meter, quantity", of="landed_duplicates") == [("S-1", "calls", Decimal(5))]


def test_an_event_of_an_earlier_day_collapses_and_a_changed_one_is_set_aside(desk: Desk) -> None:
    usage(desk, event("E-1"), event("E-2"))
    known = remember(desk)
    report = usage(desk, event("E-1", received="12:00"), event("E-2", quantity="6"), event("E-3"), known=known)
    assert (report.accepted, report.duplicates, report.quarantined) == (1, 1, 1)
    assert desk.quarantined() == [(2, "CONFLICTING_DUPLICATE", "event_id")]
    assert desk.rows("event_id") == [("E-3",)]


def test_what_was_landed_stands_against_two_versions_in_one_file(desk: Desk) -> None:
    usage(desk, event("E-1"))
    known = remember(desk)
    report = usage(desk, event("E-1"), event("E-1", quantity="7"), known=known)
    assert (report.accepted, report.duplicates, report.reasons) == (0, 1, {"CONFLICTING_DUPLICATE": 1})


def test_one_event_id_in_two_sources_is_two_events(desk: Desk) -> None:
    assert usage(desk, event(), event().replace("api", "batch")).accepted == 2


def test_the_repeat_says_where_it_came_and_which_row_is_kept(desk: Desk) -> None:
    usage(desk, event("E-1"))
    known = remember(desk)
    usage(desk, event("E-2"), event("E-1", received="12:00"), event("E-2", received="12:00"), known=known)
    name = f"landing/usage_events/{DAY}.csv"
    assert desk.rows("event_id, source_row, kept_on, kept_file, kept_row", of="landed_duplicates") == [
        ("E-1", 2, DAY - timedelta(days=1), name, 1),
        ("E-2", 3, DAY, name, 1),
    ]


Sent = tuple[str, str, int]


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Sent], list[int], list[int]]:
    """Events (id, quantity, hour received) that repeat and contradict each other; two orders of them."""
    sent = draw(
        st.lists(st.tuples(st.sampled_from("ABCD"), st.sampled_from("12"), st.integers(11, 13)), min_size=1, max_size=9)
    )
    order = st.permutations(range(len(sent)))
    return sent, draw(order), draw(order)


def fates(desk: Desk) -> tuple[set[tuple[str, Decimal]], set[str]]:
    """The events that were accepted, with their quantities, and the ids that were set aside."""
    accepted = {(row[0], row[1]) for row in desk.rows("event_id, quantity")}
    aside = desk.quarantined("json_extract_string(reading, '$.event_id')")
    return accepted, {row[0] for row in aside}


@pytest.mark.long
@given(deliveries(), st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_event_id_ends_in_one_place_whatever_the_order_of_rows_and_files(
    tmp_path: Path, given_: tuple[list[Sent], list[int], list[int]], split: bool
) -> None:
    sent, first, second = given_
    found = []
    for order in (first, second):
        desk = Desk(tmp_path, feeds={"usage_events": {"path": "landing/usage_events/*.csv"}})
        lines = [event(sent[n][0], sent[n][1], received=f"{sent[n][2]}:00") for n in order]
        half = len(lines) // 2 if split else len(lines)
        for name, part in (("a.csv", lines[:half]), ("b.csv", lines[half:])):
            desk.put("\n".join([EVENT, *part, ""]), table="usage_events", name=name)
        report = desk.land("usage_events")
        assert report.rows_in == len(sent) == report.accepted + report.quarantined + report.duplicates
        found.append(fates(desk))
    contents = {name: {Decimal(quantity) for one, quantity, _ in sent if one == name} for name, _, _ in sent}
    whole = {(name, next(iter(given))) for name, given in contents.items() if len(given) == 1}
    assert found == [(whole, {name for name, given in contents.items() if len(given) > 1})] * 2


@pytest.mark.long
@given(deliveries(), st.lists(st.integers(0, 2), min_size=9, max_size=9))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_delivery_split_over_days_lands_the_same_events_once(
    tmp_path: Path, given_: tuple[list[Sent], list[int], list[int]], days: list[int]
) -> None:
    """Of contradicting rows that come on different days the first day's stands; nothing else depends on the day."""
    sent, order, _ = given_
    desk = Desk(tmp_path)
    desk.con.execute(
        f"CREATE TABLE known AS SELECT {', '.join(USAGE_EVENTS.names)}, DATE '{DAY}' AS landed_on, '' AS source_file, "
        "CAST(1 AS BIGINT) AS source_row FROM (SELECT "
        + ", ".join(f"CAST(NULL AS {c.sql_type}) AS {c.name}" for c in USAGE_EVENTS.columns)
        + ") WHERE false"
    )
    for number in range(3):
        rows = [event(sent[n][0], sent[n][1], received=f"{sent[n][2]}:00") for n in order if days[n] == number]
        report = usage(desk, *rows, known="known")
        assert report.equation_holds
        names = ", ".join(USAGE_EVENTS.names)
        desk.con.execute(
            f"INSERT INTO known SELECT {names}, DATE '{DAY}' + {number}, source_file, source_row FROM landed"
        )
    contents = {name: {Decimal(quantity) for one, quantity, _ in sent if one == name} for name, _, _ in sent}
    landed = desk.rows("event_id, quantity", of="known")
    assert len({name for name, _ in landed}) == len(landed)
    for name, quantities in contents.items():
        stands = [quantity for one, quantity in landed if one == name]
        assert stands == list(quantities) if len(quantities) == 1 else len(stands) <= 1
