"""A metric over the last weeks as inline SVG: its line, the band that is expected of today, and today. Positions are whole pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from billing_recon.core.figures import amount, with_currency
from billing_recon.report.day_tables import outside

DAYS = 28
"""How far back a line goes."""
SHOWN = ("total_billed", "total_paid", "unbilled_usage", "money_at_risk_gross", "outstanding_ar", "expected_invoices")
"""Metrics with a line of their own, one per currency; metrics without an earlier day have none."""
_WIDTH, _HEIGHT, _EDGE = 320, 84, 6


@dataclass(frozen=True, slots=True)
class Trend:
    """One drawing. `band` is (y, height) of what is expected today, None if too few days are comparable."""

    title: str
    label: str
    points: str
    today: tuple[int, int]
    band: tuple[int, int] | None
    outside: bool
    told: str
    width: int = _WIDTH
    height: int = _HEIGHT


def trends(history: Iterable[Mapping[str, Any]], bands: Sequence[Mapping[str, Any]], day: date) -> list[Trend]:
    """The drawings of a day. `history` are rows of metrics of the last days, `bands` the day's rows of drift."""
    lines: dict[tuple[str, str], dict[date, Decimal]] = {}
    for row in history:
        if row["value"] is not None:
            lines.setdefault((row["metric"], row["currency"] or ""), {})[row["day"]] = row["value"]
    expected = {(row["metric"], row["currency"] or ""): row for row in bands}
    found = []
    for key in sorted(lines, key=lambda one: (SHOWN.index(one[0]), one[1])):
        if day in lines[key] and len(lines[key]) > 1:
            found.append(_trend(*key, lines[key], expected.get(key), day))
    return found


def _trend(
    metric: str, currency: str, values: Mapping[date, Decimal], band: Mapping[str, Any] | None, day: date
) -> Trend:
    known = band is not None and None not in (band["band_low"], band["band_high"])
    edges = [band["band_low"], band["band_high"]] if band is not None and known else []
    low, high = min(*values.values(), *edges), max(*values.values(), *edges)

    def y(value: Decimal) -> int:
        share = (value - low) / (high - low) if high > low else Decimal("0.5")
        room = _HEIGHT - _EDGE - _EDGE
        return _HEIGHT - _EDGE - int((share * room).to_integral_value(ROUND_HALF_EVEN))

    def x(at: date) -> int:
        return _EDGE + (_WIDTH - _EDGE - _EDGE) * (DAYS - 1 - (day - at).days) // (DAYS - 1)

    title = metric.replace("_", " ") + (f", {currency}" if currency else "")
    today = values[day]
    money = currency if currency and not metric.startswith("expected_") else ""
    label = with_currency(today, money) if money else amount(today)
    off = bool(band) and outside(band)  # type: ignore[arg-type]
    told = f"{title} over {len(values)} days, today {label}"
    if band is not None and known:
        told += f", expected {amount(band['band_low'], money)} to {amount(band['band_high'], money)}"
    return Trend(
        title=title,
        label=label,
        points=" ".join(f"{x(at)},{y(value)}" for at, value in sorted(values.items())),
        today=(x(day), y(today)),
        band=(y(edges[1]), max(y(edges[0]) - y(edges[1]), 1)) if edges else None,
        outside=off,
        told=told,
    )
