"""The page of a candidate's review: verdict and rule, four corners, causes, what customers and revenue see, coverage, evidence.

It is bounded: a review of any size gives a page of some hundred rows, and files beside it have the rest. The same review,
marks and decisions give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from billing_recon.core.candidate import SCENARIOS
from billing_recon.core.figures import amount, delta, with_currency
from billing_recon.core.verdict import Verdict
from billing_recon.day.home import Home
from billing_recon.day.shadow import decisions
from billing_recon.day.shadow.gate import Judged, evidence
from billing_recon.day.shadow.marks import marks
from billing_recon.day.shadow.parallel import ParallelDay, parallel_days
from billing_recon.day.shadow.review import Review
from billing_recon.day.shadow.snapshot import find
from billing_recon.report import shadow, shadow_impact
from billing_recon.report.day_pack import environment, replace_file
from billing_recon.report.stored_rows import Row, rows_of
from billing_recon.report.terminal import Col, Table
from billing_recon.report.waterfall import Waterfall, counted, waterfall

CAUSES_MAX, INVOICES_MAX, RISEN_MAX, DAYS_MAX = 60, 50, 50, 31
"""Rows of one table on the page."""
RISE = Decimal("0.10")
"""Customers that rise by more are named, unless the launch rule has its own bound."""
HEADLINES = {
    Verdict.PASS: "The launch rule holds. The launch may be approved and decided.",
    Verdict.FAIL: "The launch rule does not hold. Nothing is launched until the causes below are mended or agreed to.",
    Verdict.INCONCLUSIVE: "Not enough is known to decide. Nothing is proved either way.",
}
_PARTS = {
    "unknown": "what is owed is not known: not rated, or within the grace for issuing",
    "new": "fault of the new engine, nobody meant it",
    "accepted": "fault of the new engine, agreed to",
    "kept": "fault of both engines",
    "old": "fault of the old engine that is gone",
    "meant": "meant by the change",
    "split": "billed in other lines of the same bill, which add up to what is owed",
}


@dataclass(frozen=True, slots=True)
class Said:
    """A cause as the page shows it."""

    row: Row
    what: str
    net: str
    gross: str
    largest: str
    samples: tuple[str, ...]
    marked: str


def write_page(home: Home, judged: Judged) -> Path:
    """Write `<state>/reports/shadow/NAME/review.html` and return its path."""
    review, opened = judged.review, judged.opened
    folder = home.state / "reports" / "shadow" / review.name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "review.html"
    replace_file(path, _page(home, judged, opened.candidate.launch_rule.max_rise or RISE))
    return path


def _page(home: Home, judged: Judged, rise: Decimal) -> str:
    review, candidate, facts = judged.review, judged.opened.candidate, judged.review.facts
    manifest = find(home, facts["label"]).manifest
    causes = shadow.causes(review, marks(home, review.name))
    unmeant = [_said(row) for row in causes if row["part"] in ("unknown", "new", "accepted", "kept")]
    meant = [_said(row) for row in causes if row["part"] in ("meant", "old", "split")]
    risen, number = shadow_impact.risen(review, rise, RISEN_MAX)
    days = parallel_days(home, review.name)
    return (
        environment()
        .get_template("shadow.html")
        .render(
            company=home.company.name,
            name=review.name,
            candidate=candidate,
            period=f"{manifest.first} to {manifest.last}",
            facts=facts,
            constructed=facts.get("constructed"),
            verdict=judged.verdict,
            headline=HEADLINES[judged.verdict],
            clauses=judged.clauses,
            held_back=[c for c in judged.clauses if c.verdict is not Verdict.PASS],
            next_step=_next_step(judged),
            tiles=_tiles(review),
            corners=corners(review),
            made_up=_made_up(review),
            states=shadow.states(review),
            unmeant=unmeant[:CAUSES_MAX],
            unmeant_all=len(unmeant),
            meant=meant[:CAUSES_MAX],
            meant_all=len(meant),
            invoices=_invoices(review),
            invoices_max=INVOICES_MAX,
            effects=[(by, shadow_impact.effects(review, by)) for by in shadow_impact.SIDES],
            winners=shadow_impact.winners(review),
            spreads=shadow_impact.spreads(review),
            movers=shadow_impact.movers(review),
            risen=risen,
            risen_all=number,
            rise=f"{(rise * 100).normalize():f}%",
            coverage=coverage(review, judged),
            days=parallel_table(days[-DAYS_MAX:]) if days else None,
            trend=_trend(days),
            sampled=judged.sampled,
            approvals=_approvals(home, judged),
            decision=_decided(home, review.name),
            evidence=evidence(review),
        )
    )


def _said(row: Row) -> Said:
    currency = row["currency"]
    return Said(
        row=row,
        what=_PARTS[row["part"]],
        net=with_currency(row["net"], currency, signed=True),
        gross=with_currency(row["gross"], currency),
        largest=with_currency(row["largest"], currency, signed=True),
        samples=tuple(
            f"{one.rsplit(' ', 1)[0]} {delta(Decimal(one.rsplit(' ', 1)[1]), currency)}"
            for one in json.loads(row["samples"])
        ),
        marked=shadow.said(row),
    )


def _tiles(review: Review) -> list[tuple[str, list[str]]]:
    (counts,) = rows_of(
        "SELECT count(*) AS invoices, count(*) FILTER (WHERE state <> 'equal') AS differ, count(*) FILTER (WHERE state = 'unmeant') "
        f"AS unmeant FROM {review.table('shadow_invoices')}"
    )
    money = rows_of(
        "SELECT currency, sum(delta) AS delta, coalesce(sum(new_fault_gross) FILTER (WHERE state = 'unmeant'), 0) AS unmeant, "
        "coalesce(sum(new_fault_gross) FILTER (WHERE state = 'accepted'), 0) AS accepted "
        f"FROM {review.table('shadow_lines')} GROUP BY currency ORDER BY currency"
    )
    return [
        ("Revenue changes by", [with_currency(row["delta"], row["currency"], signed=True) for row in money]),
        ("Nobody meant, gross", _some(money, "unmeant")),
        ("Agreed to, gross", _some(money, "accepted")),
        ("Invoices that differ", [f"{counts['differ']:,} of {counts['invoices']:,}"]),
        ("With a fault nobody meant", [f"{counts['unmeant']:,}"]),
    ]


def _some(money: list[Row], name: str) -> list[str]:
    return [with_currency(row[name], row["currency"]) for row in money if row[name]] or ["none"]


def corners(review: Review) -> Table:
    """The four corners and the three parts, summed per currency."""
    names = ("old", "new", "old should be", "new should be", "change", "meant", "new fault", "old fault")
    found = Table([Col("currency"), *(Col(name, right=True) for name in names)])
    for row in rows_of(
        "SELECT currency, sum(old_total) AS old_total, sum(new_total) AS new_total, sum(expected_old) AS expected_old, "
        "sum(expected_new) AS expected_new, sum(delta) AS delta, sum(meant) AS meant, sum(new_fault) AS new_fault, "
        f"sum(old_fault) AS old_fault FROM {review.table('shadow_lines')} GROUP BY currency ORDER BY currency"
    ):
        currency = row["currency"]
        found.add(
            currency,
            *(amount(row[name], currency) for name in ("old_total", "new_total", "expected_old", "expected_new")),
            *(delta(row[name], currency) for name in ("delta", "meant", "new_fault", "old_fault")),
        )
    return found


def _made_up(review: Review) -> list[Waterfall]:
    """Per currency with a difference: how it is made up."""
    rows = rows_of(
        "SELECT currency, sum(meant) AS meant, sum(new_fault) AS new_fault, -sum(old_fault) AS old_fault "
        f"FROM {review.table('shadow_lines')} GROUP BY currency ORDER BY currency"
    )
    parts = (
        ("meant", "meant by the change"),
        ("new_fault", "new engine's faults"),
        ("old_fault", "old engine's, gone"),
    )
    return [
        waterfall(
            row["currency"], [(says, row[name]) for name, says in parts if row[name]], "How the difference is made up"
        )
        for row in rows
        if any(row[name] for name, _ in parts)
    ]


def _invoices(review: Review) -> list[Row]:
    """The invoices with the largest differences, those that nobody meant first."""
    sql = shadow.rows_sql(review, "invoice", differing=True)
    return rows_of(
        f"SELECT * FROM ({sql}) ORDER BY list_position(['unknown', 'unmeant'], state) NULLS LAST, "
        f"greatest(abs(delta), abs(new_fault), unmeant) DESC, invoice_id, subscription_id, currency LIMIT {INVOICES_MAX}"
    )


def coverage(review: Review, judged: Judged) -> Table:
    """How many invoices are examples of each scenario, how many of them differ, and what the rule requires."""
    rule = judged.opened.candidate.launch_rule
    examples = {
        row["scenario"]: row
        for row in rows_of(
            "SELECT scenario, count(*) AS invoices, count(*) FILTER (WHERE state <> 'equal') AS differ, "
            "count(*) FILTER (WHERE state = 'unmeant') AS unmeant "
            f"FROM {review.table('shadow_invoices')}, unnest(scenarios) AS of(scenario) GROUP BY scenario"
        )
    }
    made_up = (review.facts.get("constructed") or {}).get("scenarios", {})
    found = Table(
        [
            Col("scenario"),
            *(Col(name, right=True) for name in ("invoices", "differ", "unmeant", "constructed")),
            Col("required"),
            Col("what it is"),
        ]
    )
    for name, says in SCENARIOS.items():
        row = examples.get(name, {"invoices": 0, "differ": 0, "unmeant": 0})
        asked = "yes" if name in rule.coverage else ""
        figures = [f"{row[n]:,}" for n in ("invoices", "differ", "unmeant")]
        found.add(name, *figures, f"{made_up.get(name, 0):,}", asked, says)
    return found


def parallel_table(days: Sequence[ParallelDay]) -> Table:
    """Days of a parallel run."""
    found = Table(
        [
            Col("day"),
            Col("verdict"),
            Col("beside live"),
            *(Col(n, right=True) for n in ("invoices", "unmeant")),
            Col("change"),
            Col("unmeant, gross"),
            Col("why", wrap=True),
        ]
    )
    for one in days:
        sums = {
            name: ", ".join(
                with_currency(Decimal(figures[name]), currency, signed=name == "delta")
                for currency, figures in one.figures.items()
                if Decimal(figures[name])
            )
            for name in ("delta", "unmeant")
        }
        found.add(
            str(one.day),
            one.verdict.value,
            "the candidate" if one.beside == "candidate" else "the old logic",
            f"{one.invoices:,}",
            f"{one.unmeant_invoices:,}",
            sums["delta"] or "none",
            sums["unmeant"] or "none",
            "; ".join(one.says),
        )
    return found


def _trend(days: list[ParallelDay]) -> Waterfall | None:
    if not days:
        return None
    rows = [(str(one.day), one.unmeant_invoices, "up" if one.unmeant_invoices else "net") for one in days[-DAYS_MAX:]]
    return counted("Invoices with a difference nobody meant, by day", "", rows)


def _next_step(judged: Judged) -> str:
    name = judged.review.name
    if judged.verdict is Verdict.PASS:
        return f"finance, product and engineering approve: billing-recon shadow approve {name} --as NAME --code NNNNNN"
    if any(c.name == "current" for c in judged.clauses):
        return f"run the review again: billing-recon shadow run {name}"
    if judged.verdict is Verdict.INCONCLUSIVE:
        return f"get what the clauses name, then: billing-recon shadow run {name}"
    return f"mend the new engine or agree to the causes below, then: billing-recon shadow run {name}"


def _approvals(home: Home, judged: Judged) -> list[str]:
    here = evidence(judged.review)
    found = []
    for one in decisions.approvals(home, judged.review.name):
        lapsed = "" if one.evidence_hash == here else " (lapsed: given for another review)"
        found.append(f"{one.approver} for {one.role.value}{lapsed}")
    return list(dict.fromkeys(found))


def _decided(home: Home, name: str) -> str:
    made = decisions.decision(home, name)
    if made is None:
        return "nobody has decided yet"
    holds = f" It does not hold any more: {'; '.join(made.problems)}" if made.problems else ""
    return f"{made.decided_by} decided {'go' if made.go else 'no-go'}: {made.reason}.{holds}"
