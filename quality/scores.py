"""A company reconciled day by day, and its breaks compared with truth.csv."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from billing_recon import day as steps
from billing_recon.compute.engine import session
from billing_recon.core.schema import BREAKS
from billing_recon.day import Home

Found = tuple[str, str, str, str, str, str, Decimal]
"""Code, pair, invoice, line, subscription, day, delta: what must be equal for a fault to be found."""

FIRST = date(2026, 1, 1)
DAYS = 40
"""Long enough for an invoice never collected to be known, which takes 30 days."""


@dataclass
class Score:
    """Faults by code: `missed` ones were injected but not found, `invented` ones found but not injected. `forms`: (code, form)."""

    injected: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    invented: Counter[str] = field(default_factory=Counter)
    unsummed: int = 0
    details: list[str] = field(default_factory=list)
    forms: set[tuple[str, str]] = field(default_factory=set)

    def add(self, other: Score) -> None:
        self.injected += other.injected
        self.missed += other.missed
        self.invented += other.invented
        self.unsummed += other.unsummed
        self.details += other.details
        self.forms |= other.forms


def score(out: Path, days: int = DAYS, first: date = FIRST) -> Score:
    """Run every step of every day of the company in `out`, and score the breaks."""
    home = run(out, days, first)
    result = compare(read_truth(out), breaks(home, days, first))
    result.forms = read_forms(out)
    return result


def run(out: Path, days: int, first: date) -> Home:
    """Run the steps of every day of the company in `out`, in order."""
    home = Home.open(out)
    for number in range(days):
        day = first + timedelta(days=number)
        steps.land_all(home, steps.LANDED, day, "quality")
        steps.roll_up(home, day, "quality")
        steps.expect(home, day, "quality")
        steps.reconcile(home, day, "quality")
    return home


def read_truth(out: Path) -> list[Found]:
    with (out / "truth.csv").open(newline="", encoding="utf-8") as file:
        return [
            (r["code"], r["pair"], r["invoice_id"], r["line_id"], r["subscription_id"], r["day"], Decimal(r["delta"]))
            for r in csv.DictReader(file)
        ]


def read_forms(out: Path) -> set[tuple[str, str]]:
    """The code and form of each injected fault; empty for companies without forms."""
    if not (out / "faults.csv").exists():
        return set()
    with (out / "faults.csv").open(newline="", encoding="utf-8") as file:
        return {(row["code"], row["form"]) for row in csv.DictReader(file)}


def breaks(home: Home, days: int, first: date = FIRST) -> list[tuple[Found, str, bool]]:
    """Every break with its sentence, and whether its stages sum to its delta."""
    con = session()
    scan = home.warehouse.scan(BREAKS, first, first + timedelta(days=days - 1))
    rows = con.execute(
        "SELECT code, pair, coalesce(invoice_id, ''), coalesce(line_id, ''), coalesce(subscription_id, ''), "
        f"CAST(day AS VARCHAR), delta, explanation, stage_deltas FROM ({scan}) ORDER BY ALL"
    ).fetchall()
    con.close()
    return [(row[:7], row[7], sum(map(Decimal, json.loads(row[8]).values())) == row[6]) for row in rows]


def compare(truth: Iterable[Found], found: list[tuple[Found, str, bool]]) -> Score:
    wanted, seen = Counter(map(_key, truth)), Counter(_key(one) for one, _, _ in found)
    sentences = {_key(one): sentence for one, sentence, _ in found}
    result = Score(Counter(), Counter(), Counter(), sum(not sums for _, _, sums in found))
    for one, count in wanted.items():
        result.injected[one[0]] += count
    for one, count in (wanted - seen).items():
        result.missed[one[0]] += count
        result.details.append(f"missed    {' '.join(map(str, one))}")
    for one, count in (seen - wanted).items():
        result.invented[one[0]] += count
        result.details.append(f"invented  {' '.join(map(str, one))}: {sentences[one]}")
    return result


def _key(one: Found) -> Found:
    return (*one[:6], one[6].normalize() + 0)
