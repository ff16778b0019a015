"""The home that the code location serves, and its days and months. Loads fast, even without a home."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg

from billing_recon.core.company import Company
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.operations import Operations
from billing_recon.core.printed_command import init_command, simulate_command
from billing_recon.core.yaml_text import read_yaml
from billing_recon.paging.operations_file import read_operations

HOME_ENV = "BILLING_RECON_HOME"
DEFAULT_HOME = "data/demo"
DEFAULT_FIRST_DAY = date(2026, 1, 1)
_DAY_IN_NAME = re.compile(r"\d{4}-\d{2}-\d{2}")


def home_path() -> Path:
    """The home that BILLING_RECON_HOME names."""
    return Path(os.environ.get(HOME_ENV) or DEFAULT_HOME)


@dataclass(frozen=True, slots=True)
class Calendar:
    """A home's partitions, in the company's time zone. If they are only assumed, `problem` states why."""

    home: Path
    name: str
    daily: dg.DailyPartitionsDefinition
    monthly: dg.MonthlyPartitionsDefinition
    problem: str | None = None
    timezone: str = "UTC"
    operations: Operations = field(default_factory=Operations)


def read_calendar(home: Path, now: datetime | None = None) -> Calendar:
    """The days from the company's first day on; if the home cannot be read, days from 2026 on in UTC, and the problem.

    operations.yaml is read along: an error in it is a problem, and its defaults hold.

    company.yaml is checked in full when a step opens the home; here only its days and time zone matter. The last
    day is `last_day`, if given. Otherwise it is yesterday or the day of the newest landed file, whichever is later, since
    simulated companies may be in the future.
    """
    path = home / "company.yaml"
    company, problem = None, None
    try:
        company = read_yaml(Company, path.read_bytes().decode("utf-8", "replace"), path.name)
    except FileNotFoundError:
        problem = (
            f"There is no company at {home.absolute()} yet. Make one with `{init_command(home)}` or "
            f"`{simulate_command(home)}`, or point {HOME_ENV} to another, and reload this location."
        )
    except ConfigurationError as error:
        problem = f"{path} cannot be used, so the days shown are only assumed: {error}"
    operations = Operations()
    try:
        operations = read_operations(home)
    except ConfigurationError as error:
        problem = f"{problem + ' ' if problem else ''}operations.yaml cannot be used, so its defaults hold: {error}"
    timezone = company.timezone if company else "UTC"
    first = DEFAULT_FIRST_DAY
    if company and company.first_day:
        first = date.fromisoformat(company.first_day)
    name = company.name if company else home.name
    if company and company.last_day:
        return _ended(home, name, first, date.fromisoformat(company.last_day), timezone, problem, operations)
    today = (now or datetime.now(UTC)).astimezone(ZoneInfo(timezone)).date()
    ahead = max((_newest_file(home) - today).days + 1, 0)
    next_month = today + timedelta(days=ahead)
    months_ahead = (next_month.year - today.year) * 12 + next_month.month - today.month
    return Calendar(
        home=home,
        name=name,
        daily=dg.DailyPartitionsDefinition(start_date=first.isoformat(), timezone=timezone, end_offset=ahead),
        monthly=dg.MonthlyPartitionsDefinition(
            start_date=f"{first:%Y-%m}", timezone=timezone, fmt="%Y-%m", end_offset=months_ahead
        ),
        problem=problem,
        timezone=timezone,
        operations=operations,
    )


def _ended(
    home: Path, name: str, first: date, last: date, timezone: str, problem: str | None, operations: Operations
) -> Calendar:
    """The calendar of a company whose data ends on `last`."""
    month_after = (last.replace(day=1) + timedelta(days=31)).replace(day=1)
    return Calendar(
        home=home,
        name=name,
        daily=dg.DailyPartitionsDefinition(
            start_date=first.isoformat(), end_date=(last + timedelta(days=1)).isoformat(), timezone=timezone
        ),
        monthly=dg.MonthlyPartitionsDefinition(
            start_date=f"{first:%Y-%m}", end_date=f"{month_after:%Y-%m}", timezone=timezone, fmt="%Y-%m"
        ),
        problem=problem,
        timezone=timezone,
        operations=operations,
    )


def _newest_file(home: Path) -> date:
    days = (match[0] for path in home.glob("landing/*/*") if (match := _DAY_IN_NAME.search(path.name)))
    newest = max(days, default="")
    try:
        return date.fromisoformat(newest)
    except ValueError:
        return date.min
