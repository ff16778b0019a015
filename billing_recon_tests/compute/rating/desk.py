"""A session in which one thing is rated at a time, for tests that read like a bill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import duckdb
import pyarrow as pa

from billing_recon.compute.engine import build
from billing_recon.compute.rating.commitment import commit
from billing_recon.compute.relation import Relation
from billing_recon.core.catalog import Charge, Plan
from billing_recon.core.profile import Profile
from billing_recon_tests.compute.rating.cases import Case, opened, rated
from billing_recon_tests.compute.rating.oracle import Asked


def desk(**profile: Any) -> duckdb.DuckDBPyConnection:
    """A session under a profile, without a catalog."""
    return opened((), Profile.model_validate(profile))


def table(con: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
    """A table of typed columns (SQL types) with the rows given."""
    arrow = pa.table(
        {c: pa.array([None if r[n] is None else str(r[n]) for r in rows], pa.string()) for n, c in enumerate(columns)}
    )
    con.register("arriving", arrow)
    casts = ", ".join(f"CAST({c} AS {kind}) AS {c}" for c, kind in columns.items())
    con.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT {casts} FROM arriving")
    con.unregister("arriving")


def answer(con: duckdb.DuckDBPyConnection, relations: Sequence[Relation], sql: str) -> list[tuple[Any, ...]]:
    build(con, relations)
    found: list[tuple[Any, ...]] = con.execute(sql).fetchall()
    return found


def prices(
    charge: Mapping[str, Any], units: Sequence[str | int], *, currency: str = "USD", **profile: Any
) -> list[Decimal]:
    """The unrounded price of each number of units under one charge."""
    return [raw for raw, _ in both(charge, units, currency=currency, **profile)]


def both(
    charge: Mapping[str, Any], units: Sequence[str | int], *, currency: str = "USD", **profile: Any
) -> list[tuple[Decimal, Decimal]]:
    """Unrounded and settled price of each number of units under one charge."""
    known = Profile.model_validate(profile)
    whole = Charge.model_validate({"charge_id": "c", "kind": "usage", "meter": "m", **charge})
    plan = Plan(plan_id="p", plan_version="1", currency=currency, charges=(whole,))
    asked = [Case(plan, Asked(whole, Fraction(str(u)))) for u in units]
    return rated(opened([plan], known), asked)


ADJUSTED = {
    "item_id": "INTEGER",
    "decimals": "INTEGER",
    "gross": "DECIMAL(38,12)",
    "discount_rate": "DECIMAL(12,8)",
    "minimum": "DECIMAL(38,12)",
    "maximum": "DECIMAL(38,12)",
    "previous": "DECIMAL(38,12)",
    "closes": "BOOLEAN",
    "tier_amounts": "DECIMAL(38,12)[]",
}


def adjusted(rows: Sequence[Sequence[Any]], **profile: Any) -> list[tuple[Any, ...]]:
    """gross, discount, over, raised and net of each row of ADJUSTED's columns; tier_amounts may be left out."""
    con = desk(**profile)
    table(con, "priced", ADJUSTED, [(*row, None)[: len(ADJUSTED)] for row in rows])
    sql = "SELECT gross, discount, over, raised, net FROM agreed ORDER BY item_id"
    return answer(con, commit("priced", "agreed"), sql)
