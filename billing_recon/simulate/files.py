"""Writing the simulated landing files and truth.csv: one CSV a table and day, in the canonical columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from billing_recon.core.company import Profile
from billing_recon.core.money import plain
from billing_recon.simulate.billing import Invoice
from billing_recon.simulate.downstream import ACCOUNTS, Chain, Document, Journal, fee_of, settlement
from billing_recon.simulate.faults import Finding
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
"""The tables that are simulated, with their columns in order."""

TRUTH = "code,pair,invoice_id,line_id,subscription_id,day,delta"


class Landing:
    """Rows by table and day. What lies beyond the last day is not simulated and is left out."""

    def __init__(self, days: list[date]) -> None:
        self.rows: dict[str, dict[date, list[str]]] = {table: {day: [] for day in days} for table in COLUMNS}

    def add(self, table: str, day: date, *cells: object) -> None:
        """One row; None is an empty cell."""
        rows = self.rows[table].get(day)
        if rows is not None:
            rows.append(",".join(map(_cell, cells)))

    def write(self, out: Path) -> int:
        """Write every file, the ones without rows too; answers how many."""
        count = 0
        for table, header in COLUMNS.items():
            folder = out / "landing" / table
            folder.mkdir(parents=True)
            for day, rows in self.rows[table].items():
                text = "\n".join([header, *rows]) + "\n"
                (folder / f"{day}.csv").write_bytes(text.encode())
                count += 1
        return count


def put_usage(landing: Landing, usage: UsageBook, late_window_days: int) -> None:
    """usage_events as delivered; metered_usage of each day once its late window has passed."""
    for day, deliveries in usage.files.items():
        landing.rows["usage_events"][day] = [delivery.row for delivery in sorted(deliveries)]
    for key in sorted(usage.truth, key=lambda k: (k[2], k[0], k[1])):
        subscription_id, meter, day = key
        units, events = usage.engine_view(key)
        if day >= usage.first and events:
            settled_on = day + timedelta(days=late_window_days)
            quantity = plain(usage.quantity(meter, units))
            landing.add("metered_usage", settled_on, subscription_id, meter, day, quantity, events)


def put_subscriptions(landing: Landing, subscriptions: Iterable[Subscription], lookback_days: int) -> None:
    """Each day's snapshot: the spans begun by its end that overlap the lookback. An end yet to come is not known."""
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
    """invoice_lines, in order of issue."""
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
                line.period_start,
                line.period_end,
                plain(line.quantity),
                None if line.unit_price is None else plain(line.unit_price),
                line.gross,
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
                "issued",
            )


def put_documents(landing: Landing, chains: Iterable[Chain]) -> None:
    """rendered_invoices and rendered_lines. A second document of an invoice has a number of its own."""
    for chain in chains:
        for copy, document in enumerate(chain.documents, 1):
            document_id = f"DOC-{chain.invoice.invoice_id[4:]}" + (f"-{copy}" if copy > 1 else "")
            _put_document(landing, chain.invoice, document, document_id)


def _put_document(landing: Landing, invoice: Invoice, document: Document, document_id: str) -> None:
    printed = []
    for number, item in enumerate(document.lines, 1):
        line = item.line
        what = line.meter or ("minimum" if line.kind == "minimum" else "base fee")
        printed.append(
            (
                document_id,
                number,
                invoice.line_id(item.index),
                f"{line.plan_id.capitalize()}: {what}, {line.period_start} to {line.period_end} ({line.kind})",
                plain(line.quantity),
                None if line.unit_price is None else plain(line.unit_price),
                item.amount,
                plain(line.tax_rate),
                line.tax,
            )
        )
    header = (document.subtotal, document.discount, document.tax, document.total, document.payable)
    page = json.dumps([[_cell(cell) for cell in row] for row in (*printed, header)])
    landing.add(
        "rendered_invoices",
        document.issued_on,
        document_id,
        invoice.invoice_id,
        "pdf",
        document.issued_on,
        invoice.currency,
        invoice.subscription.customer.customer_id,
        *header,
        hashlib.sha256(page.encode()).hexdigest(),
        datetime(document.issued_on.year, document.issued_on.month, document.issued_on.day, 23, 40, tzinfo=UTC),
        "delivered",
    )
    for row in printed:
        landing.add("rendered_lines", document.issued_on, *row)


def put_money(landing: Landing, chains: list[Chain], profile: Profile) -> None:
    """payments and ledger_entries, numbered in the order in which they happen."""
    moved = [
        (payment.processed_at, chain.invoice.invoice_id, payment, chain)
        for chain in chains
        for payment in chain.payments
    ]
    moved.sort(key=lambda item: item[:2])
    journals: list[tuple[date, str, Journal, Invoice]] = [
        (posting.posted_on, chain.invoice.invoice_id, posting, chain.invoice)
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
            customer_id,
            invoice_id,
            payment.amount,
            currency,
            payment.status,
            at,
            payment.attempt,
            fee_of(payment, currency, profile) if payment.signed else None,
        )
        if payment.signed:
            journals.append((payment.booked_on, invoice_id, settlement(payment), chain.invoice))
    journals.sort(key=lambda item: item[:2])
    for count, (posted_on, invoice_id, journal, invoice) in enumerate(journals, 1):
        for number, (role, debit, credit) in enumerate(journal.entries, 1):
            landing.add(
                "ledger_entries",
                posted_on,
                f"JRN-{count:06d}/{number}",
                f"JRN-{count:06d}",
                posted_on,
                ACCOUNTS[role],
                role,
                debit,
                credit,
                invoice.currency,
                invoice_id,
                invoice.subscription.customer.customer_id,
                f"{journal.memo} {invoice_id}",
            )


def write_truth(path: Path, findings: Iterable[Finding]) -> None:
    """What was injected, one row a difference, sorted."""
    rows = []
    for finding in findings:
        invoice = finding.invoice
        invoice_id = invoice.invoice_id if invoice else ""
        line_id = invoice.line_id(finding.line) if invoice and finding.line is not None else ""
        row = (finding.code, finding.pair, invoice_id, line_id, finding.subscription_id, finding.day, finding.delta)
        rows.append(",".join(map(_cell, row)))
    path.write_bytes(("\n".join([TRUTH, *sorted(rows)]) + "\n").encode())


def _cell(value: object) -> str:
    """A cell of a CSV file: times in UTC, figures never scientific, quoted only where needed."""
    match value:
        case None:
            return ""
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text
