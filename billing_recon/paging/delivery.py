"""Send what waits in the outbox: a bounded number in bounded time, each claimed before and recorded after, retried until taken.

A process that dies between a service's answer and its record sends that page again, under the same key: PagerDuty and mail
programs show it once, a webhook gets its `Idempotency-Key`. Secrets are read from the environment and appear in no message.
"""

from __future__ import annotations

import logging
import os
import smtplib
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import httpx

from billing_recon.control.pages import PENDING, Page, PageStore
from billing_recon.core.operations import Channel
from billing_recon.paging import bodies

PAGES, SECONDS, PATIENCE = 25, 20.0, 5.0
"""The most pages and seconds of one round, and how long one service may take to answer."""
LEASE = timedelta(seconds=60)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=20), timedelta(minutes=10)
_LOCAL = ("localhost", "127.0.0.1", "::1")

# At INFO both log each request with its URL, which is the secret of a webhook.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class NotDelivered(Exception):
    """A service did not take a page. `down`: the service itself does not answer, so others wait too."""

    def __init__(self, reason: str, *, down: bool) -> None:
        super().__init__(reason)
        self.down = down


@dataclass
class Delivered:
    """What became of one round."""

    sent: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    waiting: int = 0


def deliver(
    store: PageStore,
    channels: Sequence[Channel],
    clock: Callable[[], datetime],
    *,
    pages: int = PAGES,
    seconds: float = SECONDS,
    patience: float = PATIENCE,
) -> Delivered:
    """Send the pages that are due, those of one incident and channel in their order."""
    by_name = {channel.name: channel for channel in channels}
    done, down, blocked = Delivered(), set[str](), set[tuple[str, str]]()
    started, unfinished = time.monotonic(), store.unfinished()
    for page in unfinished:
        channel, thread = by_name.get(page.channel), (page.channel, page.incident)
        if channel is None:
            store.drop(page, f"the channel {page.channel} is no longer in operations.yaml")
            continue
        now = clock()
        due = datetime.fromisoformat(page.due_at) <= now
        spent = time.monotonic() - started > seconds or len(done.sent) + len(done.failed) >= pages
        claimed = None
        if due and not spent and channel.name not in down and thread not in blocked:
            claimed = store.claim(page, now, LEASE)
        if claimed is None:
            blocked.add(thread)
            done.waiting += 1
            continue
        what = f"{page.action} {page.incident} to {channel.name}"
        try:
            send(claimed, channel, patience)
        except NotDelivered as error:
            store.give_back(claimed, str(error), clock() + wait_after(claimed.attempts))
            done.failed.append(f"{what}: {error}")
            blocked.add(thread)
            if error.down:
                down.add(channel.name)
            continue
        store.finish(claimed, clock())
        done.sent.append(what)
    return done


def wait_after(attempts: int) -> timedelta:
    """How long until a page is tried again: 20 s, doubled up to ten minutes."""
    return min(FIRST_WAIT * (1 << min(attempts - 1, 10)), LONGEST_WAIT)


def send(page: Page, channel: Channel, patience: float = PATIENCE) -> None:
    """Hand one page to its service; NotDelivered, without the secret, if it was not taken."""
    secret = os.environ.get(channel.env, "").strip()
    if not secret:
        raise NotDelivered(f"the variable {channel.env} is not set", down=True)
    try:
        match channel.kind:
            case "pagerduty":
                _post(channel.url, bodies.pagerduty(page, secret), page, patience)
            case "slack":
                _post(secret, bodies.slack(page), page, patience)
            case "webhook":
                _post(secret, bodies.webhook(page), page, patience)
            case "email":
                _mail(secret, bodies.email(page, channel), channel, patience)
    except (httpx.TimeoutException, TimeoutError):
        raise NotDelivered(f"no answer within {patience:g} s", down=True) from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, smtplib.SMTPException) as error:
        raise NotDelivered(_reason(error), down=not isinstance(error, smtplib.SMTPResponseException)) from None


def _post(url: str, body: object, page: Page, patience: float) -> None:
    headers = {"Idempotency-Key": bodies.page_id(page).encode("ascii", "replace").decode()}
    with httpx.stream("POST", url, json=body, headers=headers, timeout=patience) as answer:
        status = answer.status_code
    if not 200 <= status < 300:
        raise NotDelivered(f"the service answered {status}", down=status == 429 or status >= 500)


def _mail(url: str, message: EmailMessage, channel: Channel, patience: float) -> None:
    place = urlsplit(url)
    if place.scheme not in ("smtp", "smtps") or not place.hostname:
        raise NotDelivered(f"{channel.env} is not smtps://user:password@host:465 or smtp://host:25", down=True)
    user, password = unquote(place.username or ""), unquote(place.password or "")
    context = ssl.create_default_context()
    if place.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(place.hostname, place.port or 465, timeout=patience, context=context)
    else:
        server = smtplib.SMTP(place.hostname, place.port or 25, timeout=patience)
    with server:
        server.ehlo()
        if place.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
        elif place.scheme == "smtp" and user and place.hostname not in _LOCAL:
            raise NotDelivered("the server offers no encryption, so the password was not sent; use smtps://", down=True)
        if user:
            server.login(user, password)
        server.send_message(message)


def _reason(error: Exception) -> str:
    """What failed, in words that hold no address or password."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the mail server answered {error.smtp_code}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "the mail server refused every recipient"
    if isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "its certificate is not trusted; set SSL_CERT_FILE to the authority's file"
    if isinstance(error, httpx.ConnectError | ConnectionError):
        return "no connection"
    return type(error).__name__


def is_stuck(page: Page) -> bool:
    """Whether a page was tried and not taken."""
    return page.state == PENDING and page.attempts > 0
