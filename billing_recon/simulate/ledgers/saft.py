"""A day of the ledger as SAF-T Financial: Norway's 1.3 and Portugal's 1.04. A file has one currency, that of its books."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from billing_recon.simulate.ledgers.journals import ACCOUNT_NAMES, Book, Posted
from billing_recon.simulate.markup import Maker, as_file

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

NORWAY = "urn:StandardAuditFile-Taxation-Financial:NO"
PORTUGAL = "urn:OECD:StandardAuditFile-Tax:PT_1.04_01"

_NO = Maker(NORWAY, {"": NORWAY})
_PT = Maker(PORTUGAL, {"": PORTUGAL})


def norwegian(book: Book) -> bytes:
    """SAF-T Financial 1.3 of Norway, in the currency of the book.

    journal_id is TransactionID, entry_id RecordID, invoice_id SourceDocumentID, customer_id CustomerID, memo Description.
    """
    currency = book.currency("SAF-T (NO)")
    day = book.day.isoformat()
    debit, credit = _sums(book)
    root = _NO(
        "AuditFile",
        _NO(
            "Header",
            _NO("AuditFileVersion", "1.30"),
            _NO("AuditFileCountry", "NO"),
            _NO("AuditFileDateCreated", day),
            _NO("SoftwareCompanyName", "billing_recon"),
            _NO("SoftwareID", "simulate"),
            _NO("SoftwareVersion", "1"),
            _NO(
                "Company",
                _NO("RegistrationNumber", "000000000"),
                _NO("Name", book.company),
                _NO("Address", _NO("City", "Oslo"), _NO("Country", "NO")),
                _NO("Contact", _NO("ContactPerson", _NO("FirstName", "Amara"), _NO("LastName", "Okafor"))),
            ),
            _NO("DefaultCurrencyCode", currency),
            _NO("SelectionCriteria", _NO("SelectionStartDate", day), _NO("SelectionEndDate", day)),
            _NO("TaxAccountingBasis", "A"),
        ),
        _NO(
            "MasterFiles",
            _NO(
                "GeneralLedgerAccounts",
                *(
                    _NO(
                        "Account",
                        _NO("AccountID", account),
                        _NO("AccountDescription", ACCOUNT_NAMES.get(account, account)),
                        _NO("GroupingCategory", "other"),
                        _NO("GroupingCode", account),
                        _NO("AccountType", "GL"),
                        _balance(_NO, "Opening", opening),
                        _balance(_NO, "Closing", closing),
                    )
                    for account, opening, closing in _balances(book, currency)
                ),
            ),
            _NO(
                "Customers",
                *(
                    _NO("Customer", _NO("Name", f"Customer {number}"), _NO("CustomerID", number))
                    for number in _customers(book)
                ),
            ),
        ),
        _NO(
            "GeneralLedgerEntries",
            _NO("NumberOfEntries", str(len(book.journals))),
            _NO("TotalDebit", _figure(debit)),
            _NO("TotalCredit", _figure(credit)),
            *(
                _NO(
                    "Journal",
                    _NO("JournalID", diary),
                    _NO("Description", "General ledger"),
                    _NO("Type", "GL"),
                    *(_norwegian_transaction(journal_id, entries) for journal_id, entries in journals),
                )
                for diary, journals in book.diaries
            ),
        ),
    )
    return as_file(root)


def _norwegian_transaction(journal_id: str, entries: list[Posted]) -> Element:
    first = entries[0]
    return _NO(
        "Transaction",
        _NO("TransactionID", journal_id),
        _NO("Period", str(first.posted_on.month)),
        _NO("PeriodYear", str(first.posted_on.year)),
        _NO("TransactionDate", first.posted_on.isoformat()),
        _NO("Description", first.memo),
        _NO("SystemEntryDate", first.posted_on.isoformat()),
        _NO("GLPostingDate", first.posted_on.isoformat()),
        *(
            _NO(
                "Line",
                _NO("RecordID", entry.entry_id),
                _NO("AccountID", entry.account),
                _NO("SourceDocumentID", entry.invoice_id),
                _NO("CustomerID", entry.customer_id),
                _NO("Description", entry.memo),
                _NO(_side(entry), _NO("Amount", _figure(abs(entry.signed)))),
            )
            for entry in entries
        ),
    )


def portuguese(book: Book) -> bytes:
    """SAF-T (PT) 1.04_01, accounting part, in the currency of the book; an authority takes only EUR.

    A TransactionID is the day, the series and the journal_id; RecordID is the rest of the entry_id; invoice_id is
    SourceDocumentID and customer_id the transaction's CustomerID. A journal's debits precede its credits.
    """
    currency = book.currency("SAF-T (PT)")
    day = book.day.isoformat()
    debit, credit = _sums(book)
    root = _PT(
        "AuditFile",
        _PT(
            "Header",
            _PT("AuditFileVersion", "1.04_01"),
            _PT("CompanyID", "000000000"),
            _PT("TaxRegistrationNumber", "999999990"),
            _PT("TaxAccountingBasis", "C"),
            _PT("CompanyName", book.company),
            _PT(
                "CompanyAddress",
                _PT("AddressDetail", "Desconhecido"),
                _PT("City", "Lisboa"),
                _PT("PostalCode", "1000-001"),
                _PT("Country", "PT"),
            ),
            _PT("FiscalYear", str(book.day.year)),
            _PT("StartDate", day),
            _PT("EndDate", day),
            _PT("CurrencyCode", currency),
            _PT("DateCreated", day),
            _PT("TaxEntity", "Sede"),
            _PT("ProductCompanyTaxID", "999999990"),
            _PT("SoftwareCertificateNumber", "0"),
            _PT("ProductID", "billing_recon/simulate"),
            _PT("ProductVersion", "1"),
        ),
        _PT(
            "MasterFiles",
            _PT(
                "GeneralLedgerAccounts",
                _PT("TaxonomyReference", "S"),
                *(
                    _PT(
                        "Account",
                        _PT("AccountID", account),
                        _PT("AccountDescription", ACCOUNT_NAMES.get(account, account)),
                        *_both_sides(_PT, "Opening", opening),
                        *_both_sides(_PT, "Closing", closing),
                        _PT("GroupingCategory", "GR"),
                    )
                    for account, opening, closing in _balances(book, currency)
                ),
            ),
            *(
                _PT(
                    "Customer",
                    _PT("CustomerID", number),
                    _PT("AccountID", "Desconhecido"),
                    _PT("CustomerTaxID", "999999990"),
                    _PT("CompanyName", f"Customer {number}"),
                    _PT(
                        "BillingAddress",
                        _PT("AddressDetail", "Desconhecido"),
                        _PT("City", "Desconhecido"),
                        _PT("PostalCode", "Desconhecido"),
                        _PT("Country", "Desconhecido"),
                    ),
                    _PT("SelfBillingIndicator", "0"),
                )
                for number in _customers(book)
            ),
        ),
        _PT(
            "GeneralLedgerEntries",
            _PT("NumberOfEntries", str(len(book.journals))),
            _PT("TotalDebit", _figure(debit)),
            _PT("TotalCredit", _figure(credit)),
            *(
                _PT(
                    "Journal",
                    _PT("JournalID", diary),
                    _PT("Description", "General ledger"),
                    *(_portuguese_transaction(diary, journal_id, entries) for journal_id, entries in journals),
                )
                for diary, journals in book.diaries
            ),
        ),
    )
    return as_file(root)


def _portuguese_transaction(diary: str, journal_id: str, entries: list[Posted]) -> Element:
    first = entries[0]
    at = first.posted_on.isoformat()
    ordered = sorted(entries, key=lambda entry: entry.credits)
    return _PT(
        "Transaction",
        _PT("TransactionID", f"{at} {diary} {journal_id}"),
        _PT("Period", str(first.posted_on.month)),
        _PT("TransactionDate", at),
        _PT("SourceID", "simulate"),
        _PT("Description", first.memo),
        _PT("DocArchivalNumber", journal_id),
        _PT("TransactionType", "N"),
        _PT("GLPostingDate", at),
        _PT("CustomerID", first.customer_id),
        _PT(
            "Lines",
            *(
                _PT(
                    _side(entry).replace("Amount", "Line"),
                    _PT("RecordID", entry.entry_id.rpartition("/")[2]),
                    _PT("AccountID", entry.account),
                    _PT("SourceDocumentID", entry.invoice_id),
                    _PT("SystemEntryDate", f"{at}T00:00:00"),
                    _PT("Description", entry.memo),
                    _PT(_side(entry), _figure(abs(entry.signed))),
                )
                for entry in ordered
            ),
        ),
    )


def _side(entry: Posted) -> str:
    return "CreditAmount" if entry.credits else "DebitAmount"


def _sums(book: Book) -> tuple[Decimal, Decimal]:
    nothing = Decimal(0)
    return sum((e.debit for e in book.entries), nothing), sum((e.credit for e in book.entries), nothing)


def _balances(book: Book, currency: str) -> Iterable[tuple[str, Decimal, Decimal]]:
    """(account, opening, closing) of the accounts known by the end of the day, in their order."""
    closing = book.closing()
    for account, of in sorted(closing):
        if of == currency:
            yield account, book.opening.get((account, of), Decimal(0)), closing[account, of]


def _balance(make: Maker, when: str, balance: Decimal) -> Element:
    return make(f"{when}{'Credit' if balance < 0 else 'Debit'}Balance", _figure(abs(balance)))


def _both_sides(make: Maker, when: str, balance: Decimal) -> tuple[Element, Element]:
    nothing = Decimal(0)
    return (
        make(f"{when}DebitBalance", _figure(max(balance, nothing))),
        make(f"{when}CreditBalance", _figure(max(-balance, nothing))),
    )


def _customers(book: Book) -> list[str]:
    return sorted({entry.customer_id for entry in book.entries})


def _figure(amount: Decimal) -> str:
    return f"{amount:f}"
