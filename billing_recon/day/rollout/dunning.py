"""How the exposed stage and the control cohort are collected: attempts by number, what retries recovered, what is left, faults.

After a rollback it is the stage that was exposed last, as of its last day.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import duckdb

from billing_recon.compute.engine import build
from billing_recon.compute.rollout import STAGE
from billing_recon.core.errors import ConfigurationError
from billing_recon.day.home import Home
from billing_recon.day.rollout.gate import StageDays, register_stage
from billing_recon.day.rollout.state import State
from billing_recon.day.session import open_session
from billing_recon.explain.texts import rows_of


def retries(home: Home, state: State, day: date | None = None) -> list[dict[str, Any]]:
    """Attempts by group, time, currency and number: how many, how many succeeded, money asked for and collected."""
    with _stage(home, state, day) as con:
        return rows_of(
            con,
            'SELECT arm AS "group", phase, currency, attempt, attempts, succeeded, asked, collected FROM stage_retries ORDER BY ALL',
        )


def recovery(home: Home, state: State, day: date | None = None) -> list[dict[str, Any]]:
    """Invoices whose first attempt failed, by group, time and currency: money recovered by a retry, in its cycle still, and left."""
    query = """
        SELECT
            arm AS "group", phase, currency, count(*) AS failed_first,
            count(*) FILTER (WHERE outcome = 'recovered') AS recovered,
            CAST(coalesce(sum(amount) FILTER (WHERE outcome = 'recovered'), 0) AS amount) AS recovered_money,
            CAST(coalesce(sum(amount) FILTER (WHERE outcome = 'in_cycle'), 0) AS amount) AS in_cycle,
            CAST(coalesce(sum(amount) FILTER (WHERE outcome = 'left'), 0) AS amount) AS money_left
        FROM stage_collections WHERE missed AND phase IS NOT NULL GROUP BY ALL ORDER BY ALL
    """
    with _stage(home, state, day) as con:
        return rows_of(con, query)


def faults(home: Home, state: State, day: date | None = None) -> list[dict[str, Any]]:
    """Invoices of the stage that were asked for after they were paid or void, twice, or against the plan's schedule."""
    query = """
        SELECT invoice_id, customer_id, currency, amount, attempts, first_day, fault_on, outcome, array_to_string(faults, '; ') AS faults
        FROM stage_collections WHERE arm = 'cohort' AND fault_phase = 'stage'
        ORDER BY currency, amount DESC, invoice_id
    """
    with _stage(home, state, day) as con:
        return rows_of(con, query)


def last_exposed(state: State, newest: date) -> date:
    """The newest day on which anybody was exposed: the newest landed one, else the last before the switch back."""
    if state.exposed or not state.spans:
        return newest
    return min(newest, max(span.until for span in state.spans if span.until) - timedelta(days=1))


@contextmanager
def _stage(home: Home, state: State, day: date | None) -> Iterator[duckdb.DuckDBPyConnection]:
    landed = home.control.landed_days()
    if not landed:
        raise ConfigurationError("no day was landed yet: billing-recon run --day DAY")
    days = StageDays.of(home, state, day or last_exposed(state, landed[-1]), ended=True)
    with open_session(home, days.day) as con:
        register_stage(con, home, state, days)
        build(con, STAGE)
        yield con
