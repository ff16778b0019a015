"""The day pack: one self-contained HTML page a day, its breaks as CSV beside it, and an index of all days.

The same data and verdict give the same bytes: when and by which run it was written is not in it. pandas lives here, for
shaping small tables; amounts come through Arrow as exact decimals.
"""

from __future__ import annotations

import json
import os
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from billing_recon.control import VerdictRecord
from billing_recon.core.errors import GateRefused
from billing_recon.core.reason import STAGE_OF, Code
from billing_recon.core.verdict import Verdict
from billing_recon.day.gate import DAY_GATE
from billing_recon.report import day_tables, figures
from billing_recon.report import stored_rows as reading
from billing_recon.report.exports import breaks_csv
from billing_recon.report.stored_rows import Row, Sum
from billing_recon.report.terminal import Col, Table

if TYPE_CHECKING:
    import jinja2

    from billing_recon.day.home import Home

SHOWN_PER_CODE = 25
"""Breaks of one code on the page; all of them are in breaks.csv."""

MONEY_METRICS = frozenset(
    {
        *(
            "total_billed",
            "total_rendered",
            "total_booked",
            "total_paid",
            "total_refunded",
            "total_tax",
            "total_credits",
        ),
        *(
            "unbilled_usage",
            "outstanding_ar",
            "money_at_risk_gross",
            "net_delta",
            "quarantined_money",
        ),
    }
)
"""Metrics that are amounts; the others are counts, rates and durations even where there is one a currency."""

HEADLINES = {
    Verdict.PASS: "Every layer agrees. This day may be released.",
    Verdict.FAIL: "Layers differ. This day is held back until each difference is dealt with.",
    Verdict.INCONCLUSIVE: "Not enough came to decide. This day is held back, and nothing is proved either way.",
}


def write_day_pack(home: Home, day: date, record: VerdictRecord | None = None) -> Path:
    """Write `<state>/reports/<day>/day_pack.html` with breaks.csv beside it, and bring the index up to date.

    `record` is the day's verdict, its latest if left out; GateRefused if there is none. The page's path is returned.
    """
    record = record or home.control.latest_verdict(DAY_GATE, str(day))
    if record is None:
        raise GateRefused(f"{day} has never been judged, so there is nothing to show; billing-recon run --day {day}")
    folder = home.state / "reports" / str(day)
    folder.mkdir(parents=True, exist_ok=True)
    rows = reading.breaks(home, day, day)
    sums = reading.break_sums(home, day, day)
    invoices = reading.invoices_issued(home, day, day).get(day, 0)
    page = _environment().get_template("day_pack.html").render(_day(home, day, record, rows, sums, invoices))
    _replace(folder / "breaks.csv", breaks_csv(rows))
    _replace(folder / "day_pack.html", page)
    _replace(folder / "summary.json", _summary(day, record, sums, invoices))
    write_index(home)
    return folder / "day_pack.html"


def write_index(home: Home) -> Path:
    """Write `<state>/reports/index.html`: every day that has a pack, by month, the newest first."""
    root = home.state / "reports"
    days = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(root.glob("*/summary.json"), reverse=True)]
    months = [(month, list(of)) for month, of in groupby(days, key=lambda day: str(day["day"])[:7])]
    page = (
        _environment()
        .get_template("index.html")
        .render(company=home.company.name, months=months, verdicts=list(Verdict))
    )
    _replace(root / "index.html", page)
    return root / "index.html"


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    """Templates are compiled once a process; everything is escaped, since names come from files."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("billing_recon.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        amount=figures.amount, delta=figures.delta, money=figures.with_currency, answer=day_tables.answer
    )
    return environment


def _replace(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old one or the new one, never a half."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    draft.write_text(text, encoding="utf-8", newline="")
    draft.replace(path)


def _day(
    home: Home, day: date, record: VerdictRecord, rows: list[Row], sums: list[Sum], invoices: int
) -> dict[str, Any]:
    """What the page's template is given."""
    reports = day_tables.in_layer_order(home.control.landing_reports(day))
    totals = reading.control_totals(home, day)
    return {
        "company": home.company.name,
        "timezone": home.company.timezone,
        "day": day,
        "record": record,
        "headline": HEADLINES[record.verdict],
        "conditions": [*record.held_back_by, *(c for c in record.conditions if c not in record.held_back_by)],
        "invoices": invoices,
        "breaks": len(rows),
        "gross": _per_currency(sums),
        "quarantined": sum(r.quarantined for r in reports),
        "pending": sum(row["pending"] for row in totals),
        "totals": day_tables.totals(totals),
        "sections": _sections(rows, sums),
        "shown": SHOWN_PER_CODE,
        "dispositions": day_tables.dispositions(reading.dispositions(home, day)),
        "expected_changes": day_tables.expected_changes(
            home.policy.expected_changes, reading.covered(home, day) if home.policy.expected_changes else {}, day
        ),
        "detections": day_tables.detections(reading.detections(home, day)),
        "entitlements": day_tables.highest_reached(reading.entitlements(home, day, day)),
        "drift": day_tables.drift(reading.drift(home, day)),
        "landing": day_tables.landing(reports),
        "metrics": _metrics(home, day),
        "files": [(r.table, name, digest) for r in reports for name, digest in r.files],
    }


def _per_currency(sums: list[Sum]) -> list[tuple[str | None, Decimal]]:
    """Gross money in breaks; units of usage are no money."""
    gross: dict[str | None, Decimal] = {}
    for s in (s for s in sums if s.currency):
        gross[s.currency] = gross.get(s.currency, Decimal(0)) + s.gross
    return sorted(gross.items(), key=lambda item: item[0] or "")


def _sections(rows: list[Row], sums: list[Sum]) -> list[dict[str, Any]]:
    """Breaks by code, the most frequent first; within a code the largest differences first, currency by currency."""
    sections: dict[str, dict[str, Any]] = {}
    for code, currency, count, net, gross in day_tables.merged(sums):
        section = sections.setdefault(
            code, {"code": code, "stage": STAGE_OF[Code(code)].value, "count": 0, "sums": [], "rows": [], "owners": []}
        )
        section["count"] += count
        section["sums"].append((currency, net, gross))
    ordered = sorted(rows, key=lambda row: (row["code"], row["currency"] or "", -abs(row["delta"]), row["break_id"]))
    for row in ordered:
        section = sections[row["code"]]
        if row["owner"] not in section["owners"]:
            section["owners"].append(row["owner"])
        if len(section["rows"]) < SHOWN_PER_CODE:
            first, second = day_tables.side_amounts(row)
            section["rows"].append({**row, "first": first, "second": second, "sides": day_tables.sides(row["pair"])})
    return sorted(sections.values(), key=lambda section: (-section["count"], section["code"]))


def _metrics(home: Home, day: date) -> Table:
    """Metrics as a matrix, a column a currency; NO DATA where there is no population, empty where it has no meaning."""
    import pandas as pd

    frame = reading.metrics_arrow(home, day).to_pandas(types_mapper=pd.ArrowDtype)
    table = Table([Col("metric")], title="Metrics")
    if frame.empty:
        return table
    split = frame[["cohort", "variant"]].drop_duplicates().shape[0] > 1
    name = frame["metric"] + (" (" + frame["cohort"] + ", " + frame["variant"] + ")" if split else "")
    text = [
        figures.NO_DATA
        if pd.isna(value)
        else figures.amount(value, currency if metric in MONEY_METRICS and currency else None)
        for metric, value, currency in zip(frame["metric"], frame["value"], frame["currency"].fillna(""), strict=True)
    ]
    cells = pd.DataFrame(
        {"metric": name.astype(str), "currency": frame["currency"].fillna("").astype(str), "text": text}
    )
    matrix = cells.pivot(index="metric", columns="currency", values="text").fillna("")
    headings = {"": "count or rate"}
    table.columns = [
        Col("metric"),
        *(Col(headings.get(c, c), right=True) for c in matrix.columns),
    ]
    for metric, *values in matrix.itertuples(name=None):
        table.add(metric, *values)
    return table


def _summary(day: date, record: VerdictRecord, sums: list[Sum], invoices: int) -> str:
    """What the index says of the day."""
    gross = [figures.with_currency(value, currency) for currency, value in _per_currency(sums)]
    content = {
        "day": str(day),
        "verdict": record.verdict.value,
        "invoices": invoices,
        "breaks": sum(s.count for s in sums),
        "gross": gross,
        "codes": sorted({s.code for s in sums}),
        "evidence_hash": record.evidence_hash,
    }
    return json.dumps(content, indent=1) + "\n"
