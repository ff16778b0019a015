"""A baseline as a table: the lowest, middle and highest value of each metric over its days."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from billing_recon.core.figures import NO_DATA, amount
from billing_recon.report.terminal import Col, Table

if TYPE_CHECKING:
    from billing_recon.day.home import Home


def baseline_ranges(home: Home, name: str) -> Table:
    """One line per metric and currency of the newest version; the middle is the (lower) median, an observed value."""
    baseline = home.control.baseline(name)
    if baseline is None:
        raise ValueError(f"no baseline '{name}'")
    observed: dict[tuple[str, str], list[Decimal]] = {}
    for value in baseline.rows:
        known = observed.setdefault((value.metric, value.currency or ""), [])
        if value.value is not None:
            known.append(value.value)
    table = Table(
        [
            Col("metric"),
            Col("currency"),
            Col("days", right=True),
            Col("lowest", right=True),
            Col("middle", right=True),
            Col("highest", right=True),
        ],
        title=f"Baseline '{name}' version {baseline.version}, {baseline.first} to {baseline.last}",
    )
    for (metric, currency), values in sorted(observed.items()):
        values.sort()
        shown = (values[0], values[(len(values) - 1) // 2], values[-1]) if values else ()
        figures = [amount(v, currency) for v in shown] or [NO_DATA] * 3
        table.add(metric, currency, str(len(values)), *figures)
    return table
