"""The figures behind the checks, read from the warehouse as text for a reader. Judges nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from billing_recon.core.money import plain
from billing_recon.core.reason import Pair
from billing_recon.core.schema import BREAKS, CONTROL_TOTALS
from billing_recon.report.stored_rows import COUNTING, Row, rows_of, scan

if TYPE_CHECKING:
    from billing_recon.day import Home

Cells = list[dict[str, str]]
"""A small table: rows of named cells, amounts as exact text."""

SHOWN = 20
"""Breaks shown by a check; `billing-recon breaks` lists all of them."""


@dataclass(frozen=True, slots=True)
class TieOut:
    """One pair on one day. `compared` counts the items of both layers; `open` and `tolerated` count breaks.

    `sums` is the open money per code and currency, as text; `cells` has the largest breaks, at most SHOWN.
    """

    pair: Pair
    compared: int
    pending: int
    open: int
    tolerated: int
    sums: str
    cells: Cells


def tie_outs(home: Home, day: date) -> list[TieOut]:
    """Every pair of layers, with its breaks."""
    totals = rows_of(
        f"SELECT pair, sum(left_count + right_count)::BIGINT AS items, sum(pending)::BIGINT AS pending "
        f"FROM ({scan(home, CONTROL_TOTALS, day, day)}) GROUP BY pair ORDER BY pair"
    )
    sums = rows_of(
        f"SELECT pair, code, disposition, disposition IN ({COUNTING}) AS counts, currency, count(*) AS count, "
        f"sum(abs(delta)) AS gross, sum(delta) AS net FROM ({scan(home, BREAKS, day, day)}) "
        "GROUP BY pair, code, disposition, currency ORDER BY pair, code, disposition, currency NULLS LAST"
    )
    largest = _largest_breaks(home, day) if sums else []
    by_pair = {row["pair"]: row for row in totals}
    return [
        _tie_out(
            pair,
            by_pair.get(pair.value),
            [s for s in sums if s["pair"] == pair.value],
            [b for b in largest if b["pair"] == pair.value],
        )
        for pair in Pair
    ]


def _tie_out(pair: Pair, totals: Row | None, sums: list[Row], largest: list[Row]) -> TieOut:
    return TieOut(
        pair=pair,
        compared=totals["items"] if totals else 0,
        pending=totals["pending"] if totals else 0,
        open=sum(s["count"] for s in sums if s["counts"]),
        tolerated=sum(s["count"] for s in sums if not s["counts"]),
        sums=", ".join(
            f"{s['code']} {money(s['gross'], s['currency'])} {s['currency'] or 'units'}" for s in sums if s["counts"]
        ),
        cells=[
            {
                "code": b["code"],
                "difference": f"{money(b['delta'], b['currency'])} {b['currency'] or 'units'}",
                # One wide column: the UI makes all columns equally wide, and a sentence needs room.
                "why": f"{b['explanation']} Owner: {b['owner']}; {b['disposition']}; explain {b['break_id']}",
            }
            for b in largest
        ],
    )


def _largest_breaks(home: Home, day: date) -> list[Row]:
    """The SHOWN most important breaks of each pair: those that count against the gate first, then by size."""
    return rows_of(
        "SELECT pair, code, delta, currency, explanation, owner, disposition, break_id, row_number() OVER "
        f"(PARTITION BY pair ORDER BY disposition IN ({COUNTING}) DESC, abs(delta) DESC, break_id) AS turn "
        f"FROM ({scan(home, BREAKS, day, day)}) QUALIFY turn <= {SHOWN} ORDER BY pair, turn"
    )


def stage_deltas_off(home: Home, day: date) -> Cells:
    """Breaks whose stage deltas do not sum to their delta; empty, unless we have a bug."""
    rows = rows_of(
        "WITH stages AS (SELECT break_id, unnest(map_values(CAST(CAST(stage_deltas AS JSON) AS MAP(VARCHAR, VARCHAR)))) "
        f"AS amount FROM ({scan(home, BREAKS, day, day)})), "
        "summed AS (SELECT break_id, sum(CAST(amount AS DECIMAL(38, 12))) AS total FROM stages GROUP BY break_id) "
        "SELECT b.break_id, b.code, b.currency, b.delta, coalesce(s.total, CAST(0 AS DECIMAL(38, 12))) AS total "
        f"FROM ({scan(home, BREAKS, day, day)}) b LEFT JOIN summed s ON s.break_id = b.break_id "
        "WHERE b.delta <> coalesce(s.total, CAST(0 AS DECIMAL(38, 12))) ORDER BY b.break_id LIMIT 20"
    )
    return [
        {
            "break_id": r["break_id"],
            "code": r["code"],
            "delta": money(r["delta"], r["currency"]),
            "sum of stages": money(r["total"], r["currency"]),
            "currency": r["currency"] or "units",
        }
        for r in rows
    ]


def totals_off(home: Home, day: date) -> Cells:
    """Control totals whose delta is not the net of their breaks."""
    rows = rows_of(
        f"SELECT pair, currency, meter, cohort, variant, delta, break_net FROM ({scan(home, CONTROL_TOTALS, day, day)}) "
        "WHERE delta <> break_net ORDER BY pair, currency, meter, cohort, variant"
    )
    return [
        {
            "pair": r["pair"],
            "currency": r["currency"] or r["meter"] or "units",
            "cohort": r["cohort"],
            "layers differ by": money(r["delta"], r["currency"]),
            "breaks net": money(r["break_net"], r["currency"]),
        }
        for r in rows
    ]


def unexplained(home: Home, day: date) -> Cells:
    """Breaks that no stage explains, the largest first."""
    rows = rows_of(
        "SELECT break_id, pair, customer_id, invoice_id, currency, delta, explanation FROM "
        f"({scan(home, BREAKS, day, day)}) WHERE code = 'UNEXPLAINED' ORDER BY abs(delta) DESC, break_id LIMIT 20"
    )
    return [
        {
            "break_id": r["break_id"],
            "pair": r["pair"],
            "customer": r["customer_id"] or "",
            "invoice": r["invoice_id"] or "",
            "delta": money(r["delta"], r["currency"]),
            "currency": r["currency"] or "units",
            "why": r["explanation"],
        }
        for r in rows
    ]


def plotted_breaks(home: Home, day: date) -> dict[str, float]:
    """Open money per currency, and how many breaks, as Dagster plots them over the days. Exact amounts are in the checks."""
    rows = rows_of(
        f"SELECT currency, sum(abs(delta)) AS gross FROM ({scan(home, BREAKS, day, day)}) "
        f"WHERE disposition IN ({COUNTING}) AND currency IS NOT NULL GROUP BY currency ORDER BY currency"
    )
    found = {row["currency"]: float(row["gross"]) for row in rows}
    # A day without breaks is a point at zero, and not a gap.
    return {
        f"plot: {currency} at risk": found.get(currency, 0.0) for currency in sorted({*home.company.currencies, *found})
    }


def plotted_totals(home: Home, day: date) -> dict[str, float]:
    """Billed money per currency, as Dagster plots it over the days."""
    rows = rows_of(
        f"SELECT currency, sum(right_amount) AS billed FROM ({scan(home, CONTROL_TOTALS, day, day)}) "
        f"WHERE pair = '{Pair.EXPECTED_BILLED}' AND currency IS NOT NULL GROUP BY currency ORDER BY currency"
    )
    return {f"plot: {row['currency']} billed": float(row["billed"] or 0) for row in rows}


def money(value: Decimal | None, currency: str | None) -> str:
    """Exact text at the currency's decimals; empty for none."""
    return "" if value is None else plain(value, currency or None)
