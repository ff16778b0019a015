"""Bars as inline SVG that needs no script: a waterfall of differences, or counts. Positions are whole pixels, labels exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from billing_recon.core.figures import with_currency

SHOWN = 8
"""Codes with a bar of their own; the others are one bar."""
_WIDTH, _ROW, _LEFT, _RIGHT = 640, 30, 190, 150
"""Of the drawing, of one bar with its space, and of the texts beside the bars."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: where it begins and ends, in pixels, and what stands beside it."""

    name: str
    label: str
    x: int
    width: int
    y: int
    kind: str


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The bars of one currency, from nothing to the net difference."""

    currency: str
    bars: tuple[Bar, ...]
    zero: int
    height: int
    width: int = _WIDTH
    text_at: int = _LEFT - 12
    row: int = _ROW
    what: str = "Differences by code"

    @property
    def told(self) -> str:
        """The drawing in words, for who cannot see it."""
        unit = f" in {self.currency}" if self.currency else ""
        return f"{self.what}{unit}: " + ", ".join(f"{bar.name} {bar.label}" for bar in self.bars)


def counted(what: str, currency: str, rows: Sequence[tuple[str, int, str]]) -> Waterfall:
    """Bars from zero for numbers of something, in the order given: name, number, and `up`, `down` or `net` for the colour.

    >>> [(bar.label, bar.width) for bar in counted("Customers", "EUR", [("less", 1, "down"), ("more", 2, "up"), ("same", 0, "net")]).bars]
    [('1', 150), ('2', 300), ('0', 2)]
    """
    most = max((number for _, number, _ in rows), default=0)
    room = _WIDTH - _LEFT - _RIGHT
    bars = tuple(
        Bar(name, f"{number:,}", _LEFT, max(room * number // most if most else 0, 2), place * _ROW, kind)
        for place, (name, number, kind) in enumerate(rows)
    )
    return Waterfall(currency, bars, zero=_LEFT, height=len(bars) * _ROW, what=what)


def waterfall(currency: str, sums: Sequence[tuple[str, Decimal]], what: str = "Differences by code") -> Waterfall:
    """Bars for the net difference of each code, the largest first, and their net.

    >>> [(bar.name, bar.label) for bar in waterfall("EUR", [("ROUNDING", Decimal("-0.01")), ("CAP", Decimal("5"))]).bars]
    [('CAP', '+5.00 EUR'), ('ROUNDING', '-0.01 EUR'), ('Net difference', '+4.99 EUR')]
    """
    ordered = sorted(sums, key=lambda one: (-abs(one[1]), one[0]))
    steps = ordered[:SHOWN]
    if len(ordered) > SHOWN:
        steps = [*steps, (f"{len(ordered) - SHOWN} other codes", sum((net for _, net in ordered[SHOWN:]), Decimal(0)))]
    spans, running = [], Decimal(0)
    for name, net in steps:
        spans.append((name, net, running, running + net, "up" if net >= 0 else "down"))
        running += net
    spans.append(("Net difference", running, Decimal(0), running, "net"))
    lowest = min(Decimal(0), *(min(begin, end) for _, _, begin, end, _ in spans))
    highest = max(Decimal(0), *(max(begin, end) for _, _, begin, end, _ in spans))
    room = Decimal(_WIDTH - _LEFT - _RIGHT)
    span = highest - lowest

    def at(value: Decimal) -> int:
        share = (value - lowest) / span if span else Decimal(0)
        return _LEFT + int((share * room).to_integral_value(ROUND_HALF_EVEN))

    bars = tuple(
        Bar(
            name=name,
            label=with_currency(net, currency, signed=True),
            x=min(at(begin), at(end)),
            width=max(abs(at(end) - at(begin)), 2),
            y=number * _ROW,
            kind=kind,
        )
        for number, (name, net, begin, end, kind) in enumerate(spans)
    )
    return Waterfall(currency, bars, zero=at(Decimal(0)), height=len(bars) * _ROW, what=what)
