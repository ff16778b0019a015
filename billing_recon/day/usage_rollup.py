"""The day's usage roll-up, written. The computing is in compute.rollup."""

from __future__ import annotations

from datetime import date, timedelta

from billing_recon.compute import rollup
from billing_recon.compute.engine import build
from billing_recon.core.schema import REOPENED_DAYS, SUBSCRIPTIONS, USAGE_DUPLICATES, USAGE_EVENTS, USAGE_ROLLUP
from billing_recon.day.history import rollup_inputs, rollups_to_make
from billing_recon.day.home import Home
from billing_recon.day.session import open_session, register_landed, register_window, window
from billing_recon.day.step import StepResult


def roll_up(home: Home, day: date, run_id: str) -> StepResult:
    """Write usage per subscription, meter and usage day, as the change that the day's arrivals make.

    Before it, the same for earlier days of the lookback that were landed and not rolled up (a run that stopped after
    landing), or rolled up before earlier days were landed: a roll-up that is missing would count as no usage.
    """
    for behind in rollups_to_make(home, day):
        _roll_up(home, behind, run_id)
    return _roll_up(home, day, run_id)


def _roll_up(home: Home, day: date, run_id: str) -> StepResult:
    home.refuse_if_closed(day)
    made_from = rollup_inputs(home, (day,))[day]
    with open_session(home, day) as con:
        lookback = home.policy.windows.lookback_days
        register_landed(con, home, SUBSCRIPTIONS, day, lookback)
        events, _ = window(con, home, USAGE_EVENTS, day - timedelta(days=lookback), day)
        names = ", ".join(c.name for c in USAGE_EVENTS.registered)
        for view, condition in (("new_events", "="), ("known_events", "<")):
            con.execute(
                f"CREATE VIEW {view} AS SELECT {names} FROM ({events}) WHERE observed_on {condition} DATE '{day}'"
            )
        register_window(con, home, USAGE_DUPLICATES, day, day, name="landing_duplicates")
        build(con, rollup.RELATIONS)
        if con.execute("SELECT 1 FROM rollup_repeated LIMIT 1").fetchall():
            # Landing collapses repeats of days landed before; these were landed after, so it has to look again.
            home.control.land_again(USAGE_EVENTS.name, day)
        return StepResult.of(
            home.write(con, USAGE_ROLLUP, day, run_id, source="rollup_day", made_from=made_from),
            home.write(con, REOPENED_DAYS, day, run_id),
        )
