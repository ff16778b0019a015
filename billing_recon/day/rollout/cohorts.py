"""Who would be in each stage: sizes, money, scenarios; and the lists that are written down when a stage is exposed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import duckdb

from billing_recon.compute.engine import build
from billing_recon.compute.match import ENGINE_OUTPUT
from billing_recon.compute.registration import register
from billing_recon.compute.rollout import COHORTS, TRAITS
from billing_recon.control.rollout_records import RolloutEvent, Verb
from billing_recon.core.currency import exponent
from billing_recon.core.errors import ConfigurationError
from billing_recon.core.rollout import SMALL, Cohort, RolloutPlan
from billing_recon.core.schema import INVOICE_LINES, KEY_MAP, PAYMENTS, SUBSCRIPTIONS
from billing_recon.core.schema.rollout import COHORT_CHOICE, COHORT_REVENUE, COHORT_RULES, COHORT_TAKEN
from billing_recon.day.home import Home
from billing_recon.day.rollout.members import checked_list, write_list
from billing_recon.day.rollout.state import MemberList, State
from billing_recon.day.session import MIRRORED_ROWS, open_session, register_landed

BUCKETS = 2**48
_NOBODY = Cohort.model_construct(customers=("",))
"""Of whom no customer is one: their names are never empty."""
_READ = ("mapped_keys", "engine_superseded", "engine_lines")


@dataclass(frozen=True, slots=True)
class StageSize:
    """What a stage adds: customers, money billed in the lookback by currency; and examples that it has with the stages before it.

    `due`: when its customers next cross each boundary, None if never as far as contracts and lookback tell.
    """

    stage: str
    customers: int
    largest: int
    complex: int
    money: dict[str, Decimal]
    covers: dict[str, int]
    misses: tuple[str, ...]
    written: bool
    due: dict[str, date | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cohorts:
    """Every stage's size, how many customers there are, the day that it was looked up for, and cohorts of low risk as YAML."""

    day: date
    customers: int
    stages: tuple[StageSize, ...]
    low_risk: tuple[tuple[str, StageSize], ...] = ()


def newest_day(home: Home) -> date:
    """The newest landed day: who the customers are is taken from it."""
    days = home.control.landed_days()
    if not days:
        raise ConfigurationError("no day was landed yet, so nobody knows the customers: billing-recon run --day DAY")
    return days[-1]


@contextmanager
def _customers(home: Home, plan: RolloutPlan) -> Iterator[tuple[duckdb.DuckDBPyConnection, date]]:
    """A session with every customer's traits (compute.rollout.TRAITS), as of the newest landed day, for the stages of any rules."""
    day = newest_day(home)
    with open_session(home, day) as con:
        for table in (SUBSCRIPTIONS, INVOICE_LINES, PAYMENTS, KEY_MAP):
            register_landed(con, home, table, day, home.policy.windows.lookback_days, in_memory=MIRRORED_ROWS)
        register_rules(con, plan, day)
        build(con, [relation for relation in ENGINE_OUTPUT if relation.name in _READ])
        build(con, TRAITS)
        yield con, day


def _choose(con: duckdb.DuckDBPyConnection, home: Home, plan: RolloutPlan, state: State | None) -> None:
    """Put the customers into the plan's stages: first whom the written lists name, then whom the rules choose."""
    for name, one in state.lists.items() if state else ():
        file = str(checked_list(home, state.name, one)).replace("'", "''") if state else ""
        con.execute(
            f"INSERT INTO {COHORT_TAKEN.name} SELECT customer_id, $place FROM read_parquet('{file}')",
            {"place": plan.names.index(name)},
        )
    build(con, COHORTS)


def register_rules(con: duckdb.DuckDBPyConnection, plan: RolloutPlan, day: date) -> None:
    """The plan's rules as the relations read them, and nobody taken yet."""
    register(con, COHORT_CHOICE, [(plan.salt, plan.largest_share, day)])
    last = len(plan.stages) - 1
    register(
        con,
        COHORT_RULES,
        [
            (
                place,
                stage.name,
                None if stage.share is None or stage.share == 1 else int(stage.share * BUCKETS),
                *(getattr(stage.cohort, name) for name in ("customers", "segments", "plans", "regions", "currencies")),
                stage.cohort.single_tax,
                stage.cohort.pays,
                bool(stage.cohort.max_revenue),
                stage.cohort.include_largest or place == last,
                stage.cohort.include_complex or place == last,
            )
            for place, stage in enumerate(plan.stages)
        ],
    )
    bounds = [(n, c, most) for n, stage in enumerate(plan.stages) for c, most in stage.cohort.max_revenue.items()]
    register(con, COHORT_REVENUE, bounds)
    register(con, COHORT_TAKEN)


def cohorts(home: Home, plan: RolloutPlan, state: State | None, *, proposed: bool = False) -> Cohorts:
    """What each stage would hold if it were written down now; written lists as they are.

    `proposed`: with low-risk cohorts from the home's own data, each with what it would hold of the customers as a first stage: the
    smallest segment of at most 5% of customers; and customers of one tax region who pay, billed the median or less.
    """
    with _customers(home, plan) as (con, day):
        _choose(con, home, plan, state)
        ((customers,),) = con.execute("SELECT count(*) FROM customer_profiles").fetchall()
        stages = _sizes(con, state)
        low_risk: list[tuple[str, StageSize]] = []
        for rule in _low_risk(con) if proposed else ():
            first, last = (
                stage.model_copy(update={"cohort": cohort, "share": None})
                for stage, cohort in ((plan.stages[0], rule), (plan.stages[-1], _NOBODY))
            )
            with_rule = plan.model_copy(update={"stages": (first, last)})
            register_rules(con, with_rule, day)
            _choose(con, home, with_rule, None)
            low_risk.append((_written(rule), _sizes(con, None)[0]))
    return Cohorts(day, customers, stages, tuple(low_risk))


def _sizes(con: duckdb.DuckDBPyConnection, state: State | None) -> tuple[StageSize, ...]:
    money: dict[int, dict[str, Decimal]] = {}
    for place, currency, billed in con.execute(
        "SELECT place, currency, billed FROM cohort_money ORDER BY ALL"
    ).fetchall():
        money.setdefault(place, {})[currency] = billed
    covered: dict[int, dict[str, int]] = {}
    for place, scenario, count in con.execute(
        "SELECT place, scenario, customers FROM cohort_coverage ORDER BY ALL"
    ).fetchall():
        covered.setdefault(place, {})[scenario] = count
    due: dict[int, dict[str, date | None]] = {}
    for place, boundary, on in con.execute("SELECT place, boundary, due_on FROM cohort_boundaries").fetchall():
        due.setdefault(place, {})[boundary] = on
    sizes = con.execute("SELECT place, stage, customers, largest, complex FROM cohort_sizes ORDER BY place").fetchall()
    return tuple(
        StageSize(
            stage,
            count,
            largest,
            many,
            money.get(place, {}),
            {name: n for name, n in covered.get(place, {}).items() if n},
            tuple(name for name, n in covered.get(place, {}).items() if not n),
            state is not None and stage in state.lists,
            due.get(place, {}),
        )
        for place, stage, count, largest, many in sizes
    )


def _low_risk(con: duckdb.DuckDBPyConnection) -> list[Cohort]:
    segments = con.execute(
        "WITH held AS (SELECT kinds, kind, count(*) AS customers FROM customer_profiles GROUP BY kinds, kind), "
        "met AS (SELECT DISTINCT row(held.kinds, held.kind) AS held, held.customers, kind.segment FROM held "
        "JOIN contract_kinds AS kind ON list_contains(coalesce(held.kinds, [held.kind]), kind.kind)) "
        "SELECT segment FROM met GROUP BY segment HAVING sum(customers) <= (SELECT count(*) FROM customer_profiles) * $most "
        "ORDER BY sum(customers), segment LIMIT 1",
        {"most": SMALL},
    ).fetchall()
    median = con.execute(
        "SELECT currency, quantile_disc(billed, 0.5) FROM customer_revenue GROUP BY currency ORDER BY currency"
    ).fetchall()
    rules = [Cohort(segments=(segment,)) for (segment,) in segments]
    bounds = {currency: billed for currency, billed in median if billed > 0}
    if bounds:
        rules.append(Cohort(single_tax=True, pays=True, max_revenue=bounds))
    return rules


def _written(rule: Cohort) -> str:
    said = [
        *([f"segments: [{', '.join(rule.segments)}]"] if rule.segments else []),
        *(["single_tax: true"] if rule.single_tax else []),
        *(["pays: true"] if rule.pays else []),
    ]
    if rule.max_revenue:
        bounds = ", ".join(f'{c}: "{most:.{exponent(c)}f}"' for c, most in rule.max_revenue.items())
        said.append(f"max_revenue: {{{bounds}}}")
    return f"cohort: {{{', '.join(said)}}}"


def write_members(home: Home, state: State, stage: str, *, by: str, actor: str) -> MemberList:
    """Write a stage's customers down, once: a list that exists is returned as it is."""
    if stage in state.lists:
        return state.lists[stage]
    with _customers(home, state.plan) as (con, day):
        _choose(con, home, state.plan, state)
        place = state.plan.names.index(stage)
        rows, digest = write_list(
            con, home, state.name, stage, f"SELECT customer_id FROM cohort_members WHERE place = {place}"
        )
        ((customers,),) = con.execute("SELECT count(*) FROM customer_profiles").fetchall()
    content = json.dumps({"rows": rows, "digest": digest, "customers": customers}, sort_keys=True)
    home.control.rollouts.append(
        RolloutEvent(
            state.name, Verb.MEMBERS, stage, state.version.digest, str(day), content=content, decided_by=by, actor=actor
        )
    )
    return MemberList(stage, rows, digest, customers, str(day))
