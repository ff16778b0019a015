"""Which days ran, which of them are not green, and which should have run. From verdicts, landings and files, never from results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from billing_recon.core.period import days_between, parse_day
from billing_recon.core.verdict import Verdict
from billing_recon.day.gate import DAY_GATE
from billing_recon.day.history import file_days, opening_day
from billing_recon.day.home import Home
from billing_recon.day.standing import standing


@dataclass(frozen=True, slots=True)
class Overview:
    """Where all days stand. `red` are judged days that are not PASS, `stale` those whose PASS no longer holds.

    `stale` leaves out closed months: nothing of them is written again. `not_run` are days without a verdict: before the
    newest judged day, landed, or with a file of every required layer.
    """

    newest: date | None
    red: dict[date, Verdict]
    stale: tuple[date, ...]
    not_run: tuple[date, ...]

    @property
    def green(self) -> bool:
        """Whether every day that should have run is a current PASS."""
        return self.newest is not None and not (self.red or self.stale or self.not_run)


def overview(home: Home, through: date | None = None) -> Overview:
    """Where all days of the company stand; every day up to `through` should have run, if given."""
    latest = home.control.pages.verdict_ids(DAY_GATE)
    judged = {parse_day(partition): Verdict(said) for partition, (_, said) in latest.items()}
    newest = max(judged, default=None)
    last = parse_day(home.company.last_day) if home.company.last_day else date.max
    layers = [table for table in home.policy.gate.required_layers if table not in home.company.feeds]
    after = newest or date.min
    complete = set.intersection(*([file_days(home, table, after) for table in layers] or [set()]))
    complete = {day for day in complete if day <= last}
    known = {*judged, *home.control.landed_days(), *complete, *([through] if through else ())}
    first = opening_day(home)
    expected = days_between(first, max(known)) if first and known and max(known) >= first else []
    shut = set(home.control.shut_months_after(""))
    passed = [day for day, verdict in judged.items() if verdict is Verdict.PASS and f"{day:%Y-%m}" not in shut]
    held = standing(home, DAY_GATE, {day: latest[str(day)][0] for day in passed})
    return Overview(
        newest,
        {day: verdict for day, verdict in judged.items() if verdict is not Verdict.PASS},
        tuple(day for day in passed if not held[day]),
        tuple(day for day in expected if day not in judged),
    )


def undecided(home: Home, days: Iterable[date]) -> tuple[list[date], list[date]]:
    """Those of `days` that were never judged, and those on which not everything could be compared (INCONCLUSIVE)."""
    answers = home.control.answers(DAY_GATE)
    never = [day for day in days if str(day) not in answers]
    return never, [day for day in days if answers.get(str(day)) is Verdict.INCONCLUSIVE]
