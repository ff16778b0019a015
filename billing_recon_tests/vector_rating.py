"""Cases rated in bulk by the SQL rater: each batch of cases under one profile becomes tables, and the rater's relations do the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
from pydantic import ValidationError

from billing_recon.compute.engine import build
from billing_recon.compute.rating import price
from billing_recon.compute.rating.changes import capped, change
from billing_recon.compute.rating.commitment import commit
from billing_recon.compute.rating.cycles import cycles
from billing_recon.compute.rating.proration import counted, shares, stubs
from billing_recon.compute.rating.registry import OPTIONAL
from billing_recon.compute.terms import register_terms
from billing_recon.core.catalog import Catalog, Plan
from billing_recon.core.catalog_file import unused_fields
from billing_recon.core.company import Company, Profile
from billing_recon.core.currency import EXPONENTS
from billing_recon_tests.sessions import session
from billing_recon_tests.vector_cases import (
    Capped,
    Case,
    Changed,
    Counted,
    Cycles,
    Rated,
    Shared,
    Stub,
)
from billing_recon_tests.vector_fields import VectorError

QUANTITY, PRICE, AMOUNT, RATE = (
    pa.decimal128(28, 10),
    pa.decimal128(24, 12),
    pa.decimal128(38, 12),
    pa.decimal128(12, 8),
)
TIME, DATE, WHOLE, TEXT, FLAG = pa.timestamp("us"), pa.date32(), pa.int64(), pa.string(), pa.bool_()
Answers = dict[int, Decimal]


def plan_of(number: int, case: Case, currency: str) -> Plan | None:
    """The catalog entry of a case, held to what any catalog is held to; VectorError where it is refused."""
    if currency not in EXPONENTS:
        raise VectorError(f"currency {currency!r} is not an active ISO 4217 code; for example USD")
    charge = case.charge if isinstance(case, Rated) else None
    if isinstance(case, Shared) and case.amount is not None:
        charge = {"charge_id": "c", "kind": "subscription", "model": "flat", "amount": case.amount}
    if charge is None:
        return None
    try:
        plan = Plan.model_validate(
            {"plan_id": str(number), "plan_version": "1", "currency": currency, "charges": [charge]}
        )
    except ValidationError as error:
        told = (e["msg"].removeprefix("Value error, ") for e in error.errors())
        raise VectorError("; ".join(told)) from None
    problems = list(unused_fields(plan))
    if problems:
        raise VectorError("; ".join(problems))
    return plan


def rate_batch(profile: Profile, cases: Mapping[int, tuple[Case, Plan | None, str]]) -> Answers:
    """What the rater makes of each case under one profile, by the number that the caller gave it."""
    con = session()
    plans = tuple(plan for _, plan, _ in cases.values() if plan)
    register_terms(
        con, Catalog(plans=plans, taxes=(), digest=""), Company(name="v", currencies=("USD",), profile=profile)
    )
    con.execute(
        "CREATE TABLE run_params AS SELECT ?::VARCHAR AS rounding, ?::VARCHAR AS proration",
        [profile.rounding.value, profile.proration],
    )
    answers: Answers = {}
    for kind, answer in _ANSWERS.items():
        chosen = {n: (case, currency) for n, (case, _, currency) in cases.items() if isinstance(case, kind)}
        if chosen:
            answers |= answer(con, chosen, profile)
    return answers


def _table(
    con: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, pa.DataType], rows: Sequence[Sequence[Any]]
) -> None:
    arrays = [pa.array([row[n] for row in rows], type=kind) for n, kind in enumerate(columns.values())]
    con.register("arriving", pa.Table.from_arrays(arrays, names=list(columns)))
    con.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT {', '.join(columns)} FROM arriving")
    con.unregister("arriving")


def _answered(con: duckdb.DuckDBPyConnection, sql: str) -> Answers:
    return {int(number): found for number, found in con.execute(sql).fetchall()}


_ITEM = {
    "item_id": WHOLE,
    "line_id": WHOLE,
    "plan_id": TEXT,
    "plan_version": TEXT,
    "currency": TEXT,
    "charge_id": TEXT,
    "quantity": QUANTITY,
    "part": pa.int32(),
    "whole": pa.int32(),
    "before": QUANTITY,
    "opens": FLAG,
    "closes": FLAG,
    "tier_units": QUANTITY,
    "events": WHOLE,
    "cell": TEXT,
    "in_bucket": FLAG,
}
_EVENT = {"item_id": WHOLE, "event_no": WHOLE, "value": QUANTITY, "prorated": QUANTITY}
_AGREED = {
    "line_id": WHOLE,
    "discount_rate": RATE,
    "minimum": AMOUNT,
    "maximum": AMOUNT,
    "previous": AMOUNT,
    "closes": FLAG,
}
_MANY = 10_000
"""Lines of one case are numbered within it: case x _MANY + line."""


def _rated(con: duckdb.DuckDBPyConnection, cases: Mapping[int, tuple[Rated, str]], _: Profile) -> Answers:
    """Price, then what is agreed around it. What earlier parts came to, where it is not stated, is rated like any line."""
    _lines(con, "earlier", {n: (_earlier(case), c) for n, (case, c) in cases.items() if _asks_earlier(case)})
    _lines(con, "current", cases)
    con.execute(
        "CREATE OR REPLACE TABLE agreed AS SELECT a.line_id, a.discount_rate, a.minimum, a.maximum, "
        "coalesce(a.previous, e.net, 0) AS previous, a.closes FROM current_agreed AS a "
        "LEFT JOIN earlier_net AS e ON e.item_id = a.line_id"
    )
    _commit(con, "current", "agreed", "current_net")
    return dict.fromkeys(cases, Decimal(0)) | _answered(
        con,
        f"SELECT CAST(p.item_id - p.item_id % {_MANY} AS BIGINT) // {_MANY}, sum(CASE s.stage WHEN 'raw' THEN p.raw "
        "WHEN 'gross' THEN p.gross WHEN 'raised' THEN n.raised ELSE n.net END) FROM current AS p "
        "JOIN current_net AS n ON n.item_id = p.item_id JOIN current_stages AS s ON s.line_id = p.item_id GROUP BY ALL",
    )


def _asks_earlier(case: Rated) -> bool:
    return case.before > 0 and not case.opens and case.previous is None and (case.minimum or case.maximum) is not None


def _earlier(case: Rated) -> Rated:
    return Rated(
        case.charge, (case.before,), "net", closes=False, maximum=case.maximum, discount_rate=case.discount_rate
    )


def _lines(con: duckdb.DuckDBPyConnection, name: str, cases: Mapping[int, tuple[Rated, str]]) -> None:
    items, events, agreed, stages = [], [], [], []
    for n, (case, currency) in cases.items():
        for place, units in enumerate(case.units):
            item = n * _MANY + place
            line = item if case.rounds_each else n * _MANY
            items.append(
                (
                    *(item, line, str(n), "1", currency, "c", units, 1, 1, case.before, case.opens, case.closes),
                    *(case.tier_units, case.number_of_events, None, case.in_buckets),
                )
            )
            events += [(item, e, *event) for e, event in enumerate(case.events or (), start=1)]
            if line == item:
                agreed.append((line, case.discount_rate, case.minimum, case.maximum, case.previous, case.closes))
                stages.append((line, case.stage))
    _table(con, f"{name}_items", _ITEM, items)
    _table(con, f"{name}_source", _EVENT, events)
    _table(con, f"{name}_agreed", _AGREED, agreed)
    _table(con, f"{name}_stages", {"line_id": WHOLE, "stage": TEXT}, stages)
    build(
        con,
        price(f"{name}_items", name, given=[column for column in _ITEM if column in OPTIONAL], events=f"{name}_source"),
    )
    if name == "earlier":
        con.execute("CREATE OR REPLACE TABLE earlier_agreed AS SELECT line_id, discount_rate, minimum, maximum, "
                    "CAST(0 AS DECIMAL(38,12)) AS previous, closes FROM earlier_agreed")  # fmt: skip
        _commit(con, name, "earlier_agreed", "earlier_net")


def _commit(con: duckdb.DuckDBPyConnection, priced: str, agreed: str, into: str) -> None:
    con.execute(
        f"CREATE OR REPLACE TABLE {into}_items AS SELECT p.item_id, p.decimals, p.gross, p.tier_amounts, a.discount_rate, a.minimum, "
        f"a.maximum, a.previous, a.closes FROM {priced} AS p JOIN {agreed} AS a ON a.line_id = p.item_id"
    )
    build(con, commit(f"{into}_items", into))


_SPAN = {
    "item_id": WHOLE,
    "billing_anchor": DATE,
    "billing_interval": TEXT,
    "once_start": DATE,
    "once_end": DATE,
    "probe": DATE,
    "begins": TIME,
    "ends": TIME,
    "seconds_part": WHOLE,
}


def _shared(con: duckdb.DuckDBPyConnection, cases: Mapping[int, tuple[Shared, str]], _: Profile) -> Answers:
    """The share of the billing period that holds the part's begin; of an amount, that share settled."""
    rows = []
    for n, (case, _currency) in cases.items():
        begins, ends = _local(case.begins, case.timezone), _local(case.ends, case.timezone)
        anchor = _local(case.anchor, case.timezone).date() if case.anchor else _calendar(case.interval, begins.date())
        rows.append((n, anchor, case.interval, None, None, begins.date(), begins, ends, None))
    _table(con, "parts", _SPAN, rows)
    con.execute(
        "CREATE OR REPLACE TABLE spans AS SELECT item_id, begins, ends, seconds_part, CAST(NULL AS BIGINT) AS seconds_whole, "
        "CAST(period.starts AS TIMESTAMP) AS period_begins, CAST(period.ends AS TIMESTAMP) "
        "- CASE (SELECT period_ends FROM term_profile) WHEN 'last_instant' THEN INTERVAL 1 SECOND ELSE INTERVAL 0 SECOND END "
        "AS period_ends FROM (SELECT *, period_of(billing_anchor, billing_interval, once_start, once_end, probe) AS period FROM parts)"
    )
    build(con, shares("spans", "shares"))
    amounts = {n for n, (case, _currency) in cases.items() if case.amount is not None}
    ratios = _answered(con, "SELECT item_id, ratio FROM shares")
    if not amounts:
        return ratios
    currencies = [(n, cases[n][1]) for n in amounts]
    _table(con, "priced_in", {"item_id": WHOLE, "currency": TEXT}, currencies)
    con.execute(
        "CREATE OR REPLACE TABLE share_items AS SELECT s.item_id, CAST(s.item_id AS VARCHAR) AS plan_id, '1' AS plan_version, "
        "c.currency, 'c' AS charge_id, CAST(1 AS DECIMAL(28,10)) AS quantity, CAST(s.part AS INTEGER) AS part, "
        "CAST(s.whole AS INTEGER) AS whole FROM shares AS s JOIN priced_in AS c ON c.item_id = s.item_id"
    )
    build(con, price("share_items", "share_prices"))
    return ratios | _answered(con, "SELECT item_id, gross FROM share_prices")


def _calendar(interval: str, day: date) -> date:
    """An anchor from which calendar periods are counted: a first of January, or a Monday."""
    return date(2024, 1, 1) if interval == "week" else date(day.year, 1, 1)


def _local(at: datetime, zone: str) -> datetime:
    """The time on the clocks of a zone."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _counted(con: duckdb.DuckDBPyConnection, cases: Mapping[int, tuple[Counted, str]], _: Profile) -> Answers:
    rows = [(n, c.begins.replace(tzinfo=None), c.ends.replace(tzinfo=None)) for n, (c, _currency) in cases.items()]
    _table(con, "asked_days", {"item_id": WHOLE, "begins": TIME, "ends": TIME}, rows)
    build(con, counted("asked_days", "days_found"))
    return {n: Decimal(days) for n, days in con.execute("SELECT item_id, days FROM days_found").fetchall()}


def _stubs(con: duckdb.DuckDBPyConnection, cases: Mapping[int, tuple[Stub, str]], _: Profile) -> Answers:
    columns = {"item_id": WHOLE, "ahead": FLAG, "edge": DATE, "other": DATE, "months": pa.int32(), "days": pa.int32()}
    _table(
        con, "asked_stubs", columns, [(n, c.ahead, c.edge, c.other, c.months, c.days) for n, (c, _) in cases.items()]
    )
    build(con, stubs("asked_stubs", "stubs_found"))
    return _answered(con, "SELECT item_id, ratio FROM stubs_found")


def _cycles(con: duckdb.DuckDBPyConnection, cases: Mapping[int, tuple[Cycles, str]], _: Profile) -> Answers:
    columns = {
        "item_id": WHOLE,
        **dict.fromkeys(("begins", "stops", "target"), DATE),
        **dict.fromkeys(("cycle_day", "months", "days"), pa.int32()),
        "in_advance": FLAG,
    }
    rows = [
        (n, c.begins, c.stops, c.target, c.cycle_day, c.months, c.days, c.in_advance) for n, (c, _) in cases.items()
    ]
    _table(con, "asked_cycles", columns, rows)
    build(con, cycles("asked_cycles", "cycles_found"))
    return dict.fromkeys(cases, Decimal(0)) | _answered(
        con, "SELECT item_id, sum(CASE part WHEN 'whole' THEN CAST(number AS DECIMAL(38,22)) ELSE ratio END) "
        "FROM cycles_found GROUP BY item_id"
    )  # fmt: skip


def _changed(con: duckdb.DuckDBPyConnection, cases: Mapping[int, tuple[Changed, str]], profile: Profile) -> Answers:
    columns = {
        "item_id": WHOLE,
        "decimals": pa.int32(),
        "old_price": PRICE,
        "old_quantity": QUANTITY,
        "new_price": PRICE,
        "new_quantity": QUANTITY,
        "changed_at": TIME,
        "period_begins": TIME,
        "period_ends": TIME,
        "seconds_part": WHOLE,
        "seconds_whole": WHOLE,
        "paid": AMOUNT,
        "credited": AMOUNT,
        "same_price": FLAG,
        "figure": TEXT,
    }
    rows = []
    for n, (c, currency) in cases.items():
        at, begins, ends = (_local(t, c.timezone) for t in (c.changed_at, c.period_begins, c.period_ends))
        left, whole = (int((c.period_ends - t).total_seconds()) for t in (c.changed_at, c.period_begins))
        exponent = EXPONENTS[currency] if profile.decimals is None else profile.decimals
        decimals = exponent if c.decimals is None else c.decimals
        if ends <= begins:
            raise VectorError(f"the period ends ({c.period_ends}) before it starts ({c.period_begins})")
        rows.append(
            (
                *(n, decimals, *(c.old or (None, None)), *(c.new or (None, None)), at, begins, ends, left, whole),
                *(c.paid, c.credited, c.same_price, c.figure),
            )
        )
    _table(con, "asked_changes", columns, rows)
    build(con, change("asked_changes", "changes_found"))
    return _answered(
        con,
        "SELECT c.item_id, CASE a.figure WHEN 'credit' THEN -c.credit WHEN 'charge' THEN c.charge ELSE c.net END "
        "FROM changes_found AS c JOIN asked_changes AS a ON a.item_id = c.item_id",
    )


def _capped(con: duckdb.DuckDBPyConnection, cases: Mapping[int, tuple[Capped, str]], _: Profile) -> Answers:
    columns = {"item_id": WHOLE, "potential": AMOUNT, "paid": AMOUNT, "credited": AMOUNT}
    _table(con, "asked_caps", columns, [(n, c.potential, c.paid, c.credited) for n, (c, _) in cases.items()])
    return _answered(con, f"SELECT item_id, {capped('potential', 'paid', 'credited')} FROM asked_caps")


_ANSWERS: dict[type[Any], Callable[..., Answers]] = {
    Rated: _rated,
    Shared: _shared,
    Counted: _counted,
    Stub: _stubs,
    Cycles: _cycles,
    Changed: _changed,
    Capped: _capped,
}
"""What rates each kind of case."""
