"""A case: a folder with the terms and files of one customer, and the breaks that its day must have. All cases run as one company.

Each case's ids get a prefix of its own, so that cases share days and nothing else. One company of many small stories
costs a few seconds; a company per story would cost minutes.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from billing_recon import day as steps
from billing_recon.core.schema import BREAKS, CONTROL_TOTALS, SUBSCRIPTIONS
from billing_recon.day import Home
from billing_recon_tests.day.run import rows

CASES = Path(__file__).parent
TABLES = {
    "usage": ("usage_events", "received_at"),
    "metered": ("metered_usage", ""),
    "lines": ("invoice_lines", "issued_on"),
    "documents": ("rendered_invoices", "issued_on"),
    "document_lines": ("rendered_lines", ""),
    "ledger": ("ledger_entries", "posted_on"),
    "payments": ("payments", "processed_at"),
}
"""File of a case -> its table, and the column that says on which day a row's file came, unless `landed_on` says it."""
IDS = frozenset(
    {"invoice_id", "customer_id", "subscription_id", "plan_id", "event_id", "corrects"}
    | {"journal_id", "entry_id", "document_id", "payment_id"}
)
SHOWN = ("pair", "level", "code", "invoice_id", "line_id", "currency", "delta", "stage_deltas", "explanation")
"""Columns of breaks.csv. Other columns of a break follow from these and the case's files."""

Row = dict[str, str]


@dataclass(frozen=True)
class Case:
    """One folder of cases/: terms.yaml, a CSV per layer, breaks.csv. `prefix` keeps its ids apart from other cases'."""

    folder: Path
    prefix: str

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def terms(self) -> dict[str, Any]:
        """What was agreed: plans, taxes, subscriptions; and the `day` on which the case is looked at."""
        terms: dict[str, Any] = yaml.safe_load((self.folder / "terms.yaml").read_text(encoding="utf-8"))
        return terms

    @property
    def expected(self) -> list[Row]:
        """The rows of breaks.csv; FileNotFoundError if it is missing, which fails the test."""
        with (self.folder / "breaks.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def files(self) -> dict[tuple[str, date], list[Row]]:
        """Rows by table and by day of the file that brings them."""
        found: dict[tuple[str, date], list[Row]] = defaultdict(list)
        for name, (table, own_day) in TABLES.items():
            path = self.folder / f"{name}.csv"
            if path.exists():
                with path.open(encoding="utf-8", newline="") as file:
                    for row in csv.DictReader(file):
                        landed = row.pop("landed_on", "") or row[own_day]
                        found[table, date.fromisoformat(landed[:10])].append(self._own(row))
        return found

    def contracts(self, day: date) -> list[Row]:
        """The rows known by a day; one without `known_on` always was."""
        known = (one for one in self.terms["subscriptions"] if one.get("known_on", day) <= day)
        return [self._own(_contract(one)) for one in known]

    def plans(self) -> list[dict[str, Any]]:
        return [plan | {"plan_id": self.prefix + plan["plan_id"]} for plan in self.terms["plans"]]

    def breaks(self, reported: Iterable[Mapping[str, Any]]) -> list[Row]:
        """Of all breaks of the company, those of this case on its day, as rows of breaks.csv."""
        found = [row for row in reported if row["day"] == self.terms["day"] and self._has(row)]
        shown = [{name: self._plain(row[name]) for name in SHOWN} for row in found]
        return sorted(shown, key=lambda row: [row[name] for name in SHOWN])

    def _own(self, row: Mapping[str, str]) -> Row:
        return {name: self.prefix + value if name in IDS and value else value for name, value in row.items()}

    def _has(self, row: Mapping[str, Any]) -> bool:
        return any(str(row[name] or "").startswith(self.prefix) for name in ("invoice_id", "subscription_id"))

    def _plain(self, value: Any) -> str:
        if isinstance(value, Decimal):
            return f"{value.normalize():f}"
        return "" if value is None else str(value).replace(self.prefix, "")


def all_cases() -> list[Case]:
    """Every case, by name."""
    return [Case(path.parent, f"k{n:02}.") for n, path in enumerate(sorted(CASES.glob("*/terms.yaml")))]


def run(home: Path, cases: Iterable[Case]) -> list[dict[str, Any]]:
    """Write the cases as one company, land and roll up each day that has a file, reconcile each case's day; all breaks."""
    known = list(cases)
    judged = sorted({case.terms["day"] for case in known})
    files: dict[tuple[str, date], list[Row]] = defaultdict(list)
    for case in known:
        for place, brought in case.files().items():
            files[place] += brought
    days = sorted({*(day for _, day in files), *judged})
    for day in days:
        files["subscriptions", day] = [row for case in known for row in case.contracts(day)]
    _write(home, known, files, days[-1])
    opened = Home.open(home)
    for day in days:
        steps.land_all(opened, steps.LANDED, day, "cases")
        steps.roll_up(opened, day, "cases")
        if day in judged:
            steps.expect(opened, day, "cases")
            steps.reconcile(opened, day, "cases")
    totals = rows(opened, CONTROL_TOTALS, days[0], days[-1])
    assert all(total["delta"] == total["break_net"] for total in totals), "control totals do not foot with their breaks"
    return rows(opened, BREAKS, days[0], days[-1])


def _contract(terms: Mapping[str, Any]) -> Row:
    text = {name: str(terms.get(name, "")) for name in SUBSCRIPTIONS.names}
    for name in ("valid_from", "valid_to"):
        text[name] += "T00:00:00Z" if text[name] and "T" not in text[name] else ""
    return text | {"contract": json.dumps(terms["contract"], default=str) if "contract" in terms else ""}


def _write(home: Path, cases: list[Case], files: Mapping[tuple[str, date], list[Row]], last: date) -> None:
    company = yaml.safe_load((CASES / "company.yaml").read_text(encoding="utf-8"))
    company |= {"first_day": str(company["first_day"]), "last_day": str(last + timedelta(days=1))}
    catalog = {"plans": [plan for case in cases for plan in case.plans()], "taxes": company.pop("taxes")}
    for path, content in (
        ("company.yaml", company),
        ("catalog/terms.yaml", catalog),
        ("policies/policy.yaml", yaml.safe_load((CASES / "policy.yaml").read_text(encoding="utf-8"))),
    ):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    for (table, day), brought in files.items():
        path = home / "landing" / table / f"{day}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(name for row in brought for name in row)))
            writer.writeheader()
            writer.writerows(brought)
