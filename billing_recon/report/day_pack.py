"""The day pack: one self-contained HTML page per day with its breaks as CSV, and an index of all days.

The same data and verdict give the same bytes: the page does not say when, or by which run, it was written.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from billing_recon.control import VerdictRecord
from billing_recon.core import figures
from billing_recon.core.break_decision import assignees
from billing_recon.core.errors import GateRefused
from billing_recon.core.shown_text import visible
from billing_recon.core.verdict import Verdict
from billing_recon.day.gate import DAY_GATE
from billing_recon.report import day_tables, stored_rows
from billing_recon.report.day_sections import SEARCH_FILE, SECTIONS, SHOWN_PER_CODE, DayRows, Section
from billing_recon.report.exports import breaks_csv, breaks_script, rows_csv
from billing_recon.report.stored_rows import Sum
from billing_recon.report.terminal import Table

if TYPE_CHECKING:
    import jinja2

    from billing_recon.day.home import Home

ROWS_MAX = 200
"""Rows of one section on the page; a file beside it has all of them."""

HEADLINES = {
    Verdict.PASS: "Every layer agrees. This day may be released.",
    Verdict.FAIL: "Layers differ. This day is held back until each difference is resolved.",
    Verdict.INCONCLUSIVE: "Not enough data arrived to decide. This day is held back, and nothing is proved either way.",
}

NO_NEXT = '<span class="next-day"></span>'
"""Where the link to the next day goes, until there is one."""
QUIET = "A quiet day: nothing was due, billed, booked or paid, as the policy allows. This day may be released."


def write_day_pack(home: Home, day: date, record: VerdictRecord | None = None) -> Path:
    """Write `<state>/reports/<day>/day_pack.html` and breaks.csv, update the index, and return the page's path.

    `record` is the day's verdict, by default its latest; GateRefused if there is none.
    """
    record = record or home.control.latest_verdict(DAY_GATE, str(day))
    if record is None:
        raise GateRefused(
            f"{day} has never been judged, so there is nothing to show; run it: billing-recon run --day {day}"
        )
    folder = home.state / "reports" / str(day)
    folder.mkdir(parents=True, exist_ok=True)
    of = DayRows(
        home=home,
        day=day,
        record=record,
        sums=stored_rows.break_sums(home, day, day),
        totals=stored_rows.control_totals(home, day),
        reports=day_tables.in_layer_order(home.control.landing_reports(day)),
        assigned=assignees(home.control.break_decisions(day, day)),
    )
    invoices = stored_rows.invoices_issued(home, day, day).get(day, 0)
    found = stored_rows.breaks(home, day, day)
    replace_file(folder / "breaks.csv", breaks_csv(found))
    if max(Counter(row["code"] for row in found).values(), default=0) > SHOWN_PER_CODE:
        replace_file(folder / SEARCH_FILE, breaks_script(found))
    else:
        (folder / SEARCH_FILE).unlink(missing_ok=True)
    replace_file(folder / "day_pack.html", _page(of, invoices, folder))
    replace_file(folder / "summary.json", _summary(day, record, of.sums, invoices))
    _link_from_the_day_before(home.state / "reports", day)
    write_index(home)
    return folder / "day_pack.html"


def write_index(home: Home) -> Path:
    """Write `<state>/reports/index.html`: every day that has a pack, by month, newest first."""
    root = home.state / "reports"
    days = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(root.glob("*/summary.json"), reverse=True)]
    months = [(month, list(of)) for month, of in groupby(days, key=lambda day: str(day["day"])[:7])]
    page = (
        environment()
        .get_template("index.html")
        .render(company=home.company.name, months=months, verdicts=list(Verdict))
    )
    replace_file(root / "index.html", page)
    return root / "index.html"


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """Templates, compiled once per process. Everything is escaped, since names come from files, and nothing hides."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def shown(value: object) -> object:
        return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=PackageLoader("billing_recon.report"),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        amount=figures.amount, delta=figures.delta, money=figures.with_currency, answer=day_tables.answer
    )
    return environment


def replace_file(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old one or the new one, never half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    draft.write_text(text, encoding="utf-8", newline="")
    draft.replace(path)


def _page(of: DayRows, invoices: int, folder: Path) -> str:
    """The page of a day. Rows beyond its bound are in files of `folder` beside it."""
    return (
        environment()
        .get_template("day_pack.html")
        .render(
            company=of.home.company.name,
            timezone=of.home.company.timezone,
            day=of.day,
            record=of.record,
            headline=HEADLINES[of.record.verdict] if of.totals or of.record.verdict is not Verdict.PASS else QUIET,
            conditions=of.record.conditions,
            invoices=invoices,
            breaks=_broken(of.sums),
            gross=_per_currency(of.sums),
            quarantined=sum(report.quarantined for report in of.reports),
            pending=sum(row["pending"] for row in of.totals),
            work=_work(of),
            next_step=_next_step(of),
            again="" if of.record.verdict is Verdict.PASS else f"billing-recon run --day {of.day}",
            before=_neighbour(of, -1),
            after=_neighbour(of, 1),
            sections=list(_sections(of, folder)),
        )
    )


def _work(of: DayRows) -> Table | None:
    """Who has what to do today, and from the days before as far back as the day looks; None if nobody has."""
    back = of.day - timedelta(days=of.home.policy.windows.lookback_days)
    today = stored_rows.open_by_owner(of.home, of.day, of.day)
    earlier = stored_rows.open_by_owner(of.home, back, of.day - timedelta(days=1))
    return day_tables.work(today, earlier, of.day) if today or earlier else None


def _next_step(of: DayRows) -> str:
    """What whoever reads the page first does now."""
    if of.record.verdict is Verdict.PASS:
        return f"nothing for this day; it counts for the close of {of.day:%Y-%m}."
    if of.record.verdict is Verdict.INCONCLUSIVE:
        return "get what the conditions name"
    return "the owners below correct the data, or decide about their breaks"


def _neighbour(of: DayRows, days: int) -> str:
    """The day before or after, if it has a pack; empty if not."""
    day = of.day + timedelta(days=days)
    return str(day) if (of.home.state / "reports" / str(day) / "day_pack.html").is_file() else ""


def _link_from_the_day_before(root: Path, day: date) -> None:
    """Put the link to this day into the page of the day before, which was written when there was none."""
    page = root / str(day - timedelta(days=1)) / "day_pack.html"
    if page.is_file():
        text = page.read_text(encoding="utf-8")
        if NO_NEXT in text:
            replace_file(
                page, text.replace(NO_NEXT, f'<a rel="next" href="../{day}/day_pack.html">{day} &rarr;</a>', 1)
            )


def _sections(of: DayRows, folder: Path) -> Iterator[tuple[Section, Any, tuple[str, int] | None]]:
    """The sections that have content, or say what its absence means; and the file with all rows of a longer one, and their number."""
    for section in SECTIONS:
        content, export = section.content(of), None
        if isinstance(content, Table) and len(content.rows) > ROWS_MAX:
            export = _exported(folder, section.caption, [column.name for column in content.columns], content.rows)
            content = replace(content, rows=content.rows[:ROWS_MAX])
        elif isinstance(content, dict) and len(content.get("files", ())) > ROWS_MAX:
            export = _exported(folder, "source files", ["table", "file", "sha256"], content["files"])
            content = content | {"files": content["files"][:ROWS_MAX]}
        if isinstance(content, Table) and not content.rows:
            content = None
        if content or section.empty:
            yield section, content, export


def _exported(folder: Path, title: str, columns: list[str], rows: list[tuple[str, ...]]) -> tuple[str, int]:
    """Write all rows of a section as CSV. Return the name of the file and the number of rows."""
    name = f"{re.sub('[^a-z]+', '_', title.lower()).strip('_')}.csv"
    replace_file(folder / name, rows_csv((dict(zip(columns, row, strict=True)) for row in rows), columns))
    return name, len(rows)


def _broken(sums: list[Sum]) -> str:
    return figures.and_open(sum(s.count for s in sums), sum(s.open for s in sums))


def _per_currency(sums: list[Sum]) -> list[tuple[str | None, Decimal]]:
    """Gross money in breaks, without units of usage."""
    gross: dict[str | None, Decimal] = {}
    for s in (s for s in sums if s.currency):
        gross[s.currency] = gross.get(s.currency, Decimal(0)) + s.gross
    return sorted(gross.items(), key=lambda item: item[0] or "")


def _summary(day: date, record: VerdictRecord, sums: list[Sum], invoices: int) -> str:
    """What the index shows of the day."""
    gross = [figures.with_currency(value, currency) for currency, value in _per_currency(sums)]
    content = {
        "day": str(day),
        "verdict": record.verdict.value,
        "invoices": invoices,
        "breaks": _broken(sums),
        "gross": gross,
        "codes": sorted({s.code for s in sums}),
        "evidence_hash": record.evidence_hash,
    }
    return json.dumps(content, indent=1) + "\n"
