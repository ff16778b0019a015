"""The lists of customers, as files named by their digest, and what a session knows of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb

from billing_recon.compute.registration import register
from billing_recon.control.database import private_folder
from billing_recon.core.errors import GateRefused
from billing_recon.core.rollout import CANDIDATE, CONTROL, EVERYBODY
from billing_recon.core.schema.rollout import ROLLOUT_MEMBERS, ROLLOUTS_WATCHED
from billing_recon.day.home import Home
from billing_recon.day.rollout.state import MemberList, Span, State, state_of, states


def folder(home: Home, name: str) -> Path:
    """Where a rollout's lists and flags are."""
    private_folder(home.state)
    return private_folder(private_folder(home.state / "rollouts") / name)


def write_list(con: duckdb.DuckDBPyConnection, home: Home, name: str, stage: str, query: str) -> tuple[int, str]:
    """Write the customers that `query` gives (customer_id) as a stage's list; return how many, and the file's digest."""
    place = private_folder(folder(home, name) / "members")
    draft = place / f".{stage}-{os.getpid()}.parquet"
    con.execute(f"COPY (SELECT customer_id FROM ({query}) ORDER BY customer_id) TO '{_sql(draft)}' (FORMAT parquet)")
    ((rows,),) = con.execute(f"SELECT count(*) FROM read_parquet('{_sql(draft)}')").fetchall()
    digest = _digest(draft)
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.replace(list_file(home, name, stage, digest))
    return int(rows), digest


def list_file(home: Home, name: str, stage: str, digest: str) -> Path:
    """Where a list is."""
    return folder(home, name) / "members" / f"{stage}-{digest[:16]}.parquet"


def checked_list(home: Home, name: str, one: MemberList) -> Path:
    """A list's file; GateRefused if it is not what was written down."""
    file = list_file(home, name, one.stage, one.digest)
    if not file.is_file() or _digest(file) != one.digest:
        raise GateRefused(
            f"the list of stage {one.stage} of rollout {name} is not what was written down ({file}); restore the state from a copy: "
            "billing-recon state restore FILE"
        )
    return file


def damaged_lists(home: Home) -> list[str]:
    """A sentence for each list that is not what was written down."""
    problems = []
    for state in states(home):
        for one in state.lists.values():
            try:
                checked_list(home, state.name, one)
            except GateRefused as error:
                problems.append(str(error))
    return problems


def register_members(con: duckdb.DuckDBPyConnection, home: Home, last_day: date) -> None:
    """`rollout_members` and `rollouts_watched` as they were up to a day: exposures that began by then, ended only if by then."""
    every = [state for state in states(home) if state.spans]
    register(con, ROLLOUTS_WATCHED, [row for state in every for row in _watched(state, last_day)])
    register(con, ROLLOUT_MEMBERS)
    for state in every:
        for span in _until(state, last_day):
            add_members(con, home, state, span)


def add_members(con: duckdb.DuckDBPyConnection, home: Home, state: State, span: Span) -> None:
    """The rows of one stage's exposure, from its list, and the row of everybody if it is that stage."""
    sources = []
    if span.stage in state.lists:
        file = checked_list(home, state.name, state.lists[span.stage])
        sources.append(f"SELECT customer_id FROM read_parquet('{_sql(file)}')")
    if span.stage in state.plan.names and state.plan.stage(span.stage).everybody:
        sources.append(f"SELECT '{EVERYBODY}' AS customer_id")
    for source in sources:
        con.execute(
            f"INSERT INTO {ROLLOUT_MEMBERS.name} SELECT $rollout, customer_id, $stage, '{CANDIDATE}', $since, $until, "
            f"CAST(nullif($since_at, '') AS TIMESTAMPTZ), CAST(nullif($until_at, '') AS TIMESTAMPTZ) FROM ({source})",
            {
                "rollout": state.name,
                "stage": span.stage,
                "since": span.since,
                "until": span.until,
                "since_at": span.since_at,
                "until_at": span.until_at,
            },
        )


def flags_digest(home: Home, day: date) -> str:
    """The digest of what the flags gave up to the end of a day; empty before the first exposure."""
    digest, known = hashlib.sha256(), False
    for state in states(home):
        for span in _until(state, day):
            known = True
            listed = state.lists[span.stage].digest if span.stage in state.lists else ""
            digest.update(f"{state.name} {span} {listed} {list(_watched(state, day))}\n".encode())
    return digest.hexdigest() if known else ""


def variant_on(home: Home, name: str, customer: str, day: date) -> str:
    """What the flag of a rollout gives a customer on a day: control or candidate."""
    from billing_recon.compute.engine import scratch

    with scratch() as con:
        register(con, ROLLOUT_MEMBERS)
        state = state_of(home, name)
        for span in state.spans:
            if span.since <= day and (span.until is None or day < span.until):
                add_members(con, home, state, span)
        found = con.execute(
            f"SELECT 1 FROM {ROLLOUT_MEMBERS.name} WHERE customer_id IN ($customer, '{EVERYBODY}') LIMIT 1",
            {"customer": customer},
        ).fetchall()
    return CANDIDATE if found else CONTROL


def _until(state: State, day: date) -> Iterator[Span]:
    for span in state.spans:
        if span.since <= day:
            ended = span.until is not None and span.until <= day
            yield span if ended else Span(span.stage, span.since, span.since_at)


def _watched(state: State, last_day: date) -> Iterator[tuple[str, date, date | None, bool]]:
    first = min((span.since for span in state.spans), default=None)
    if first is not None and first <= last_day:
        closed = state.closed_on if state.closed_on and state.closed_on <= last_day else None
        yield state.name, first, closed, not state.of_payments


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _sql(file: Path) -> str:
    return str(file).replace("'", "''")
