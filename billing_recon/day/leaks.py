"""Revenue lost or overcharged over some days, and what of it was recovered. Read from breaks, totals and decisions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing_recon.compute.engine import build, scratch
from billing_recon.compute.leaks import RELATIONS
from billing_recon.compute.registration import register
from billing_recon.core.break_decision import resolutions
from billing_recon.core.schema import BREAKS, CONTROL_TOTALS, SUBSCRIPTIONS
from billing_recon.core.schema.parameters import BREAK_ANSWERS
from billing_recon.day.home import Home
from billing_recon.day.session import register_window

Row = dict[str, Any]

CAPTURE_TARGET = Decimal("0.99")
"""The share of expected revenue that is to be billed, unless the gate has a threshold of its own for capture_rate."""


@dataclass(frozen=True, slots=True)
class Leaks:
    """`by_cause` are rows of `leaks`, `captured` of `captured` (compute/leaks)."""

    by_cause: tuple[Row, ...]
    captured: tuple[Row, ...]
    target: Decimal


def leaks(home: Home, first: date, last: date) -> Leaks:
    """What leaked from `first` to `last`, the largest first within each month and currency."""
    with scratch() as con:
        for table in (BREAKS, CONTROL_TOTALS):
            columns = ", ".join(dict.fromkeys(["day", *table.names]))
            con.execute(
                f"CREATE VIEW {table.name} AS SELECT {columns} FROM ({home.warehouse.scan(table, first, last)})"
            )
        lookback = timedelta(days=home.policy.windows.lookback_days)
        register_window(con, home, SUBSCRIPTIONS, first - lookback, last)
        register(con, BREAK_ANSWERS, _answers(home, first, last))
        build(con, RELATIONS)
        rows = [_rows(con, f"FROM {name} ORDER BY {order}") for name, order in _ORDER.items()]
    return Leaks(tuple(rows[0]), tuple(rows[1]), _target(home))


_ORDER = {"leaks": "month, currency, found DESC, pair, code, plan_id", "captured": "month, currency"}


def _answers(home: Home, first: date, last: date) -> list[Row]:
    """The breaks that somebody decided about, each as of the last decision."""
    decisions = home.control.break_decisions(first, last)
    standing = resolutions(decisions)
    answers = []
    for one in {decision.break_id: decision for decision in decisions}.values():
        held = standing.get(one.break_id)
        came = json.loads(one.came)
        answers.append(
            {
                **{name: getattr(one, name) for name in ("break_id", "day", "currency", "delta")},
                **{name: came.get(name) for name in ("pair", "code", "subscription_id")},
                "corrected": bool(held and held.resolution and held.resolution.is_correction),
            }
        )
    return answers


def _target(home: Home) -> Decimal:
    """The lowest capture rate that the gate allows, if it names one."""
    own = [one.min for one in home.policy.gate.thresholds if one.metric == "capture_rate" and one.min is not None]
    return max(own, default=CAPTURE_TARGET)


def _rows(con: Any, query: str) -> list[Row]:
    result = con.execute(query)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
