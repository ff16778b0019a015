"""Computed results, read back from the warehouse: selections and sums of deltas, no judgement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from billing_recon.core.reason import Disposition
from billing_recon.core.schema import (
    BREAKS,
    CONTROL_TOTALS,
    DETECTIONS,
    DRIFT,
    ENTITLEMENT_SIGNALS,
    INVOICE_LINES,
    METRICS,
    TableSpec,
)

if TYPE_CHECKING:
    import duckdb

    from billing_recon.day.home import Home

_PAIR_ORDER = (
    "list_position(['metered_used', 'expected_billed', 'billed_rendered', 'billed_booked', 'rendered_booked', "
    "'billed_paid', 'paid_booked'], pair)"
)

COUNTING = ", ".join(f"'{d.value}'" for d in Disposition if d.counts_against_gate)
"""SQL for the dispositions that count against the gate."""

Row = dict[str, Any]
"""One row by column name; amounts are Decimal, days are date."""


@lru_cache(maxsize=2)
def _session(computes: bool) -> duckdb.DuckDBPyConnection:
    """One session per process and kind: creating the macros takes longer than most reports, and most reports call none."""
    from billing_recon.compute.engine import plain_session, session

    return session() if computes else plain_session()


def query(sql: str, params: Sequence[object] = ()) -> duckdb.DuckDBPyConnection:
    """A separate cursor with the query's result; it may call the macros of `compute`."""
    return _session(True).cursor().execute(sql, list(params))


def rows_of(sql: str, params: Sequence[object] = ()) -> list[Row]:
    """The query's rows. A query whose rows are shown has an ORDER BY."""
    return _rows(query(sql, params))


def _stored(sql: str, params: Sequence[object] = ()) -> list[Row]:
    """The rows of a query of this module, which only selects and adds."""
    return _rows(_session(False).cursor().execute(sql, list(params)))


def _rows(cursor: duckdb.DuckDBPyConnection) -> list[Row]:
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def scan(home: Home, spec: TableSpec, first: date, last: date) -> str:
    """SQL for the rows of a table's days: `day` and every stored column."""
    return home.warehouse.scan(spec, first, last)


def breaks_sql(home: Home, first: date, last: date) -> str:
    """SQL for the breaks of some days with the fixed columns in their fixed order, sorted by break_id."""
    return f"SELECT {', '.join(BREAKS.names)} FROM ({scan(home, BREAKS, first, last)}) ORDER BY day, break_id"


def breaks(home: Home, first: date, last: date, code: str | None = None) -> list[Row]:
    """The breaks of some days, of one code if given, sorted by day and break_id."""
    return _stored(
        f"SELECT {', '.join(BREAKS.names)} FROM ({breaks_sql(home, first, last)}) "
        "WHERE coalesce(code = ?, true) ORDER BY day, break_id",
        [code],
    )


def largest_breaks(home: Home, day: date, per_code: int) -> list[Row]:
    """The day's largest breaks of each code, currency by currency."""
    order = "coalesce(currency, ''), abs(delta) DESC, break_id"
    return _stored(
        f"SELECT {', '.join(BREAKS.names)} FROM ({breaks_sql(home, day, day)}) "
        f"QUALIFY row_number() OVER (PARTITION BY code ORDER BY {order}) <= {per_code} ORDER BY code, {order}"
    )


def owners(home: Home, day: date) -> list[tuple[str, str]]:
    """The teams that work on the day's breaks of each code."""
    found = _stored(
        f"SELECT DISTINCT code, owner FROM ({scan(home, BREAKS, day, day)}) WHERE owner IS NOT NULL ORDER BY code, owner"
    )
    return [(row["code"], row["owner"]) for row in found]


def breaks_like(home: Home, break_id: str) -> list[Row]:
    """Breaks of any day whose id is, or begins with, `break_id`."""
    known = home.warehouse.days(BREAKS.name)
    if not known:
        return []
    return _stored(
        f"SELECT {', '.join(BREAKS.names)} FROM ({breaks_sql(home, known[0], known[-1])}) "
        "WHERE starts_with(break_id, ?) ORDER BY break_id LIMIT 10",
        [break_id],
    )


@dataclass(frozen=True, slots=True)
class Sum:
    """Breaks of one code in one currency (None: units). Gross adds absolute deltas, net lets them cancel.

    `open` counts those that count against the gate, as the gate itself does.
    """

    day: date
    code: str
    currency: str | None
    count: int
    open: int
    gross: Decimal
    net: Decimal


def break_sums(home: Home, first: date, last: date) -> list[Sum]:
    """Breaks counted and added per day, code and currency; currencies are never added."""
    found = _stored(
        f"SELECT day, code, currency, count(*) AS count, count(*) FILTER (WHERE disposition IN ({COUNTING})) AS open, "
        "sum(abs(delta)) AS gross, sum(delta) AS net "
        f"FROM ({scan(home, BREAKS, first, last)}) GROUP BY day, code, currency ORDER BY day, code, currency NULLS LAST"
    )
    return [Sum(**row) for row in found]


def open_by_owner(home: Home, first: date, last: date) -> list[Row]:
    """The breaks of some days that count against the gate, by owner and currency: count, gross, and the oldest day."""
    return _stored(
        "SELECT owner, currency, count(*) AS count, sum(abs(delta)) AS gross, min(day) AS oldest "
        f"FROM ({scan(home, BREAKS, first, last)}) WHERE disposition IN ({COUNTING}) "
        "GROUP BY owner, currency ORDER BY owner, currency NULLS LAST"
    )


def dispositions(home: Home, day: date) -> list[Row]:
    """The day's breaks by pair, disposition and currency: count, gross and net, including those off the gate."""
    return _stored(
        "SELECT pair, disposition, currency, count(*) AS count, sum(abs(delta)) AS gross, sum(delta) AS net "
        f"FROM ({scan(home, BREAKS, day, day)}) GROUP BY pair, disposition, currency "
        f"ORDER BY {_PAIR_ORDER}, disposition, currency NULLS LAST"
    )


def covered(home: Home, day: date) -> dict[str, Row]:
    """For each expected change by id: the breaks of the day that it covers, with gross and net."""
    found = _stored(
        "SELECT json_extract_string(evidence, '$.expected_change.id') AS id, count(*) AS count, sum(abs(delta)) AS gross, "
        f"sum(delta) AS net FROM ({scan(home, BREAKS, day, day)}) WHERE disposition = 'EXPECTED_CHANGE' "
        "AND contains(evidence, '\"expected_change\"') GROUP BY id ORDER BY id"
    )
    return {row["id"]: row for row in found}


def detections(home: Home, day: date) -> list[Row]:
    """The detectors' findings on the day."""
    names = ", ".join(DETECTIONS.names)
    return _stored(f"SELECT {names} FROM ({scan(home, DETECTIONS, day, day)}) ORDER BY detector, detection_id")


def drift(home: Home, day: date) -> list[Row]:
    """The day's metrics with the baseline, the day before, the cycle before and the band of comparable days."""
    return _stored(
        f"SELECT {', '.join(DRIFT.names)} FROM ({scan(home, DRIFT, day, day)}) "
        "ORDER BY metric, currency NULLS FIRST, cohort, variant"
    )


def entitlements(home: Home, first: date, last: date) -> list[Row]:
    """Thresholds (50, 90, 100%) of included units that usage reached on some days, one row each."""
    return _stored(
        f"FROM ({scan(home, ENTITLEMENT_SIGNALS, first, last)}) ORDER BY day, subscription_id, charge_id, period_start, percent"
    )


def control_totals(home: Home, day: date) -> list[Row]:
    """The day's control totals, in the order of the layers."""
    names = ", ".join(CONTROL_TOTALS.names)
    return _stored(
        f"SELECT {names} FROM ({_totals(home, day, day)}) ORDER BY {_PAIR_ORDER}, currency, meter, cohort, variant"
    )


def _totals(home: Home, first: date, last: date) -> str:
    return home.warehouse.scan(CONTROL_TOTALS, first, last)


def pairs_over(home: Home, first: date, last: date) -> list[Row]:
    """Per pair over some days: matched items, breaks, and items not yet due on the last day. Counts, no money."""
    return _stored(
        "SELECT pair, sum(matched) AS matched, sum(breaks) AS breaks, sum(pending) FILTER (WHERE day = ?) AS pending "
        f"FROM (SELECT day, pair, matched, breaks, pending FROM ({_totals(home, first, last)})) "
        f"GROUP BY pair ORDER BY {_PAIR_ORDER}",
        [last],
    )


def metrics(home: Home, day: date) -> list[Row]:
    """The day's metrics by name; an empty value is NO DATA."""
    names = ", ".join(METRICS.names)
    return _stored(
        f"SELECT {names} FROM ({scan(home, METRICS, day, day)}) ORDER BY metric, currency NULLS FIRST, cohort, variant"
    )


def metric_history(home: Home, day: date, days: int, names: Sequence[str]) -> list[Row]:
    """Some metrics of the whole company over the last days, the day itself counted."""
    shown = ", ".join(f"'{name}'" for name in names)
    return _stored(
        f"SELECT day, metric, currency, sum(value) AS value FROM ({scan(home, METRICS, day - timedelta(days=days - 1), day)}) "
        f"WHERE metric IN ({shown}) GROUP BY day, metric, currency ORDER BY metric, currency NULLS FIRST, day"
    )


def invoices_issued(home: Home, first: date, last: date) -> dict[date, int]:
    """The number of invoices in the engine's files of each day."""
    found = _stored(
        "SELECT day, count(DISTINCT invoice_id) AS invoices FROM "
        f"({home.warehouse.scan(INVOICE_LINES, first, last)}) GROUP BY day ORDER BY day"
    )
    return {row["day"]: row["invoices"] for row in found}


def landed(home: Home, spec: TableSpec, day: date, where: str, params: Sequence[object], order: str) -> list[Row]:
    """Rows of a canonical table as known at the end of `day`, each with its source file and row."""
    first = day - timedelta(days=home.policy.windows.lookback_days)
    names = ", ".join(column.name for column in spec.stored)
    return rows_of(
        f"SELECT {names} FROM ({scan(home, spec, first, day)}) WHERE observed_on <= ? AND ({where}) ORDER BY {order}",
        [day, *params],
    )
