"""Running a home's days through the steps in order, without Dagster, for tests of what the steps compute."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from billing_recon import day as steps
from billing_recon.control import VerdictRecord
from billing_recon.core.schema import BREAKS, TableSpec
from billing_recon.day import Home
from billing_recon_tests.sessions import session


def run_day(home: Home, day: date, run_id: str = "test") -> VerdictRecord:
    """Land, roll up, expect, reconcile and judge one day."""
    for table in steps.LANDED:
        steps.land(home, table, day, run_id)
    steps.roll_up(home, day, run_id)
    steps.expect(home, day, run_id)
    steps.reconcile(home, day, run_id)
    return steps.judge_day(home, day, run_id)


def rows(home: Home, spec: TableSpec, first: date, last: date | None = None) -> list[dict[str, Any]]:
    """A results table's rows for some days, in a fixed order."""
    con = session()
    names = ", ".join(dict.fromkeys(["day", *spec.names]))
    cursor = con.execute(f"SELECT {names} FROM ({home.warehouse.scan(spec, first, last or first)}) ORDER BY ALL")
    return [dict(zip([d[0] for d in cursor.description], row, strict=True)) for row in cursor.fetchall()]


def breaks(home: Home | Path, first: date, last: date | None = None) -> list[dict[str, Any]]:
    """The breaks of some days."""
    opened = home if isinstance(home, Home) else Home.open(home)
    return rows(opened, BREAKS, first, last)
