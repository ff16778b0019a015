"""The simulated landing files and truth.csv: one CSV per table and day with the canonical columns, or real forms."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from billing_recon.core.company import Profile
from billing_recon.core.money import plain
from billing_recon.simulate import by_event_offers, documents, ledgers
from billing_recon.simulate.billing import Invoice
from billing_recon.simulate.documents import EXTENSION, PrintedInvoice, RenderedAs
from billing_recon.simulate.documents.forms import SELLER, printed
from billing_recon.simulate.downstream import ACCOUNTS, Chain, Journal, fee_of, settlement
from billing_recon.simulate.faults import Finding
from billing_recon.simulate.ledgers import Book, BookedAs, Posted
from billing_recon.simulate.population import OPEN_END, Subscription
from billing_recon.simulate.usage import UsageBook

COLUMNS: dict[str, str] = {
    "usage_events": "event_id,source,customer_id,subscription_id,meter,quantity,event_time,received_at,corrects",
    "subscriptions": "subscription_id,customer_id,plan_id,plan_version,status,quantity,currency,timezone,tax_region,"
    "segment,billing_anchor,billing_interval,valid_from,valid_to,contract",
    "invoice_lines": "invoice_id,line_id,customer_id,subscription_id,plan_id,plan_version,kind,meter,period_start,"
    "period_end,quantity,unit_price,gross,discount,credit,taxable,tax_rate,tax,total,currency,issued_on,calculated_at,"
    "batch_id,invoice_kind,status",
    "rendered_invoices": "document_id,invoice_id,format,issued_on,currency,customer_id,subtotal,discount,tax,total,"
    "payable,sha256,sent_at,delivery_status",
    "rendered_lines": "document_id,line_no,line_id,description,quantity,unit_price,amount,tax_rate,tax",
    "ledger_entries": "entry_id,journal_id,posted_on,account,role,debit,credit,currency,invoice_id,customer_id,memo",
    "payments": "payment_id,kind,customer_id,invoice_id,amount,currency,status,processed_at,attempt,fee",
    "metered_usage": "subscription_id,meter,day,quantity,events",
}
"""The simulated tables, with their columns in order."""

TRUTH_FILE, FORMS_FILE = "truth.csv", "faults.csv"
TRUTH = "code,pair,invoice_id,line_id,subscription_id,day,delta"


class Landing:
    """Rows by table and day, and other files by path. Rows after the last day are left out.

    A layer that lands in a real form has no rows: its documents or postings are written as files of that form.
    """

    def __init__(self, days: list[date], rendered_as: RenderedAs, booked_as: BookedAs) -> None:
        self.rendered_as, self.booked_as = rendered_as, booked_as
        formed = set() if rendered_as is RenderedAs.CSV else {"rendered_invoices", "rendered_lines"}
        formed |= set() if booked_as is BookedAs.CSV else {"ledger_entries"}
        self.rows: dict[str, dict[date, list[str]]] = {
            table: {day: [] for day in days} for table in COLUMNS if table not in formed
        }
        self.files: dict[str, bytes] = {}
        self.headers = dict(COLUMNS)
        self._days = frozenset(days)
        self._posted: dict[date, list[Posted]] = {day: [] for day in days}

    def add(self, table: str, day: date, *cells: object) -> None:
        """One row; None is an empty cell."""
        rows = self.rows[table].get(day)
        if rows is not None:
            rows.append(",".join(map(_cell, cells)))

    def render(self, printed: PrintedInvoice) -> None:
        """One document, as rows or as a file: landing/documents/<day>/<document_id>.<ending>."""
        form = self.rendered_as.form_of(printed.buyer.number)
        if form is None:
            _put_rows(self, printed)
        elif printed.issued_on in self._days:
            name = f"documents/{printed.issued_on}/{printed.document_id}.{EXTENSION[form]}"
            self.files[name] = documents.write(printed, form)

    def post(self, posted: Posted, landed_on: date | None = None) -> None:
        """One posting, as a row or within its day's file: landing/ledger_entries/<day>.<ending>."""
        if self.booked_as is BookedAs.CSV:
            self.add("ledger_entries", landed_on or posted.posted_on, *astuple(posted))
        elif posted.posted_on in self._days:
            self._posted[posted.posted_on].append(posted)

    def write(self, out: Path) -> int:
        """Write every file, including those without rows; return how many."""
        if self.booked_as is not BookedAs.CSV:
            self._write_ledger()
        for table, header in self.headers.items():
            for day, rows in self.rows.get(table, {}).items():
                self.files[f"{table}/{day}.csv"] = ("\n".join([header, *rows]) + "\n").encode()
        for name, content in self.files.items():
            path = out / "landing" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if self.rendered_as is not RenderedAs.CSV:
            for day in self._days:  # an empty folder means that no documents were sent
                (out / "landing" / "documents" / str(day)).mkdir(parents=True, exist_ok=True)
        return len(self.files)

    def _write_ledger(self) -> None:
        """A day's closing balances are the next day's opening ones; the first day opens with zero."""
        balances: Mapping[tuple[str, str], Decimal] = {}
        for day, entries in self._posted.items():
            book = Book(SELLER.name, day, tuple(entries), balances)
            for ending, content in ledgers.write(book, self.booked_as):
                self.files[f"ledger_entries/{day}.{ending}"] = content
            balances = book.closing()


def put_usage(landing: Landing, usage: UsageBook, late_window_days: int) -> None:
    """usage_events as delivered; metered_usage of each day once its late window has passed. If any event has dimensions, all
    rows have the column."""
    columns = COLUMNS["usage_events"].count(",")
    if usage.singles:
        landing.headers["usage_events"] += ",dimensions"
    for day, deliveries in usage.files.items():
        rows = [delivery.row for delivery in sorted(deliveries)]
        if usage.singles:
            rows = [row if row.count(",") > columns else f"{row}," for row in rows]
        landing.rows["usage_events"][day] = rows
    for subscription_id, meter, day, used, count in by_event_offers.metered(usage):
        settled_on = day + timedelta(days=late_window_days)
        landing.add("metered_usage", settled_on, subscription_id, meter, day, plain(used), count)
    for key in sorted(usage.truth, key=lambda k: (k[2], k[0], k[1])):
        subscription_id, meter, day = key
        units, events = usage.engine_view(key)
        if day >= usage.first and events:
            settled_on = day + timedelta(days=late_window_days)
            quantity = plain(usage.quantity(meter, units))
            landing.add("metered_usage", settled_on, subscription_id, meter, day, quantity, events)


def put_subscriptions(landing: Landing, subscriptions: Iterable[Subscription], lookback_days: int) -> None:
    """Each day's snapshot: the spans that began by its end and overlap the lookback. A future end is not known."""
    for subscription in subscriptions:
        customer = subscription.customer
        for span in subscription.spans:
            begins = subscription.instant(span.start)
            ends = None if span.end == OPEN_END else subscription.instant(span.end)
            contract = span.contract.model_dump_json(exclude_defaults=True)
            for day in landing.rows["subscriptions"]:
                if begins.date() > day or (ends and ends.date() < day - timedelta(days=lookback_days)):
                    continue
                landing.add(
                    "subscriptions",
                    day,
                    subscription.subscription_id,
                    customer.customer_id,
                    span.plan_id,
                    span.plan_version,
                    span.status,
                    plain(span.quantity),
                    customer.currency,
                    customer.timezone,
                    span.tax_region,
                    customer.segment,
                    subscription.anchor,
                    subscription.interval.value,
                    begins,
                    ends if ends and ends.date() <= day else None,
                    None if contract == "{}" else contract,
                )


def put_invoices(landing: Landing, invoices: Iterable[Invoice]) -> None:
    """invoice_lines, in order of issue; in a rollout with the engine that billed and the customer's stage."""
    invoices = list(invoices)
    exposed = any(invoice.variant for invoice in invoices)
    if exposed:
        landing.headers["invoice_lines"] += ",variant,cohort"
    for invoice in invoices:
        batch = f"run-{invoice.issued_on}" + ("-retry" if invoice.retry else "")
        for index, line in enumerate(invoice.lines):
            landing.add(
                "invoice_lines",
                invoice.issued_on,
                invoice.invoice_id,
                invoice.line_id(index),
                line.customer_id,
                invoice.subscription.subscription_id,
                line.plan_id,
                line.plan_version,
                line.kind,
                line.meter,
                f"{line.period_start}?" if invoice.garbled.get(index) == "period_start" else line.period_start,
                line.period_end,
                plain(line.quantity),
                None if line.unit_price is None else plain(line.unit_price),
                f"{line.gross}?" if invoice.garbled.get(index) == "gross" else line.gross,
                line.discount,
                line.credit,
                line.taxable,
                plain(line.tax_rate),
                line.tax,
                line.total,
                line.currency,
                invoice.issued_on,
                invoice.calculated_at,
                batch,
                "invoice",
                invoice.status,
                *((invoice.variant, invoice.cohort or None) if exposed else ()),
            )


def put_documents(landing: Landing, chains: Iterable[Chain]) -> None:
    """rendered_invoices and rendered_lines. A second document of an invoice has its own number."""
    for chain in chains:
        for copy, document in enumerate(chain.documents, 1):
            document_id = f"DOC-{(document.named or chain.invoice.invoice_id)[4:]}" + (f"-{copy}" if copy > 1 else "")
            landing.render(printed(chain.invoice, document, document_id))


def _put_rows(landing: Landing, printed: PrintedInvoice) -> None:
    rows = [
        (
            printed.document_id,
            line.line_no,
            line.line_id,
            line.description,
            plain(line.quantity),
            None if line.unit_price is None else plain(line.unit_price),
            line.amount,
            plain(line.tax_rate),
            line.tax,
        )
        for line in printed.lines
    ]
    header = (printed.subtotal, printed.discount, printed.tax, printed.total, printed.payable)
    page = json.dumps([[_cell(cell) for cell in row] for row in (*rows, header)])
    day = printed.issued_on
    landing.add(
        "rendered_invoices",
        day,
        printed.document_id,
        printed.invoice_id,
        "pdf",
        day,
        printed.currency,
        printed.buyer.number,
        *header,
        hashlib.sha256(page.encode()).hexdigest(),
        datetime(day.year, day.month, day.day, 23, 40, tzinfo=UTC),
        "delivered",
    )
    for row in rows:
        landing.add("rendered_lines", day, *row)


def put_money(landing: Landing, chains: list[Chain], profile: Profile) -> None:
    """payments and ledger_entries, numbered in the order in which they happen."""
    moved = [
        (payment.processed_at, chain.invoice.invoice_id, payment, chain)
        for chain in chains
        for payment in chain.payments
    ]
    moved.sort(key=lambda item: item[:2])
    journals: list[tuple[date, str, Journal, Invoice]] = [
        (posting.posted_on, posting.named or chain.invoice.invoice_id, posting, chain.invoice)
        for chain in chains
        for posting in chain.postings
    ]
    for count, (at, invoice_id, payment, chain) in enumerate(moved, 1):
        customer_id, currency = chain.invoice.subscription.customer.customer_id, chain.invoice.currency
        landing.add(
            "payments",
            at.date(),
            f"PAY-{count:06d}",
            payment.kind,
            payment.customer_id or customer_id,
            payment.named or invoice_id,
            payment.amount,
            currency,
            payment.status,
            at,
            payment.attempt,
            fee_of(payment, currency, profile) if payment.signed else None,
        )
        if payment.signed:
            booking = payment.booking
            if booking is None:
                booking = [settlement(payment, fee_of(payment, currency, profile))]
            journals += [
                (journal.posted_on, journal.named or payment.named or invoice_id, journal, chain.invoice)
                for journal in booking
            ]
    journals.sort(key=lambda item: item[:2])
    for count, (posted_on, invoice_id, journal, invoice) in enumerate(journals, 1):
        for number, (role, debit, credit) in enumerate(journal.entries, 1):
            landing.post(
                Posted(
                    entry_id=f"JRN-{count:06d}/{number}",
                    journal_id=f"JRN-{count:06d}",
                    posted_on=posted_on,
                    account=ACCOUNTS[role],
                    role=role,
                    debit=debit,
                    credit=credit,
                    currency=invoice.currency,
                    invoice_id=invoice_id,
                    customer_id=journal.customer_id or invoice.subscription.customer.customer_id,
                    memo=f"{journal.memo} {invoice_id}",
                ),
                journal.landed_on,
            )


def write_truth(out: Path, findings: Iterable[Finding]) -> int:
    """Write the injected differences, one row each, sorted: truth.csv, and faults.csv with form and reach."""
    rows = []
    for finding in findings:
        invoice = finding.invoice
        invoice_id = finding.named or (invoice.invoice_id if invoice else "")
        line_id = invoice.line_id(finding.line) if invoice and finding.line is not None else ""
        row = (finding.code, finding.pair, invoice_id, line_id, finding.subscription_id, finding.day, finding.delta)
        rows.append((",".join(map(_cell, row)), f"{finding.form},{finding.reach}"))
    rows.sort()
    texts = {TRUTH_FILE: [TRUTH, *(row for row, _ in rows)]}
    texts[FORMS_FILE] = [f"{TRUTH},form,reach", *(f"{row},{form}" for row, form in rows)]
    for name, lines in texts.items():
        (out / name).write_bytes(("\n".join(lines) + "\n").encode())
    return len(texts)


def _cell(value: object) -> str:
    """A cell of a CSV file: times in UTC, figures never in scientific notation, quoted only if needed."""
    match value:
        case None:
            return ""
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text
