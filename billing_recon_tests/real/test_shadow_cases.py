"""Shadow billing of real documents by configuration: a cloud bill under a second rate card, and one invoice in two syntaxes."""

from __future__ import annotations

import csv
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest

from billing_recon.core.money import Rounding, settle_at
from billing_recon.day import Home
from billing_recon.day.shadow.review import Review, run
from billing_recon.day.shadow.snapshot import take
from billing_recon.report import shadow as report
from billing_recon_tests.day.run import run_day

pytestmark = pytest.mark.long

HERE = Path(__file__).parent
AWS_DAY, UBL_DAY = date(2023, 12, 1), date(2024, 11, 15)
RATE_CARD = """
purpose: what the account would pay by a rate card that is a quarter dearer
owner: pricing
terms:
  price_lists:
    rates: {preset: aws-cur, path: "rates/*.csv"}
"""
UBL = """
purpose: the same invoices from an engine that writes UBL
owner: billing
engine:
  feed:
    format: ubl
    path: "bills/{day}/*.ubl.xml"
    columns: {invoice_id: stem, issued_on: {value: "2024-11-15"}}
"""


def candidate(home: Path, name: str, text: str) -> Path:
    folder = home / "shadow" / name
    folder.mkdir(parents=True)
    (folder / "candidate.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def rate_card(realdata: Path, tmp_path: Path) -> tuple[list[dict[str, str]], Review]:
    """The rows of the AWS bill, and its review under a rate card in which every rate is a quarter dearer."""
    home = tmp_path / "aws"
    shutil.copytree(HERE / "aws_home", home)
    bill = realdata / "cloud_bills" / "aws_cur_anonymous.csv"
    for place in (f"bills/{AWS_DAY}.csv", "rates/2023-11.csv"):
        (home / place).parent.mkdir()
        shutil.copy(bill, home / place)
    rates = candidate(home, "dearer", RATE_CARD) / "rates" / "2024.csv"
    rates.parent.mkdir()
    with bill.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with rates.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(row | {"lineItem/UnblendedRate": _dearer(row["lineItem/UnblendedRate"])} for row in rows)
    opened = Home.open(home)
    run_day(opened, AWS_DAY)
    take(opened, f"{AWS_DAY}..{AWS_DAY}", "ana")
    return rows, run(opened, "dearer", "ana")


def _dearer(rate: str) -> str:
    return f"{Decimal(rate) * Decimal('1.25'):f}" if rate else ""


def test_an_aws_bill_under_a_second_rate_card_changes_by_usage_times_rate_and_by_nothing_else(
    rate_card: tuple[list[dict[str, str]], Review],
) -> None:
    bill, review = rate_card
    assert (review.facts["noise"], review.facts["problems"]) == ({"differing": 0}, [])
    lines = {row["line_id"]: row for row in report.rows(review, "line")}
    # Products whose dearer usage reaches a cent have a tax line that the old bill has not.
    taxed = [row for row in report.rows(review, "line") if not row["line_id"]]
    assert {(row["kind"], row["meter"], row["old_total"], row["new_fault"]) for row in taxed} == {
        ("adjustment", "tax", 0, 0)
    }
    assert len(report.rows(review, "line")) == len(bill) + len(taxed)
    for row in bill:
        if row["lineItem/LineItemType"] != "Usage":
            continue
        line = lines[f"{row['identity/LineItemId']}/{row['lineItem/UsageStartDate']}"]
        units = Decimal(row["lineItem/UsageAmount"])
        due, was = (
            settle_at(units * Decimal(rate), 10, Rounding.HALF_UP)
            for rate in (_dearer(row["lineItem/UnblendedRate"]), row["lineItem/UnblendedRate"])
        )
        assert (line["new_total"], line["expected_old"], line["meant"], line["new_fault"]) == (due, was, due - was, 0)
        assert line["old_total"] == Decimal(row["lineItem/UnblendedCost"])
    assert {line["code"] for line in lines.values() if line["meant"] and line["kind"] == "usage"} == {"PRICE_VERSION"}
    assert {cause["part"] for cause in report.causes(review)} <= {"meant", "old"}


@pytest.fixture
def two_syntaxes(realdata: Path, tmp_path: Path) -> tuple[Home, Path, dict[str, Decimal]]:
    """Thirteen invoices, billed on one day: the old engine writes CII, the new one UBL; and what each asks for."""
    home = tmp_path / "zugferd"
    shutil.copytree(HERE / "zugferd_home", home)
    company = (home / "company.yaml").read_text(encoding="utf-8").replace("2018-03-05", str(UBL_DAY))
    company = company.partition("  rendered_invoices:\n")[0]
    company = company.replace("rendered_invoices: mail, rendered_lines: mail", "").replace("erp, }", "erp}")
    (home / "company.yaml").write_text(
        company.rstrip() + f'\n      issued_on: {{value: "{UBL_DAY}"}}\n', encoding="utf-8"
    )
    samples = realdata / "einvoice/zugferd-three-forms"
    folder = candidate(home, "ubl", UBL)
    shutil.copytree(samples / "cii", home / "billing" / str(UBL_DAY))
    shutil.copytree(samples / "ubl", folder / "bills" / str(UBL_DAY))
    asked = {}
    for path in sorted((samples / "cii").glob("*.xml")):
        payable = (
            ElementTree.parse(path)
            .getroot()
            .findtext(".//{*}SpecifiedTradeSettlementHeaderMonetarySummation/{*}DuePayableAmount")
        )
        asked[path.name.split(".")[0]] = Decimal((payable or "").strip())
    opened = Home.open(home)
    run_day(opened, UBL_DAY)
    take(opened, f"{UBL_DAY}..{UBL_DAY}", "ana")
    return opened, folder, asked


def test_invoices_that_are_the_same_in_cii_and_ubl_have_no_difference(
    two_syntaxes: tuple[Home, Path, dict[str, Decimal]],
) -> None:
    home, folder, asked = two_syntaxes
    review = run(home, "ubl", "ana")
    bills = report.rows(review, "invoice")
    for side in ("old_total", "new_total"):
        sums: dict[str, Decimal] = {}
        for bill in bills:
            sums[bill["invoice_id"]] = sums.get(bill["invoice_id"], Decimal(0)) + bill[side]
        assert sums == asked
    assert [line for line in report.rows(review, "line") if line["delta"]] == []
    path = folder / "bills" / str(UBL_DAY) / "EN16931_Einfach.ubl.xml"
    path.write_text(path.read_text(encoding="utf-8").replace("529.87", "530.87"), encoding="utf-8")
    changed = [line for line in report.rows(run(home, "ubl", "ana"), "line") if line["delta"]]
    assert {(line["invoice_id"], line["delta"]) for line in changed} == {("EN16931_Einfach", Decimal(1))}
