"""The tables that the day computes: names, columns, kinds. Who computes them is in compute/."""

from __future__ import annotations

from billing_recon.core.tables import Column, Kind, TableSpec

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


def _null(name: str, kind: Kind = T, doc: str = "") -> Column:
    return Column(name, kind, nullable=True, doc=doc)


QUARANTINE = TableSpec(
    "quarantine",
    (
        Column("table_name"),
        Column("source_file"),
        Column("source_row", N),
        Column("reason", doc="closed set, see contracts.quarantine"),
        _null("field"),
        _null("value"),
        Column("message"),
        Column("owner"),
        _null("money_at_risk", A),
        _null("currency"),
        Column("payload", J, doc="the row as it came"),
    ),
    key=("table_name", "source_file", "source_row"),
    own_day="",
    doc="Rows that landing set aside, with reason, owner and money at risk.",
)
USAGE_ROLLUP = TableSpec(
    "usage_rollup",
    (
        Column("usage_day", D, doc="day of event_time in the subscription's time zone"),
        Column("subscription_id"),
        Column("customer_id"),
        Column("meter"),
        Column("quantity", Q, doc="net change that this day's arrivals make to usage_day"),
        Column("events", N, doc="net change in effective events"),
        Column("duplicate_quantity", Q, doc="quantity of duplicates collapsed in these arrivals"),
        Column("duplicate_events", N),
        Column("late_quantity", Q, doc="part of quantity that arrived after its own day"),
        Column("late_events", N),
        Column("superseded_quantity", Q, doc="quantity taken out because a correction superseded it"),
        Column("superseded_events", N),
    ),
    key=("usage_day", "subscription_id", "meter"),
    own_day="",
    doc="Usage per subscription, meter and usage day, as changes by day of arrival: the state as of D is the sum to D.",
)
EXPECTED_LINES = TableSpec(
    "expected_lines",
    (
        Column("expected_line_id", doc="stable text key: subscription|kind|meter|start|end|plan"),
        Column("subscription_id"),
        Column("customer_id"),
        Column("plan_id"),
        Column("plan_version"),
        _null("charge_id"),
        Column("kind"),
        _null("meter"),
        Column("period_start", D),
        Column("period_end", D),
        Column("due_on", D, doc="day on which the contract makes the invoice due"),
        Column("currency"),
        Column("decimals", N, doc="at which the amounts settle"),
        Column("segment"),
        Column("tax_region"),
        Column("quantity", Q),
        _null("unit_price", P),
        Column("gross_raw", Kind.RAW, doc="unrounded, DECIMAL(38,22)"),
        Column("gross", A),
        Column("discount_rate", R),
        Column("discount_raw", Kind.RAW, doc="unrounded"),
        Column("discount", A),
        Column("credit", A),
        Column("taxable", A),
        Column("tax_rate", R),
        Column("tax_raw", Kind.RAW, doc="unrounded"),
        Column("tax", A),
        Column("total", A),
        Column("late_quantity", Q, doc="part of quantity that arrived after its own day"),
        Column("duplicate_quantity", Q, doc="collapsed duplicates within the period, not in quantity"),
        Column("superseded_quantity", Q, doc="corrected away within the period, not in quantity"),
        Column("working", J, doc="JSON: tiers, proration days, versions"),
        Column("sentence", doc="how the total came to be, for a reader"),
    ),
    key=("expected_line_id",),
    own_day="due_on",
    doc="What should have been billed: lines due on the day or still in grace, and counterparts of lines issued on it.",
)
BREAKS = TableSpec(
    "breaks",
    (
        Column("break_id"),
        Column("day", D),
        Column("pair"),
        Column("level"),
        Column("code"),
        Column("disposition"),
        _null("invoice_id"),
        _null("line_id"),
        _null("customer_id"),
        _null("subscription_id"),
        _null("meter"),
        _null("currency"),
        _null("expected", A),
        _null("billed", A),
        _null("rendered", A),
        _null("booked", A),
        _null("paid", A),
        Column("delta", A, doc="second of the pair minus the first"),
        Column("stage_deltas", J, doc="JSON: code -> amount, summing exactly to delta"),
        Column("explanation"),
        Column("owner"),
        Column("source_system"),
        Column("evidence", J, doc="JSON: source rows, terms version, tiers"),
    ),
    key=("break_id",),
    own_day="day",
    doc="One row a difference.",
)
CONTROL_TOTALS = TableSpec(
    "control_totals",
    (
        Column("pair"),
        Column("currency"),
        Column("cohort"),
        Column("variant"),
        Column("left_count", N, doc="items of the first layer assessed on the day"),
        Column("right_count", N),
        Column("left_amount", A),
        Column("right_amount", A),
        Column("delta", A, doc="right - left"),
        Column("breaks", N),
        Column("break_net", A, doc="sum of deltas; equals delta where the totals foot"),
        Column("break_gross", A, doc="sum of absolute deltas"),
        Column("matched", N),
        Column("pending", N, doc="not yet due"),
        Column("pending_amount", A),
    ),
    key=("pair", "currency", "cohort", "variant"),
    own_day="",
    doc="Per pair and currency, the population assessed on the day and its differences. Currencies are never added.",
)
METRICS = TableSpec(
    "metrics",
    (
        Column("metric"),
        _null("currency"),
        Column("cohort"),
        Column("variant"),
        _null("numerator", A),
        _null("denominator", A),
        _null("value", A, doc="empty: NO DATA"),
    ),
    key=("metric", "currency", "cohort", "variant"),
    own_day="",
    doc="The day's metrics; one without a population is NO DATA, never zero.",
)

RESULTS: tuple[TableSpec, ...] = (QUARANTINE, USAGE_ROLLUP, EXPECTED_LINES, BREAKS, CONTROL_TOTALS, METRICS)
