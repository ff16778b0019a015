"""SAF-T, the OECD's audit file, in the versions of Norway (Financial 1.1 to 1.3) and Portugal (1.04_01). Streamed.

Both contain a chart of accounts with balances, and transactions with control totals. Their element names differ little, so
both are read by local name in any namespace. Portugal adds sales invoices and payments.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

from lxml import etree

from billing_recon.core.journal import (
    EXACT,
    ZERO,
    Account,
    Entry,
    Journal,
    LedgerOptions,
    LedgerUnreadable,
    Period,
)
from billing_recon.feeds.ledgers.ledger_figures import excerpt, iso_day, plain_figure
from billing_recon.feeds.ledgers.ledger_items import Header, Item, Section, Stated, skipped
from billing_recon.feeds.ledgers.number_series import Identities, identity
from billing_recon.feeds.ledgers.saft_documents import invoice, receipt
from billing_recon.feeds.ledgers.saft_fields import Fields, fields, number
from billing_recon.feeds.ledgers.xml_records import local, records

_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?AuditFile[\s>]")
_ELSEWHERE = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?(JPK|auditfile|iSAFFile)[\s>]")
_FORMS_ELSEWHERE = {b"JPK": "a Polish JPK", b"auditfile": "a Dutch XAF (auditfile)", b"iSAFFile": "a Lithuanian i.SAF"}
_HEAD_BYTES = 1 << 16
_CASH_REGISTER = b"StandardAuditFile-Taxation-CashRegister"
_WANTED: dict[str, frozenset[str]] = {
    "Header": frozenset({"AuditFile"}),
    "Account": frozenset({"GeneralLedgerAccounts"}),
    "Transaction": frozenset({"Journal"}),
    "Journal": frozenset({"GeneralLedgerEntries"}),
    "GeneralLedgerEntries": frozenset({"AuditFile"}),
    "Invoice": frozenset({"SalesInvoices", "PurchaseInvoices"}),
    "SalesInvoices": frozenset({"SourceDocuments"}),
    "Payment": frozenset({"Payments"}),
    "Payments": frozenset({"SourceDocuments"}),
    # Skipped, so that they do not fill memory.
    "Customer": frozenset({"MasterFiles", "Customers"}),
    "Supplier": frozenset({"MasterFiles", "Suppliers"}),
    "Product": frozenset({"MasterFiles", "Products"}),
    "Owner": frozenset({"Owners"}),
    "Asset": frozenset({"Assets"}),
    "TaxTableEntry": frozenset({"TaxTable"}),
    "AnalysisTypeTableEntry": frozenset({"AnalysisTypeTable"}),
    "StockMovement": frozenset({"MovementOfGoods"}),
    "WorkDocument": frozenset({"WorkingDocuments"}),
    "PhysicalStockEntry": frozenset({"PhysicalStock"}),
    "AssetTransaction": frozenset({"AssetTransactions"}),
}
_SECTIONS: dict[str, Section] = {
    "GeneralLedgerEntries": "entries",
    "SalesInvoices": "invoices",
    "Payments": "payments",
}


def recognise(head: bytes, name: str) -> bool:
    """Recognise an AuditFile that is not a cash register's, and its counterparts elsewhere, which `stream` refuses by name."""
    head = _narrow(head)
    return (_ROOT.search(head) is not None and _CASH_REGISTER not in head) or _ELSEWHERE.search(head) is not None


def _narrow(head: bytes) -> bytes:
    return head.replace(b"\0", b"") if head[:2] in (b"\xff\xfe", b"\xfe\xff") else head


def _refuse_elsewhere(path: Path) -> None:
    with path.open("rb") as file:
        found = _ELSEWHERE.search(_narrow(file.read(_HEAD_BYTES)))
    if found:
        raise LedgerUnreadable(
            f"{path.name}: it is {_FORMS_ELSEWHERE[found[1]]}, which is not supported (the SAF-T of Norway and Portugal is); export the "
            "journal as CSV and map its columns"
        )


def stream(path: Path, options: LedgerOptions) -> Iterator[Item]:
    """Yield header, accounts, journals, documents and stated totals, in file order."""
    _refuse_elsewhere(path)
    header = Header()
    ids = Identities()
    names: dict[str, str] = {}
    lines, transactions, unread, seen = 0, 0, 0, False
    for element in records(path, _WANTED):
        match local(element):
            case "Header":
                header = _header(path, element, options)
                seen = True
                yield header
            case "Account":
                account = _account(path, element)
                if account.name:
                    names[account.account] = account.name
                yield account
            case "Transaction":
                if not seen:
                    raise LedgerUnreadable(
                        f"{path.name}: transactions come before the Header; this is not a SAF-T file"
                    )
                journal = _Transaction(path, element, header, ids, names, lines).journal()
                lines += len(journal.entries)
                transactions += 1
                yield journal
            case "Invoice":
                if header.version and header.version.startswith("PT") and _parent(element) == "SalesInvoices":
                    yield invoice(path.name, element, header.currency)
                else:
                    unread += 1
            case "Payment":
                if header.version and header.version.startswith("PT"):
                    yield receipt(path.name, element, header.currency)
                else:
                    unread += 1
            case "GeneralLedgerEntries" | "SalesInvoices" | "Payments" as name:
                if name == "GeneralLedgerEntries" or (header.version or "").startswith("PT"):
                    yield _stated(path, element, name)
            case _:
                pass
    if not seen:
        raise LedgerUnreadable(f"{path.name}: it has no AuditFile/Header; this is not a SAF-T file")
    if transactions and not lines:
        raise LedgerUnreadable(
            f"{path.name}: none of its {transactions} transactions has a line that can be read; ask which form of SAF-T it is"
        )
    if unread:
        what = f"{unread} source documents"
        yield skipped("SourceDocuments", what, f"{what} are skipped: their layout is defined for Portugal only.")


def _parent(element: etree._Element) -> str:
    parent = element.getparent()
    return "" if parent is None else local(parent)


def _header(path: Path, element: etree._Element, options: LedgerOptions) -> Header:
    top = fields(element)
    company = fields(top.element("Company"))
    where = f"{path.name}: Header"
    namespace = etree.QName(element).namespace or ""
    version = top.text("AuditFileVersion") or ""
    portuguese = "PT_" in namespace or top.element("FiscalYear") is not None
    country = "PT" if portuguese else (top.text("AuditFileCountry") or "NO")[:2].upper()
    if country not in ("NO", "PT"):
        raise LedgerUnreadable(
            f"{path.name}: it is the SAF-T of {excerpt(country)}, which is not supported (Norway's and Portugal's are); export the "
            "journal as CSV and map its columns"
        )
    return Header(
        version=f"{country} {version}".strip(),
        company=top.text("CompanyName") or company.text("Name"),
        currency=top.text("DefaultCurrencyCode") or top.text("CurrencyCode") or options.currency,
        period=_period(top, fields(top.element("SelectionCriteria")), where),
    )


def _period(top: Fields, selection: Fields, where: str) -> Period:
    """Portugal states days; Norway states days, or accounting periods, of which the first twelve are read as months."""
    starts = selection.text("SelectionStartDate") or top.text("StartDate")
    ends = selection.text("SelectionEndDate") or top.text("EndDate")
    first = iso_day(starts, f"{where}: start date") if starts else None
    last = iso_day(ends, f"{where}: end date") if ends else None
    begin = _accounting_period(selection, "PeriodStart", where)
    end = _accounting_period(selection, "PeriodEnd", where)
    if first is None and begin is not None:
        first = date(begin[0], min(max(begin[1], 1), 12), 1)
    if last is None and end is not None:
        month = min(max(end[1], 1), 12)
        last = date(end[0], month, monthrange(end[0], month)[1])
    return Period(first, last, begin, end)


def _accounting_period(at: Fields, name: str, where: str) -> tuple[int, int] | None:
    number_, year = at.text(name), at.text(f"{name}Year")
    if number_ is None or year is None:
        return None
    return _year_and_number(year, number_, f"{where}: {name}")


def _year_and_number(year: str, period: str, where: str) -> tuple[int, int]:
    if not (re.fullmatch(r"[0-9]{4}", year) and re.fullmatch(r"[0-9]{1,2}", period) and int(year)):
        raise LedgerUnreadable(
            f"{where} is '{excerpt(period)}' of '{excerpt(year)}', which is not an accounting period"
        )
    return int(year), int(period)


def _account(path: Path, element: etree._Element) -> Account:
    at = fields(element)
    account = at.text("AccountID")
    if not account:
        raise LedgerUnreadable(f"{path.name}: line {element.sourceline}: an account without AccountID")
    where = f"{path.name}: account {excerpt(account)}"
    # Norway's grouping codes belong to a tax form; Portugal's name the parent account.
    parent = at.text("GroupingCode") if at.text("GroupingCategory") in ("GM", "GA", "AM", "AA") else None
    return Account(
        account=account,
        name=at.text("AccountDescription"),
        opening=_balance(at, "Opening", where),
        closing=_balance(at, "Closing", where),
        parent=parent if parent != account else None,
    )


def _balance(at: Fields, which: str, where: str) -> Decimal | None:
    debit = number(at, f"{which}DebitBalance", where)
    credit = number(at, f"{which}CreditBalance", where)
    if debit is None and credit is None:
        return None
    return EXACT.subtract(debit or ZERO, credit or ZERO)


def _stated(path: Path, element: etree._Element, name: str) -> Stated:
    at = fields(element)
    where = f"{path.name}: {name}"
    count = at.text("NumberOfEntries")
    if count is not None and not re.fullmatch(r"[0-9]{1,15}", count):
        raise LedgerUnreadable(f"{where}: NumberOfEntries is '{excerpt(count)}', which is not a count")
    return Stated(
        section=_SECTIONS[name],
        name=name,
        count=None if count is None else int(count),
        debit=number(at, "TotalDebit", where),
        credit=number(at, "TotalCredit", where),
    )


class _Transaction:
    """Builds a Journal from one transaction. An invoice or customer that some lines state applies to all, if they agree."""

    def __init__(
        self, path: Path, element: etree._Element, header: Header, ids: Identities, names: dict[str, str], before: int
    ) -> None:
        self.at = fields(element)
        self.header = header
        self.names = names
        self.before = before
        parent = element.getparent()
        diary = None if parent is None else fields(parent).text("JournalID")
        given = self.at.text("TransactionID")
        if not given:
            line = element.sourceline
            raise LedgerUnreadable(f"{path.name}: line {line}: a transaction of journal {diary} has no TransactionID")
        self.diary, self.given = diary or "", given
        self.where = f"{path.name}: transaction {excerpt(given)} of journal {excerpt(self.diary)}"
        self.journal_id = ids.unique(identity(self.diary, given))
        day = self.at.text("TransactionDate") or self.at.text("GLPostingDate")
        if not day:
            raise LedgerUnreadable(f"{self.where} has no TransactionDate")
        self.dated = iso_day(day, f"{self.where}: TransactionDate")
        posted = self.at.text("GLPostingDate")
        self.posted_on = iso_day(posted, f"{self.where}: GLPostingDate") if posted else self.dated

    def journal(self) -> Journal:
        lines = [fields(line) for line in self._lines()]
        invoice_id = _one(filter(None, map(_reference, lines))) or _one(
            text for line in lines if (text := line.text("SourceDocumentID"))
        )
        customer_id = self.at.text("CustomerID") or _one(text for line in lines if (text := line.text("CustomerID")))
        taken: set[str] = set()
        portuguese = (self.header.version or "").startswith("PT")
        period = self._period()
        return Journal(
            journal_id=self.journal_id,
            dated=self.dated,
            entries=tuple(self._entry(line, n, taken, invoice_id, customer_id) for n, line in enumerate(lines, 1)),
            series=f"{self.diary}/{period[0] if period else self.dated.year}",
            number=self.given,
            # A Portuguese TransactionID has its day in it and its last part may be numbered by month or year.
            consecutive=not portuguese,
            period=None if portuguese else period,
        )

    def _lines(self) -> Iterator[etree._Element]:
        for child in self.at.root:
            match local(child):
                case "Line":
                    yield child
                case "Lines":
                    for line in child:
                        if local(line) in ("Line", "DebitLine", "CreditLine"):
                            yield line
                        else:
                            self._refuse_amounts(line)
                case _:
                    self._refuse_amounts(child)

    def _refuse_amounts(self, element: etree._Element) -> None:
        """Refuse amounts in an element that is not read: another country's form, whose entries would vanish."""
        if local(element) and any(local(within) in ("DebitAmount", "CreditAmount") for within in element.iter()):
            raise LedgerUnreadable(
                f"{self.where}: its amounts are in <{excerpt(local(element))}>, which is in neither Norway's nor Portugal's form of "
                "SAF-T (<Line>); export the journal as CSV and map its columns"
            )

    def _period(self) -> tuple[int, int] | None:
        period, year = self.at.text("Period"), self.at.text("PeriodYear")
        if not period or not year:
            return None
        return _year_and_number(year, period, f"{self.where}: Period")

    def _entry(self, line: Fields, n: int, taken: set[str], invoice_id: str | None, customer_id: str | None) -> Entry:
        record = line.text("RecordID")
        where = f"{self.where}, record {excerpt(record or str(n))}"
        account = line.text("AccountID")
        if not account:
            raise LedgerUnreadable(f"{where} has no AccountID")
        debit, credit = line.element("DebitAmount"), line.element("CreditAmount")
        if debit is None and credit is None:
            raise LedgerUnreadable(f"{where} has neither a DebitAmount nor a CreditAmount")
        side = fields(debit if debit is not None else credit)
        foreign = number(side, "CurrencyAmount", where)
        entry_id = _within(self.journal_id, record if record and record not in taken else f"#{n}")
        taken.add(record or "")
        return Entry(
            entry_id=entry_id,
            journal_id=self.journal_id,
            posted_on=self.posted_on,
            account=account,
            account_name=self.names.get(account),
            debit=_amount(debit, where),
            credit=_amount(credit, where),
            currency=self.header.currency,
            document=line.text("SourceDocumentID"),
            invoice_id=_reference(line) or invoice_id,
            customer_id=line.text("CustomerID") or customer_id,
            memo=line.text("Description") or self.at.text("Description"),
            line=self.before + n,
            document_amount=foreign if debit is not None or foreign is None else foreign.copy_negate(),
            document_currency=side.text("CurrencyCode") if foreign is not None else None,
        )


def _reference(line: Fields) -> str | None:
    """Return the invoice of a line, else the one that it was matched with."""
    return line.text("ReferenceNumber") or line.text("CrossReference")


def _within(journal_id: str, record: str) -> str:
    return record if record.startswith(f"{journal_id}/") else f"{journal_id}/{record}"


def _amount(element: etree._Element | None, where: str) -> Decimal:
    """Return an amount: in Norway from a child Amount, in the default currency; in Portugal from the element's text."""
    if element is None:
        return ZERO
    inside = fields(element)
    text = inside.text("Amount") if inside.element("Amount") is not None else element.text
    return plain_figure(text or "", f"{where}: {local(element)}")


def _one(texts: Iterator[str] | filter[str]) -> str | None:
    distinct = set(texts)
    return distinct.pop() if len(distinct) == 1 else None
