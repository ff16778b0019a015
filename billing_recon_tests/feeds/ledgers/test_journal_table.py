"""QuickBooks and Xero exports: grouped rows, sums, days that must not be guessed, amounts as spreadsheets write them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from billing_recon.core.journal import FindingCode, LedgerFile, LedgerUnreadable
from billing_recon.feeds.ledgers import recognise

Read = Callable[..., LedgerFile]

REPORT = """\
Acme Inc,,,,,,,
Journal,,,,,,,
"January - March, 2026",,,,,,,
,,,,,,,
,Date,Transaction Type,Num,Name,Memo/Description,Account,Debit,Credit
,03/13/2026,Invoice,1001,Buyer Ltd,March,Accounts Receivable (A/R),"$1,190.00",
,,,,,Seats,Sales,,"$1,000.00"
,,,,,Tax,Sales Tax Payable,,190.00
,,,,,,,"$1,190.00","$1,190.00"
,,,,,,,,
,03/14/2026,Payment,ch_9,Buyer Ltd,,Checking,"1,190.00",
,,,,,,Accounts Receivable (A/R),,"1,190.00"
,,,,,,,"$1,190.00","$1,190.00"
,,,,,,,,
TOTAL,,,,,,,"$2,380.00","$2,380.00"
,,,,,,,,
"Saturday, Apr 04, 2026 10:00 AM GMT - Accrual Basis",,,,,,,
"""


def test_a_quickbooks_report(ledger: Read) -> None:
    got = ledger("quickbooks", REPORT, currency="USD")
    assert (got.company, str(got.period.first), str(got.period.last)) == ("Acme Inc", "2026-01-01", "2026-03-31")
    assert [
        (e.entry_id, e.account, str(e.amount), e.invoice_id, e.customer_id, e.memo, e.line) for e in got.entries
    ] == [
        ("2026-03-13.1/1", "Accounts Receivable (A/R)", "1190.00", "1001", "Buyer Ltd", "March", 6),
        ("2026-03-13.1/2", "Sales", "-1000.00", "1001", "Buyer Ltd", "Seats", 7),
        ("2026-03-13.1/3", "Sales Tax Payable", "-190.00", "1001", "Buyer Ltd", "Tax", 8),
        ("2026-03-14.1/1", "Checking", "1190.00", None, "Buyer Ltd", None, 11),
        ("2026-03-14.1/2", "Accounts Receivable (A/R)", "-1190.00", None, "Buyer Ltd", None, 12),
    ]
    assert not got.findings


@pytest.mark.parametrize(
    ("old", "new", "codes"),
    [
        (",,190.00\n", ",,190.01\n", [FindingCode.TOTALS, FindingCode.UNBALANCED, FindingCode.TOTALS]),
        ('TOTAL,,,,,,,"$2,380.00"', 'TOTAL,,,,,,,"$2,380.01"', [FindingCode.TOTALS]),
        ("03/14/2026", "04/14/2026", [FindingCode.PERIOD]),
    ],
)
def test_a_report_that_does_not_add_up(ledger: Read, old: str, new: str, codes: list[FindingCode]) -> None:
    found = ledger("quickbooks", REPORT.replace(old, new), currency="USD").findings
    assert [finding.code for finding in found] == codes


def test_days_are_proven_declared_or_refused(ledger: Read) -> None:
    text = "Date,Type,Num,Account,Debit,Credit\n{0},Invoice,1,A,5,\n{0},Invoice,1,B,,5\n"
    assert str(ledger("quickbooks", text.format("13/02/2026")).entries[0].posted_on) == "2026-02-13"
    assert str(ledger("quickbooks", text.format("02/13/2026")).entries[0].posted_on) == "2026-02-13"
    assert str(ledger("quickbooks", text.format("02/02/2026")).entries[0].posted_on) == "2026-02-02"
    assert str(ledger("quickbooks", text.format("2026-02-03")).entries[0].posted_on) == "2026-02-03"
    assert str(ledger("quickbooks", text.format("02/03/2026"), dates="dmy").entries[0].posted_on) == "2026-03-02"
    with pytest.raises(LedgerUnreadable, match=r"line 2: the day 02/03/2026 could be read both ways"):
        ledger("quickbooks", text.format("02/03/2026"))
    both = text.format("13/02/2026") + "02/13/2026,Invoice,2,A,5,\n,,,B,,5\n"
    with pytest.raises(LedgerUnreadable, match="contradict"):
        ledger("quickbooks", both)


@pytest.mark.parametrize(
    ("written", "figure", "options"),
    [
        ('"1,234.50"', "1234.50", {}),
        ('"(1,234.50)"', "-1234.50", {}),
        ('"$ (1,234.50)"', None, {}),
        ('"-$1,234.50"', "-1234.50", {}),
        ('"1,234.50-"', "-1234.50", {}),
        ('"1.234,50"', "1234.50", {"decimal_mark": ","}),
        ('"1.234,50"', None, {}),
        ('"1,23,456.00"', "123456.00", {}),
        ('"12,34"', None, {}),
        ('"119,00"', None, {}),  # the decimal mark of another country, no thousands
        ("USD 12.5", "12.5", {}),
    ],
)
def test_amounts_of_spreadsheets(ledger: Read, written: str, figure: str | None, options: dict[str, str]) -> None:
    text = f"Date,Type,Num,Account,Debit,Credit\n2026-03-02,Invoice,1,A,{written},\n"
    if figure is None:
        with pytest.raises(LedgerUnreadable, match="line 2: debit"):
            ledger("quickbooks", text, **options)
    else:
        assert str(ledger("quickbooks", text, **options).entries[0].debit) == figure


def test_a_sheet_with_every_field_on_every_row(ledger: Read) -> None:
    text = "JournalNo,JournalDate,Currency,Memo,AccountName,Debits,Credits\n"
    text += "7,2026-03-02,EUR,x,A,5,\n7,2026-03-02,EUR,x,B,,5\n8,2026-03-02,USD,y,A,6,\n8,2026-03-02,USD,y,B,,6\n"
    got = ledger("quickbooks", text)
    assert [(e.entry_id, e.currency) for e in got.entries] == [
        ("7/1", "EUR"),
        ("7/2", "EUR"),
        ("8/1", "USD"),
        ("8/2", "USD"),
    ]


def test_rows_alike_without_a_number_end_where_they_balance(ledger: Read) -> None:
    text = "Date,Type,Num,Account,Debit,Credit\n" + "2026-03-02,Expense,,A,5,\n2026-03-02,Expense,,B,,5\n" * 2
    assert len({e.journal_id for e in ledger("quickbooks", text).entries}) == 2


LISTING = """\
Account,Type,Date,Document Number,Name,Memo,Debit,Credit,{balance}
1000 Cash,Payment,03/15/2026,PYMT1,Buyer Ltd,,119.00,,119.00
1000 Cash,Payment,03/16/2026,PYMT2,Buyer Ltd,,50.00,,169.00
1100 Receivables,Payment,03/15/2026,PYMT1,Buyer Ltd,,,119.00,-119.00
1100 Receivables,Payment,03/16/2026,PYMT2,Buyer Ltd,,,50.00,-169.00
"""


@pytest.mark.parametrize("balance", ["Balance", "Running balance"])
def test_a_general_ledger_is_no_journal(ledger: Read, balance: str) -> None:
    """Its rows go account by account; they made journals of one side each."""
    with pytest.raises(LedgerUnreadable, match="lists accounts with a running balance"):
        ledger("quickbooks", LISTING.format(balance=balance), currency="USD")


def test_a_gap_in_invoice_numbers(ledger: Read) -> None:
    text = "Date,Type,Num,Account,Debit,Credit\n"
    text += "".join(f"2026-03-02,Invoice,{n},A,5,\n2026-03-02,Invoice,{n},B,,5\n" for n in (1001, 1002, 1004))
    (gap,) = ledger("quickbooks", text).findings
    assert (gap.code, gap.computed) == (FindingCode.NUMBER_GAP, "1003")


SHEET = """\
*Narration,*Date,Description,*AccountCode,*TaxRate,*Amount,TrackingName1,TrackingOption1
March,31/03/2026,Receivable,610,Tax Exempt,"1,200.00",,
March,31/03/2026,Sales,200,20% (VAT on Income),(1000.00),,
March,31/03/2026,VAT,820,Tax Exempt,-200.00,,
April,01/04/2026,Other,610,Tax Exempt,5,,
April,01/04/2026,Other,200,Tax Exempt,-5,,
"""


def test_a_xero_sheet(ledger: Read) -> None:
    assert recognise(SHEET.encode()) == "xero"
    got = ledger("xero", SHEET, currency="GBP")
    assert [(e.entry_id, e.account, str(e.amount), e.memo, e.currency) for e in got.entries[:3]] == [
        ("2026-03-31.1/1", "610", "1200.00", "Receivable", "GBP"),
        ("2026-03-31.1/2", "200", "-1000.00", "Sales", "GBP"),
        ("2026-03-31.1/3", "820", "-200.00", "VAT", "GBP"),
    ]
    assert {e.journal_id for e in got.entries} == {"2026-03-31.1", "2026-04-01.1"}
    assert "1 rows carry a tax rate" in got.notes[0]
    assert not got.findings


def test_a_xero_report_with_a_line_above_each_journal(ledger: Read) -> None:
    text = """\
    Journal Report,,,,
    Acme Ltd,,,,
    For the period 1 March 2026 to 31 March 2026,,,,
    Account Code,Account,Description,Tax Rate,Debit,Credit
    ID 51 Posted by A on 2 Mar 2026,,,,,
    610,Accounts Receivable,Invoice,,120.00,
    200,Sales,Invoice,20%,,120.00
    Total,,,,120.00,120.00
    ID 53 Posted by A on 3 Mar 2026,,,,,
    610,Accounts Receivable,Invoice,,7.00,
    200,Sales,Invoice,20%,,7.01
    Total,,,,7.00,7.01
    """
    got = ledger("xero", text)
    assert [(e.entry_id, e.account, e.account_name, str(e.posted_on)) for e in got.entries[:2]] == [
        ("51/1", "610", "Accounts Receivable", "2026-03-02"),
        ("51/2", "200", "Sales", "2026-03-02"),
    ]
    assert got.company == "Acme Ltd"
    assert [(f.code, f.where) for f in got.findings] == [
        (FindingCode.UNBALANCED, "journal 53"),
        (FindingCode.NUMBER_GAP, "journal numbers"),
    ]


@pytest.mark.parametrize(
    ("form", "text", "says"),
    [
        ("quickbooks", "a,b\n1,2\n", "no header"),
        (
            "quickbooks",
            "Date,Type,Account,Debit,Credit\n,Invoice,A,5,\n",
            "line 2: the first row of a transaction has no day",
        ),
        (
            "quickbooks",
            "Date,Type,Account,Debit,Credit\n2026-02-30,Invoice,A,5,\n",
            "line 2: '2026-02-30' is not a date",
        ),
        ("quickbooks", "Date,Type,Account,Debit,Credit\n2026-02-03,x,A,five,\n", "line 2: debit is 'five'"),
        ("xero", SHEET.replace("610,Tax Exempt,5", ",Tax Exempt,5"), "line 5 has an amount and no account"),
        ("xero", SHEET + '"open', "line 7 is not a row"),
    ],
)
def test_what_is_broken_is_named(ledger: Read, form: str, text: str, says: str) -> None:
    with pytest.raises(LedgerUnreadable) as refused:
        ledger(form, text)
    assert says in str(refused.value)


def test_a_xero_report_that_names_its_tax_rates_is_xeros_with_its_numbers_and_references(ledger: Read) -> None:
    """By its other columns it could be QuickBooks', which knows neither the line "ID 51" nor a Reference."""
    text = (
        "Journal Report\nAcme Ltd\n1 March 2026 to 31 March 2026\n\n"
        "Date,Source,Description,Reference,Account Code,Account,Debit,Credit,Tax,Tax Rate Name\n"
        "ID 51 Posted by Ann on 2 Mar 2026\n"
        '2 Mar 2026,Receivable Invoice,Acorn,INV-7,610,Accounts Receivable,"1,200.00",,,\n'
        '2 Mar 2026,Receivable Invoice,Acorn,INV-7,200,Sales,,"1,200.00",200.00,20% (VAT on Income)\n'
    )
    assert recognise(text.encode(), "report.csv") == "xero"
    book = ledger("xero", text, currency="GBP")
    assert {(entry.journal_id, entry.invoice_id) for entry in book.entries} == {("51", "INV-7")}
