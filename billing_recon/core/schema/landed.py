"""The landed tables: what a company sends. How rows are held to them is in contracts/."""

from __future__ import annotations

from billing_recon.core.period import COUNTED_INTERVAL
from billing_recon.core.schema.table import Column, Kind, TableSpec, nullable, optional

T, Q, P, A, R, D, TS, N, J = (
    Kind.TEXT,
    Kind.QUANTITY,
    Kind.PRICE,
    Kind.AMOUNT,
    Kind.RATE,
    Kind.DATE,
    Kind.TIMESTAMP,
    Kind.INTEGER,
    Kind.JSON,
)

LINE_KINDS = ("subscription", "usage", "minimum", "proration", "discount", "credit", "adjustment")
ROLES = (
    "ar",
    "revenue",
    "deferred_revenue",
    "tax_payable",
    "cash",
    "fees",
    "customer_credit",
    "refund",
    "write_off",
    "other",
)

USAGE_EVENTS = TableSpec(
    "usage_events",
    (
        Column("event_id", doc="unique together with source"),
        Column("source", doc="the system that emitted the event"),
        Column("customer_id"),
        Column("subscription_id"),
        Column("meter", doc="what is counted"),
        Column("quantity", Q, minimum="0"),
        Column("event_time", TS, doc="when it happened"),
        Column("received_at", TS, doc="when it was recorded"),
        optional("corrects", doc="event_id superseded by this row; nothing is deleted"),
        optional("dimensions", J, doc="attributes that charges may price by, e.g. region"),
    ),
    key=("source", "event_id"),
    own_day="event_time",
    doc="What customers used, one row per event.",
)
SUBSCRIPTIONS = TableSpec(
    "subscriptions",
    (
        Column("subscription_id"),
        Column("customer_id"),
        Column("plan_id"),
        Column("plan_version"),
        Column("status", one_of=("trialing", "active", "paused", "cancelled")),
        Column("quantity", Q, minimum="0", doc="seats", unit="seats"),
        Column("currency", Kind.CURRENCY),
        Column("timezone", Kind.TIMEZONE, doc="in which its days and periods are counted"),
        Column("tax_region"),
        Column("segment", doc="customer segment, for reports"),
        Column("billing_anchor", D, doc="the day from which periods are counted"),
        Column(
            "billing_interval",
            one_of=("day", "week", "month", "quarter", "half_year", "year", "once"),
            or_like=COUNTED_INTERVAL,
            doc="or several: 30 days, 2 weeks, 18 months, 2 years",
        ),
        Column("valid_from", TS, doc="start of the interval"),
        Column("valid_to", TS, nullable=True, doc="exclusive; empty while it holds"),
        optional("contract", J, doc="terms that differ from the plan, see docs/contracts.md"),
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
        nullable("subscription_id"),
        nullable("plan_id"),
        nullable("plan_version"),
        Column("kind", one_of=LINE_KINDS),
        optional("meter", doc="the meter, coupon or credit that the line is about"),
        Column("period_start", D, doc="in the subscription's time zone"),
        Column("period_end", D, doc="exclusive"),
        nullable("quantity", Q),
        nullable("unit_price", P),
        Column("gross", A, doc="before discount and tax"),
        Column("discount", A, nullable=True, default="0"),
        Column("credit", A, nullable=True, default="0", doc="prepaid or granted credit used"),
        Column("taxable", A, doc="the base of the tax"),
        nullable("tax_rate", R),
        Column("tax", A),
        Column("total", A, doc="taxable + tax, less credit that applies after tax"),
        Column("currency", Kind.CURRENCY),
        Column("issued_on", D, doc="date of the invoice"),
        Column("calculated_at", TS, doc="when the engine computed the line; the latest version counts"),
        optional("batch_id"),
        optional(
            "invoice_kind",
            default="invoice",
            one_of=("invoice", "credit_note"),
            doc="figures of a credit note have a minus",
        ),
        optional("status", default="issued", one_of=("draft", "issued", "void")),
        optional(
            "variant",
            one_of=("control", "candidate"),
            doc="by which path of a rollout it was billed; empty: not stated, which counts as control",
        ),
        optional("cohort", default="all", doc="group of customers in a rollout"),
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
        Column("format", doc="e.g. pdf, xrechnung, csv"),
        Column("issued_on", D, doc="date on the document"),
        Column("currency", Kind.CURRENCY),
        Column("customer_id"),
        Column("subtotal", A, doc="sum of gross"),
        Column("discount", A),
        Column("tax", A),
        Column("total", A, doc="subtotal - discount + tax"),
        Column("payable", A, doc="total less credits"),
        Column("sha256", doc="of the document's bytes"),
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
        Column("line_no", N, doc="position on the document"),
        optional("line_id", doc="the billing engine's line, if the document names it"),
        nullable("description"),
        nullable("quantity", Q),
        nullable("unit_price", P),
        Column("amount", A, doc="net of the line's discount, before tax"),
        optional("tax_rate", R),
        optional("tax", A),
    ),
    key=("document_id", "line_no"),
    money="amount",
    doc="The lines on those documents.",
)
LEDGER_ENTRIES = TableSpec(
    "ledger_entries",
    (
        Column("entry_id"),
        Column("journal_id", doc="the journal that must balance"),
        Column("posted_on", D, doc="accounting date"),
        Column("account", doc="account number or name, as the ledger has it"),
        Column("role", one_of=ROLES, doc="what the account is used for; `roles` of company.yaml says it by account"),
        Column("debit", A, nullable=True, default="0"),
        Column("credit", A, nullable=True, default="0"),
        Column("currency", Kind.CURRENCY),
        optional("invoice_id"),
        optional("customer_id"),
        optional("memo"),
        optional("payment_id", doc="the payment that the entry books, if the ledger names it"),
    ),
    key=("entry_id",),
    own_day="posted_on",
    money="debit",
    doc="What the ledger booked, one row per posting.",
)
PAYMENTS = TableSpec(
    "payments",
    (
        Column("payment_id"),
        Column("kind", one_of=("payment", "refund", "chargeback"), doc="the direction of the money"),
        Column("customer_id"),
        optional("invoice_id", doc="the invoice that it is applied to"),
        Column("amount", A, minimum="0"),
        Column("currency", Kind.CURRENCY),
        Column("status", one_of=("succeeded", "failed", "pending")),
        Column("processed_at", TS),
        optional("attempt", N, doc="1 is the first attempt to collect"),
        optional("fee", A, doc="what the payment provider kept"),
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
        Column("day", D, doc="usage day, in the subscription's time zone"),
        Column("quantity", Q, minimum="0"),
        Column("events", N, doc="number of events counted"),
    ),
    key=("subscription_id", "meter", "day"),
    own_day="day",
    optional=True,
    doc="Usage as metered by the billing engine.",
)
SIGNALS = TableSpec(
    "signals",
    (
        Column("kind", one_of=("invoice_generation", "webhook", "delivery", "ticket")),
        Column("subject", doc="what the event is about: an invoice, subscription or customer"),
        Column("status"),
        Column("at", TS, doc="when it happened"),
    ),
    key=("kind", "subject", "at"),
    own_day="at",
    optional=True,
    doc="Operational events around billing.",
)
KEY_MAP = TableSpec(
    "key_map",
    (
        Column("layer", doc="the table whose keys are mapped"),
        Column("their_key", doc="key as the layer has it"),
        Column("our_key", doc="the key by which it is known here"),
    ),
    key=("layer", "their_key"),
    optional=True,
    doc="Maps keys of one layer to those of the others, many to one.",
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
