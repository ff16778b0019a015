"""A company by another author than the simulator's: its own plans, ledger styles, files and faults, from the documentation only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from quality.foreign.company import make
from quality.foreign.files import write
from quality.foreign.world import make_world


@dataclass(frozen=True)
class Span:
    """The days that a company has."""

    first: date
    days: int


def write_foreign(seed: int, out: Path, *, faulty: bool = True, subscriptions: int = 110, days: int = 34) -> Span:
    """The company of a seed as a home in `out`, with truth.csv; without faults its truth is empty."""
    world = make_world(seed, subscriptions, days)
    write(make(world, faulty), out)
    return Span(world.first, world.days)
