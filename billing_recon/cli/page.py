"""`page list`, `page test` and `page take`: what people are paged about, whether pages arrive, and who works on it."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from billing_recon.cli import options
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.figures import count
from billing_recon.report.terminal import Col, Screen, Table

if TYPE_CHECKING:
    from billing_recon.control.pages import Incident, Page

app = typer.Typer(
    help="Who is paged about what: list, test, take.",
    no_args_is_help=True,
    rich_markup_mode=options.MARKUP,
)


@app.callback()
def page() -> None:
    """Who is paged about what: list, test, take."""


@app.command(name="list", epilog="\b\nExamples:\n  billing-recon page list\n  billing-recon page list --format json")
def list_pages(
    ctx: typer.Context,
    last: Annotated[int, typer.Option("--last", metavar="N", help="How many of the newest pages to show.")] = 20,
    form: options.FormatOption = options.Format.TABLE,
    home: options.HomeOption = None,
) -> None:
    """List open incidents, and the newest pages with what became of each.

    Exits 1 if a page was tried and not taken.
    """
    from billing_recon.paging.delivery import is_stuck

    store = options.open_home(ctx, home).control.pages
    incidents, recent = list(store.open_incidents().values()), store.recent(last)
    stuck = sum(is_stuck(one) for one in store.unfinished())
    if form is options.Format.TABLE:
        screen = Screen()
        screen.say(f"{count(len(incidents), 'open incident')}; {count(stuck, 'page')} not taken yet", style="bold")
        if incidents:
            screen.table(_incidents(incidents))
        if recent:
            screen.table(_pages(recent))
        if free := [one for one in incidents if one.paged_alone and not one.taken_by]:
            hint = options.home_hint(ctx, home)
            screen.say(f"next: billing-recon page take{hint} {quote(free[0].key)} --as NAME")
    elif form is options.Format.JSON:
        for one in incidents:
            _say_json({"incident": one.key, "state": one.state, "severity": one.severity.value, **one.notice})
        for sent in recent:
            _say_json(
                {
                    "page": sent.id,
                    "incident": sent.incident,
                    "channel": sent.channel,
                    "action": sent.action,
                    "state": sent.state,
                    "attempts": sent.attempts,
                    "error": sent.error,
                    "created_at": sent.created_at,
                    "sent_at": sent.sent_at,
                }
            )
    else:
        raise ConfigurationError("page list has no csv; take --format json")
    if stuck:
        raise typer.Exit(1)


def _say_json(row: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


def _incidents(incidents: list[Incident]) -> Table:
    """Those with a page of their own; the days of a group are counted with it."""
    table = Table(
        [Col("incident"), Col("severity"), Col("since", spare=True), Col("taken by"), Col("what", wrap=True)],
        title="Open incidents",
    )
    members = Counter(one.paged_as for one in incidents if not one.paged_alone)
    for one in (one for one in incidents if one.paged_alone):
        still = f" ({members[one.key]:,} still open)" if one.key in members else ""
        table.add(
            one.key, one.severity.value, one.opened_at[:16], one.taken_by or "nobody", one.notice["title"] + still
        )
    return table


def _pages(pages: list[Page]) -> Table:
    table = Table(
        [
            Col("page", right=True),
            Col("incident"),
            Col("channel"),
            Col("action"),
            Col("state"),
            Col("tries", right=True),
            Col("at", spare=True),
            Col("last error", wrap=True),
        ],
        title="Newest pages",
    )
    for one in pages:
        at = (one.sent_at or one.created_at)[:19]
        table.add(str(one.id), one.incident, one.channel, one.action, one.state, str(one.attempts), at, one.error)
    return table


@app.command(name="test", epilog="\b\nExamples:\n  billing-recon page test\n  billing-recon page test --channel oncall")
def send_test(
    ctx: typer.Context,
    channel: Annotated[str, typer.Option("--channel", metavar="NAME", help="Only this channel.")] = "",
    home: options.HomeOption = None,
) -> None:
    """Send a test page to every channel, and resolve it at once.

    Exits 1 if a channel did not take it. Secrets come from this shell's environment, which may differ from the daemon's.
    """
    from billing_recon.control.pages import RESOLVE, TRIGGER, Page, stamp
    from billing_recon.control.store import utc_now
    from billing_recon.core.severity import Severity
    from billing_recon.paging.delivery import NotDelivered, send
    from billing_recon.paging.operations_file import channels_of, read_operations

    opened = options.open_home(ctx, home)
    variable = opened.policy.paging.webhook_env
    channels = channels_of(read_operations(opened.path), variable).paging.channels
    chosen = [one for one in channels if channel in ("", one.name)]
    if not chosen:
        known = ", ".join(one.name for one in channels)
        raise ConfigurationError(
            f"there is no channel '{channel}'; operations.yaml names {known}"
            if channels
            else f"nobody is paged: name channels in {opened.path}/operations.yaml, or set {variable} to a webhook URL"
        )
    now: datetime = utc_now()
    notice = {
        "company": opened.company.name,
        "cause": "test",
        "day": "",
        "title": "this is a test page; nothing is wrong",
        "gate": "",
        "why": [f"Sent by {options.actor()} with billing-recon page test."],
        "money": {},
        "codes": [],
        "owner": "",
        "taken_by": options.actor(),
        "next_step": "none",
        "link": "",
    }
    opening = Page(f"test/{stamp(now)}/{os.getpid()}", "", TRIGGER, Severity.INFO, notice, stamp(now))
    screen, failed = Screen(), False
    for one in chosen:
        try:
            for number, action in enumerate((TRIGGER, RESOLVE), start=1):
                send(replace(opening, channel=one.name, action=action, id=number), one)
            screen.say(f"{one.name} ({one.kind}): delivered, and resolved")
        except NotDelivered as error:
            failed = True
            screen.warn(f"error: {one.name} ({one.kind}): {error}")
    if failed:
        raise typer.Exit(1)


@app.command(epilog="\b\nExamples:\n  billing-recon page take differences/2026-03-02 --as bo")
def take(
    ctx: typer.Context,
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="From `list`.")],
    by: options.AsOption = "",
    home: options.HomeOption = None,
) -> None:
    """Take an incident, so that it is not escalated. Assigning one of its day's breaks does the same."""
    from billing_recon.control.store import utc_now

    name = by.strip() or options.actor()
    opened = options.open_home(ctx, home)
    if not opened.control.pages.take(incident, name, utc_now()):
        raise ConfigurationError(f"there is no open incident '{incident}'; list them with: billing-recon page list")
    Screen().say(f"{incident} is taken by {name}")
