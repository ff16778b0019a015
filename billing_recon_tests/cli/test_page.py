"""`page`: a test page reaches its channel, incidents are listed and taken, and what is stuck is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import Result

from billing_recon.core.operations import Cause, Channel, Paging
from billing_recon.day.home import Home
from billing_recon.paging.desk import settle
from billing_recon.paging.trouble import Trouble
from billing_recon_tests.paging.receivers import receiver

CHANNEL = "paging: {channels: [{name: hook, kind: webhook, env: BILLING_RECON_TEST_HOOK}]}\n"


def at(typed: Callable[..., Result], home: Path, *words: str, expect: int = 0) -> Result:
    done = typed("--home", home, "page", *words)
    assert done.exit_code == expect, done.output
    return done


def test_a_test_page_is_delivered_and_a_channel_that_does_not_take_it_is_named(
    books: Path, typed: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    operations = books / "operations.yaml"
    operations.write_text("", encoding="utf-8")
    nobody = at(typed, books, "test", expect=2)
    assert "nobody is paged: name channels" in nobody.stderr
    operations.write_text(CHANNEL, encoding="utf-8")
    with receiver() as hook:
        monkeypatch.setenv("BILLING_RECON_TEST_HOOK", hook.url)
        assert "hook (webhook): delivered, and resolved" in at(typed, books, "test").stdout
        assert [action for action, _ in hook.take()] == ["trigger", "resolve"]
        hook.status = 403
        refused = at(typed, books, "test", expect=1)
        assert "hook (webhook): the service answered 403" in refused.stderr
        assert "secret-path" not in refused.stderr + refused.stdout
    operations.write_text("paging: {channels: [{name: x, kind: email, env: 'a@b'}]}\n", encoding="utf-8")
    wrong = at(typed, books, "test", expect=2).stderr
    assert "env is the name of a variable" in wrong
    assert "email needs to" in wrong


def test_an_open_incident_is_listed_and_taken(books: Path, typed: Callable[..., Result]) -> None:
    home = Home.open(books)
    paging = Paging(channels=(Channel(name="hook", kind="webhook", env="BILLING_RECON_TEST_HOOK"),))
    now = datetime(2026, 3, 3, 4, tzinfo=UTC)
    settle(home.control.pages, "Acme", paging, now, (Cause.DATA,), [])
    late = Trouble(Cause.DATA, "2026-03-02", "2026-03-02 did not run", "late")
    settle(home.control.pages, "Acme", paging, now, (Cause.DATA,), [late])
    shown = at(typed, books, "list").stdout
    assert "1 open incident; 0 pages not taken yet" in shown
    assert "data/2026-03-02" in shown
    assert "data/2026-03-02 is taken by bo" in at(typed, books, "take", "data/2026-03-02", "--as", "bo").stdout
    listed = [json.loads(line) for line in at(typed, books, "list", "--format", "json").stdout.splitlines()]
    assert listed[0]["incident"] == "data/2026-03-02"
    assert listed[1]["state"] == "pending"
    assert "no open incident" in at(typed, books, "take", "data/2026-03-09", expect=2).stderr
