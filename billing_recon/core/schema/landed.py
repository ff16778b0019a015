"""The canonical tables: names, columns, kinds, keys and days. How rows are held to them is in contracts/."""

from __future__ import annotations

from dataclasses import replace

from billing_recon.core.schema.table import Column, Kind, TableSpec, optional

T, Q, P, A, R, D, TS, N = (
    Kind.TEXT,
    Kind.QUANTITY,
    Kind.PRICE,
    Kind.AMOUNT,
    Kind.RATE,
    Kind.DATE,
    Kind.TIMESTAMP,
    Kind.INTEGER,
)

LINE_KINDS = ("subscription", "usage", "minimum", "proration", "discount", "credit", "adjustment")
ROLES = (
    "ar",
    "revenue",
    "deferred_revenue",
    "tax_payable",
    "cash",
    "customer_credit",
    "refund",
    "write_off",
    "other",
)

USAGE_EVENTS = TableSpec(
    "usage_events",
    (
        Column("event_id", doc="unique together with source"),
        Column("source"),
        Column("customer_id"),
        Column("subscription_id"),
        Column("meter"),
        Column("quantity", Q, minimum="0"),
        Column("event_time", TS),
        Column("received_at", TS),
        optional("corrects", doc="event_id superseded by this row; nothing is deleted"),
        optional("dimensions", Kind.JSON),
    ),
    key=("source", "event_id"),
    own_day="event_time",
    doc="What customers used, one row an event.",
)
SUBSCRIPTIONS = TableSpec(
    "subscriptions",
    (
        Column("subscription_id"),
        Column("customer_id"),
        Column("plan_id"),
        Column("plan_version"),
        Column("status", one_of=("trialing", "active", "paused", "cancelled")),
        Column("quantity", Q, minimum="0", doc="seats"),
        Column("currency", Kind.CURRENCY),
        Column("timezone", Kind.TIMEZONE),
        Column("tax_region"),
        Column("segment"),
        Column("billing_anchor", D),
        Column("billing_interval", one_of=("day", "week", "month", "quarter", "year", "once")),
        Column("valid_from", TS),
        Column("valid_to", TS, nullable=True, doc="exclusive; empty while it holds"),
        optional("contract", Kind.JSON),
    ),
    key=("subscription_id", "valid_from"),
    own_day="valid_from",
    doc="Contract history as half-open intervals; a day's file is the snapshot of intervals valid in it.",
)
INVOICE_LINES = TableSpec(
    "invoice_lines",
    (
        Column("invoice_id"),
        Column("line_id", doc="unique together with invoice_id"),
        Column("customer_id"),
        Column("subscription_id", nullable=True),
        Column("plan_id", nullable=True),
        Column("plan_version", nullable=True),
        Column("kind", one_of=LINE_KINDS),
        optional("meter"),
        Column("period_start", D, doc="in the subscription's time zone"),
        Column("period_end", D, doc="exclusive"),
        Column("quantity", Q, nullable=True),
        Column("unit_price", P, nullable=True),
        Column("gross", A),
        Column("discount", A, nullable=True, default="0"),
        Column("credit", A, nullable=True, default="0"),
        Column("taxable", A),
        Column("tax_rate", R, nullable=True),
        Column("tax", A),
        Column("total", A),
        Column("currency", Kind.CURRENCY),
        Column("issued_on", D),
        Column("calculated_at", TS),
        optional("batch_id"),
        optional("invoice_kind", default="invoice", one_of=("invoice", "credit_note")),
        optional("status", default="issued", one_of=("draft", "issued", "void")),
        optional("variant", default="control", one_of=("control", "candidate")),
        optional("cohort", default="all"),
    ),
    key=("invoice_id", "line_id"),
    own_day="issued_on",
    money="total",
    doc="What the billing engine charged.",
)
RENDERED_INVOICES = TableSpec(
    "rendered_invoices",
    (
        Column("document_id"),
        Column("invoice_id"),
        Column("format"),
        Column("issued_on", D),
        Column("currency", Kind.CURRENCY),
        Column("customer_id"),
        Column("subtotal", A, doc="sum of gross"),
        Column("discount", A),
        Column("tax", A),
        Column("total", A, doc="subtotal - discount + tax"),
        Column("payable", A, doc="total less credits"),
        Column("sha256"),
        optional("sent_at", TS),
        optional("delivery_status"),
    ),
    key=("document_id",),
    own_day="issued_on",
    money="payable",
    doc="The documents that customers see.",
)
RENDERED_LINES = TableSpec(
    "rendered_lines",
    (
        Column("document_id"),
        Column("line_no", N),
        optional("line_id"),
        Column("description", nullable=True),
        Column("quantity", Q, nullable=True),
        Column("unit_price", P, nullable=True),
        Column("amount", A, doc="net of the line's discount, before tax"),
        optional("tax_rate", R),
        optional("tax", A),
    ),
    key=("document_id", "line_no"),
    own_day="",
    money="amount",
    doc="The lines on those documents.",
)
LEDGER_ENTRIES = TableSpec(
    "ledger_entries",
    (
        Column("entry_id"),
        Column("journal_id"),
        Column("posted_on", D),
        Column("account"),
        Column("role", one_of=ROLES),
        Column("debit", A, nullable=True, default="0"),
        Column("credit", A, nullable=True, default="0"),
        Column("currency", Kind.CURRENCY),
        optional("invoice_id"),
        optional("customer_id"),
        optional("memo"),
    ),
    key=("entry_id",),
    own_day="posted_on",
    money="debit",
    doc="What the ledger booked, one row a posting.",
)
PAYMENTS = TableSpec(
    "payments",
    (
        Column("payment_id"),
        Column("kind", one_of=("payment", "refund", "chargeback")),
        Column("customer_id"),
        optional("invoice_id"),
        Column("amount", A, minimum="0"),
        Column("currency", Kind.CURRENCY),
        Column("status", one_of=("succeeded", "failed", "pending")),
        Column("processed_at", TS),
        optional("attempt", N),
        optional("fee", A),
    ),
    key=("payment_id",),
    own_day="processed_at",
    money="amount",
    doc="The money that moved.",
)
METERED_USAGE = TableSpec(
    "metered_usage",
    (
        Column("subscription_id"),
        Column("meter"),
        Column("day", D, doc="in the subscription's time zone"),
        Column("quantity", Q, minimum="0"),
        Column("events", N),
    ),
    key=("subscription_id", "meter", "day"),
    own_day="day",
    optional=True,
    doc="What the engine says it metered.",
)
SIGNALS = TableSpec(
    "signals",
    (
        Column("kind", one_of=("invoice_generation", "webhook", "delivery", "ticket")),
        Column("subject"),
        Column("status"),
        Column("at", TS),
    ),
    key=("kind", "subject", "at"),
    own_day="at",
    optional=True,
    doc="Operational events around billing.",
)
KEY_MAP = TableSpec(
    "key_map",
    (Column("layer"), Column("their_key"), Column("our_key")),
    key=("layer", "their_key"),
    own_day="",
    optional=True,
    doc="Many-to-one mapping of unlike grains.",
)

CANONICAL: tuple[TableSpec, ...] = (
    USAGE_EVENTS,
    SUBSCRIPTIONS,
    INVOICE_LINES,
    RENDERED_INVOICES,
    RENDERED_LINES,
    LEDGER_ENTRIES,
    PAYMENTS,
    METERED_USAGE,
    SIGNALS,
    KEY_MAP,
)
BY_NAME: dict[str, TableSpec] = {table.name: table for table in CANONICAL}

LINEAGE: tuple[Column, ...] = (
    Column("observed_on", D, doc="the first day on which the row is both its own and landed"),
    Column("source_file", T, doc="file, relative to the home"),
    Column("source_row", N, doc="1 is the first data row"),
)
"""Columns that landing adds to every accepted row, before the Delta partition column `day` (the day of its file)."""


def stored(spec: TableSpec) -> tuple[Column, ...]:
    """A canonical table's columns as the warehouse keeps them: with lineage, and a column `day` named `usage_day`.

    In the warehouse `day` is the partition, the day of the file.
    """
    return tuple(replace(c, name="usage_day") if c.name == "day" else c for c in spec.columns) + LINEAGE
