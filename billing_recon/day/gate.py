"""The day's verdict: gather the facts, judge them by the policy, record the result with its evidence; and check it later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import duckdb

from billing_recon.compute.engine import scratch
from billing_recon.compute.expect import LATE_REACH
from billing_recon.control import PartitionState, VerdictRecord
from billing_recon.core.detector import Detector
from billing_recon.core.errors import GateRefused
from billing_recon.core.evidence import evidence_hash
from billing_recon.core.gate import (
    DayFacts,
    Detected,
    Judgement,
    MetricFact,
    NotKnown,
    OpenBreaks,
    SettledBreaks,
    Unknown,
    judge,
    why_not_known,
)
from billing_recon.core.period import parse_day
from billing_recon.core.reason import Code, Disposition
from billing_recon.core.schema import (
    BREAKS,
    CONTROL_TOTALS,
    DETECTIONS,
    DRIFT,
    EXPECTED_LINES,
    LATE_USAGE,
    METRICS,
    UNBILLED_USAGE,
    UNRATED,
    USAGE_AWAITED,
    USAGE_ROLLUP,
    TableSpec,
)
from billing_recon.core.verdict import Verdict
from billing_recon.day.history import READ_BACK, WITHDRAWN, computed_from, not_known
from billing_recon.day.home import Home
from billing_recon.day.settings import code_version, settings
from billing_recon.day.stored import damaged
from billing_recon.day.usage import UsageSince, made_from_with_usage_since, usage_since

BEFORE_HISTORY = "usage_before_history"
"""The reason of compute/expect/judged_runs.sql for periods that the declared opening leaves out."""
DAY_GATE = "day"
"""The gate of one day's release."""

OF_THE_DAY: tuple[str, ...] = (
    EXPECTED_LINES.name,
    UNBILLED_USAGE.name,
    UNRATED.name,
    USAGE_AWAITED.name,
    LATE_USAGE.name,
    BREAKS.name,
    CONTROL_TOTALS.name,
    METRICS.name,
    DRIFT.name,
    DETECTIONS.name,
)
"""Tables whose own partition of the day counts."""


def evidence_now(home: Home, day: date) -> str | None:
    """The evidence hash of the warehouse as it is now; None if a partition of the day itself is incomplete.

    That one of an earlier day is incomplete is part of the evidence, like every day that is not known.
    """
    return _evidence(home, day, usage_since(home, day))


def _states(home: Home, day: date) -> list[PartitionState]:
    """The partitions that a verdict of the day rests on."""
    first = day - timedelta(days=home.policy.windows.lookback_days)
    return [
        *home.control.partition_states(READ_BACK, first, day),
        *home.control.partition_states(OF_THE_DAY, day, day),
    ]


def _evidence(home: Home, day: date, since: UsageSince | None) -> str | None:
    """The evidence hash with the usage that has re-opened the day since, or without any."""
    if home.control.incomplete_partitions((*READ_BACK, *OF_THE_DAY), day, day):
        return None
    first = day - timedelta(days=home.policy.windows.lookback_days)
    digests = home.control.partition_digests(READ_BACK, first, day)
    digests |= home.control.partition_digests(OF_THE_DAY, day, day)
    if f"{LATE_USAGE.name}/{day}" in digests:
        reach = day - timedelta(days=LATE_REACH * home.policy.windows.lookback_days)
        digests |= home.control.partition_digests((USAGE_ROLLUP.name,), reach, first - timedelta(days=1))
    later = {f"{USAGE_ROLLUP.name}/since": since.digest} if since else {}
    reports = {f"landing/{r.table}": f"{r.status.value}:{r.files}" for r in home.control.landing_reports(day)}
    given = settings(home)
    return evidence_hash(
        str(day),
        {
            **digests,
            **{f"not known/{one.why}/{one.table}": one.shown for one in not_known(home, day)},
            **reports,
            **later,
            "baseline": given["baseline"],
        },
        given["policy"],
        given["catalog"],
        given["company"],
        given["code"],
    )


def day_judgement(home: Home, day: date) -> Judgement:
    """Gather the day's facts and judge them. The result depends only on what is stored, so it is the same for everyone."""
    unknown = not_known(home, day)
    with scratch() as con:
        facts = DayFacts(
            partition=str(day),
            landing=tuple(home.control.landing_reports(day)),
            not_known=unknown,
            compared_now=_compared_now(home, day, unknown),
            damaged=damaged(home, _states(home, day), OF_THE_DAY),
            layer_rows={
                s.table: s.rows
                for s in home.control.partition_states((CONTROL_TOTALS.name, EXPECTED_LINES.name), day, day)
                if s.made_from != WITHDRAWN
            },
            quarantined_rows=sum(r.open_rows for r in home.control.landing_reports(day)),
            open_breaks=_open_breaks(con, home, day),
            settled_breaks=_settled_breaks(con, home, day),
            detected=_detected(con, home, day),
            unexplained=_unexplained(con, home, day),
            footing_failures=_footing_failures(con, home, day),
            unrated_subscriptions=_withheld(con, home, day, f"<> '{BEFORE_HISTORY}'"),
            unrated_because=_because(con, home, day),
            before_history=_withheld(con, home, day, f"= '{BEFORE_HISTORY}'"),
            metrics=_metrics(con, home, day),
            baseline_found=bool(home.policy.gate.baseline and home.control.baseline(home.policy.gate.baseline)),
        )
    return judge(facts, home.policy)


def judge_day(home: Home, day: date, run_id: str) -> VerdictRecord:
    """Judge the day and persist the verdict with its evidence hash and policy version."""
    evidence = evidence_now(home, day)
    if evidence is None:
        raise GateRefused(f"{day}: {_incomplete(home, day)}; run the day again: billing-recon run --day {day}")
    judgement = day_judgement(home, day)
    return home.control.record_verdict(
        VerdictRecord(
            gate=DAY_GATE,
            partition=str(day),
            verdict=judgement.verdict,
            evidence_hash=evidence,
            policy_version=home.policy_number,
            code_version=code_version(),
            conditions=judgement.conditions,
            run_id=run_id,
        )
    )


def stale_reason(home: Home, verdict: VerdictRecord, *, stored: bool = True) -> str | None:
    """Why a verdict no longer holds, or None while it does. Not `stored`: what the warehouse holds is taken as registered."""
    evidence = evidence_now(home, parse_day(verdict.partition))
    if evidence is None:
        return _incomplete(home, parse_day(verdict.partition))
    if evidence != verdict.evidence_hash:
        since = usage_since(home, parse_day(verdict.partition))
        if since and verdict.evidence_hash == _evidence(home, parse_day(verdict.partition), None):
            return f"{since}, which re-opens it: the usage of bills that it decided about has changed"
        waits = [one for one in not_known(home, parse_day(verdict.partition)) if one.why is not Unknown.LEFT_OUT]
        known_then = any(condition.name.startswith("history:") for condition in verdict.conditions)
        why = "data, policy, catalog or code changed"
        if waits and not known_then:
            why = why_not_known(waits[0], verdict.partition).rstrip(".")
        return f"its evidence {verdict.evidence_hash[:12]} is now {evidence[:12]}: {why}"
    lost = damaged(home, _states(home, parse_day(verdict.partition)), OF_THE_DAY) if stored else ()
    return lost[0] if lost else None


def _incomplete(home: Home, day: date) -> str:
    """Why a partition of the day itself is incomplete, one reason per kind."""
    states = home.control.incomplete_partitions((*READ_BACK, *OF_THE_DAY), day, day)
    return "; ".join(dict.fromkeys(_INCOMPLETE[state.waits_for] for state in states))


_INCOMPLETE = {
    Unknown.ROWS_DECIDED: "a decision about its quarantined rows takes effect when it is run again",
    Unknown.BREAKS_DECIDED: "a decision about its breaks takes effect when it is run again",
    Unknown.LANDED_TOO_EARLY: "its usage repeats events of an earlier day that was landed after it",
    Unknown.BEING_WRITTEN: "one of its partitions is incomplete: a write was cut off or is in progress",
}


def _compared_now(home: Home, day: date, unknown: Sequence[NotKnown]) -> bool:
    """Whether expected lines and control totals were computed from what there is now; not if they do not say from what."""
    states = home.control.partition_states((EXPECTED_LINES.name, CONTROL_TOTALS.name), day, day)
    now = made_from_with_usage_since(home, day, computed_from(home, day, unknown))
    return all(state.made_from in (WITHDRAWN, now) for state in states)


def require_pass(home: Home, gate: str, partition: str, *, stored: bool = True) -> VerdictRecord:
    """Return the partition's verdict if it is a current PASS; otherwise raise GateRefused with the reason and what to do next."""
    verdict = home.control.latest_verdict(gate, partition)
    again = f"billing-recon run --day {partition}"
    if verdict is None:
        raise GateRefused(f"gate '{gate}' of {partition} has never been judged; run: {again}")
    if verdict.verdict is not Verdict.PASS:
        because = "; ".join(c.sentence for c in verdict.held_back_by) or "no condition was recorded"
        raise GateRefused(
            f"gate '{gate}' of {partition} is {verdict.verdict}: {because} "
            f"See: billing-recon status --day {partition}; after the fix run: {again}"
        )
    stale = stale_reason(home, verdict, stored=stored)
    if stale:
        said = f"gate '{gate}' of {partition} was PASS, but {stale[:1].lower()}{stale[1:]}"
        raise GateRefused(said if "billing-recon run" in stale else f"{said}. Judge it again: {again}")
    return verdict


def _scan(home: Home, spec: TableSpec, day: date) -> str:
    return home.warehouse.scan(spec, day, day)


def _open_breaks(con: duckdb.DuckDBPyConnection, home: Home, day: date) -> tuple[OpenBreaks, ...]:
    counting = ", ".join(f"'{d.value}'" for d in Disposition if d.counts_against_gate)
    rows = con.execute(
        f"SELECT code, currency, count(*), sum(abs(delta)), sum(delta) FROM ({_scan(home, BREAKS, day)}) "
        f"WHERE disposition IN ({counting}) GROUP BY code, currency ORDER BY code, currency"
    ).fetchall()
    return tuple(OpenBreaks(*row) for row in rows)


def _settled_breaks(con: duckdb.DuckDBPyConnection, home: Home, day: date) -> tuple[SettledBreaks, ...]:
    settled = ", ".join(f"'{d.value}'" for d in Disposition if not d.counts_against_gate)
    rows = con.execute(
        f"SELECT disposition, currency, count(*), sum(abs(delta)), sum(delta) FROM ({_scan(home, BREAKS, day)}) "
        f"WHERE disposition IN ({settled}) GROUP BY disposition, currency ORDER BY disposition, currency"
    ).fetchall()
    return tuple(SettledBreaks(*row) for row in rows)


def _detected(con: duckdb.DuckDBPyConnection, home: Home, day: date) -> tuple[Detected, ...]:
    rows = con.execute(
        f"SELECT detector, count(*), min_by(finding, detection_id) FROM ({_scan(home, DETECTIONS, day)}) "
        "GROUP BY detector ORDER BY detector"
    ).fetchall()
    return tuple(Detected(Detector(name), count, example) for name, count, example in rows)


def _unexplained(con: duckdb.DuckDBPyConnection, home: Home, day: date) -> int:
    row = con.execute(
        f"SELECT count(*) FROM ({_scan(home, BREAKS, day)}) "
        f"WHERE code = '{Code.UNEXPLAINED}' OR contains(stage_deltas, '\"{Code.UNEXPLAINED}\"')"
    ).fetchone()
    return int(row[0]) if row else 0


def _footing_failures(con: duckdb.DuckDBPyConnection, home: Home, day: date) -> tuple[str, ...]:
    rows = con.execute(
        "SELECT pair || ' ' || coalesce(currency, meter, 'units') || ': the layers differ by ' || CAST(delta AS VARCHAR) || ', their breaks by ' "
        f"|| CAST(break_net AS VARCHAR) FROM ({_scan(home, CONTROL_TOTALS, day)}) WHERE delta <> break_net ORDER BY ALL"
    ).fetchall()
    return tuple(row[0] for row in rows)


def _withheld(con: duckdb.DuckDBPyConnection, home: Home, day: date, reason: str) -> tuple[str, ...]:
    rows = con.execute(
        f"SELECT DISTINCT subscription_id FROM ({_scan(home, UNRATED, day)}) WHERE reason {reason} ORDER BY ALL"
    ).fetchall()
    return tuple(row[0] for row in rows)


def _because(con: duckdb.DuckDBPyConnection, home: Home, day: date) -> tuple[str, ...]:
    """The first sentence of each reason for which subscriptions could not be rated."""
    rows = con.execute(
        f"SELECT min(sentence) FROM ({_scan(home, UNRATED, day)}) WHERE reason <> '{BEFORE_HISTORY}' GROUP BY reason ORDER BY ALL"
    ).fetchall()
    return tuple(row[0] for row in rows)


def _metrics(con: duckdb.DuckDBPyConnection, home: Home, day: date) -> tuple[MetricFact, ...]:
    rows = con.execute(
        "SELECT m.metric, m.currency, m.cohort, m.variant, m.value, d.drift, d.prior_drift, d.cycle_drift, d.band_low, "
        f"d.band_high FROM ({_scan(home, METRICS, day)}) m "
        f"LEFT JOIN ({_scan(home, DRIFT, day)}) d ON m.metric = d.metric AND m.currency IS NOT DISTINCT FROM d.currency "
        "AND m.cohort = d.cohort AND m.variant = d.variant ORDER BY ALL"
    ).fetchall()
    return tuple(MetricFact(*row) for row in rows)
