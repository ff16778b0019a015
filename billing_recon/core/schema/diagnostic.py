"""Tables that explain or qualify a day's results: quarantine, duplicates, late and unbilled usage, drift. Names, columns, kinds."""

from __future__ import annotations

from billing_recon.core.schema.computed import AS_METRIC
from billing_recon.core.schema.table import Column, Kind, Part, TableSpec, nullable

Q, A, D, TS, N, J = Kind.QUANTITY, Kind.AMOUNT, Kind.DATE, Kind.TIMESTAMP, Kind.INTEGER, Kind.JSON

QUARANTINE = TableSpec(
    "quarantine",
    (
        Column("row_id", doc="a hash of table, day, file and the row as it was sent, see compute.quarantine_rows"),
        Column("table_name", doc="the table that the row was sent for"),
        Column("source_file", doc="file, relative to the home"),
        Column("source_row", N, doc="1 is the first data row"),
        Column("reason", doc="closed set, see contracts.quarantine_reasons"),
        nullable("field", doc="the column at fault; empty for a rule over the whole row"),
        nullable("value", doc="its value in the file"),
        Column("message", doc="where the row is, what is wrong and what to do"),
        Column("owner", doc="team that works on it"),
        nullable("money_at_risk", A, doc="the row's amount, if it could be read"),
        nullable("currency", Kind.CURRENCY),
        Column("payload", J, doc="the row as it was sent"),
        nullable("reading", J, doc="our columns as they were read, as text; empty if the line is not a row"),
        Column("faults", J, doc="every fault of the row in order: field, value, reason, says"),
        nullable("decision", doc="released or discarded; empty while the row is open"),
    ),
    key=("row_id",),
    doc="Rows that landing quarantined, with reason, owner and money at risk, and what was decided since. "
    "The warehouse keeps one table per landed table: quarantine_payments and so on.",
    part=Part.DIAGNOSTIC,
)
WARNINGS = TableSpec(
    "warnings",
    (
        Column("source_file", doc="file, relative to the home"),
        Column("source_row", N, doc="1 is the first data row"),
        Column("code", doc="core.document or core.journal FindingCode; ODD for a rule of the feed"),
        Column("says", doc="what to look at"),
    ),
    doc="Rows that landed and still need a look: a document that does not add up, a rule of the feed. "
    "The warehouse keeps one table per landed table whose feed can warn: warnings_ledger_entries and so on.",
    part=Part.DIAGNOSTIC,
)
USAGE_DUPLICATES = TableSpec(
    "usage_duplicates",
    (
        Column("source"),
        Column("event_id"),
        nullable("subscription_id"),
        nullable("customer_id"),
        nullable("meter"),
        nullable("event_time", TS),
        nullable("quantity", Q),
        Column("source_file", doc="of the row that was collapsed"),
        Column("source_row", N, doc="of the row that was collapsed"),
        Column("kept_on", D, doc="day of the file with the row that is kept"),
        Column("kept_file", doc="file of the row that is kept"),
        Column("kept_row", N, doc="number of the row that is kept"),
    ),
    key=("source_file", "source_row"),
    doc="Usage events delivered more than once, one row per event collapsed. They explain a double charge.",
    part=Part.DIAGNOSTIC,
)
REOPENED_DAYS = TableSpec(
    "reopened_days",
    (
        Column("usage_day", D, doc="the day whose usage changed"),
        Column("meter"),
        Column("arrived_on", D, doc="the day of the arrivals"),
        Column("late_window", doc="open or closed, of the usage day"),
        Column("late_events", N, doc="events that arrived after their own day"),
        Column("taken_out_events", N, doc="events counted before that a correction removed"),
        Column("quantity", Q, doc="net change"),
        Column("subscriptions", N, doc="number of subscriptions affected"),
    ),
    key=("usage_day", "meter"),
    doc="Earlier usage days that the day's arrivals changed.",
    part=Part.DIAGNOSTIC,
)
UNBILLED_USAGE = TableSpec(
    "unbilled_usage",
    (
        Column("subscription_id"),
        Column("customer_id"),
        Column("meter"),
        Column("currency", Kind.CURRENCY),
        Column("quantity", Q),
        Column("amount", A, doc="at today's price: gross, before discount and tax"),
    ),
    key=("subscription_id", "meter", "currency"),
    doc="Usage of periods still open, and late usage that waits for the open period to end.",
    part=Part.DIAGNOSTIC,
    daily=True,
)
UNRATED = TableSpec(
    "unrated",
    (
        Column("subscription_id"),
        nullable("plan_id"),
        nullable("plan_version"),
        nullable("currency", Kind.CURRENCY),
        Column("reason", doc="closed set, see compute.expect.runs"),
        Column("sentence", doc="what is missing and what to do next"),
    ),
    key=("subscription_id", "plan_id", "plan_version", "currency", "reason"),
    doc="Subscriptions whose lines are withheld because the terms do not say what they cost, one row per cause.",
    part=Part.DIAGNOSTIC,
)
ENTITLEMENT_SIGNALS = TableSpec(
    "entitlement_signals",
    (
        Column("subscription_id"),
        Column("customer_id"),
        Column("charge_id"),
        Column("meter"),
        Column("period_start", D),
        Column("period_end", D, doc="exclusive"),
        Column("percent", N, doc="50, 90 or 100 of what is included"),
        Column("included", Q, doc="units that the period includes"),
        Column("used", Q, doc="units used so far"),
        Column("sentence", doc="the same, for a reader"),
    ),
    key=("subscription_id", "charge_id", "period_start", "percent"),
    doc="Thresholds of included units that the day's usage reached.",
    part=Part.DIAGNOSTIC,
)
USAGE_AWAITED = TableSpec(
    "usage_awaited",
    (
        Column("subscription_id"),
        Column("period_end", D, doc="exclusive"),
        Column("until", D, doc="last day on which usage of the period still counts in it"),
    ),
    key=("subscription_id", "period_end"),
    doc="Bills that the day decided about while their usage could still arrive in time.",
    part=Part.DIAGNOSTIC,
)
LATE_USAGE = TableSpec(
    "late_usage",
    (
        Column("arrived_on", D),
        Column("usage_day", D),
        Column("subscription_id"),
        Column("meter"),
        Column("quantity", Q),
        Column("fate", doc="adjusted, no_contract, before_first_day or no_period"),
        nullable("own_start", D, doc="first day of the period that the usage belongs to"),
        nullable("own_end", D, doc="end of that period, exclusive"),
        nullable("adjusted_start", D, doc="first day of the period whose bill adjusts it"),
        nullable("adjusted_end", D, doc="end of that period, exclusive"),
        nullable("due_on", D, doc="day on which that bill is due"),
    ),
    key=("arrived_on", "subscription_id", "meter", "usage_day"),
    doc="Usage that arrived after the late window of its own period, with the bill that adjusts it.",
    part=Part.DIAGNOSTIC,
)
DRIFT = TableSpec(
    "drift",
    (
        Column("metric"),
        nullable("currency"),
        Column("cohort"),
        Column("variant"),
        nullable("value", A, unit=AS_METRIC),
        nullable("baseline_mean", A, doc="mean over the baseline's days", unit=AS_METRIC),
        nullable("baseline_low", A, doc="smallest of the baseline's days", unit=AS_METRIC),
        nullable("baseline_high", A, doc="largest of the baseline's days", unit=AS_METRIC),
        nullable("drift", A, doc="(value - baseline_mean) / |baseline_mean|", unit="ratio"),
        Column("days", N, doc="days of the baseline with a value"),
        Column("prior_day", D, doc="the day before"),
        nullable("prior_value", A, unit=AS_METRIC),
        nullable("prior_drift", A, doc="relative change since the day before", unit="ratio"),
        Column("cycle_day", D, doc="the same day of the cycle before"),
        nullable("cycle_value", A, unit=AS_METRIC),
        nullable("cycle_drift", A, doc="relative change since that day", unit="ratio"),
        nullable("band_low", A, doc="of days like this one; empty: too few of them", unit=AS_METRIC),
        nullable("band_high", A, doc="of days like this one; empty: too few of them", unit=AS_METRIC),
        nullable("band_median", A, doc="median of days like this one", unit=AS_METRIC),
        Column("band_days", N, doc="days like this one that have a value"),
        Column("band_method", doc="which days are like this one, and how the band is computed"),
    ),
    key=("metric", "currency", "cohort", "variant"),
    doc="Each metric compared with the baseline, the day before, the cycle before and the band of days like it.",
    part=Part.DIAGNOSTIC,
    daily=True,
)

DIAGNOSTICS: tuple[TableSpec, ...] = (
    QUARANTINE,
    WARNINGS,
    USAGE_DUPLICATES,
    REOPENED_DAYS,
    UNBILLED_USAGE,
    UNRATED,
    ENTITLEMENT_SIGNALS,
    USAGE_AWAITED,
    LATE_USAGE,
    DRIFT,
)
