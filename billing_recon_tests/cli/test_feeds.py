"""`feeds`: what a person sees of a feed before anything lands, and a draft that says what it does not know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import Result

from billing_recon.feeds.suggestion import draft
from billing_recon_tests.feeds.sheets import Number, workbook
from billing_recon_tests.feeds.test_presets import REPORTS

Typed = Callable[..., Result]

COMPANY = """name: Acme
currencies: [EUR]
timezone: Europe/Berlin
"""
EXPORT = (
    "Zahlungen Acme;;;;;\n"
    "Nr;Datum;Kunde;Betrag;Währung;Notiz\n"
    "1;13.03.2026 23:30;K1;1.234,50;EUR;x\n"
    "2;13.03.2026 10:00;K2;12,00;EUR;y\n"
    "3;14.03.2026 10:00;K2;-12,00;EUR;z\n"
)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    (tmp_path / "company.yaml").write_text(COMPANY)
    path = tmp_path / "pay_2026-03-14.csv"
    path.write_bytes(EXPORT.encode("cp1252"))
    return path


def test_a_draft_is_tried_mended_and_right(typed: Typed, export: Path) -> None:
    """Suggest, put it into company.yaml, try: the totals are the file's, per day of the company, and nothing is stored."""
    suggested = typed("feeds", "suggest", export).stdout
    assert "# amount: Betrag has negative figures" in suggested.replace("      #", "#")
    feed = yaml.safe_load(suggested)["feeds"]["payments"]
    assert (feed["encoding"], feed["delimiter"], feed["skip"], feed["dates"]) == ("cp1252", ";", 1, ["%d.%m.%Y %H:%M"])
    assert (feed["decimal_mark"], feed["thousands_mark"]) == (",", ".")
    feed |= {"timezone": "Europe/Berlin"}
    del feed["columns"]["customer_id"]
    home = export.parent
    (home / "company.yaml").write_text(COMPANY + yaml.safe_dump({"feeds": {"payments": feed}}))
    lacking = typed("feeds", "try", "payments", export, "--home", home)
    assert lacking.exit_code == 1
    assert "missing; copy what fits under columns:\n  customer_id: Kunde" in lacking.stdout
    feed["columns"]["customer_id"] = "Kunde"
    (home / "company.yaml").write_text(COMPANY + yaml.safe_dump({"feeds": {"payments": feed}}))
    tried = typed("feeds", "try", "payments", export, "--home", home)
    assert tried.exit_code == 1
    assert "encoding cp1252, delimiter ';', header in line 2" in tried.stdout
    assert (
        "amount           1234.50 | 12.00 | -12.00\n                     <- Betrag: 1.234,50 | 12,00 | -12,00"
        in tried.stdout
    )
    assert "  2026-03-13   EUR         2              1246.50\n" in tried.stdout
    assert "amount: {column: ..., keep: absolute}" in tried.stdout
    assert "columns of the file that nothing reads:\n  Notiz" in tried.stdout
    assert sorted(path.name for path in home.iterdir()) == ["company.yaml", export.name]


def test_a_missing_delivery_names_the_files_that_are_there(typed: Typed, export: Path) -> None:
    home = export.parent
    (home / "landing/payments").mkdir(parents=True)
    (home / "landing/payments/2026-3-14.csv").write_text("a\n")
    tried = typed("feeds", "try", "payments", "--day", "2026-03-14", "--home", home)
    assert tried.exit_code == 1
    assert "landing/payments holds 2026-3-14.csv, which is not taken" in tried.stdout
    assert "no file fits landing/payments/{day}.*" in typed("feeds", "try", "payments", "--home", home).stderr


def test_drafts_of_other_forms(tmp_path: Path) -> None:
    """Workbooks, JSON, statements and ledgers name their form; a lower-case currency is turned into a code."""
    book = tmp_path / "lines_202603.xlsx"
    rows = [["invoice", "position", "netto", "currency"], ["INV-1", "1", Number("3.5"), "eur"]]
    book.write_bytes(workbook(("R", rows)))
    found = draft(book, "invoice_lines")
    assert found.columns["currency"] == {"sql": 'upper("currency")'}
    assert (found.columns["invoice_id"], found.columns["gross"]) == ("invoice", "netto")
    assert any(line.startswith("issued_on: needed") for line in found.open)
    bank = tmp_path / "bank_2026-03-02.sta"
    bank.write_text(":20:A\n:25:B/1\n:28C:1\n:60F:C260301EUR1,00\n:61:2603020302C1,00NTRFX\n:62F:C260302EUR2,00\n")
    assert draft(bank).settings == {"format": "mt940", "path": "landing/bank/bank_{day}.sta"}
    unclear = tmp_path / "pay.json"
    unclear.write_text('[{"id": 1, "amount": 2.5, "date": "03/04/2026", "currency": "EUR", "customer": "C"}]')
    assert any("fits %d/%m/%Y and %m/%d/%Y" in line for line in draft(unclear, "payments").open)


@pytest.mark.parametrize(
    ("figures", "marks"),
    [
        (("1,234", "2,500"), {}),  # may be thousands, or three decimals
        (("1,234", "12.50"), {"thousands_mark": ","}),
        (("1 234,50", "12,00"), {"decimal_mark": ",", "thousands_mark": " "}),
        (("1'234.50",), {"thousands_mark": "'"}),
        (("12.50", "1.234"), {}),
    ],
)
def test_a_mark_between_thousands_is_drafted_only_if_the_file_proves_it(
    tmp_path: Path, figures: tuple[str, ...], marks: dict[str, str]
) -> None:
    rows = "".join(f"{n};{figure};EUR\n" for n, figure in enumerate(figures))
    (tmp_path / "x.csv").write_text(f"payment_id;amount;currency\n{rows}")
    found = draft(tmp_path / "x.csv", "payments").settings
    assert {name: value for name, value in found.items() if name.endswith("_mark")} == marks


def test_a_known_report_is_drafted_as_its_preset(tmp_path: Path) -> None:
    for preset, (table, report, _, _) in REPORTS.items():
        path = tmp_path / "report_2026-03-02.csv"
        path.write_text(report)
        found = draft(path)
        assert (found.settings["preset"], found.table) == (preset, table), preset


def test_the_total_of_payments_is_what_came_in_less_what_went_back(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(REPORTS["stripe-balance"][1].replace("-100.00", "-50.00"))
    (tmp_path / "company.yaml").write_text(
        COMPANY + yaml.safe_dump({"feeds": {"payments": {"preset": "stripe-balance"}}})
    )
    tried = typed("feeds", "try", "payments", tmp_path / "r.csv", "--home", tmp_path)
    assert "  2026-03-02   EUR         3                50.00\n" in tried.stdout


@pytest.mark.parametrize(
    ("header", "row", "table", "columns"),
    [
        (  # bills have an id, a date, a status and a total too
            "id,account_code,invoice_number,billed_date,due_on,status,currency,invoice_total,invoice_subtotal,tax_amount,tax_rate",
            "a,A,1001,2026-03-02 10:00:00 UTC,2026-03-02 10:00:00 UTC,paid,USD,119.00,100.00,19.00,0.19",
            "invoice_lines",
            {
                "invoice_id": "invoice_number",
                "total": "invoice_total",
                "taxable": "invoice_subtotal",
                "tax": "tax_amount",
            },
        ),
        (
            "Invoice: Invoice Number,Invoice: Invoice Date,Invoice Item: ID,Invoice Item: Charge Amount,Invoice Item: Quantity,"
            "Invoice Item: Service Start Date,Account: Currency",
            "1001,2026-03-02,ii1,100.00,1,2026-03-01,USD",
            "invoice_lines",
            {"line_id": "Invoice Item: ID", "gross": "Invoice Item: Charge Amount", "currency": "Account: Currency"},
        ),
        (
            "transaction_id,account_code,invoice_number,type,status,amount,currency,tax_amount,date,card_type,gateway",
            "t,A,1001,purchase,success,119.00,USD,19.00,2026-03-02 10:00:00 UTC,visa,g",
            "payments",
            {"payment_id": "transaction_id", "customer_id": "account_code", "amount": "amount"},
        ),
        (
            "Booking date,Value date,Details,Debit,Credit,Balance",  # a bank's own CSV file, and no ledger
            "2026-03-02,2026-03-02,INV-1,,119.00,900.00",
            "payments",
            {"processed_at": "Booking date"},
        ),
        (
            "transaction_id,external_subscription_id,code,timestamp,properties",
            "t1,S1,calls,1772445600,{}",
            "usage_events",
            {"event_id": "transaction_id"},
        ),
        (
            "payments.id,payments.amount,payments.currency,payments.charge_date,payouts.id",
            "PM1,119.00,GBP,2026-03-02,PO1",
            "payments",
            {"payment_id": "payments.id", "amount": "payments.amount", "processed_at": "payments.charge_date"},
        ),
    ],
)
def test_exports_of_bills_and_of_payments_are_told_apart(
    tmp_path: Path, header: str, row: str, table: str, columns: dict[str, str]
) -> None:
    (tmp_path / "x.csv").write_text(f"{header}\n{row}\n")
    found = draft(tmp_path / "x.csv")
    assert found.table == table
    assert {name: found.columns.get(name) for name in columns} == columns
    assert not any(line.startswith("calculated_at") for line in found.open)


def test_a_day_that_the_file_shows_as_an_instant_is_drafted_as_its_date(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("invoice_number,line_id,invoice_date\n1,1,2026-03-02 10:00:00 UTC\n")
    assert draft(tmp_path / "x.csv", "invoice_lines").settings["dates"] == ["iso", "iso_day"]


FOREIGN = {
    "an OFX file": "OFXHEADER:100\nDATA:OFXSGML\n\n<OFX><BANKMSGSRSV1>",
    "a BAI2 file": "01,122099999,123456789,260302,0200,1,80,1,2/\n02,031001234,122099999,1,260302,,USD,2/\n",
    "a QIF file": "!Type:Bank\nD3/2/26\nT119.00\n^\n",
    "a QuickBooks IIF file": "!TRNS\tTRNSID\tDATE\tACCNT\tAMOUNT\n!ENDTRNS\nTRNS\t\t3/2/2026\tSales\t119\n",
    "a GnuCash file": '<?xml version="1.0"?>\n<gnc-v2 xmlns:gnc="http://www.gnucash.org/XML/gnc"/>',
    "a SIE file": "#FLAGGA 0\n#SIETYP 4\n#VER A 1 20260302\n{\n#TRANS 1510 {} 119.00\n}\n",
    "a pointer of Git LFS": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
    "an EDIFACT message": "UNA:+.? 'UNB+UNOC:3+SENDER+BUYER'",
    "an X12 message": "ISA*00*          *00*          *ZZ*SENDER         *ZZ*BUYER          *260302*1200*U*00401*000000001*0*P*>~",
    "XML or HTML of a form that is not read": "<catalog><book/></catalog>",
}


@pytest.mark.parametrize("what", FOREIGN)
def test_files_of_other_programs_are_named_and_never_drafted_as_a_table(
    typed: Typed, tmp_path: Path, what: str
) -> None:
    (tmp_path / "x.csv").write_text(FOREIGN[what])
    suggested = typed("feeds", "suggest", tmp_path / "x.csv")
    assert suggested.exit_code == 3
    assert f"x.csv: it is {what}" in suggested.stderr.replace("\n", " ")


def test_a_feed_names_the_file_that_it_cannot_take(typed: Typed, tmp_path: Path) -> None:
    for name, table, form in (("x.ofx", "payments", "statement"), ("x.se", "ledger_entries", "ledger")):
        what = {"x.ofx": "an OFX file", "x.se": "a SIE file"}[name]
        (tmp_path / name).write_text(FOREIGN[what])
        feed = {table: {"format": form, "path": name}}
        (tmp_path / "company.yaml").write_text(COMPANY + yaml.safe_dump({"feeds": feed}))
        tried = typed("feeds", "try", table, tmp_path / name, "--home", tmp_path)
        assert f"it is {what}" in (tried.stdout + tried.stderr).replace("\n", " ")


def test_a_role_that_the_chart_of_accounts_says_is_not_missing(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "2026-03-02.csv"
    file.write_text(
        "entry_id,journal_id,posted_on,account,debit,credit,currency\n"
        "1,J1,2026-03-02,1200,119.00,,EUR\n2,J1,2026-03-02,4000,,119.00,EUR\n"
    )
    (tmp_path / "company.yaml").write_text(COMPANY)
    without = typed("feeds", "try", "ledger_entries", file, "--home", tmp_path).stdout
    assert "missing; copy what fits under columns:\n  role: ?" in without
    (tmp_path / "company.yaml").write_text(COMPANY + 'roles: {"1200": ar, "4000": revenue}\n')
    said = typed("feeds", "try", "ledger_entries", file, "--home", tmp_path).stdout
    assert "missing" not in said
    assert "<- roles of company.yaml, by account" in said
