"""The company of docs/first-month.md as files: bills from an export, documents as UBL, a DATEV ledger, a balance report and a bank.

`python -m billing_recon_tests.first_month DIR` writes it without differences, `... DIR planted` with ten.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from billing_recon_tests.feeds.sheets import TIME, Cell, Number, workbook

ISSUED, PAID, BOOKED = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
DAYS = tuple(date(2026, 3, day) for day in range(2, 6))
NET = tuple(Decimal(net) for net in ("100.00", "49.90", "250.00", "19.99", "75.50", "1200.00", "33.33", "80.00", "15.00", "500.00", "7.77", "99.00"))  # fmt: skip
PLANTED = {
    "R-101": "RENDER_VALUE",
    "R-102": "RENDER_MISSING",
    "R-103": "RENDER_DUPLICATE",
    "R-104": "LEDGER_MISSING",
    "R-105": "LEDGER_DUPLICATE",
    "R-106": "LEDGER_AMOUNT",
    "R-107": "LEDGER_ACCOUNT",
    "R-108": "PAYMENT_AMOUNT",
    "R-109": "PAYMENT_DUPLICATE",
    "R-110": "PAYMENT_MISSING",
}
"""Invoice -> the code of the difference that is planted on it."""

COMPANY = """\
name: Nordlicht GmbH
timezone: Europe/Berlin
currencies: [EUR]
first_day: "2026-03-02"

# Receivables are a sub-account per customer, five digits long.
roles: {"1????": ar, "84??": revenue, "1776": tax_payable, "12??": cash, "1360": cash, "4970": fees, "1590": other}

feeds:
  invoice_lines:                 # the billing engine: an export per month
    preset: stripe-invoices
    path: billing/{month}.csv
    day_column: issued_on
    covers: period
  rendered_invoices:             # what customers received: UBL files in a folder per day
    format: documents
    path: documents/{day}/*
  rendered_lines:
    format: documents
    path: documents/{day}/*
  ledger_entries:                # the accountant's posting batch of the month
    format: datev
    path: books/EXTF_{month}.csv
    day_column: posted_on
    covers: period
  payments:                      # cards in a workbook, transfers in the bank's statement
    preset: stripe-balance
    path: balance/{month}.xlsx
    day_column: processed_at
    covers: period
    also:
      - format: camt053
        path: bank/{month}.xml
        day_column: processed_at
        covers: period
        columns:
          invoice_id: {sql: "nullif(regexp_extract(remittance, 'R-[0-9]+'), '')"}
          customer_id: {sql: "nullif(regexp_extract(remittance, '1[0-9]{4}'), '')"}
"""
POLICY = """\
windows:
  render_lag_days: 1
  ledger_lag_days: 2
  cash_lag_days: 1
  payment_terms_days: 3
  payment_settle_days: 2
  lookback_days: 40
owners: {default: finance}
gate:
  required_layers: [invoice_lines, rendered_invoices, rendered_lines, ledger_entries, payments]
  may_be_empty: [invoice_lines, rendered_invoices, rendered_lines, ledger_entries, payments]
  max_breaks: 0
  max_quarantined_rows: 0
"""

CATALOG = """\
# No contracts are rated here; the catalog names what is sold.
plans:
  - plan_id: plan
    plan_version: "2026"
    currency: EUR
    charges: [{charge_id: base, kind: subscription, model: flat, amount: "0"}]
taxes: [{tax_region: DE, rate: "0.19"}]
"""


@dataclass(frozen=True)
class Bill:
    """An invoice over one line, with 19% tax."""

    position: int
    net: Decimal

    @property
    def number(self) -> str:
        return f"R-{101 + self.position}"

    @property
    def customer(self) -> str:
        """The customer is known by the number of its account in the books."""
        return f"{10001 + self.position}"

    @property
    def tax(self) -> Decimal:
        return (self.net * Decimal("0.19")).quantize(Decimal("0.01"))

    @property
    def total(self) -> Decimal:
        return self.net + self.tax

    @property
    def by_card(self) -> bool:
        return self.position % 2 == 1


BILLS = tuple(Bill(position, net) for position, net in enumerate(NET))


def write(home: Path, planted: bool = False) -> None:
    """Write the home, with or without the planted differences."""
    wrong = PLANTED if planted else {}
    files: dict[str, str | bytes] = {
        "company.yaml": COMPANY,
        "policies/policy.yaml": POLICY,
        "catalog/plans.yaml": CATALOG,
        "billing/2026-03.csv": _export(),
        "books/EXTF_2026-03.csv": _books(wrong).encode("cp1252"),
        "balance/2026-03.xlsx": _balance(wrong),
        "bank/2026-03.xml": _statement(wrong),
    }
    for day in DAYS:
        files[f"documents/{day}/.keep"] = ""
    for bill in BILLS:
        code = wrong.get(bill.number)
        if code == "RENDER_MISSING":
            continue
        more = Decimal("1.00") if code == "RENDER_VALUE" else Decimal(0)
        files[f"documents/{ISSUED}/{bill.number}.xml"] = _ubl(bill, more)
        if code == "RENDER_DUPLICATE":
            files[f"documents/{ISSUED}/{bill.number}-copy.xml"] = _ubl(bill, more)
    for name, content in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _export() -> str:
    head = (
        "id,Amount Due,Billing,Currency,Customer,Date (UTC),Number,Paid,Subscription,Subtotal,Total Discount Amount,Tax,Tax Percent,"
        "Total,Status,Minimum Line Item Period Start (UTC),Maximum Line Item Period End (UTC)\n"
    )
    return head + "".join(
        f"in_{b.position},{b.total},charge_automatically,eur,{b.customer},{ISSUED} 08:00,{b.number},true,S-{b.position},{b.net},,{b.tax},"
        f"19,{b.total},paid,2026-02-01 00:00,2026-03-01 00:00\n"
        for b in BILLS
    )


def _ubl(bill: Bill, more: Decimal) -> str:
    net, tax = bill.net + more, bill.tax
    names = "urn:oasis:names:specification:ubl:schema:xsd"

    def amount(name: str, value: Decimal) -> str:
        return f'<cbc:{name} currencyID="EUR">{value}</cbc:{name}>'

    party = "<cac:Party><cac:PartyName><cbc:Name>{}</cbc:Name></cac:PartyName></cac:Party>"
    rate = "<cac:{0}><cbc:ID>S</cbc:ID><cbc:Percent>19</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:{0}>"
    return (
        f'<Invoice xmlns="{names}:Invoice-2" xmlns:cac="{names}:CommonAggregateComponents-2" '
        f'xmlns:cbc="{names}:CommonBasicComponents-2"><cbc:ID>{bill.number}</cbc:ID><cbc:IssueDate>{ISSUED}</cbc:IssueDate>'
        "<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode><cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>"
        f"<cac:AccountingSupplierParty>{party.format('Nordlicht GmbH')}</cac:AccountingSupplierParty>"
        f"<cac:AccountingCustomerParty>{party.format(bill.customer)}</cac:AccountingCustomerParty>"
        f"<cac:TaxTotal>{amount('TaxAmount', tax)}<cac:TaxSubtotal>{amount('TaxableAmount', net)}{amount('TaxAmount', tax)}"
        f"{rate.format('TaxCategory')}</cac:TaxSubtotal></cac:TaxTotal><cac:LegalMonetaryTotal>{amount('LineExtensionAmount', net)}"
        f"{amount('TaxExclusiveAmount', net)}{amount('TaxInclusiveAmount', net + tax)}{amount('PayableAmount', net + tax)}"
        f'</cac:LegalMonetaryTotal><cac:InvoiceLine><cbc:ID>1</cbc:ID><cbc:InvoicedQuantity unitCode="C62">1</cbc:InvoicedQuantity>'
        f"{amount('LineExtensionAmount', net)}<cac:Item><cbc:Name>Plan</cbc:Name>{rate.format('ClassifiedTaxCategory')}</cac:Item>"
        f"<cac:Price>{amount('PriceAmount', net)}</cac:Price></cac:InvoiceLine></Invoice>\n"
    )


def _paid(bill: Bill, wrong: dict[str, str]) -> list[Decimal]:
    """The amounts that came in for a bill."""
    match wrong.get(bill.number):
        case "PAYMENT_AMOUNT":
            return [bill.total - 1]
        case "PAYMENT_DUPLICATE":
            return [bill.total, bill.total]
        case "PAYMENT_MISSING":
            return []
        case _:
            return [bill.total]


def _books(wrong: dict[str, str]) -> str:
    head = '"EXTF";700;21;"Buchungsstapel";13;20260401080000000;;"RE";"";"";1001;456;20260101;4;20260301;20260331;"Maerz";"";1;;0;"EUR";;"";;;"";;;"";""\r\n'
    columns = ["Umsatz (ohne Soll/Haben-Kz)", "Soll/Haben-Kennzeichen", "WKZ Umsatz", "Kurs", "Basis-Umsatz", "WKZ Basis-Umsatz", "Konto",
               "Gegenkonto (ohne BU-Schlüssel)", "BU-Schlüssel", "Belegdatum", "Belegfeld 1", "Belegfeld 2", "Skonto", "Buchungstext"]  # fmt: skip
    bookings: list[tuple[Decimal, str, str, date, str]] = []
    for bill in BILLS:
        code = wrong.get(bill.number)
        less = Decimal(1) if code == "LEDGER_AMOUNT" else Decimal(0)
        sales = "1590" if code == "LEDGER_ACCOUNT" else "8400"
        once = [
            (bill.net - less, bill.customer, sales, ISSUED, bill.number),
            (bill.tax, bill.customer, "1776", ISSUED, bill.number),
        ]
        bookings += once * {"LEDGER_MISSING": 0, "LEDGER_DUPLICATE": 2}.get(code or "", 1)
        bank = "1360" if bill.by_card else "1200"
        bookings += [(amount, bank, bill.customer, PAID, bill.number) for amount in _paid(bill, wrong)]
    lines = [
        f"{str(amount).replace('.', ',')};S;EUR;;;;{account};{other};;{day:%d%m};{number};;;Beleg"
        for amount, account, other, day, number in sorted(bookings, key=lambda one: one[3])
    ]
    return head + ";".join(columns) + "\r\n" + "".join(f"{line}\r\n" for line in lines)


def _balance(wrong: dict[str, str]) -> bytes:
    rows: list[list[Cell]] = [
        [
            "balance_transaction_id",
            "created_utc",
            "currency",
            "gross",
            "fee",
            "net",
            "reporting_category",
            "customer_id",
            "invoice_number",
        ]
    ]
    for bill in (b for b in BILLS if b.by_card):
        for turn, amount in enumerate(_paid(bill, wrong), 1):
            at = Number("46084.375", TIME)  # 3 March 2026, 09:00
            rows.append([f"txn_{bill.position}_{turn}", at, "eur", Number(str(amount)), None, Number(str(amount)), "charge", bill.customer, bill.number])  # fmt: skip
    rows.append(
        ["txn_payout", Number("46085.5", TIME), "eur", Number("-900"), None, Number("-900"), "payout", None, None]
    )
    return workbook(("Balance", rows))


def _statement(wrong: dict[str, str]) -> str:
    entries, total = [], Decimal(0)
    for bill in (b for b in BILLS if not b.by_card):
        for turn, amount in enumerate(_paid(bill, wrong), 1):
            total += amount
            entries.append(
                f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>{PAID}</Dt></BookgDt>'
                f"<AcctSvcrRef>B{bill.position}-{turn}</AcctSvcrRef><NtryDtls><TxDtls><RmtInf><Ustrd>{bill.number} {bill.customer}</Ustrd>"
                "</RmtInf></TxDtls></NtryDtls></Ntry>"
            )
    balance = '<Bal><Tp><CdOrPrtry><Cd>{}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{}</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>'
        "<GrpHdr><MsgId>M</MsgId></GrpHdr><Stmt><Id>2026-03</Id><Acct><Id><IBAN>DE02120300000000202051</IBAN></Id><Ccy>EUR</Ccy></Acct>"
        f"{balance.format('OPBD', '5000.00')}{balance.format('CLBD', 5000 + total)}{''.join(entries)}</Stmt></BkToCstmrStmt></Document>\n"
    )


if __name__ == "__main__":
    write(Path(sys.argv[1]), planted="planted" in sys.argv[2:])
