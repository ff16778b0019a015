"""A candidate's review as a workbook for finance: one row per invoice that a customer knows, with sums that are formulas."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from billing_recon.day.home import Home
from billing_recon.day.shadow.gate import Judged
from billing_recon.day.shadow.marks import marks
from billing_recon.day.shadow.review import Review
from billing_recon.report import shadow
from billing_recon.report.stored_rows import Row, rows_of
from billing_recon.report.workbook import LARGEST, Column, Sheets, new_workbook

_PARTS = ("old_total", "new_total", "expected_old", "expected_new", "delta", "meant", "new_fault", "old_fault")
_WORDS = {
    "old_total": "Old",
    "new_total": "New",
    "expected_old": "Old should be",
    "expected_new": "New should be",
    "delta": "Change",
    "meant": "Meant",
    "new_fault": "New fault",
    "old_fault": "Old fault",
}
_MONEY = tuple(Column(_WORDS[name], name, "money", 15) for name in _PARTS)
_INVOICES = (
    Column("Invoice", "invoice_id", width=20),
    Column("Customer", "customer_id"),
    Column("Subscription", "subscription_id"),
    Column("Currency", "currency", width=10),
    *_MONEY,
    Column("Change, %", "delta_percent", width=11),
    Column("State", "state", width=11),
    Column("Code", "code", width=22),
    Column("Why", "explanation", width=100),
    Column("Owner", "owner", width=16),
    Column("System", "source_system", width=18),
    Column("Scenarios", "scenario", width=30),
    Column("Plan before", "old_plan"),
    Column("Plan after", "new_plan"),
    Column("Segment", "segment"),
    Column("Region", "tax_region"),
)
_LINES = (
    Column("Invoice", "invoice_id", width=20),
    Column("Line", "line_id", width=22),
    Column("Customer", "customer_id"),
    Column("Kind", "kind", width=12),
    Column("Meter", "meter", width=14),
    Column("From", "period_start", "day", 12),
    Column("To", "period_end", "day", 12),
    Column("Currency", "currency", width=10),
    *_MONEY,
    Column("Change, %", "delta_percent", width=11),
    Column("State", "state", width=11),
    Column("Code", "code", width=22),
    Column("Why", "explanation", width=100),
    Column("Owner", "owner", width=16),
    Column("System", "source_system", width=18),
)
_CAUSES = (
    Column("Cause", "cause_id", width=13),
    Column("Part", "part", width=10),
    Column("Code", "code", width=22),
    Column("About", "about", width=40),
    Column("Currency", "currency", width=10),
    Column("Lines", "lines", "count", 9),
    Column("Accounts", "accounts", "count", 10),
    Column("Gross", "gross", "money", 15),
    Column("Net", "net", "money", 15),
    Column("Largest", "largest", "money", 15),
    Column("Mark", "mark", width=13),
    Column("Marked by", "marked_by", width=16),
    Column("Assigned to", "assigned_to", width=18),
    Column("Notes", "notes", width=60),
    Column("For example", "samples", width=60),
)
_ACCOUNTS = (
    Column("Customer", "customer_id"),
    Column("Currency", "currency", width=10),
    *_MONEY,
    Column("Unmeant, gross", "unmeant", "money", 15),
    Column("Invoices", "invoices", "count", 10),
    Column("Segment", "segment"),
    Column("Region", "tax_region"),
)
_RULE = (
    Column("Clause", "clause", width=22),
    Column("Answer", "answer", width=16),
    Column("Figures", "figures", width=110),
)


def write_shadow_workbook(home: Home, judged: Judged, path: Path) -> Path:
    """Write the workbook of a review to `path`, and return it. `LARGEST` rows of a sheet; the exports have every row."""
    review = judged.review
    rest = f"all: billing-recon shadow export {review.name} --out FOLDER"
    causes = shadow.causes(review, marks(home, review.name))
    rule = [{"clause": c.name, "answer": c.verdict.value, "figures": c.says} for c in judged.clauses]
    with new_workbook(path) as made:
        sheets = Sheets(made)
        note = (
            f"{judged.opened.candidate.purpose}. Verdict {judged.verdict}. Every sum is a formula over the sheet Invoices; "
            "a line foots if new - old = meant + new fault - old fault."
        )
        sheets.sums(f"{home.company.name}: candidate {review.name}", note, _summed(review))
        sheets.add("Launch rule", _RULE, rule, "Every clause and its answer.")
        sheets.add(
            "Causes", _CAUSES, causes[:LARGEST], "What causes the differences; those that nobody meant first.", rest
        )
        says = "One row per invoice, contract and currency that differs, and those that do not; the largest first."
        sheets.add("Invoices", _INVOICES, shadow.rows(review, "invoice", limit=LARGEST), says, rest)
        lines = shadow.rows(review, "line", differing=True, limit=LARGEST)
        sheets.add("Lines", _LINES, lines, "The lines that differ.", rest)
        sheets.add("Accounts", _ACCOUNTS, shadow.rows(review, "account", limit=LARGEST), "One row per customer.", rest)
    return path


def _summed(review: Review) -> list[tuple[str, list[tuple[str, Decimal]]]]:
    """Per currency: each heading of the sheet Invoices with its sum over the rows that the sheet has."""
    sums = ", ".join(f"sum({name}) AS {name}" for name in _PARTS)
    rows: list[Row] = rows_of(
        f"SELECT currency, {sums} FROM ({shadow.rows_sql(review, 'invoice')} LIMIT {LARGEST}) GROUP BY currency ORDER BY currency"
    )
    return [(row["currency"], [(_WORDS[name], row[name]) for name in _PARTS]) for row in rows]
