"""The sections of the day pack, in order. A section is a table, or content with a template of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from billing_recon.control import VerdictRecord
from billing_recon.core import figures
from billing_recon.core.landing import LandingReport
from billing_recon.core.reason import STAGE_OF, Code
from billing_recon.report import break_working, day_tables, stored_rows
from billing_recon.report.stored_rows import Row, Sum
from billing_recon.report.terminal import Col, Table
from billing_recon.report.trends import DAYS as TREND_DAYS
from billing_recon.report.trends import SHOWN as TREND_METRICS
from billing_recon.report.trends import Trend, trends
from billing_recon.report.waterfall import Waterfall, waterfall

if TYPE_CHECKING:
    from billing_recon.day.home import Home

SHOWN_PER_CODE = 25
"""Breaks of one code on the page; breaks.csv has all of them."""

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
        *("unbilled_usage", "outstanding_ar", "money_at_risk_gross", "net_delta", "quarantined_money"),
    }
)
"""Metrics that are amounts; the others are counts, rates and durations, even if they are kept per currency."""


SEARCH_FILE = "breaks.js"
"""The file beside the page with every break, which its search reads; written if the page does not have them all."""


@dataclass(frozen=True, slots=True)
class DayRows:
    """What the pack's sections and tiles are made from: one judged day, read once."""

    home: Home
    day: date
    record: VerdictRecord
    sums: list[Sum]
    totals: list[Row]
    reports: list[LandingReport]
    assigned: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Section:
    """One section: `content` of the day, drawn by `template`. Without content it shows `empty`, or is left out.

    `folded`: shown when it is opened, and not printed. For a table: `signed` names columns whose differences are highlighted; `note` may use {title}, the table's title.
    """

    heading: str
    content: Callable[[DayRows], Any]
    caption: str = ""
    note: str = ""
    signed: tuple[str, ...] = ()
    empty: str = ""
    template: str = "table.html"
    folded: bool = False


def _tie_out(of: DayRows) -> Table:
    return day_tables.tie_out(of.totals)


def _waterfall(of: DayRows) -> list[Waterfall]:
    """One drawing per currency with breaks of more than one code; a single difference needs none."""
    nets: dict[str, dict[str, Decimal]] = {}
    for s in of.sums:
        if s.currency:
            nets.setdefault(s.currency, {})[s.code] = s.net
    return [waterfall(currency, list(codes.items())) for currency, codes in sorted(nets.items()) if len(codes) > 1]


def _since_yesterday(of: DayRows) -> Table | None:
    """What differs from the day before, if that was judged."""
    before = of.day - timedelta(days=1)
    record = of.home.control.latest_verdict(of.record.gate, str(before))
    if record is None:
        return None
    invoices = stored_rows.invoices_issued(of.home, before, of.day)
    return day_tables.since(
        [("verdict", record.verdict.value, of.record.verdict.value)],
        [("invoices issued", invoices.get(before, 0), invoices.get(of.day, 0))],
        stored_rows.break_sums(of.home, before, before),
        of.sums,
        before,
    )


def _trends(of: DayRows) -> list[Trend]:
    history = stored_rows.metric_history(of.home, of.day, TREND_DAYS, TREND_METRICS)
    return trends(history, stored_rows.drift(of.home, of.day), of.day)


def _totals(of: DayRows) -> Table:
    return day_tables.totals(of.totals)


def _breaks(of: DayRows) -> dict[str, Any]:
    """Breaks by code, the most frequent first; within a code the largest differences first, currency by currency."""
    codes: dict[str, dict[str, Any]] = {}
    for code, currency, count, _, net, gross in day_tables.merged(of.sums):
        one = codes.setdefault(
            code, {"code": code, "stage": STAGE_OF[Code(code)].value, "count": 0, "sums": [], "rows": [], "owners": []}
        )
        one["count"] += count
        one["sums"].append((currency, net, gross))
    for code, owner in stored_rows.owners(of.home, of.day):
        codes[code]["owners"].append(owner)
    for row in stored_rows.largest_breaks(of.home, of.day, SHOWN_PER_CODE):
        working = [break_working.layers(row), break_working.waterfall(row)]
        codes[row["code"]]["rows"].append({**row, "working": working, "assignee": of.assigned.get(row["break_id"], "")})
    return {
        "codes": sorted(codes.values(), key=lambda one: (-one["count"], one["code"])),
        "owners": sorted({owner for one in codes.values() for owner in one["owners"]}),
        "search_file": SEARCH_FILE if any(one["count"] > len(one["rows"]) for one in codes.values()) else "",
    }


def _dispositions(of: DayRows) -> Table:
    return day_tables.dispositions(stored_rows.dispositions(of.home, of.day))


def _expected_changes(of: DayRows) -> Table:
    changes = of.home.policy_on(of.day).policy.expected_changes
    return day_tables.expected_changes(changes, stored_rows.covered(of.home, of.day) if changes else {}, of.day)


def _rollouts(of: DayRows) -> Table:
    from billing_recon.report.rollout_gate import day_table

    return day_table(of.home, of.day)


def _detections(of: DayRows) -> Table:
    return day_tables.detections(stored_rows.detections(of.home, of.day))


def _landing(of: DayRows) -> Table:
    return day_tables.landing(of.reports)


def _metrics(of: DayRows) -> Table:
    """Metrics, one column per currency; NO DATA for no population, empty if the metric has no such currency."""
    rows = stored_rows.metrics(of.home, of.day)
    split = len({(row["cohort"], row["variant"]) for row in rows}) > 1
    currencies = sorted({row["currency"] or "" for row in rows})
    cells: dict[str, dict[str, str]] = {}
    for row in rows:
        metric, currency = row["metric"], row["currency"] or ""
        name = f"{metric} ({row['cohort']}, {row['variant']})" if split else metric
        money = currency if metric in MONEY_METRICS and currency else None
        cells.setdefault(name, {})[currency] = (
            figures.NO_DATA if row["value"] is None else figures.amount(row["value"], money)
        )
    columns = [Col("metric"), *(Col(currency or "count or rate", right=True) for currency in currencies)]
    table = Table(columns, title="Metrics")
    for name in sorted(cells):
        table.add(name, *(cells[name].get(currency, "") for currency in currencies))
    return table


def _drift(of: DayRows) -> Table:
    return day_tables.drift(stored_rows.drift(of.home, of.day))


def _entitlements(of: DayRows) -> dict[str, Any] | None:
    reached = day_tables.highest_reached(stored_rows.entitlements(of.home, of.day, of.day))
    shown = [row["sentence"] for row in reached[:SHOWN_PER_CODE]]
    return {"sentences": shown, "more": len(reached) - len(shown), "day": of.day} if reached else None


def _evidence(of: DayRows) -> dict[str, Any]:
    files = [(report.table, name, digest) for report in of.reports for name, digest in report.files]
    return {"record": of.record, "conditions": day_tables.in_order(of.record), "files": files}


SECTIONS: tuple[Section, ...] = (
    Section(
        "Tie-out",
        _tie_out,
        caption="Each pair of layers per currency",
        note="Each line compares what was due for comparison on the day, so a layer has an amount per pair. A difference is the "
        "second layer minus the first; it foots if the breaks explain all of it. Currencies are never added.",
        signed=("difference", "explained"),
        empty="Nothing was assessed on this day.",
    ),
    Section(
        "Since the day before",
        _since_yesterday,
        caption="What differs from the day before",
        note="{title}. What is the same on both days is left out.",
    ),
    Section("Differences by code", _waterfall, template="waterfall.html"),
    Section("Breaks", _breaks, template="breaks.html"),
    Section("Trends", _trends, template="trends.html", folded=True),
    Section(
        "Control totals",
        _totals,
        caption="Control totals per pair of layers and currency",
        note="A delta is the second layer of the pair minus the first. Net lets differences cancel, gross does not. "
        "Currencies are never added.",
        signed=("delta", "net"),
        empty="Nothing was assessed on this day.",
        folded=True,
    ),
    Section(
        "Dispositions",
        _dispositions,
        caption="Breaks by disposition, net and gross",
        note="Gross adds differences without letting them cancel. Breaks that do not count against the gate are listed too.",
        signed=("net",),
        folded=True,
    ),
    Section("Expected changes", _expected_changes, caption="Expected changes on this day", signed=("net",)),
    Section("Findings in the data", _detections, caption="Findings of the detectors, and what to do next"),
    Section(
        "Landing",
        _landing,
        caption="Rows landed per table",
        note="For each table, rows in = accepted + quarantined + duplicates collapsed.",
        empty="Nothing was landed.",
        folded=True,
    ),
    Section(
        "Metrics",
        _metrics,
        caption="Metrics of the day",
        note="NO DATA: there was nothing to measure. It never counts as zero or as passed.",
        empty=figures.NO_DATA,
        folded=True,
    ),
    Section(
        "Drift",
        _drift,
        caption="Metrics compared with other days and their expected band",
        note="{title}. NO DATA: too few comparable days.",
        folded=True,
    ),
    Section(
        "Rollouts",
        _rollouts,
        caption="Rollouts that expose customers on this day",
        note="As the stage gate answered about this day; each has a page of its own. Breaks are open breaks of the stage.",
    ),
    Section("Included units reached", _entitlements, template="entitlements.html"),
    Section("Evidence", _evidence, template="evidence.html", folded=True),
)
