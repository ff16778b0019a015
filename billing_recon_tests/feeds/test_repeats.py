"""What comes twice counts once; what contradicts itself counts not at all."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from billing_recon.core.tables import USAGE_EVENTS
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
    desk.con.execute(f"CREATE OR REPLACE TABLE known AS SELECT {', '.join(USAGE_EVENTS.names)} FROM landed")
    return "known"


def test_a_row_given_twice_is_collapsed_whatever_its_notation(desk: Desk) -> None:
    report = desk.payments(PAID, payment(amount="10.5"), payment(payment_id="P-2"), payment(amount="1.05e1"))
    assert (report.rows_in, report.accepted, report.quarantined, report.duplicates) == (4, 2, 0, 2)
    assert desk.rows("payment_id, source_row") == [("P-1", 1), ("P-2", 3)]


def test_one_key_with_two_contents_sets_every_row_of_the_key_aside(desk: Desk) -> None:
    report = desk.payments(PAID, payment(amount="11"), PAID, payment(payment_id="P-2"))
    assert desk.aside() == [(n, "DUPLICATE_KEY", "payment_id") for n in (1, 2, 3)]
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
    assert desk.aside() == [(2, "CONFLICTING_DUPLICATE", "event_id")]
    assert desk.rows("event_id") == [("E-3",)]


def test_what_was_landed_stands_against_two_versions_in_one_file(desk: Desk) -> None:
    usage(desk, event("E-1"))
    known = remember(desk)
    report = usage(desk, event("E-1"), event("E-1", quantity="7"), known=known)
    assert (report.accepted, report.duplicates, report.reasons) == (0, 1, {"CONFLICTING_DUPLICATE": 1})


def test_one_event_id_in_two_sources_is_two_events(desk: Desk) -> None:
    assert usage(desk, event(), event().replace("api", "batch")).accepted == 2
