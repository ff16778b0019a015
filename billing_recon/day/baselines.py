"""The baseline: the daily metrics of a range of days, kept as a version that is never overwritten."""

from __future__ import annotations

from datetime import date

from billing_recon.compute.engine import scratch
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.period import days_between
from billing_recon.core.schema import METRICS
from billing_recon.core.schema.parameters import BASELINE_VALUES
from billing_recon.day.home import Home


def capture_baseline(home: Home, name: str, first: date, last: date, actor: str) -> int:
    """Keep the metrics of `first` to `last` as a new version of the baseline `name` and return its number.

    ConfigurationError if a day of the range has not been reconciled: a baseline with gaps would hide drift.
    """
    days = days_between(first, last)
    reconciled = {state.day for state in home.control.partition_states((METRICS.name,), first, last) if state.rows}
    missing = [day for day in days if day not in reconciled]
    if missing:
        shown = ", ".join(str(day) for day in missing[:5]) + (" ..." if len(missing) > 5 else "")
        raise ConfigurationError(
            f"baseline '{name}' needs every day from {first} to {last}; {len(missing)} not reconciled yet ({shown}). "
            f"Run them first: billing-recon run --day {missing[0]} --to {missing[-1]}"
        )
    with scratch() as con:
        rows = con.execute(
            f"SELECT {', '.join(BASELINE_VALUES.names)} FROM ({home.warehouse.scan(METRICS, first, last)}) ORDER BY ALL"
        ).fetchall()
    return home.control.capture_baseline(name, first, last, rows, actor)
