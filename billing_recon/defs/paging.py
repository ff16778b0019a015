"""One page per gate and day: triggered when a blocking check fails, resolved when it holds again, nothing in between.

Each check's last answer per day is compared with the cursor, which keeps the open pages and the position in the event
log. Comparing them, instead of replaying events, makes it harmless to read an event twice. That is needed, since on
PostgreSQL events may become visible out of order: the log is read again from a little before the cursor. The cursor only
moves past delivered pages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import httpx
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
    AssetCheckExecutionRecord,
)
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

REREAD = 1000
"""How many events before the cursor are read again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The last completed answer of one gate for one day."""

    gate: str
    day: str
    holds: bool
    text: str
    run_id: str

    @property
    def key(self) -> str:
        """The key of the page."""
        return f"{self.gate}/{self.day}"


@dataclass
class Cursor:
    """What the sensor remembers: the event log is read up to `after`, and which pages are open."""

    after: int = 0
    open: set[str] = field(default_factory=set)

    @classmethod
    def parse(cls, text: str | None) -> Cursor:
        """From the sensor's cursor; empty on the first tick."""
        if not text:
            return cls()
        content = json.loads(text)
        return cls(int(content["after"]), set(content["open"]))

    def __str__(self) -> str:
        return json.dumps({"after": self.after, "open": sorted(self.open)})


def answers_since(
    instance: dg.DagsterInstance, gates: Iterable[dg.AssetCheckKey], after: int
) -> tuple[list[Answer], int]:
    """The last completed answer of each gate and day with an event after `after`, and the newest event seen.

    While a check is planned in a running run, its last completed answer counts, so that a failure is not lost if the rerun
    dies.
    """
    storage = instance.event_log_storage
    infos = storage.get_asset_check_partition_info(list(gates), after_storage_id=max(after - REREAD, 0))
    answers: list[Answer] = []
    for info in infos:
        if info.partition_key is None:
            continue
        records = storage.get_asset_check_execution_history(
            info.check_key,
            limit=1,
            status=set(COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES),
            partition_filter=PartitionKeyFilter(key=info.partition_key),
        )
        answers += [_answer(info.check_key, info.partition_key, record) for record in records]
    newest = max((info.latest_check_event_storage_id for info in infos), default=after)
    return sorted(answers, key=lambda a: (a.day, a.gate)), max(newest, after)


def _answer(key: dg.AssetCheckKey, day: str, record: AssetCheckExecutionRecord) -> Answer:
    evaluation = record.evaluation
    assert evaluation is not None
    return Answer(
        gate=f"{key.asset_key.to_user_string()}.{key.name}",
        day=day,
        # A warning stops nothing, so it pages nobody.
        holds=evaluation.passed or evaluation.severity is dg.AssetCheckSeverity.WARN,
        text=evaluation.description or "",
        run_id=record.run_id,
    )


def deliver(
    answers: Iterable[Answer], newest: int, cursor: Cursor, send: Callable[[Answer, str], None]
) -> tuple[Cursor, list[str], list[str]]:
    """Send what changed; return the new cursor, what was sent, and what failed and will be retried.

    `send(answer, action)` raises httpx.HTTPError if the page was not delivered.
    """
    opened, sent, failed = set(cursor.open), [], []
    for answer in answers:
        if answer.holds == (answer.key not in opened):
            continue
        action = "resolve" if answer.holds else "trigger"
        try:
            send(answer, action)
        except httpx.HTTPError as error:
            failed.append(f"{action} {answer.key}: {error}")
            continue
        sent.append(f"{action} {answer.key}")
        if answer.holds:
            opened.remove(answer.key)
        else:
            opened.add(answer.key)
    return Cursor(cursor.after if failed else newest, opened), sent, failed


def page(answer: Answer, action: str, company: str) -> dict[str, Any]:
    """The message, in the format of PagerDuty's Events API v2: what, where, why, the next step and the evidence."""
    what = f"{company}: {answer.gate} of {answer.day}"
    summary = f"{what} holds again" if action == "resolve" else f"{what} does not hold. {answer.text}"
    return {
        "event_action": action,
        "dedup_key": f"billing-recon/{company}/{answer.key}",
        "payload": {
            "summary": summary[:1024],
            "source": f"billing-recon {company}",
            "severity": "critical",
            "component": answer.gate,
            "group": answer.day,
            "custom_details": {
                "what": f"{answer.gate} {'holds again' if action == 'resolve' else 'does not hold'}",
                "where": answer.day,
                "why": answer.text,
                "next step": f"billing-recon status --day {answer.day}; after the fix: billing-recon run --day {answer.day}",
                "evidence": f"Dagster run {answer.run_id}; day pack in <home>/.state/reports/{answer.day}/",
            },
        },
    }


def webhook(url: str, company: str, attempts: int = 3, first_wait: float = 0.5) -> Callable[[Answer, str], None]:
    """A function that posts pages to `url`; httpx.HTTPError after three attempts."""

    def send(answer: Answer, action: str) -> None:
        retrying = Retrying(
            stop=stop_after_attempt(attempts),
            wait=wait_exponential(multiplier=first_wait, max=5),
            retry=retry_if_exception_type(httpx.HTTPError),
            reraise=True,
        )
        for attempt in retrying:
            with attempt:
                httpx.post(url, json=page(answer, action, company), timeout=10).raise_for_status()

    return send
