"""A customer's next bills, from what is known at the end of a day. The same relations rate them that will rate them when they are due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from billing_recon.compute import expect, preview
from billing_recon.compute.engine import build
from billing_recon.compute.registration import register
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.policy import LATE_REACH
from billing_recon.core.schema import INVOICE_LINES, QUARANTINE, SUBSCRIPTIONS, USAGE_EVENTS, USAGE_ROLLUP
from billing_recon.core.schema.parameters import RUN_PARAMS
from billing_recon.day.history import known_rollups, not_known
from billing_recon.day.home import Home
from billing_recon.day.parameters import run_params
from billing_recon.day.session import open_session, register_window
from billing_recon.explain.withheld import write_withheld

Row = dict[str, Any]

_TO_PERIODS = tuple(name.name for name in expect.RELATIONS).index("contract_periods") + 1


@dataclass(frozen=True, slots=True)
class Preview:
    """What a customer will be billed next. `lines` are rows of `bill_lines`, `units` of `units_used`.

    `withheld` says what cannot be rated and why, `unknown` which days' data is missing, so that the bill may grow by it.
    """

    customer_id: str
    as_of: date
    lines: tuple[Row, ...]
    units: tuple[Row, ...]
    withheld: tuple[str, ...]
    unknown: tuple[str, ...]


def preview_customer(home: Home, customer_id: str, as_of: date) -> Preview:
    """The bills of a customer that are due after `as_of`, up to the next one of each subscription.

    ConfigurationError if no contract of the customer is known by then.
    """
    last = _last_due(home, customer_id, as_of)
    with open_session(home, as_of) as con:
        if last is not None:
            ahead = run_params(home, as_of).model_copy(update={"since": as_of + timedelta(days=1), "day": last})
            register(con, RUN_PARAMS, [ahead.row()])
        _register(con, home, customer_id, as_of)
        build(con, expect.INTERVALS)
        _register_events(con, home, as_of)
        build(con, (*expect.RELATIONS, *preview.RELATIONS))
        write_withheld(con)
        lines = _rows(con, "FROM bill_lines ORDER BY due_on, subscription_id, part DESC, expected_line_id")
        units = _rows(con, "FROM units_used ORDER BY subscription_id, charge_id, period_start")
        withheld = con.execute("SELECT DISTINCT sentence FROM withheld ORDER BY sentence").fetchall()
    unknown = sorted({str(day) for one in not_known(home, as_of) for day in one.days})
    return Preview(customer_id, as_of, tuple(lines), tuple(units), tuple(s for (s,) in withheld), tuple(unknown))


def _last_due(home: Home, customer_id: str, as_of: date) -> date | None:
    """The due day of the last of the open periods; None if no period is open."""
    with open_session(home, as_of) as con:
        _register(con, home, customer_id, as_of)
        build(con, expect.RELATIONS[:_TO_PERIODS])
        ((last,),) = con.execute(
            "SELECT max(period.due_on) FROM contract_periods AS period, run_params AS params WHERE period.due_on > params.day"
        ).fetchall()
    found: date | None = last
    return found


def _register(con: duckdb.DuckDBPyConnection, home: Home, customer_id: str, as_of: date) -> None:
    """What is known of the customer at the end of the day, as `day.expected_lines` registers it for everybody."""
    lookback = timedelta(days=home.policy.windows.lookback_days)
    contracts = home.warehouse.scan(SUBSCRIPTIONS, as_of - lookback, as_of)
    con.execute(
        f"CREATE TABLE asked AS SELECT DISTINCT subscription_id FROM ({contracts}) WHERE customer_id = ? AND observed_on <= ?",
        [customer_id, as_of],
    )
    if not con.execute("SELECT 1 FROM asked LIMIT 1").fetchall():
        raise ConfigurationError(
            f"no contract of customer '{customer_id}' was delivered to {home.path} by {as_of}; "
            "names are those of customer_id in the contracts' files"
        )
    theirs = "subscription_id IN (SELECT subscription_id FROM asked)"
    for table in (SUBSCRIPTIONS, INVOICE_LINES):
        known = f"observed_on <= DATE '{as_of}' AND {theirs}"
        register_window(con, home, table, as_of - lookback, as_of, where=known)
    refused = QUARANTINE.of(SUBSCRIPTIONS.name)
    register_window(con, home, refused, as_of - lookback, as_of, name="quarantined_subscriptions")
    usage = f"{known_rollups(home, as_of)} AND {theirs}"
    register_window(con, home, USAGE_ROLLUP, as_of - LATE_REACH * lookback, as_of, where=usage)


def _register_events(con: duckdb.DuckDBPyConnection, home: Home, as_of: date) -> None:
    """The customer's single events, if a charge is priced by them or terms change within a day; else none."""
    by_event = any(charge.by_event for plan in home.catalog.plans for charge in plan.charges)
    cut = con.execute("SELECT 1 FROM cut_days LIMIT 1").fetchall()
    if not by_event and not cut:
        for name in ("usage_events", "usage_corrections"):
            register(con, USAGE_EVENTS, name=name)
        return
    first = as_of - timedelta(days=LATE_REACH * home.policy.windows.lookback_days)
    known = f"observed_on <= DATE '{as_of}' AND subscription_id IN (SELECT subscription_id FROM asked)"
    register_window(con, home, USAGE_EVENTS, first, as_of, where=known)
    con.execute("CREATE VIEW usage_corrections AS FROM usage_events WHERE corrects IS NOT NULL")


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[Row]:
    result = con.execute(query)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
