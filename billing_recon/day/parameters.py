"""Rows of the parameter tables: the policy and people's decisions as SQL reads them. Columns: core.schema.parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from billing_recon.control import month_of
from billing_recon.core.break_decision import BreakDecision, resolutions
from billing_recon.core.landing import LandingReport
from billing_recon.core.period import parse_day
from billing_recon.core.policy import Policy
from billing_recon.core.reason import Code
from billing_recon.core.schema import BY_NAME, TableSpec
from billing_recon.core.schema.parameters import (
    BASELINE_VALUES,
    BREAK_DECISIONS,
    LANDING_REPORTS,
    LAST_CLOSE,
    LAYER_SOURCES,
    POLICY_DETECTORS,
    POLICY_DRIFT,
    POLICY_EXPECTED_CHANGES,
    POLICY_OWNERS,
    POLICY_TOLERANCES,
    WITHOUT_FIRST_DAY,
    RunParams,
)
from billing_recon.day.home import Home

Rows = Sequence[Sequence[Any] | Mapping[str, Any]]


def run_params(home: Home, day: date) -> RunParams:
    """The parameters of one day of a company."""
    return RunParams(
        day=day,
        first_day=home.first_day or WITHOUT_FIRST_DAY,
        history_from=parse_day(home.company.history_from) if home.company.history_from else WITHOUT_FIRST_DAY,
        windows=home.policy.windows,
        profile=home.company.profile,
        company_timezone=home.company.timezone,
    )


def day_tables(home: Home, day: date, reports: Iterable[LandingReport]) -> Iterator[tuple[TableSpec, Rows]]:
    """Every parameter table that a day's comparison reads besides `run_params`, with its rows."""
    policy = home.policy_on(day).policy
    yield from policy_tables(policy)
    yield LAYER_SOURCES, [(name, home.company.sources.get(name, name)) for name in BY_NAME]
    yield LANDING_REPORTS, [(r.table, r.status, r.rows_in, r.accepted, r.open_rows, r.duplicates) for r in reports]
    yield BREAK_DECISIONS, decision_rows(home.control.break_decisions(day, day))
    yield LAST_CLOSE, _last_close(home, day)
    name = policy.gate.baseline
    baseline = home.control.baseline(name) if name else None
    yield BASELINE_VALUES, baseline.rows if baseline else ()


def policy_tables(policy: Policy) -> Iterator[tuple[TableSpec, Rows]]:
    """The policy's owners, tolerances, expected changes, drift and detectors."""
    yield POLICY_OWNERS, [(code, policy.owner_of(code)) for code in Code]
    yield POLICY_TOLERANCES, [(t.pair, t.level, t.currency, t.absolute, t.relative) for t in policy.tolerances]
    yield (
        POLICY_EXPECTED_CHANGES,
        [
            {
                **one.model_dump(include=set(POLICY_EXPECTED_CHANGES.names)),
                **{f"{name}s": names for name, names in one.scope.model_dump().items()},
            }
            for one in policy.expected_changes
        ],
    )
    yield POLICY_DRIFT, [policy.drift.model_dump()]
    detectors = policy.detectors
    off = [name for name, severity in detectors.severities.items() if severity == "off"]
    settings = detectors.model_dump(include=set(POLICY_DETECTORS.names))
    yield POLICY_DETECTORS, [{**settings, "owner": detectors.owner or policy.default_owner, "turned_off": off}]


def decision_rows(decisions: Iterable[BreakDecision]) -> Rows:
    """The resolutions in force, one row per break."""
    return [
        (one.break_id, one.disposition, one.delta, one.currency, one.reason, one.decided_by, one.decided_at)
        for one in resolutions(decisions).values()
    ]


def _last_close(home: Home, day: date) -> Rows:
    """How many days after its end the month before `day`'s was closed; no row if it is open."""
    end = day.replace(day=1) - timedelta(days=1)
    closed = home.control.closed_at(month_of(end))
    return [((closed.astimezone(ZoneInfo(home.company.timezone)).date() - end).days,)] if closed else []
