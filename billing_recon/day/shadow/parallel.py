"""The parallel run: a candidate beside live billing, day by day until the cutover; after it, the old logic.

A day is compared as a review compares a period, but with what is live now. It keeps to the accepted pattern if it has no
cause of unmeant differences that the review did not have, and stays within the launch rule's bounds of differences.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from billing_recon.control import Recorded
from billing_recon.core.candidate import Candidate, Launch, LaunchRule, Terms
from billing_recon.core.errors import ConfigurationError, GateRefused
from billing_recon.core.figures import count
from billing_recon.core.launch import Clause, judge, verdict_of
from billing_recon.core.period import parse_day
from billing_recon.core.verdict import Verdict
from billing_recon.day.gate import DAY_GATE
from billing_recon.day.home import Home
from billing_recon.day.shadow.candidate import Opened, engine_files_digest, open_candidate
from billing_recon.day.shadow.gate import found_by, latest, rows_of_review
from billing_recon.day.shadow.review import Review, compare
from billing_recon.day.shadow.snapshot import find, live_day

CANDIDATE, OLD = "candidate", "old"
"""What ran beside live billing."""


@dataclass(frozen=True, slots=True)
class ParallelDay:
    """One day of a parallel run. `beside`: what ran beside live billing. Figures are by currency; currencies are never added."""

    day: date
    beside: str
    verdict: Verdict
    says: tuple[str, ...]
    invoices: int
    unmeant_invoices: int
    figures: dict[str, dict[str, str]]
    live_verdict: int
    """The id of the live day's verdict that it was compared under."""
    version: str
    files: str
    """The digest of the engine's files."""
    owner: str

    @property
    def content(self) -> str:
        """As recorded."""
        shown = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return json.dumps(shown | {"day": str(self.day), "verdict": self.verdict.value}, sort_keys=True)

    @classmethod
    def of(cls, content: str) -> ParallelDay:
        held = json.loads(content)
        typed = {"day": parse_day(held["day"]), "verdict": Verdict(held["verdict"]), "says": tuple(held["says"])}
        return cls(**{**held, **typed})


def run_parallel(home: Home, name: str, day: date, actor: str) -> ParallelDay:
    """Compare one live day and record what came of it; a rerun is recorded as well, and the last one counts.

    ConfigurationError if the day is not one of the parallel run or of the time after the cutover. GateRefused if the live
    day was not run to its end.
    """
    opened = open_candidate(home.path, name)
    launch, review = _launch(opened), latest(home, name)
    beside = _beside(home, name, launch, day)
    if beside is None:
        raise ConfigurationError(
            f"{day} is no day of candidate {name}'s parallel run, which is {_span(launch)}; the dates are under launch in "
            f"shadow/{name}/candidate.yaml"
        )
    live = home.control.latest_verdict(DAY_GATE, str(day))
    number = home.control.pages.verdict_ids(DAY_GATE).get(str(day), (0, ""))[0]
    folder = home.state / "shadow" / "parallel" / name / str(day)
    filling = folder.with_name(f".running-{day}-{os.getpid()}")
    shutil.rmtree(filling, ignore_errors=True)
    try:
        filling.mkdir(parents=True)
        compared = opened if beside == CANDIDATE else way_back(home, opened, review)
        with live_day(home, day, filling / "live") as snapshot:
            facts = compare(compared, snapshot, filling, home.limits(snapshot.rows("invoice_lines")))
        shutil.rmtree(filling / "live")
        shutil.rmtree(folder, ignore_errors=True)
        filling.rename(folder)
    finally:
        shutil.rmtree(filling, ignore_errors=True)
    result = Review(name, folder, facts)
    rule = opened.candidate.launch_rule.model_copy(
        update={"coverage": (), "coverage_pairs": (), "sample": 0, "require_closed": False, "max_rise": None}
    )
    clauses = list(_judged(home, result, rule, review, beside, live is not None and live.verdict is Verdict.PASS))
    (totals,) = rows_of_review(
        result,
        "SELECT count(*) AS invoices, count(*) FILTER (WHERE state = 'unmeant') AS unmeant FROM shadow_invoices",
    )
    made = ParallelDay(
        day,
        beside,
        verdict_of(clauses),
        tuple(f"{c.name}: {c.says}" for c in clauses if c.verdict is not Verdict.PASS),
        totals["invoices"],
        totals["unmeant"],
        _figures(result),
        number,
        opened.version,
        facts["engine_files"],
        opened.candidate.owner,
    )
    home.control.record_shadow(Recorded.PARALLEL, name, str(day), made.content, by=actor, actor=actor)
    return made


def parallel_days(home: Home, name: str) -> list[ParallelDay]:
    """The last record of each day of a candidate's parallel run, in order."""
    found = {record.version: record.content for record in home.control.shadow_records(Recorded.PARALLEL, name)}
    return [ParallelDay.of(found[day]) for day in sorted(found)]


def candidates(home: Home) -> list[str]:
    """The candidates that are described in the home."""
    return sorted(file.parent.name for file in home.path.glob("shadow/*/candidate.yaml"))


def straying(home: Home, name: str) -> list[ParallelDay]:
    """Days that are not PASS, unless somebody decided no-go, which ends the parallel run."""
    return (
        [] if _given_up(home, name) else [one for one in parallel_days(home, name) if one.verdict is not Verdict.PASS]
    )


def _given_up(home: Home, name: str) -> bool:
    decisions = home.control.shadow_records(Recorded.DECISION, name)
    return bool(decisions) and not json.loads(decisions[-1].content)["go"]


def due_days(home: Home, name: str) -> list[tuple[date, str]]:
    """Live days that were judged and are not compared yet as they and the candidate stand now, and what that state is."""
    opened = open_candidate(home.path, name)
    launch = opened.candidate.launch
    if (
        launch is None
        or launch.parallel_from is None
        or _given_up(home, name)
        or not home.control.shadow_records(Recorded.RUN, name)
    ):
        return []
    ran = {CANDIDATE: opened, OLD: way_back(home, opened, latest(home, name))}
    judged = {parse_day(day): number for day, (number, _) in home.control.pages.verdict_ids(DAY_GATE).items()}
    known = {one.day: (one.live_verdict, one.version, one.files) for one in parallel_days(home, name)}
    due = []
    for day in sorted(judged):
        beside = _beside(home, name, launch, day)
        if beside is not None:
            state = (judged[day], opened.version, engine_files_digest(ran[beside], [day]))
            if known.get(day) != state:
                due.append((day, " ".join(str(part)[:12] for part in state)))
    return due


def require_parallel(home: Home, opened: Opened) -> None:
    """Raise GateRefused for each day of the parallel run that was not compared, or does not keep to the accepted pattern."""
    launch = _launch(opened)
    known = {one.day: one for one in parallel_days(home, opened.name) if one.version == opened.version}
    problems = []
    for day in launch.parallel_days:
        if day not in known:
            problems.append(f"{day} was not compared; billing-recon shadow parallel {opened.name} --day {day}")
        elif known[day].verdict is not Verdict.PASS:
            problems.append(f"{day} is {known[day].verdict}: {'; '.join(known[day].says)}")
    if problems:
        shown = problems[:5] + ([f"and {len(problems) - 5} more days"] if len(problems) > 5 else [])
        raise GateRefused("\n".join(f"parallel run of candidate {opened.name}: {one}" for one in shown))


def way_back(home: Home, opened: Opened, review: Review) -> Opened:
    """The old logic as a candidate of live billing after the cutover: frozen catalog and profile, contracts moved back."""
    back = _launch(opened).back
    frozen = find(home, review.facts["label"])
    profile = frozen.company.profile.model_dump(mode="json", exclude_none=True)
    candidate = Candidate(
        purpose=f"the way back from {opened.name}",
        owner=opened.candidate.owner,
        terms=Terms(profile=profile, contracts=back.contracts if back else ()),
        engine=back.engine if back else None,
        names=opened.candidate.names,
    )
    return Opened(opened.name, opened.path, candidate, opened.version, frozen.catalog)


def _launch(opened: Opened) -> Launch:
    launch = opened.candidate.launch
    if launch is None:
        raise ConfigurationError(
            f"shadow/{opened.name}/candidate.yaml does not say how it is launched: give launch with decided_by, cutover, rollback, "
            "and parallel_from for a parallel run"
        )
    return launch


def _beside(home: Home, name: str, launch: Launch, day: date) -> str | None:
    """What runs beside live billing on a day. A cutover that was put off leaves the candidate in shadow."""
    if launch.parallel_from is None or day < launch.parallel_from:
        return None
    cut = bool(home.control.shadow_records(Recorded.CUTOVER, name))
    if day < launch.cutover or not cut:
        return CANDIDATE
    return OLD if launch.back is not None and day <= launch.back.until else None


def _span(launch: Launch) -> str:
    if launch.parallel_from is None:
        return "not planned"
    after = f", and the old logic from {launch.cutover} to {launch.back.until}" if launch.back else ""
    return f"from {launch.parallel_from} until the cutover of {launch.cutover}{after}"


def _judged(
    home: Home, result: Review, rule: LaunchRule, review: Review, beside: str, live_passed: bool
) -> Iterator[Clause]:
    """The day by the rule and by the causes that the review had. After the cutover only: whether its figures are known."""
    found = found_by(home, result, rule)
    if not found.rows and not found.unknown and live_passed:
        yield Clause("population", Verdict.PASS, "a quiet day: nothing was billed or due, old or new")
        return
    proofs = ("population", "noise", "background", "known")
    for clause in judge(rule, found):
        if beside == CANDIDATE or clause.name in proofs:
            yield clause
    if beside == CANDIDATE:
        yield _pattern(result, review)


def _pattern(result: Review, review: Review) -> Clause:
    """Whether every cause of unmeant differences is one that the review had."""
    asked = "SELECT cause_id, code, about, currency, lines FROM shadow_causes WHERE part IN ('new', 'unknown') ORDER BY gross DESC, cause_id"
    known = {row["cause_id"] for row in rows_of_review(review, asked)}
    fresh = [row for row in rows_of_review(result, asked) if row["cause_id"] not in known]
    if not fresh:
        return Clause("pattern", Verdict.PASS, "no cause of unmeant differences that the review did not have")
    shown = [f"{row['code']} {row['about']} {row['currency']} ({count(row['lines'], 'line')})" for row in fresh[:3]]
    more = f", and {len(fresh) - 3} more" if len(fresh) > 3 else ""
    return Clause("pattern", Verdict.FAIL, f"causes that the review did not have: {', '.join(shown)}{more}")


def _figures(result: Review) -> dict[str, dict[str, str]]:
    """Per currency: old, new, and the parts of the difference; gross unmeant money, and live faults after the cutover."""
    rows: Sequence[dict[str, Any]] = rows_of_review(
        result,
        "SELECT currency, sum(old_total) AS old, sum(new_total) AS new, sum(delta) AS delta, sum(meant) AS meant, "
        "sum(new_fault) AS new_fault, sum(old_fault) AS old_fault, "
        "coalesce(sum(new_fault_gross) FILTER (WHERE state = 'unmeant'), 0) AS unmeant "
        "FROM shadow_lines GROUP BY currency ORDER BY currency",
    )
    return {row["currency"]: {name: f"{value:f}" for name, value in row.items() if name != "currency"} for row in rows}
