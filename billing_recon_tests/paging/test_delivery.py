"""Pages are delivered in the form that each service takes: retried through outages, never lost, never doubled, no secret shown."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from billing_recon.control import ControlStore
from billing_recon.core.operations import Channel, Paging
from billing_recon.core.severity import Severity
from billing_recon.paging.delivery import LEASE, NotDelivered, send, wait_after
from billing_recon_tests.paging.conftest import WEBHOOK, Office, red
from billing_recon_tests.paging.receivers import MailServer, Receiver, own_certificate, receiver

DAY = "2026-03-09"
KEY = f"differences/{DAY}"
MAIL = Channel(name="mail", kind="email", env="BILLING_RECON_TEST_MAIL", to=("close@acme.example",))


def test_a_service_that_is_down_for_an_hour_gets_each_page_once_and_in_order(office: Office, hook: Receiver) -> None:
    hook.status = 500
    troubles = [red(DAY), red("2026-03-08")]
    for round_ in range(12):
        office.tick(*troubles[round_ // 8 :])
        office.later(minutes=5)
    assert hook.pages == []
    assert hook.asked >= 12
    hook.status = 202
    office.later(minutes=10)
    office.tick(troubles[1])
    office.tick(troubles[1])
    assert sorted(hook.take()) == sorted([("trigger", "differences/2026-03-08"), ("trigger", KEY), ("resolve", KEY)])
    assert office.control.pages.unfinished() == []


def test_a_service_whose_certificate_is_not_trusted_gets_nothing_until_its_authority_is(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PagerDuty's own body, by TLS, to a service in its place."""
    certificate = own_certificate(tmp_path / "loopback.pem", datetime.now(UTC))
    with receiver(certificate) as service:
        monkeypatch.setenv("BILLING_RECON_TEST_KEY", "routing-key")
        office.paging = Paging(
            channels=(Channel(name="p", kind="pagerduty", env="BILLING_RECON_TEST_KEY", url=service.url),)
        )
        (failed,) = office.tick(red(DAY)).failed
        assert "certificate is not trusted; set SSL_CERT_FILE" in failed
        assert "routing-key" not in failed
        assert service.pages == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        office.later(minutes=1)
        assert len(office.deliver().sent) == 1
        (page,) = service.pages
        assert (page["routing_key"], page["event_action"]) == ("routing-key", "trigger")


def test_a_service_that_hangs_holds_a_tick_up_once_and_not_once_per_page(office: Office, hook: Receiver) -> None:
    hook.hangs = 0.5
    started = time.monotonic()
    office.look(*(red(f"2026-03-0{day}") for day in range(1, 6)))
    done = office.deliver(patience=0.1)
    assert time.monotonic() - started < 2
    assert len(done.failed) == 1
    assert "no answer within" in done.failed[0]
    assert done.waiting == 4


def test_a_tick_sends_a_bounded_number_and_the_next_one_the_rest(office: Office, hook: Receiver) -> None:
    office.look(*(red(f"2026-03-0{day}") for day in range(1, 6)))
    assert len(office.deliver(pages=3).sent) == 3
    assert len(office.deliver(pages=3).sent) == 2
    assert len(hook.take()) == 5


def test_a_page_of_a_process_that_was_killed_while_sending_is_sent_again_under_the_same_key(
    office: Office, hook: Receiver
) -> None:
    office.look(red(DAY))
    (page,) = office.control.pages.unfinished()
    claimed = office.control.pages.claim(page, office.now, LEASE)
    assert claimed is not None
    send(claimed, WEBHOOK)  # and here it is killed
    assert office.deliver().sent == [], "another process must not send what one is sending"
    office.later(seconds=61)
    assert len(office.deliver().sent) == 1
    first, second = (headers["Idempotency-Key"] for headers in hook.headers)
    assert first == second
    office.control.pages.give_back(claimed, "late", office.now)
    assert office.control.pages.unfinished() == [], "a slow attempt does not undo what a later one did"


def test_two_processes_send_a_page_once(office: Office, control: ControlStore, hook: Receiver) -> None:
    office.look(red(DAY))
    (page,) = control.pages.unfinished()
    assert control.pages.claim(page, office.now, LEASE) is not None
    assert control.pages.claim(page, office.now, LEASE) is None


def test_a_secret_is_in_no_error_and_a_missing_one_is_named(
    office: Office, hook: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    hook.status = 404
    said = office.tick(red(DAY)).failed
    assert said == [f"trigger {KEY} to hook: the service answered 404"]
    monkeypatch.setenv(WEBHOOK.env, "http://127.0.0.1:9/secret-path")
    office.later(minutes=1)
    said += office.deliver().failed
    monkeypatch.delenv(WEBHOOK.env)
    office.later(minutes=5)
    said += office.deliver().failed
    assert said[1:] == [
        f"trigger {KEY} to hook: no connection",
        f"trigger {KEY} to hook: the variable {WEBHOOK.env} is not set",
    ]
    assert "secret-path" not in f"{said}{caplog.text}{office.control.pages.recent(9)}"


def test_pagerduty_gets_the_event_that_its_events_api_takes(
    office: Office, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BILLING_RECON_TEST_PD", "R" * 32)
    office.paging = Paging(channels=(Channel(name="pd", kind="pagerduty", env="BILLING_RECON_TEST_PD", url=hook.url),))
    office.tick(red(DAY, "1234.5"))
    office.tick()
    opened, resolved = hook.pages
    assert resolved == {"routing_key": "R" * 32, "event_action": "resolve", "dedup_key": f"billing-recon/Acme/{KEY}"}
    assert opened["dedup_key"] == resolved["dedup_key"]
    assert opened["payload"]["severity"] == "error"
    assert opened["payload"]["summary"] == f"Acme: {DAY} is FAIL, 1,234.50 EUR at risk"
    assert {"source", "timestamp", "component", "group", "class"} <= set(opened["payload"])
    details = opened["payload"]["custom_details"]
    assert details["Owner"] == "pricing"
    assert details["Codes"] == "PRICE_VERSION"
    assert details["Next step"] == f"billing-recon breaks --day {DAY}"
    assert opened["links"] == [{"href": f"https://recon.example/reports/{DAY}/day_pack.html", "text": "Day pack"}]


def test_slack_gets_blocks_within_its_limits_and_no_markup_of_ours(
    office: Office, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BILLING_RECON_TEST_SLACK", hook.url)
    office.paging = Paging(channels=(Channel(name="slack", kind="slack", env="BILLING_RECON_TEST_SLACK"),))
    office.tick(red(DAY))
    office.tick()
    opened, resolved = hook.pages
    assert opened["text"] == f"Acme: {DAY} is FAIL, 10.00 EUR at risk"
    assert resolved["text"].startswith("Resolved: Acme: ")
    fields = next(block["fields"] for block in opened["blocks"] if "fields" in block)
    assert len(fields) <= 10
    assert "&lt;" not in opened["text"]


def test_mails_of_one_incident_are_one_thread_and_one_sent_twice_is_one_message(
    office: Office, post: MailServer
) -> None:
    office.paging = Paging(channels=(MAIL,))
    post.refuses = True
    assert office.tick(red(DAY)).failed == [f"trigger {KEY} to mail: the mail server refused every recipient"]
    post.refuses = False
    office.later(minutes=1)
    office.tick(red(DAY))
    office.tick()
    opened, resolved = post.messages
    assert opened["Subject"] == f"[warning] Acme: {DAY} is FAIL, 10.00 EUR at risk"
    assert opened["References"] == resolved["References"]
    assert opened["Message-ID"] != resolved["Message-ID"]
    assert opened["To"] == "close@acme.example"
    assert "Next step: billing-recon breaks" in opened.get_content()


def test_a_password_is_not_sent_without_encryption(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MAIL.env, "ftp://mail.example")
    office.look(red(DAY))
    office.paging = Paging(channels=(MAIL,))
    (page,) = office.control.pages.unfinished()
    with pytest.raises(NotDelivered, match="is not smtps://"):
        send(page, MAIL)


def test_waits_double_up_to_ten_minutes() -> None:
    assert [wait_after(tries) for tries in (1, 2, 3, 99)] == [
        timedelta(seconds=20),
        timedelta(seconds=40),
        timedelta(seconds=80),
        timedelta(minutes=10),
    ]


def test_severities_rise_and_fall_in_one_order() -> None:
    assert [one.rank for one in Severity] == [0, 1, 2, 3]
