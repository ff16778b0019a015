"""Constructed accounts: contracts made up for scenarios of which the frozen period has no example. Kept apart from real ones.

shadow/NAME/constructed is landed as a small company of its own under the frozen configuration, and both engines' bills for it
are compared as real ones are. Nothing of it enters a sum, a cause or a share of the review.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from billing_recon.compute.engine import Limits, scratch
from billing_recon.control import ControlStore
from billing_recon.core.candidate import Engine
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.landing import LandingStatus
from billing_recon.core.period import parse_day
from billing_recon.core.schema import INVOICE_LINES, SUBSCRIPTIONS, USAGE_EVENTS
from billing_recon.day.home import Home
from billing_recon.day.landing import land
from billing_recon.day.shadow.candidate import Opened
from billing_recon.day.shadow.corners import quoted
from billing_recon.day.shadow.snapshot import Snapshot, described
from billing_recon.day.usage_rollup import roll_up
from billing_recon.warehouse import Warehouse

FOLDER = "constructed"
"""Of the candidate: its files, and of the review: its results."""
_TABLES = (SUBSCRIPTIONS, USAGE_EVENTS, INVOICE_LINES)
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})\.[a-z.]+")


def constructed_days(opened: Opened, snapshot: Snapshot) -> dict[str, list[date]]:
    """The days for which the candidate has constructed files, by table. ConfigurationError: a day that the review does not read."""
    found: dict[str, list[date]] = {}
    manifest = snapshot.manifest
    earliest = manifest.first - timedelta(days=snapshot.policy.windows.lookback_days)
    for table in _TABLES:
        for path in sorted((opened.path / FOLDER / "landing" / table.name).glob("*.*")):
            named = _DAY.fullmatch(path.name)
            day = parse_day(named[1]) if named else None
            if day is None or not earliest <= day <= manifest.last:
                raise ConfigurationError(
                    f"{path} is no day of the review; name it YYYY-MM-DD.csv, from {earliest} to {manifest.last}"
                )
            found.setdefault(table.name, []).append(day)
    return found


def landed(opened: Opened, snapshot: Snapshot, folder: Path) -> tuple[Snapshot, Opened, list[str]] | None:
    """The constructed accounts as a frozen period and a candidate of their own, with what could not be read; None without any."""
    days = constructed_days(opened, snapshot)
    if not days:
        return None
    home = _home(opened, snapshot, folder)
    problems = list(_land(home, days))
    for day in days.get(USAGE_EVENTS.name, ()):
        roll_up(home, day, FOLDER)
    first, last = min(day for held in days.values() for day in held), snapshot.manifest.last
    states = list(home.control.partition_states((*(t.name for t in _TABLES), "usage_rollup"), first, last))
    period = snapshot.manifest.days
    manifest = described(home, folder / "frozen", period, states, lambda file, *_: str(file.absolute()))
    engine = opened.candidate.engine
    own = opened.candidate.model_copy(update={"engine": Engine() if engine is not None else None})
    candidate = replace(opened, path=opened.path / FOLDER / "candidate", candidate=own)
    # Their days have no verdict of their own; that the real ones have is asked of the real ones.
    return Snapshot(folder / "frozen", manifest.model_copy(update={"verdicts": {}})), candidate, problems


def _home(opened: Opened, snapshot: Snapshot, folder: Path) -> Home:
    """A company with the frozen configuration whose tables are the constructed files; its state is scratch."""
    state = folder / "state"
    state.mkdir(parents=True)
    control = ControlStore.open(f"sqlite:///{state / 'control.db'}")
    text = (snapshot.path / "config" / "policy.yaml").read_text(encoding="utf-8")
    applied = control.apply_policy(text, FOLDER, "frozen")
    company = snapshot.company.model_copy(update={"feeds": {}})
    home = folder / "home"
    shutil.copytree(snapshot.path / "config", home)
    (home / "landing").symlink_to((opened.path / FOLDER / "landing").absolute(), target_is_directory=True)
    return Home(
        path=home,
        state=state,
        company=company,
        company_digest="",
        catalog=snapshot.catalog,
        policy=snapshot.policy,
        policy_number=applied.number,
        policy_digest=applied.digest,
        policy_pending=False,
        policy_versions=tuple(control.policy_history()),
        warehouse=Warehouse(state / "warehouse"),
        control=control,
    )


def _land(home: Home, days: dict[str, list[date]]) -> Iterator[str]:
    """Land every file, contracts before usage; what is refused or quarantined is named."""
    for table in _TABLES:
        for day in days.get(table.name, ()):
            report = land(home, table.name, day, FOLDER)
            if report.status is LandingStatus.REFUSED or report.quarantined:
                yield f"constructed {table.name} of {day}: {report.message}"


def summary(folder: Path, problems: list[str], limits: Limits) -> dict[str, Any]:
    """What the review keeps of the constructed accounts: invoices, unmeant ones, and what they are examples of."""
    with scratch(limits) as con:
        con.execute(f"CREATE VIEW shadow_invoices AS FROM read_parquet('{quoted(folder)}/shadow_invoices.parquet')")
        ((invoices, unmeant),) = con.execute(
            "SELECT count(*), count(*) FILTER (WHERE state IN ('unmeant', 'unknown')) FROM shadow_invoices"
        ).fetchall()
        scenarios = con.execute(
            "SELECT scenario, count(*) FROM shadow_invoices, unnest(scenarios) AS of(scenario) GROUP BY scenario ORDER BY scenario"
        ).fetchall()
        together = con.execute(
            "SELECT one || ' with ' || two, count(*) FROM (SELECT unnest(scenarios) AS one, scenarios FROM shadow_invoices), "
            "unnest(scenarios) AS of(two) WHERE one <> two GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    return {
        "invoices": invoices,
        "unmeant": unmeant,
        "scenarios": dict(scenarios),
        "pairs": dict(together),
        "problems": problems,
    }
