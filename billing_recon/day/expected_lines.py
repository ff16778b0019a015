"""The day's expected lines and what qualifies them, written. The computing is in compute.expect and compute.late_usage."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import duckdb

from billing_recon.compute import expect as expectation
from billing_recon.compute import late_usage
from billing_recon.compute.engine import build
from billing_recon.compute.registration import register
from billing_recon.core.policy import LATE_REACH
from billing_recon.core.schema import (
    ENTITLEMENT_SIGNALS,
    EXPECTED_LINES,
    INVOICE_LINES,
    LATE_USAGE,
    QUARANTINE,
    SUBSCRIPTIONS,
    UNBILLED_USAGE,
    UNRATED,
    USAGE_AWAITED,
    USAGE_EVENTS,
    USAGE_ROLLUP,
    TableSpec,
)
from billing_recon.day.history import computed_from, known_rollups, later_rollups, not_known
from billing_recon.day.home import Home
from billing_recon.day.session import open_session, register_landed, register_window, window
from billing_recon.day.step import StepResult
from billing_recon.day.usage import made_from_with_usage_since
from billing_recon.explain.entitlements import write_entitlements
from billing_recon.explain.withheld import write_withheld

WRITTEN: tuple[TableSpec, ...] = (
    UNBILLED_USAGE,
    UNRATED,
    ENTITLEMENT_SIGNALS,
    USAGE_AWAITED,
    LATE_USAGE,
    EXPECTED_LINES,
)
"""What the step replaces, in this order, each from the relation of its name or of SOURCES."""

SOURCES: Mapping[TableSpec, str] = {UNRATED: "withheld", ENTITLEMENT_SIGNALS: "entitlements_reached"}
"""`withheld` is `unrated`, and `entitlements_reached` is `entitlement_signals`, in words (explain)."""


def expect(home: Home, day: date, run_id: str) -> StepResult:
    """Write every line that the contracts make due, and the counterpart of every line issued."""
    made_from, later = computed_from(home, day, not_known(home, day)), later_rollups(home, day)
    with open_session(home, day) as con:
        lookback = home.policy.windows.lookback_days
        register_landed(con, home, SUBSCRIPTIONS, day, lookback)
        register_landed(con, home, INVOICE_LINES, day, lookback)
        refused, first = QUARANTINE.of(SUBSCRIPTIONS.name), day - timedelta(days=lookback)
        register_window(con, home, refused, first, day, name="quarantined_subscriptions")
        build(con, expectation.INTERVALS)
        _register_events(con, home, day, reach=LATE_REACH if _register_usage(con, home, day) else 1)
        build(con, (*expectation.RELATIONS, *late_usage.RELATIONS))
        expectation.refuse_doubles(con)
        write_withheld(con)
        write_entitlements(con)
        done = [
            home.write(con, table, day, run_id, source=SOURCES.get(table), made_from=made_from)
            for table in WRITTEN[:-1]
        ]
        # Which later usage re-opens the day depends on the bills that await it, which are stored only now.
        known = made_from_with_usage_since(home, day, made_from) if later == later_rollups(home, day) else "a race"
        return StepResult.of(*done, home.write(con, WRITTEN[-1], day, run_id, made_from=known))


def _register_usage(con: duckdb.DuckDBPyConnection, home: Home, day: date) -> bool:
    """`usage_rollup` over the lookback, and the days of the late window after `day` as far as they have been rolled up.

    A period whose usage arrived after its late window is rated again from its first day. For those subscriptions the usage
    from before the lookback is included; returns whether there are any.
    """
    windows = home.policy.windows
    first, last = day - timedelta(days=windows.lookback_days), day + timedelta(days=windows.late_window_days)
    names = ", ".join(c.name for c in USAGE_ROLLUP.registered)
    register_window(con, home, USAGE_ROLLUP, first, last, name="usage_at_hand", where=known_rollups(home, day))
    con.execute(
        "CREATE TABLE late_subscriptions AS SELECT DISTINCT change.subscription_id FROM usage_at_hand AS change, run_params AS params "
        "WHERE change.day > CAST(change.usage_day + 1 + params.late_window_days AS DATE) AND change.day > params.first_day "
        "AND may_reprice(change.quantity, change.events, change.superseded_events, change.meter IN (SELECT charge.meter "
        "FROM term_charges AS charge WHERE charge.kind = 'usage' AND (charge.by_event OR charge.aggregation = 'count')))"
    )
    ((late,),) = con.execute("SELECT count(*) FROM late_subscriptions").fetchall()
    earlier = ""
    if late:
        begin = day - timedelta(days=LATE_REACH * windows.lookback_days)
        source, _ = window(con, home, USAGE_ROLLUP, begin, first - timedelta(days=1))
        con.execute(
            f"CREATE TABLE usage_before AS SELECT {names} FROM ({source}) SEMI JOIN late_subscriptions USING (subscription_id)"
        )
        earlier = f" UNION ALL SELECT {names} FROM usage_before"
    con.execute(f"CREATE VIEW {USAGE_ROLLUP.name} AS SELECT {names} FROM usage_at_hand{earlier}")
    return bool(late)


def _register_events(con: duckdb.DuckDBPyConnection, home: Home, day: date, reach: int) -> None:
    """`usage_events` of the meters that the catalog charges by single events, and of subscriptions whose terms change within
    a day, around those days; `usage_corrections` of all meters.

    They cover `reach` lookbacks, and the days of the late window after `day` that have been rolled up. They are views that
    the files' own statistics answer, so other events are hardly read; empty tables if no charge needs events.
    """
    meters = sorted({c.meter for p in home.catalog.plans for c in p.charges if c.by_event and c.meter})
    windows = home.policy.windows
    first, last = day - timedelta(days=reach * windows.lookback_days), day + timedelta(days=windows.late_window_days)
    ((cut_from, cut_to),) = con.execute(
        "SELECT min(cut_day) - 1, max(cut_day) + 2 FROM cut_days WHERE cut_day >= ?", [first]
    ).fetchall()
    if not meters and cut_from is None:
        for name in ("usage_events", "usage_corrections"):
            register(con, USAGE_EVENTS, name=name)
        return
    known = ", ".join(f"DATE '{later}'" for later in later_rollups(home, day)) or "NULL"
    listed = ", ".join("'" + meter.replace("'", "''") + "'" for meter in meters) or "''"
    source, _ = window(con, home, USAGE_EVENTS, first, last)
    names = ", ".join(c.name for c in USAGE_EVENTS.registered)
    arrived = f"SELECT {names} FROM ({source}) WHERE (observed_on <= DATE '{day}' OR observed_on IN ({known}))"
    needed = f"{arrived} AND meter IN ({listed})"
    if cut_from is not None:
        needed += (
            f" UNION ALL SELECT {names} FROM ({arrived}) AS event SEMI JOIN cut_days ON cut_days.events_of = event.subscription_id "
            f"WHERE meter NOT IN ({listed}) AND event_time >= TIMESTAMPTZ '{cut_from:%Y-%m-%d} 00:00+00' "
            f"AND event_time < TIMESTAMPTZ '{cut_to:%Y-%m-%d} 00:00+00'"
        )
    con.execute(f"CREATE VIEW usage_events AS {needed}")
    con.execute(f"CREATE VIEW usage_corrections AS {arrived} AND corrects IS NOT NULL")
