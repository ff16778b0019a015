"""`credit-notes` for a person, a spreadsheet and a program: what each takes back, and what was never charged so."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from typer.testing import Result

from billing_recon import day as steps
from billing_recon.cli.init import init
from billing_recon.day import Home

DAYS = (date(2026, 3, 1), date(2026, 3, 2))
COLUMNS = (
    "invoice_id,line_id,customer_id,subscription_id,plan_id,plan_version,kind,meter,period_start,period_end,quantity,unit_price,"
    "gross,discount,credit,taxable,tax_rate,tax,total,currency,issued_on,calculated_at,invoice_kind"
)


def line(number: str, units: int, day: date, meter: str = "tea") -> str:
    gross = f"{units * 2}.50" if units == 1 else f"{units * 5 // 2}.{'5' if units % 2 else '0'}0"
    kind = "invoice" if units > 0 else "credit_note"
    return (
        f"{number},1,C1,,,,adjustment,{meter},2026-03-01,2026-03-02,{units},2.50,{gross},0,0,{gross},,0,{gross},USD,{day},"
        f"{day}T10:00:00Z,{kind}"
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four units of tea are charged on the first day; on the second six are credited, and two of coffee."""
    out = tmp_path_factory.mktemp("credits") / "home"
    init(out)
    folder = out / "landing" / "invoice_lines"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{DAYS[0]}.csv").write_text("\n".join((COLUMNS, line("I1", 4, DAYS[0]))) + "\n")
    credits = (line("K1", -2, DAYS[1]), line("K2", -4, DAYS[1]), line("K3", -2, DAYS[1], "coffee"))
    (folder / f"{DAYS[1]}.csv").write_text("\n".join((COLUMNS, *credits)) + "\n")
    opened = Home.open(out)
    for day in DAYS:
        report = steps.land(opened, "invoice_lines", day, "test")
        assert report.accepted > 0, report
    return out


@pytest.fixture
def asked(home: Path, typed: Callable[..., Result]) -> Callable[..., str]:
    """What the command prints for some options."""

    def ask(*options: object) -> str:
        result = typed("credit-notes", "--home", home, *options)
        assert result.exit_code == 0, result.output
        return result.stdout

    return ask


def test_a_person_sees_the_sums_and_what_is_not_covered(asked: Callable[..., str]) -> None:
    words = " ".join(asked("--day", DAYS[0], "--to", DAYS[1]).split())
    assert "3 lines on credit notes of 2026-03-01 to 2026-03-02" in words
    assert "covered 1 USD 5.00 5.00 0.00" in words
    assert "partly 1 USD 10.00 5.00 5.00" in words
    assert "uncovered 1 USD 5.00 0.00 5.00" in words
    assert "0 lines on credit notes" in asked("--day", DAYS[0])


def test_exports_carry_every_line_with_the_charges_that_it_takes_back(asked: Callable[..., str]) -> None:
    rows = list(csv.DictReader(StringIO(asked("--day", DAYS[1], "--format", "csv"))))
    objects = [json.loads(text) for text in asked("--day", DAYS[1], "--format", "json").splitlines()]
    assert [(row["invoice_id"], row["state"], row["uncovered"]) for row in rows] == [
        ("K1", "covered", "0.00"), ("K2", "partly", "5.00"), ("K3", "uncovered", "5.00"),
    ]  # fmt: skip
    assert [json.loads(row["charges"]) for row in rows] == [one["charges"] for one in objects]
    assert objects[1]["charges"] == [{"invoice_id": "I1", "line_id": "1", "issued_on": "2026-03-01", "quantity": "2"}]


def test_without_lines_it_says_what_to_do(home: Path, typed: Callable[..., Result]) -> None:
    result = typed("credit-notes", "--home", home, "--day", "2026-02-01")
    assert result.exit_code == 2
    assert "were landed by 2026-02-01; run the days first" in result.output
