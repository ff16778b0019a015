"""`usage` and `findings` as people type them: what came late, twice or not adding up, and nothing where there is nothing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import Result

from billing_recon import day as steps
from billing_recon.day import Home
from billing_recon.simulate import simulate
from billing_recon.simulate.documents import RenderedAs
from billing_recon_tests.feeds.documents.invoices import UBL, swap

pytestmark = pytest.mark.long

FIRST, LAST = date(2026, 1, 28), date(2026, 1, 30)
Typed = Callable[..., Result]


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of a simulated company, landed, rolled up and rated; one document of the last day does not add up."""
    path = tmp_path_factory.mktemp("arriving") / "home"
    simulate(seed=5, first=FIRST, last=LAST, customers=12, faults={}, documents=RenderedAs.UBL, out=path)
    wrong = swap(
        UBL, ('<cbc:LineExtensionAmount currencyID="EUR">28.00<', '<cbc:LineExtensionAmount currencyID="EUR">28.01<')
    )
    (path / "landing" / "documents" / str(LAST) / "by-hand.xml").write_bytes(wrong)
    home = Home.open(path)
    for number in range(3):
        day = FIRST + timedelta(days=number)
        steps.land_all(home, steps.LANDED, day, "test")
        steps.roll_up(home, day, "test")
        steps.expect(home, day, "test")
    return path


def test_usage_says_how_final_days_are_and_what_reopened_them(landed: Path, typed: Typed) -> None:
    said = typed("usage", "--home", landed, "--day", LAST)
    assert said.exit_code == 0
    assert f"{LAST}" in said.stdout
    assert "Usage by day" in said.stdout
    assert f"on {LAST + timedelta(days=2)}" in said.stdout, "the window of the last day is open"
    assert "Usage days re-opened by arrivals" in said.stdout
    assert "no usage arrived after the late window of its period" in said.stdout


def test_each_part_has_an_export_and_all_together_only_as_json(landed: Path, typed: Typed) -> None:
    refused = typed("usage", "--home", landed, "--day", LAST, "--format", "csv")
    assert refused.exit_code == 2
    assert "--only" in refused.stderr
    rows = list(
        csv.DictReader(
            io.StringIO(typed("usage", "--home", landed, "--day", LAST, "--only", "reopened", "--format", "csv").stdout)
        )
    )
    assert rows
    assert {row["arrived_on"] for row in rows} == {str(LAST)}
    lines = [
        json.loads(line)
        for line in typed("usage", "--home", landed, "--day", LAST, "--format", "json").stdout.splitlines()
    ]
    assert {line["part"] for line in lines} >= {"freshness", "reopened"}


def test_the_duplicates_report_counts_what_landing_collapsed(landed: Path, typed: Typed) -> None:
    said = typed("usage", "--home", landed, "--day", FIRST, "--to", LAST, "--only", "duplicates", "--format", "json")
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    reports = [r for n in range(3) for r in Home.open(landed).control.landing_reports(FIRST + timedelta(days=n))]
    collapsed = sum(report.duplicates for report in reports if report.table == "usage_events")
    assert sum(int(line["collapsed_rows"]) for line in lines) == collapsed


def test_what_does_not_add_up_in_a_document_is_found(landed: Path, typed: Typed) -> None:
    assert "0 findings" in typed("findings", "--home", landed, "--day", FIRST).stdout
    lines = [
        json.loads(line)
        for line in typed("findings", "--home", landed, "--day", LAST, "--format", "json").stdout.splitlines()
    ]
    assert [(line["table_name"], line["code"]) for line in lines] == [
        ("rendered_invoices", "LINE_AMOUNT"),
        ("rendered_invoices", "SUBTOTAL"),
    ]
    assert all(line["source_file"].endswith("by-hand.xml") for line in lines)
    table = typed("findings", "--home", landed, "--day", LAST).stdout
    assert "2 findings" in table
    assert "28.01" in table


def test_included_units_that_are_used_up_are_listed_by_day(landed: Path, typed: Typed) -> None:
    said = typed("usage", "--home", landed, "--day", FIRST, "--to", LAST, "--only", "entitlements", "--format", "csv")
    reached = list(csv.DictReader(io.StringIO(said.stdout)))
    assert reached
    assert all(Decimal(row["used"]) * 100 >= Decimal(row["included"]) * Decimal(row["percent"]) > 0 for row in reached)
    table = typed("usage", "--home", landed, "--day", FIRST, "--to", LAST, "--only", "entitlements").stdout
    assert "Included units reached" in table
    assert reached[0]["subscription_id"] in table


@pytest.mark.parametrize("command", ["usage", "findings"])
def test_nothing_found_on_a_day_that_never_ran_proves_nothing(landed: Path, typed: Typed, command: str) -> None:
    said = typed(command, "--home", landed, "--day", LAST + timedelta(days=1))
    assert f"1 day of {LAST + timedelta(days=1)} not reconciled yet" in said.stderr
