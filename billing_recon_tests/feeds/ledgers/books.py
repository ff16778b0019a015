"""Small books of account, and each ledger format as a spreadsheet or a person would write them. No code of the readers."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from xml.sax.saxutils import escape

from hypothesis import strategies as st

ACCOUNTS = ("1200", "1800", "4000", "4400", "3806")
NO = "urn:StandardAuditFile-Taxation-Financial:NO"
PT = "urn:OECD:StandardAuditFile-Tax:PT_1.04_01"


@dataclass(frozen=True)
class Posting:
    """Signed cents on an account: debits positive."""

    account: str
    cents: int


@dataclass(frozen=True)
class Voucher:
    """One journal. `number` counts through the book."""

    number: int
    day: date
    invoice: str
    customer: str
    memo: str
    postings: tuple[Posting, ...]

    @property
    def id(self) -> str:
        return f"JRN-{self.number:06d}"


Book = tuple[Voucher, ...]

_AMOUNT = st.integers(1, 10**9).flatmap(lambda n: st.sampled_from((n, -n)))
_MEMO = st.text(alphabet="ABCabc äøß.&<>'", min_size=1, max_size=20).map(str.strip).filter(bool)


@st.composite
def _vouchers(draw: st.DrawFn) -> Book:
    book = []
    day = date(2026, 1, 1)
    for number in range(1, draw(st.integers(1, 5)) + 1):
        day += timedelta(days=draw(st.integers(0, 60)))
        accounts = draw(st.lists(st.sampled_from(ACCOUNTS), min_size=2, max_size=5, unique=True))
        amounts = draw(st.lists(_AMOUNT, min_size=len(accounts) - 1, max_size=len(accounts) - 1).filter(sum))
        cents = (*amounts, -sum(amounts))
        postings = tuple(Posting(account, amount) for account, amount in zip(accounts, cents, strict=True))
        invoice, customer = f"INV-{number}", f"C-{draw(st.integers(1, 9))}"
        book.append(Voucher(number, day, invoice, customer, draw(_MEMO), postings))
    return tuple(book)


books = _vouchers()
"""Balanced books of 2026, in EUR."""


def money(cents: int) -> str:
    """1234.50, without a sign."""
    whole, rest = divmod(abs(cents), 100)
    return f"{whole}.{rest:02d}"


def expected_rows(book: Book) -> list[dict[str, object]]:
    """The canonical rows, compared as values."""
    return [
        {
            "entry_id": f"{voucher.id}/{n}",
            "journal_id": voucher.id,
            "posted_on": voucher.day.isoformat(),
            "account": posting.account,
            "debit": Decimal(max(posting.cents, 0)) / 100,
            "credit": Decimal(max(-posting.cents, 0)) / 100,
            "currency": "EUR",
            "invoice_id": voucher.invoice,
            "customer_id": voucher.customer,
            "memo": voucher.memo,
        }
        for voucher in book
        for n, posting in enumerate(voucher.postings, 1)
    ]


def saft_no(book: Book) -> str:
    """Norway 1.30: balances that roll forward, control totals, one journal."""
    moved = {account: sum(p.cents for v in book for p in v.postings if p.account == account) for account in ACCOUNTS}
    accounts = "".join(
        f"<n1:Account><n1:AccountID>{account}</n1:AccountID><n1:AccountDescription>Konto {account}</n1:AccountDescription>"
        "<n1:AccountType>GL</n1:AccountType><n1:OpeningDebitBalance>10.00</n1:OpeningDebitBalance>"
        + _closing(1000 + cents)
        + "</n1:Account>"
        for account, cents in moved.items()
    )
    debit = sum(p.cents for v in book for p in v.postings if p.cents > 0)
    credit = -sum(p.cents for v in book for p in v.postings if p.cents < 0)
    transactions = "".join(_no_transaction(voucher) for voucher in book)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><n1:AuditFile xmlns:n1="{NO}"><n1:Header>'
        "<n1:AuditFileVersion>1.30</n1:AuditFileVersion><n1:AuditFileCountry>NO</n1:AuditFileCountry><n1:Company>"
        "<n1:Name>Selskap AS</n1:Name></n1:Company><n1:DefaultCurrencyCode>EUR</n1:DefaultCurrencyCode>"
        "<n1:SelectionCriteria><n1:SelectionStartDate>2026-01-01</n1:SelectionStartDate><n1:SelectionEndDate>2026-12-31"
        "</n1:SelectionEndDate></n1:SelectionCriteria></n1:Header><n1:MasterFiles><n1:GeneralLedgerAccounts>"
        f"{accounts}</n1:GeneralLedgerAccounts></n1:MasterFiles><n1:GeneralLedgerEntries><n1:NumberOfEntries>{len(book)}"
        f"</n1:NumberOfEntries><n1:TotalDebit>{money(debit)}</n1:TotalDebit><n1:TotalCredit>{money(credit)}</n1:TotalCredit>"
        f"<n1:Journal><n1:JournalID>JRN</n1:JournalID>{transactions}</n1:Journal></n1:GeneralLedgerEntries></n1:AuditFile>"
    )


def _closing(cents: int) -> str:
    side = "Debit" if cents >= 0 else "Credit"
    return f"<n1:Closing{side}Balance>{money(cents)}</n1:Closing{side}Balance>"


def _no_transaction(voucher: Voucher) -> str:
    lines = "".join(
        f"<n1:Line><n1:RecordID>{n}</n1:RecordID><n1:AccountID>{p.account}</n1:AccountID>"
        f"<n1:CustomerID>{voucher.customer}</n1:CustomerID><n1:Description>{escape(voucher.memo)}</n1:Description>"
        + (f"<n1:DebitAmount><n1:Amount>{money(p.cents)}</n1:Amount></n1:DebitAmount>" if p.cents > 0 else "")
        + (f"<n1:CreditAmount><n1:Amount>{money(p.cents)}</n1:Amount></n1:CreditAmount>" if p.cents <= 0 else "")
        + f"<n1:ReferenceNumber>{voucher.invoice}</n1:ReferenceNumber></n1:Line>"
        for n, p in enumerate(voucher.postings, 1)
    )
    return (
        f"<n1:Transaction><n1:TransactionID>{voucher.id}</n1:TransactionID><n1:Period>{voucher.day.month}</n1:Period>"
        f"<n1:PeriodYear>{voucher.day.year}</n1:PeriodYear><n1:TransactionDate>{voucher.day}</n1:TransactionDate>"
        f"<n1:GLPostingDate>{voucher.day}</n1:GLPostingDate>{lines}</n1:Transaction>"
    )


def datev(book: Book) -> str:
    """Every entry but the first of a journal as a booking against the first one's account."""
    first, last = book[0].day.replace(month=1, day=1), date(2026, 12, 31)
    head = f'"EXTF";700;21;"Buchungsstapel";13;20260101000000000;;"RE";"";"";1001;456;{first:%Y%m%d};4;{first:%Y%m%d};'
    head += f'{last:%Y%m%d};"Stapel";"";1;0;1;"EUR";;;;;;;;;'
    names = ["Umsatz (ohne Soll/Haben-Kz)", "Soll/Haben-Kennzeichen", "WKZ Umsatz", "Kurs", "Basis-Umsatz"]
    names += ["WKZ Basis-Umsatz", "Konto", "Gegenkonto (ohne BU-Schlüssel)", "BU-Schlüssel", "Belegdatum"]
    names += ["Belegfeld 1", "Belegfeld 2", "Skonto", "Buchungstext"]
    for n in range(1, 5):
        names += [f"Zusatzinformation - Art {n}", f"Zusatzinformation- Inhalt {n}"]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(names)
    for v in book:
        for n, p in enumerate(v.postings[1:], 2):
            amount = money(p.cents).replace(".", ",")
            row = [amount, "S" if p.cents > 0 else "H", "EUR", "", "", "", p.account, v.postings[0].account, ""]
            row += [f"{v.day:%d%m}".lstrip("0"), v.invoice, "", "", v.memo]
            row += [
                "journal_id",
                v.id,
                "entry_id",
                f"{v.id}/{n}",
                "contra_entry_id",
                f"{v.id}/1",
                "customer_id",
                v.customer,
            ]
            writer.writerow(row)
    return head + "\r\n" + out.getvalue()


def beancount(book: Book) -> str:
    """Ids, invoice and customer as metadata."""
    opened = "".join(f"2025-01-01 open Assets:A{account}\n" for account in ACCOUNTS)
    text = ['option "operating_currency" "EUR"\n', opened]
    for v in book:
        text.append(f'{v.day} * "{v.memo}"\n  id: "{v.id}"\n  invoice: "{v.invoice}"\n  customer: "{v.customer}"\n')
        for p in v.postings:
            text.append(f"  Assets:A{p.account}  {'-' if p.cents < 0 else ''}{money(p.cents)} EUR\n")
    return "".join(text)


def hledger(book: Book) -> str:
    """Ids and customer as tags, the invoice as the code."""
    text = []
    for v in book:
        text.append(f"{v.day} * ({v.invoice}) {v.memo}  ; id: {v.id}, customer: {v.customer}\n")
        for p in v.postings:
            text.append(f"    {p.account}  {'-' if p.cents < 0 else ''}{money(p.cents)} EUR\n")
        text.append("\n")
    return "".join(text)


def quickbooks(book: Book) -> str:
    """A journal report: titles, one row with the head of each transaction, sums, TOTAL."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([["Company Ltd"], ["Journal"], ["January - December, 2026"], []])
    writer.writerow(
        [
            "",
            "Trans #",
            "Date",
            "Transaction Type",
            "Num",
            "Customer ID",
            "Memo/Description",
            "Account",
            "Debit",
            "Credit",
        ]
    )
    whole = [0, 0]
    for v in book:
        sums = [0, 0]
        for n, p in enumerate(v.postings):
            head = ["", v.id, f"{v.day:%m/%d/%Y}", "Invoice", v.invoice, v.customer] if n == 0 else [""] * 6
            sides = [f"${abs(p.cents) // 100:,}.{abs(p.cents) % 100:02d}", ""]
            writer.writerow([*head, v.memo, p.account, *(sides if p.cents > 0 else reversed(sides))])
            sums[p.cents <= 0] += abs(p.cents)
        writer.writerow(["", *[""] * 7, f"${money(sums[0])}", f"${money(sums[1])}"])
        writer.writerow([])
        whole = [whole[0] + sums[0], whole[1] + sums[1]]
    writer.writerow(["TOTAL", *[""] * 7, f"${money(whole[0])}", f"${money(whole[1])}"])
    writer.writerow([])
    writer.writerow(["Friday, Jan 01, 2027 10:00 AM GMT - Accrual Basis"])
    return out.getvalue()


def xero(book: Book) -> str:
    """The import sheet with a journal number, contact and reference beside Xero's own columns."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(
        [
            "*Narration",
            "*Date",
            "Description",
            "*AccountCode",
            "*TaxRate",
            "*Amount",
            "JournalNumber",
            "ContactID",
            "Reference",
        ]
    )
    for v in book:
        for p in v.postings:
            sign = "-" if p.cents < 0 else ""
            row = [v.memo, f"{v.day:%d %b %Y}", v.memo, p.account, "Tax Exempt", f"{sign}{money(p.cents)}"]
            writer.writerow([*row, v.id, v.customer, v.invoice])
    return out.getvalue()


def fec(book: Book) -> str:
    """Tabs, commas before decimals, no quotes, and the column of the professions for the customer."""
    names = "JournalCode JournalLib EcritureNum EcritureDate CompteNum CompteLib CompAuxNum CompAuxLib PieceRef PieceDate EcritureLib"
    names += " Debit Credit EcritureLet DateLet ValidDate Montantdevise Idevise IdClient"
    lines = [names.split()]
    for v in book:
        for p in v.postings:
            sides = [money(p.cents).replace(".", ","), "0,00"]
            head = ["JRN", "Ventes", v.id, f"{v.day:%Y%m%d}", p.account, f"Compte {p.account}", "", "", v.invoice]
            tail = ["", "", f"{v.day:%Y%m%d}", "", "", v.customer]
            middle = [f"{v.day:%Y%m%d}", v.memo, *(sides if p.cents > 0 else reversed(sides))]
            lines.append([*head, *middle, *tail])
    return "".join("\t".join(line) + "\r\n" for line in lines)


FORMS: dict[str, tuple[str, Callable[[Book], str]]] = {
    "saft": ("book.xml", saft_no),
    "datev": ("EXTF_book.csv", datev),
    "fec": ("123456789FEC20261231.txt", fec),
    "beancount": ("book.beancount", beancount),
    "hledger": ("book.journal", hledger),
    "quickbooks": ("book.csv", quickbooks),
    "xero": ("book.csv", xero),
}
"""Form -> file name and how it is written."""
