"""The day's verdict: gather the facts, judge them by the policy, record the result with its evidence; and check it later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from billing_recon.compute.engine import scratch
from billing_recon.control import PartitionState, VerdictRecord
from billing_recon.core.detector import Detector
from billing_recon.core.errors import ConfigurationError, GateRefused
from billing_recon.core.evidence import evidence_hash
from billing_recon.core.gate import (
    BrokenInvoices,
    DayFacts,
    Detected,
    Exposure,
    Judgement,
    MetricFact,
    NotKnown,
    OpenBreaks,
    SettledBreaks,
    Unknown,
    judge,
    why_not_known,
)
from billing_recon.core.pair_layers import layers_of
from billing_recon.core.period import parse_day
from billing_recon.core.policy import LATE_REACH
from billing_recon.core.reason import Code, Disposition, Pair
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
from billing_recon.day.history import (
    LANDED,
    READ_BACK,
    WITHDRAWN,
    computed_from,
    landed_under,
    made_from_with_decisions,
    not_known,
)
from billing_recon.day.home import Home
from billing_recon.day.settings import code_version, settings
from billing_recon.day.stored import damaged
from billing_recon.day.usage import UsageSince, made_from_with_usage_since, usage_since

BEFORE_HISTORY = "usage_before_history"
"""The reason of compute/expect/judged_runs.sql for periods that the declared opening leaves out."""
DAY_GATE = "day"
"""The gate of one day's release."""


def gate_of(part: str) -> str:
    """The gate of a part of the day; of the whole day if no part is named."""
    return f"{DAY_GATE}:{part}" if part else DAY_GATE


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
    first = day - timedelta(days=home.policy_on(day).policy.windows.lookback_days)
    return [
        *home.control.partition_states(READ_BACK, first, day),
        *home.control.partition_states(OF_THE_DAY, day, day),
    ]


def _unproven(home: Home, day: date) -> list[str]:
    """What a verdict of the day rests on and this program did not write."""
    first = day - timedelta(days=home.policy_on(day).policy.windows.lookback_days)
    return home.control.unproven(first, day, READ_BACK, OF_THE_DAY)


def _evidence(home: Home, day: date, since: UsageSince | None) -> str | None:
    """The evidence hash with the usage that has re-opened the day since, or without any."""
    if home.control.incomplete_partitions((*READ_BACK, *OF_THE_DAY), day, day):
        return None
    lookback = home.policy_on(day).policy.windows.lookback_days
    first = day - timedelta(days=lookback)
    digests = home.control.partition_digests(READ_BACK, first, day)
    digests |= home.control.partition_digests(OF_THE_DAY, day, day)
    if f"{LATE_USAGE.name}/{day}" in digests:
        reach = day - timedelta(days=LATE_REACH * lookback)
        digests |= home.control.partition_digests((USAGE_ROLLUP.name,), reach, first - timedelta(days=1))
    later = {f"{USAGE_ROLLUP.name}/since": since.digest} if since else {}
    reports = {f"landing/{r.table}": f"{r.status.value}:{r.files}" for r in home.control.landing_reports(day)}
    given = settings(home, day)
    return evidence_hash(
        str(day),
        {
            **digests,
            **{f"not known/{one.why}/{one.table}": one.shown for one in not_known(home, day)},
            **reports,
            **later,
            "baseline": given["baseline"],
            **({"rollouts": given["rollouts"]} if "rollouts" in given else {}),
        },
        given["policy"],
        given["catalog"],
        given["company"],
        given["code"],
    )


@dataclass(frozen=True, slots=True)
class _Basis:
    """What the results of a day rest on, looked at once for the day and its parts."""

    not_known: tuple[NotKnown, ...]
    compared_now: bool
    damaged: tuple[str, ...]

    @classmethod
    def of(cls, home: Home, day: date) -> _Basis:
        unknown = not_known(home, day)
        lost = (*_unproven(home, day), *damaged(home, _states(home, day), OF_THE_DAY, day))
        return cls(unknown, compared_now(home, day, unknown), lost)


def day_judgement(home: Home, day: date, part: str = "", basis: _Basis | None = None) -> Judgement:
    """Gather the facts of the day, or of a part of it, and judge them. All of them are stored, so it is the same for everyone."""
    basis = basis or _Basis.of(home, day)
    policy = home.policy_on(day).policy
    pairs, tables = tuple(Pair), tuple(LANDED)
    if part:
        chosen = policy.gate.part(part)
        if chosen is None:
            raise ConfigurationError(f"gate.parts of the policy has no part '{part}'")
        pairs, tables = chosen.pairs, tuple(layers_of(chosen.pairs))
        policy = policy.model_copy(update={"gate": policy.gate.of_layers(tables)})
    unknown = [one for one in basis.not_known if not one.table or one.table in tables]
    reports = [report for report in home.control.landing_reports(day) if report.table in tables]
    with scratch() as con:
        of = _Of(con, home, day, pairs)
        facts = DayFacts(
            partition=str(day),
            landing=tuple(reports),
            not_known=tuple(unknown),
            compared_now=basis.compared_now,
            damaged=basis.damaged,
            layer_rows=_layer_rows(of) if part else _rows_of(home, day),
            quarantined_rows=sum(report.open_rows for report in reports),
            open_breaks=_open_breaks(of),
            broken_invoices=_broken_invoices(of),
            exposures=_exposures(of),
            settled_breaks=_settled_breaks(of),
            detected=_detected(con, home, day),
            unexplained=_unexplained(of),
            footing_failures=_footing_failures(of),
            unrated_subscriptions=_withheld(con, home, day, f"<> '{BEFORE_HISTORY}'"),
            unrated_because=_because(con, home, day),
            before_history=_withheld(con, home, day, f"= '{BEFORE_HISTORY}'"),
            metrics=_metrics(con, home, day),
            baseline_found=bool(policy.gate.baseline and home.control.baseline(policy.gate.baseline)),
        )
    return judge(facts, policy)


def judge_day(home: Home, day: date, run_id: str) -> VerdictRecord:
    """Judge the day, and its parts if the policy has any; persist each verdict with its evidence hash and policy version."""
    evidence = evidence_now(home, day)
    if evidence is None:
        raise GateRefused(f"{day}: {_incomplete(home, day)}; run the day again: billing-recon run --day {day}")
    in_force, basis = home.policy_on(day), _Basis.of(home, day)

    def record(part: str) -> VerdictRecord:
        judgement = day_judgement(home, day, part, basis)
        return home.control.record_verdict(
            VerdictRecord(
                gate=gate_of(part),
                partition=str(day),
                verdict=judgement.verdict,
                evidence_hash=evidence,
                policy_version=in_force.number,
                code_version=code_version(),
                conditions=judgement.conditions,
                run_id=run_id,
            )
        )

    for part in in_force.policy.gate.parts:
        record(part.name)
    return record("")


def stale_reason(home: Home, verdict: VerdictRecord, *, stored: bool = True, read_again: bool = True) -> str | None:
    """Why a verdict no longer holds, or None while it does.

    Not `stored`: what the warehouse holds is taken as registered. Not `read_again`: only its files are compared, no rows.
    """
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
    if not stored:
        return None
    day = parse_day(verdict.partition)
    if not read_again:
        lost: Sequence[str] = damaged(home, _states(home, day))
    else:
        lost = _unproven(home, day) or damaged(home, _states(home, day), OF_THE_DAY, day)
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


def compared_now(home: Home, day: date, unknown: Sequence[NotKnown]) -> bool:
    """Whether expected lines, breaks and control totals were computed from what there is now, and the day's rows were read as
    company.yaml says now; not if results do not say from what. Rows that an earlier release landed do not say by what.
    """
    landed = home.control.partition_states(LANDED, day, day)
    if any(state.complete and state.made_from not in ("", landed_under(home)) for state in landed):
        return False
    states = home.control.partition_states((EXPECTED_LINES.name, CONTROL_TOTALS.name, BREAKS.name), day, day)
    now = made_from_with_usage_since(home, day, computed_from(home, day, unknown))
    of_breaks = made_from_with_decisions(home, day, now)
    return all(s.made_from in (WITHDRAWN, of_breaks if s.table == BREAKS.name else now) for s in states)


def require_pass(home: Home, gate: str, partition: str, *, stored: bool = True) -> VerdictRecord:
    """Return the partition's verdict if it is a current PASS; otherwise raise GateRefused with the reason and what to do next.

    Not `stored`: what the warehouse and the database hold is taken as it was written, which is quicker.
    """
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
    forged = home.control.verdict_problem(gate, partition) if stored else ""
    if forged:
        raise GateRefused(
            f"gate '{gate}' of {partition} is PASS in the database, but {forged}. See: billing-recon audit verify; then judge it "
            f"again: {again}"
        )
    stale = stale_reason(home, verdict, stored=stored)
    if stale:
        said = f"gate '{gate}' of {partition} was PASS, but {stale[:1].lower()}{stale[1:]}"
        raise GateRefused(said if "billing-recon run" in stale else f"{said}. Judge it again: {again}")
    return verdict


@dataclass(frozen=True, slots=True)
class _Of:
    """The results of a day, of some pairs."""

    con: duckdb.DuckDBPyConnection
    home: Home
    day: date
    pairs: tuple[Pair, ...]

    def rows(self, spec: TableSpec, where: str = "true") -> str:
        """SQL for the rows of a table of the day's that are about these pairs."""
        pairs = ", ".join(f"'{pair.value}'" for pair in self.pairs)
        return f"(SELECT * FROM ({_scan(self.home, spec, self.day)}) WHERE pair IN ({pairs}) AND {where})"

    def all(self, query: str) -> list[Any]:
        return self.con.execute(query).fetchall()


def _scan(home: Home, spec: TableSpec, day: date) -> str:
    return home.warehouse.scan(spec, day, day)


def _rows_of(home: Home, day: date) -> dict[str, int]:
    states = home.control.partition_states((CONTROL_TOTALS.name, EXPECTED_LINES.name), day, day)
    return {state.table: state.rows for state in states if state.made_from != WITHDRAWN}


def _layer_rows(of: _Of) -> dict[str, int]:
    """Of a part only its own control totals show that something was compared."""
    if CONTROL_TOTALS.name not in _rows_of(of.home, of.day):
        return {}
    return {CONTROL_TOTALS.name: of.all(f"SELECT count(*) FROM {of.rows(CONTROL_TOTALS)}")[0][0]}


_COUNTING = "disposition IN ({})".format(", ".join(f"'{d.value}'" for d in Disposition if d.counts_against_gate))


def _open_breaks(of: _Of) -> tuple[OpenBreaks, ...]:
    rows = of.all(
        f"SELECT code, currency, count(*), sum(abs(delta)), sum(delta) FROM {of.rows(BREAKS, _COUNTING)} "
        "GROUP BY code, currency ORDER BY code, currency"
    )
    return tuple(OpenBreaks(*row) for row in rows)


def _broken_invoices(of: _Of) -> tuple[BrokenInvoices, ...]:
    """Per pair and currency; of expected_billed, whose totals count lines, the invoices are those billed on the day."""
    rows = of.all(
        "WITH broken AS (SELECT pair, currency, count(DISTINCT coalesce(invoice_id, 'no invoice of ' || coalesce("
        "subscription_id, customer_id, break_id))) AS invoices, count(DISTINCT CASE WHEN invoice_id IS NULL THEN "
        f"coalesce(subscription_id, customer_id, break_id) END) AS unbilled FROM {of.rows(BREAKS, _COUNTING)} "
        "WHERE currency IS NOT NULL GROUP BY pair, currency), "
        "totals AS (SELECT pair, currency, sum(greatest(left_count, right_count)) AS items "
        f"FROM {of.rows(CONTROL_TOTALS)} WHERE currency IS NOT NULL GROUP BY pair, currency), "
        "billed AS (SELECT currency, sum(value) AS invoices FROM "
        f"({_scan(of.home, METRICS, of.day)}) WHERE metric = 'actual_invoices' AND currency IS NOT NULL GROUP BY currency) "
        "SELECT pair, currency, coalesce(broken.invoices, 0), CAST(CASE WHEN pair = 'expected_billed' "
        "THEN coalesce(billed.invoices, 0) + coalesce(broken.unbilled, 0) ELSE coalesce(totals.items, 0) END AS BIGINT) "
        "FROM totals FULL JOIN broken USING (pair, currency) LEFT JOIN billed USING (currency) ORDER BY ALL"
    )
    return tuple(BrokenInvoices(*row) for row in rows)


def _exposures(of: _Of) -> tuple[Exposure, ...]:
    rows = of.all(
        "WITH sized AS (SELECT currency, coalesce(customer_id, '') AS account, CASE WHEN delta <> 0 THEN abs(delta) "
        "ELSE greatest(abs(coalesce(expected, 0)), abs(coalesce(billed, 0)), abs(coalesce(rendered, 0)), "
        f"abs(coalesce(booked, 0)), abs(coalesce(paid, 0))) END AS size FROM {of.rows(BREAKS, _COUNTING)} "
        "WHERE currency IS NOT NULL), "
        "accounts AS (SELECT currency, account, sum(size) AS amount FROM sized GROUP BY currency, account) "
        "SELECT currency, sum(amount), max_by(account, (amount, account)), max(amount) FROM accounts "
        "GROUP BY currency ORDER BY currency"
    )
    return tuple(Exposure(*row) for row in rows)


def _settled_breaks(of: _Of) -> tuple[SettledBreaks, ...]:
    rows = of.all(
        f"SELECT disposition, currency, count(*), sum(abs(delta)), sum(delta) FROM {of.rows(BREAKS, f'NOT {_COUNTING}')} "
        "GROUP BY disposition, currency ORDER BY disposition, currency"
    )
    return tuple(SettledBreaks(*row) for row in rows)


def _detected(con: duckdb.DuckDBPyConnection, home: Home, day: date) -> tuple[Detected, ...]:
    rows = con.execute(
        f"SELECT detector, count(*), min_by(finding, detection_id) FROM ({_scan(home, DETECTIONS, day)}) "
        "GROUP BY detector ORDER BY detector"
    ).fetchall()
    return tuple(Detected(Detector(name), count, example) for name, count, example in rows)


def _unexplained(of: _Of) -> int:
    found = f"code = '{Code.UNEXPLAINED}' OR contains(stage_deltas, '\"{Code.UNEXPLAINED}\"')"
    return int(of.all(f"SELECT count(*) FROM {of.rows(BREAKS, f'({found})')}")[0][0])


def _footing_failures(of: _Of) -> tuple[str, ...]:
    rows = of.all(
        "SELECT pair || ' ' || coalesce(currency, meter, 'units') || ': the layers differ by ' || CAST(delta AS VARCHAR) || ', their breaks by ' "
        f"|| CAST(break_net AS VARCHAR) FROM {of.rows(CONTROL_TOTALS, 'delta <> break_net')} ORDER BY ALL"
    )
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
