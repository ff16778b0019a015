"""A page as its service takes it: PagerDuty's Events API v2, a Slack webhook, an e-mail, and JSON for everything else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from shlex import quote
from typing import Any

from billing_recon.control.pages import ENTITLEMENT, RESOLVE, Page
from billing_recon.core.operations import Channel

_SUMMARY, _SLACK, _FIELD = 1024, 2900, 1900
"""The most characters that PagerDuty takes as a summary, and Slack (3000, 2000) in a text and in a field."""


def dedup_key(page: Page) -> str:
    """The key of the page's incident, the same on every service and for every page of it; PagerDuty takes 255 characters."""
    key = f"billing-recon/{page.notice['company']}/{page.incident}"
    return key if len(key) <= 255 else f"billing-recon/{hashlib.sha256(key.encode()).hexdigest()}"


def page_id(page: Page) -> str:
    """The key of this one page: a receiver that gets it twice, since its answer was lost, knows it by this."""
    return f"{dedup_key(page)}#{page.id}"


def headline(page: Page) -> str:
    """The page in one line: company, what, how much."""
    notice = page.notice
    over = "Resolved: " if page.action == RESOLVE else ""
    again = f" ({notice['again']})" if notice.get("again") else ""
    money = ", ".join(notice["money"].values())
    at_risk = f", {money} at risk" if money and page.action != RESOLVE else ""
    return f"{over}{notice['company']}: {notice['title']}{at_risk}{again}"


def facts(page: Page) -> dict[str, str]:
    """Everything else that a reader needs, in the order in which it is needed; only what there is."""
    notice = page.notice
    found = {
        "Money at risk": ", ".join(notice["money"].values()),
        "Codes": ", ".join(notice["codes"]),
        "Owner": notice["owner"],
        "Taken by": notice["taken_by"] or _nobody(page),
        "Next step": "" if page.action == RESOLVE else notice["next_step"],
        "Report": notice["link"],
        "Day": notice["day"],
        "Gate": notice["gate"],
        "Open since": notice.get("opened_at", ""),
        "Incident": page.incident,
    }
    return {name: text for name, text in found.items() if text}


def _nobody(page: Page) -> str:
    """How to take an incident; a notice and what is resolved are nobody's task."""
    if page.action == RESOLVE or page.notice["cause"] == ENTITLEMENT:
        return ""
    return f"nobody; billing-recon page take {quote(page.incident)}"


def pagerduty(page: Page, routing_key: str) -> dict[str, Any]:
    """An event of PagerDuty's Events API v2."""
    event: dict[str, Any] = {"routing_key": routing_key, "event_action": page.action, "dedup_key": dedup_key(page)}
    if page.action == RESOLVE:
        return event
    notice = page.notice
    event["payload"] = {
        "summary": headline(page)[:_SUMMARY],
        "source": f"billing-recon {notice['company']}",
        "severity": page.severity.value,
        "timestamp": page.created_at,
        "component": notice["gate"] or notice["cause"],
        "group": notice["day"] or notice["cause"],
        "class": notice["cause"],
        "custom_details": {**facts(page), "Why": "\n".join(notice["why"])},
    }
    event["client"] = "billing-recon"
    if notice["link"].startswith("http"):
        event["client_url"] = notice["link"]
        event["links"] = [{"href": notice["link"], "text": "Day pack"}]
    return event


def slack(page: Page) -> dict[str, Any]:
    """A message of a Slack incoming webhook."""
    notice = page.notice
    mark = ":white_check_mark:" if page.action == RESOLVE else _MARKS[page.severity.value]
    blocks: list[dict[str, Any]] = [_section(f"{mark} *{_escaped(headline(page))}*")]
    if page.action != RESOLVE:
        if notice["why"]:
            blocks.append(_section(_escaped("\n".join(notice["why"]))))
        fields = [
            {"type": "mrkdwn", "text": f"*{name}*\n{_escaped(text)}"[:_FIELD]} for name, text in facts(page).items()
        ]
        blocks.append({"type": "section", "fields": fields[:10]})
    return {"text": _escaped(headline(page))[:_SLACK], "blocks": blocks}


_MARKS = {"info": ":information_source:", "warning": ":warning:", "error": ":rotating_light:", "critical": ":sos:"}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:_SLACK]}}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def email(page: Page, channel: Channel) -> EmailMessage:
    """A message in one thread per incident. Sent twice, it has the same Message-ID, so that mail programs show it once."""
    message = EmailMessage()
    sender = channel.sender or channel.to[0]
    domain = sender.partition("@")[2]
    message["From"] = sender
    message["To"] = ", ".join(channel.to)
    message["Subject"] = " ".join(f"[{page.severity.value}] {headline(page)}".split())[:200]
    message["Date"] = format_datetime(datetime.fromisoformat(page.created_at))
    message["Message-ID"] = f"<{_hashed(page_id(page))}@{domain}>"
    message["References"] = f"<{_hashed(dedup_key(page))}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    lines = [headline(page), "", *page.notice["why"], "", *(f"{name}: {text}" for name, text in facts(page).items())]
    message.set_content("\n".join(lines) + "\n")
    return message


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def webhook(page: Page) -> Mapping[str, Any]:
    """The page as flat JSON: what the notice has, with its keys and action."""
    return {
        "page_id": page_id(page),
        "incident_key": dedup_key(page),
        "action": page.action,
        "severity": page.severity.value,
        "summary": headline(page),
        "created_at": page.created_at,
        **page.notice,
    }
