"""Thirteen invoices, their CII files as the engine's lines and their PDFs as what customers saw: only true differences remain."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest

from billing_recon.core.document import Document, FindingCode
from billing_recon.core.schema import CONTROL_TOTALS, INVOICE_LINES
from billing_recon.day import Home
from billing_recon.feeds.documents.document_rows import rows_of
from billing_recon.feeds.documents.formats import read, recognise
from billing_recon_tests.day.run import breaks, rows, run_day

pytestmark = pytest.mark.long

HOME = Path(__file__).parent / "zugferd_home"
SETS = ("peppol/*.xml", "en16931-ubl/*.xml", "zugferd-three-forms/*/*")
OLD_PAGES = {"XRECHNUNG_Betriebskostenabrechnung": date(2024, 11, 15), "XRECHNUNG_Elektron": date(2024, 11, 15)}
"""Invoices of 2024 whose PDFs say that they were issued in 2018."""
FIRST, LAST = date(2018, 3, 5), date(2024, 11, 15)


@pytest.fixture(scope="module")
def issued(realdata: Path) -> dict[str, tuple[date, Decimal]]:
    """The day and the payable of each invoice, read by other means."""
    found = {}
    for path in sorted((realdata / "einvoice/zugferd-three-forms/cii").glob("*.xml")):
        root = ElementTree.parse(path).getroot()
        day = root.findtext("{*}ExchangedDocument/{*}IssueDateTime/{*}DateTimeString") or ""
        payable = root.findtext(".//{*}SpecifiedTradeSettlementHeaderMonetarySummation/{*}DuePayableAmount") or ""
        found[path.name.split(".")[0]] = (date.fromisoformat(day.strip()), Decimal(payable))
    return found


@pytest.fixture(scope="module")
def home(realdata: Path, issued: dict[str, tuple[date, Decimal]], tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The company with every day of its invoices run, and the day after the last."""
    out = tmp_path_factory.mktemp("zugferd") / "home"
    shutil.copytree(HOME, out)
    samples = realdata / "einvoice/zugferd-three-forms"
    for name, (day, _) in issued.items():
        for folder, file in (("billing", f"cii/{name}.cii.xml"), ("sent", f"pdf/{name}.pdf")):
            (out / folder / str(day)).mkdir(parents=True, exist_ok=True)
            shutil.copy(samples / file, out / folder / str(day))
    opened = Home.open(out)
    for day in sorted({day for day, _ in issued.values()} | {LAST + timedelta(days=1)}):
        run_day(opened, day)
    return opened


def test_every_invoice_bills_what_it_asks_for(home: Home, issued: dict[str, tuple[date, Decimal]]) -> None:
    assert len(issued) == 13
    billed: dict[str, Decimal] = {}
    for line in rows(home, INVOICE_LINES, FIRST, LAST):
        billed[line["invoice_id"]] = billed.get(line["invoice_id"], Decimal(0)) + line["total"]
    assert billed == {name: payable for name, (_, payable) in issued.items()}


def test_eleven_agree_and_two_pages_were_issued_years_before_their_invoices(
    home: Home, issued: dict[str, tuple[date, Decimal]]
) -> None:
    (matched,) = {
        (sum(total["matched"] for total in totals), sum(total["left_amount"] for total in totals))
        for totals in [rows(home, CONTROL_TOTALS, FIRST, LAST)]
    }
    agreeing = [payable for name, (_, payable) in issued.items() if name not in OLD_PAGES]
    assert matched == (11, sum(agreeing))
    assert breaks(home, FIRST, LAST) == []
    found = breaks(home, LAST + timedelta(days=1))
    assert {(b["pair"], b["code"], b["invoice_id"], b["delta"]) for b in found} == {
        ("billed_rendered", "RECORD_QUARANTINED", name, -issued[name][1]) for name in OLD_PAGES
    }
    reports = {report.table: report for report in home.control.landing_reports(LAST)}
    assert reports["rendered_invoices"].reasons == {"WRONG_DAY": 2}


def test_pairs_of_layers_that_the_company_has_not_have_no_data(home: Home) -> None:
    compared = {total["pair"] for total in rows(home, CONTROL_TOTALS, FIRST, LAST + timedelta(days=1))}
    assert compared == {"billed_rendered"}


def test_days_whose_invoices_agree_lack_only_the_days_between_and_the_others_say_why(
    home: Home, issued: dict[str, tuple[date, Decimal]]
) -> None:
    """Only days with invoices are run: the gate names those between, and of days that agree nothing else."""
    verdicts = {day: home.control.latest_verdict("day", str(day)) for day, _ in issued.values()}
    lacking = {day: {c.name for c in record.held_back_by} for day, record in verdicts.items() if record is not None}
    other = {day: sorted(n for n in names if not n.startswith("history:")) for day, names in lacking.items()}
    assert {day: names for day, names in other.items() if names} == {LAST: other[LAST]}
    assert lacking[min(lacking)] == set()


def test_lines_that_do_not_multiply_are_told_and_not_changed(home: Home) -> None:
    told = {
        str(report.day): report.message.partition(":")[0]
        for day in (date(2018, 3, 11), date(2018, 6, 5))
        for report in home.control.landing_reports(day)
        if report.message
    }
    assert told == {
        "2018-03-11": "2 warnings on rows that landed (2 LINE_AMOUNT)",
        "2018-06-05": "1 warning on rows that landed (1 LINE_AMOUNT)",
    }


def documents(realdata: Path) -> Iterator[Document]:
    for pattern in SETS:
        for path in sorted((realdata / "einvoice").glob(pattern)):
            data = path.read_bytes()
            form = recognise(data, path.name)
            assert form
            yield read(data, path.name, form)


def test_the_lines_of_a_document_that_adds_up_come_to_its_header(realdata: Path) -> None:
    seen = 0
    for document in documents(realdata):
        if {finding.code for finding in document.findings} - {FindingCode.LINE_AMOUNT, FindingCode.PAGE_TEXT}:
            continue
        seen += 1
        found = rows_of(document)
        for ours, theirs in (
            ("row_gross", "row_subtotal"),
            ("row_discount", "row_discount"),
            ("row_tax", "row_tax"),
            ("row_total", "row_payable"),
        ):
            summed = sum((Decimal(line[ours] or "NaN") for line in found.billed), Decimal(0))
            assert summed == Decimal(found.header[theirs] or "NaN"), (document.file, ours)
        ids = [line["row_line_id"] for line in found.billed]
        assert len(set(ids)) == len(ids), document.file
        taken = [line["row_amount"] for line in found.parts]
        net = Decimal(found.header["row_subtotal"] or "NaN") - Decimal(found.header["row_discount"] or "NaN")
        assert sum((Decimal(amount or "NaN") for amount in taken), Decimal(0)) == net, document.file
    assert seen > 50
