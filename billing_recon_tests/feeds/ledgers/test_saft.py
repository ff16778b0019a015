"""SAF-T: Norway's balances, periods and control totals, Portugal's invoices and payments, and XML that means harm."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from billing_recon.core.journal import FindingCode, LedgerFile, LedgerOptions, LedgerUnreadable
from billing_recon.feeds.ledgers import recognise, rows
from billing_recon_tests.feeds.ledgers.books import NO

Read = Callable[..., LedgerFile]

_HEADER = """<Header><AuditFileVersion>{version}</AuditFileVersion><AuditFileCountry>NO</AuditFileCountry>
<Company><Name>Selskapet AS</Name></Company><DefaultCurrencyCode>NOK</DefaultCurrencyCode><SelectionCriteria>
<PeriodStart>1</PeriodStart><PeriodStartYear>2026</PeriodStartYear><PeriodEnd>3</PeriodEnd>
<PeriodEndYear>2026</PeriodEndYear></SelectionCriteria></Header>"""


def account(name: str, opening: str, closing: str) -> str:
    return (
        f"<Account><AccountID>{name}</AccountID><AccountDescription>Konto</AccountDescription>"
        f"<OpeningDebitBalance>{opening}</OpeningDebitBalance><ClosingDebitBalance>{closing}</ClosingDebitBalance></Account>"
    )


def line(n: int, account: str, side: str, amount: str, more: str = "") -> str:
    return (
        f"<Line><RecordID>{n}</RecordID><AccountID>{account}</AccountID>{more}<Description>Linje</Description>"
        f"<{side}Amount><Amount>{amount}</Amount></{side}Amount></Line>"
    )


def transaction(number: str, *lines: str, period: int = 3, day: str = "2026-03-02") -> str:
    return (
        f"<Transaction><TransactionID>{number}</TransactionID><Period>{period}</Period><PeriodYear>2026</PeriodYear>"
        f"<TransactionDate>{day}</TransactionDate><Description>Bilag</Description><GLPostingDate>2026-03-04</GLPostingDate>"
        f"{''.join(lines)}</Transaction>"
    )


def norway(transactions: str, accounts: str = "", totals: str = "", version: str = "1.30", ns: str = NO) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><AuditFile xmlns="{ns}">{_HEADER.format(version=version)}'
        f"<MasterFiles><GeneralLedgerAccounts>{accounts}</GeneralLedgerAccounts></MasterFiles><GeneralLedgerEntries>{totals}"
        f"<Journal><JournalID>A</JournalID>{transactions}</Journal></GeneralLedgerEntries></AuditFile>"
    )


SALE = (line(1, "1500", "Debit", "125.00", "<CustomerID>C1</CustomerID>"), line(2, "3000", "Credit", "125.00"))


def test_a_line_takes_what_its_transaction_says_once(ledger: Read) -> None:
    lines = (
        line(1, "1500", "Debit", "125.00", "<CustomerID>C1</CustomerID><ReferenceNumber>9</ReferenceNumber>"),
        SALE[1],
    )
    got = ledger("saft", norway(transaction("77", *lines)))
    assert [(e.entry_id, e.journal_id, e.invoice_id, e.customer_id) for e in got.entries] == [
        ("A/77/1", "A/77", "9", "C1"),
        ("A/77/2", "A/77", "9", "C1"),
    ]
    assert {e.posted_on.isoformat() for e in got.entries} == {"2026-03-04"}
    assert (got.company, got.currency, got.version) == ("Selskapet AS", "NOK", "NO 1.30")


@pytest.mark.parametrize("version", ["1.10", "1.20", "1.30"])
@pytest.mark.parametrize("ns", [NO, "", "urn:OECD:StandardAuditFile-Taxation/2.00"])
def test_every_version_and_namespace(ledger: Read, version: str, ns: str) -> None:
    text = norway(transaction("1", *SALE), version=version, ns=ns)
    assert recognise(text.encode()) == "saft"
    assert not ledger("saft", text).findings


def test_balances_that_do_not_roll_forward(ledger: Read) -> None:
    accounts = account("1500", "100.00", "225.00") + account("3000", "0", "-125.01")
    (finding,) = ledger("saft", norway(transaction("1", *SALE), accounts)).findings
    assert finding.code is FindingCode.ROLL_FORWARD
    assert (finding.where, finding.stated, finding.computed) == ("account 3000", "-125.01", "-125.00")


def test_control_totals_and_counts(ledger: Read) -> None:
    totals = "<NumberOfEntries>2</NumberOfEntries><TotalDebit>125.00</TotalDebit><TotalCredit>126.00</TotalCredit>"
    found = ledger("saft", norway(transaction("1", *SALE) + transaction("2", *SALE), totals=totals)).findings
    assert [(f.code, f.stated, f.computed) for f in found] == [
        (FindingCode.TOTALS, "125.00", "250.00"),
        (FindingCode.TOTALS, "126.00", "250.00"),
    ]


def test_a_posting_outside_the_period(ledger: Read) -> None:
    (finding,) = ledger("saft", norway(transaction("1", *SALE, period=4))).findings
    assert (finding.code, finding.computed) == (FindingCode.PERIOD, "2026-04")


def test_a_missing_and_a_repeated_number(ledger: Read) -> None:
    text = norway("".join(transaction(n, *SALE) for n in ("7", "8", "10", "8")))
    found = ledger("saft", text).findings
    assert [(f.code, f.stated or f.computed) for f in found] == [
        (FindingCode.NUMBER_REPEAT, "8"),
        (FindingCode.NUMBER_GAP, "8, 10"),
    ]
    assert found[1].computed == "9"


def test_journals_that_share_a_counter_have_no_gaps(ledger: Read) -> None:
    other = "</Journal><Journal><JournalID>B</JournalID>" + transaction("2", *SALE)
    text = norway(transaction("1", *SALE) + transaction("3", *SALE) + other)
    assert not ledger("saft", text).findings


def test_the_documents_currency_on_request(tmp_path: Path) -> None:
    inside = "<Amount>{}</Amount><CurrencyCode>EUR</CurrencyCode><CurrencyAmount>{}</CurrencyAmount>"
    debit = line(1, "1500", "Debit", "X").replace("<Amount>X</Amount>", inside.format("1150.00", "100.00"))
    credit = line(2, "3000", "Credit", "X").replace("<Amount>X</Amount>", inside.format("1150.00", "100.00"))
    path = tmp_path / "a.xml"
    path.write_text(norway(transaction("1", debit, credit)))
    assert [(r["debit"], r["credit"], r["currency"]) for r in rows(path, "saft")] == [
        ("1150.00", "0", "NOK"),
        ("0", "1150.00", "NOK"),
    ]
    assert [
        (r["debit"], r["credit"], r["currency"]) for r in rows(path, "saft", LedgerOptions(amounts="document"))
    ] == [
        ("100.00", "0", "EUR"),
        ("0", "100.00", "EUR"),
    ]


def test_a_negative_debit_is_a_credit_in_the_canonical_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(norway(transaction("1", line(1, "1500", "Debit", "-5.00"), line(2, "3000", "Credit", "-5.00"))))
    assert [(r["debit"], r["credit"]) for r in rows(path, "saft")] == [("0", "5.00"), ("5.00", "0")]


PORTUGAL = (Path(__file__).parent / "portugal.xml").read_text(encoding="utf-8")


def test_portugal_reads_invoices_credit_notes_and_payments(ledger: Read) -> None:
    got = ledger("saft", PORTUGAL)
    assert not got.findings
    assert [(i.number, i.kind, i.status, str(i.gross)) for i in got.invoices] == [
        ("FT A/1", "invoice", "N", "123.00"),
        ("FT A/2", "invoice", "A", "7.00"),
        ("NC A/1", "credit_note", "N", "12.30"),
    ]
    assert got.invoices[2].lines[0].amount == Decimal("10.00")
    assert got.invoices[2].lines[0].reference == "FT A/1"
    assert [(p.number, [(s.invoice_id, str(s.amount)) for s in p.settles]) for p in got.payments] == [
        ("RC A/1", [("FT A/1", "123.00")])
    ]
    assert [(e.entry_id, e.invoice_id, e.customer_id) for e in got.entries] == [
        (f"2026-03-02 VND 17/{n}", "FT A/1", "C1") for n in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("old", "new", "code", "where"),
    [
        ("<GrossTotal>12.30<", "<GrossTotal>12.31<", FindingCode.TOTALS, "invoice NC A/1"),
        ("<TotalCredit>100.00<", "<TotalCredit>107.00<", FindingCode.TOTALS, "SalesInvoices"),
        ("<NumberOfEntries>3<", "<NumberOfEntries>2<", FindingCode.TOTALS, "SalesInvoices"),
        ("<InvoiceNo>FT A/2<", "<InvoiceNo>FT A/3<", FindingCode.NUMBER_GAP, "invoice numbers"),
        ("<InvoiceNo>FT A/2<", "<InvoiceNo>FT A/1<", FindingCode.NUMBER_REPEAT, "invoice numbers"),
        ("<InvoiceDate>2026-03-04<", "<InvoiceDate>2025-03-04<", FindingCode.PERIOD, "invoice NC A/1"),
        ("<ClosingDebitBalance>223.00</ClosingDebitBalance><ClosingCreditBalance>0.00</ClosingCreditBalance>"
         "<GroupingCategory>GR<", "<ClosingDebitBalance>222.00</ClosingDebitBalance><GroupingCategory>GR<",
         FindingCode.ROLL_FORWARD, "account 21"),
    ],
)  # fmt: skip
def test_portugal_one_figure_off_is_that_finding(
    ledger: Read, old: str, new: str, code: FindingCode, where: str
) -> None:
    assert old in PORTUGAL
    (finding,) = ledger("saft", PORTUGAL.replace(old, new, 1)).findings
    assert (finding.code, finding.where) == (code, where)


def test_tax_is_due_on_the_tax_base_where_one_is_stated(ledger: Read) -> None:
    """A stamp duty on a property: the line is worth nothing and bears 0.8% of what was bought."""
    line = "<CreditAmount>0</CreditAmount><Tax><TaxPercentage>0.8</TaxPercentage></Tax>"
    text = PORTUGAL.replace(
        "<CreditAmount>7.00</CreditAmount><Tax><TaxPercentage>0</TaxPercentage></Tax>",
        "<TaxBase>100000</TaxBase>" + line,
    )
    totals = "<TaxPayable>{}</TaxPayable><NetTotal>0</NetTotal><GrossTotal>{}</GrossTotal>"
    old = "<TaxPayable>0.00</TaxPayable><NetTotal>7.00</NetTotal><GrossTotal>7.00</GrossTotal>"
    assert not ledger("saft", text.replace(old, totals.format("800.00", "800.00"))).findings
    (finding,) = ledger("saft", text.replace(old, totals.format("801.00", "801.00"))).findings
    assert (finding.code, finding.stated) == (FindingCode.TOTALS, "801.00")


@pytest.mark.parametrize(
    "prolog",
    [
        '<!DOCTYPE AuditFile [<!ENTITY a "b">]>',
        '<!-- x --><?pi?>\n<!DOCTYPE AuditFile SYSTEM "http://127.0.0.1:1/x.dtd">',
        "<!DOCTYPE AuditFile [" + "".join(f'<!ENTITY e{n} "&e{n - 1};&e{n - 1};">' for n in range(1, 40)) + "]>",
        '<!DOCTYPE AuditFile [<!ENTITY f SYSTEM "file:///etc/hostname">]>',
    ],
)
def test_a_document_type_is_refused(ledger: Read, prolog: str) -> None:
    with pytest.raises(LedgerUnreadable, match="DOCTYPE"):
        ledger("saft", norway(transaction("1", *SALE)).replace("?>", f"?>{prolog}", 1))


def test_a_document_type_in_utf_16_is_refused(ledger: Read) -> None:
    text = norway(transaction("1", *SALE)).replace(
        'encoding="UTF-8"?>', 'encoding="UTF-16"?><!DOCTYPE AuditFile [<!ENTITY a "b">]>'
    )
    with pytest.raises(LedgerUnreadable, match="DOCTYPE"):
        ledger("saft", text.encode("utf-16"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<AuditFile><Header/>", "line 1"),
        ("<AuditFile></AuditFile>", "no AuditFile/Header"),
        ("<AuditFile>" + "<a>" * 400, "line 1"),
        ("", "its start|line 1"),
        (norway(transaction("1", line(1, "", "Debit", "1"))), "record 1 has no AccountID"),
        (norway(transaction("1", line(1, "1500", "Debit", "1,50"))), "'1,50', which is not a figure"),
        (norway(transaction("1", line(1, "1500", "Debit", "9" * 50))), "more than 38 digits"),
        (norway(transaction("1", *SALE, day="2026-02-30")), "'2026-02-30', which is not a date"),
    ],
)
def test_what_is_broken_is_named(ledger: Read, text: str, says: str) -> None:
    with pytest.raises(LedgerUnreadable, match=rf"ledger\.xml: .*({says})"):
        ledger("saft", text)


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX")
def test_a_large_file_is_never_held_whole(tmp_path: Path) -> None:
    """40 MB of entries, counted while memory grows by less than half of that."""
    path = tmp_path / "large.xml"
    one = transaction("{}", *SALE, "<Line><RecordID>3</RecordID><AccountID>1</AccountID><DebitAmount><Amount>0</Amount>"
                      f"</DebitAmount><Description>{'x' * 2000}</Description></Line>")  # fmt: skip
    head, tail = norway("|").split("|")
    with path.open("w") as out:
        out.write(head)
        for n in range(14000):
            out.write(one.replace("{}", str(n)))
        out.write(tail)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(1 for _ in rows(path, "saft")) == 42000
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 20


@pytest.mark.parametrize("within", ["", "Lines"])
def test_another_countrys_lines_are_refused_by_name(ledger: Read, within: str) -> None:
    """Romania's transactions have TransactionLine: they must not become a ledger without entries, nor with half of them."""
    other = SALE[1].replace("<Line>", "<TransactionLine>").replace("</Line>", "</TransactionLine>")
    other = f"<{within}>{other}</{within}>" if within else other
    for lines in ((other,), (SALE[0], other)):
        with pytest.raises(LedgerUnreadable, match="transaction 1 of journal A: its amounts are in <TransactionLine>"):
            ledger("saft", norway(transaction("1", *lines)))


def test_transactions_without_any_line_are_no_ledger(ledger: Read) -> None:
    with pytest.raises(LedgerUnreadable, match="none of its 2 transactions has a line"):
        ledger("saft", norway(transaction("1") + transaction("2")))
    assert ledger("saft", norway("")).entries == (), "a period without transactions is a period without entries"


def test_another_country_is_refused_by_name(ledger: Read) -> None:
    text = norway(transaction("1", *SALE)).replace("<AuditFileCountry>NO", "<AuditFileCountry>RO")
    with pytest.raises(LedgerUnreadable, match="it is the SAF-T of RO, which is not supported"):
        ledger("saft", text)


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ('<JPK xmlns="http://jpk.mf.gov.pl/wzor/2016/03/09/03091/"><Naglowek/></JPK>', "a Polish JPK"),
        ('<auditfile xmlns="http://www.auditfiles.nl/XAF/3.2"><header/></auditfile>', "a Dutch XAF"),
        ('<iSAFFile xmlns="http://www.vmi.lt/cms/imas/isaf"><Header/></iSAFFile>', "a Lithuanian i.SAF"),
    ],
)
def test_the_audit_files_of_other_countries_are_refused_by_name(tmp_path: Path, root: str, said: str) -> None:
    (path := tmp_path / "book.xml").write_text(f'<?xml version="1.0" encoding="UTF-8"?>{root}', encoding="utf-8")
    assert recognise(path.read_bytes(), path.name) == "saft"
    with pytest.raises(LedgerUnreadable, match=f"it is {said}.*export the journal as CSV and map its columns"):
        list(rows(path, "saft"))
