"""The day's metrics by name, each with numerator and denominator. How they are judged is in core.gate, how they drift in drift."""

from __future__ import annotations

from billing_recon.compute.relation import Relation
from billing_recon.core.reason import Disposition
from billing_recon.core.schema import METRICS

NAMES: tuple[str, ...] = (
    "expected_invoices",
    "actual_invoices",
    "total_billed",
    "total_rendered",
    "total_booked",
    "total_paid",
    "total_refunded",
    "total_tax",
    "total_credits",
    "unbilled_usage",
    "outstanding_ar",
    "capture_rate",
    "metering_lag_p50",
    "metering_lag_p95",
    "invoice_error_rate",
    "mismatch_rate",
    "money_at_risk_gross",
    "net_delta",
    "max_account_drift",
    "duplicate_invoice_rate",
    "invoice_generation_success_rate",
    "payment_capture_rate",
    "failed_webhooks",
    "tickets",
    "late_events",
    "quarantined_rows",
    "quarantined_money",
    "time_to_close",
)
"""Every metric (DESIGN 7). One without a population has a row with an empty value: NO DATA, never zero."""

_GROUP = "currency, cohort, variant"
_COUNTING = ", ".join(f"'{d.value}'" for d in Disposition if d.counts_against_gate)
_AMOUNT = "DECIMAL(38,12)"


def _rows(metric: str, numerator: str, denominator: str, source: str, group: str = _GROUP) -> str:
    """One metric as `numerator`, or as numerator / denominator where there is one; per group of `source`."""
    value = numerator if denominator == "NULL" else "NULL"
    keys = {"currency": "NULL", "cohort": "'all'", "variant": "'control'"} | {k: k for k in group.split(", ") if k}
    grouped = f" GROUP BY {group}" if group else " HAVING count(*) > 0"
    return (
        f"SELECT '{metric}' AS metric, CAST({keys['currency']} AS VARCHAR) AS currency, {keys['cohort']} AS cohort, "
        f"{keys['variant']} AS variant, CAST({numerator} AS {_AMOUNT}) AS numerator, CAST({denominator} AS {_AMOUNT}) AS denominator, "
        f"CAST({value} AS {_AMOUNT}) AS plain FROM {source}{grouped}"
    )


_NEW_LINES = "new_lines"
_MONEY = "(SELECT currency, cohort, variant, status, pair, left_count, left_amount, right_amount FROM assessments WHERE currency IS NOT NULL AND status <> 'pending') AS items"
_GOOD = "lower(status) IN ('success', 'succeeded', 'ok', 'completed', 'complete', 'generated', 'sent', 'delivered')"

_BUSINESS: tuple[str, ...] = (
    _rows(
        "expected_invoices",
        "count(DISTINCT concat_ws('|', subscription_id, CAST(due_on AS VARCHAR)))",
        "NULL",
        "due_lines",
        "currency",
    ),
    _rows("actual_invoices", "count(DISTINCT invoice_id)", "NULL", _NEW_LINES),
    _rows("total_billed", "sum(total)", "NULL", _NEW_LINES),
    _rows("total_tax", "sum(tax)", "NULL", _NEW_LINES),
    _rows("total_credits", "sum(credit)", "NULL", _NEW_LINES),
    _rows("total_rendered", "sum(payable)", "NULL", "new_documents", "currency"),
    _rows("total_booked", "sum(ar)", "NULL", "new_journals", "currency"),
    _rows(
        "total_paid",
        "coalesce(sum(amount) FILTER (WHERE kind = 'payment' AND status = 'succeeded'), 0)",
        "NULL",
        "new_payments",
        "currency",
    ),
    _rows(
        "total_refunded",
        "coalesce(sum(amount) FILTER (WHERE kind <> 'payment' AND status = 'succeeded'), 0)",
        "NULL",
        "new_payments",
        "currency",
    ),
    _rows("unbilled_usage", "sum(amount)", "NULL", "unbilled_usage", "currency"),
    _rows("outstanding_ar", "sum(due)", "NULL", "receivables", "currency, cohort"),
    _rows(
        "payment_capture_rate",
        "coalesce(sum(amount) FILTER (WHERE status = 'succeeded'), 0)",
        "sum(amount)",
        "(SELECT currency, status, amount FROM new_payments WHERE kind = 'payment') AS tried",
        "currency",
    ),
)
_ACCURACY: tuple[str, ...] = (
    _rows(
        "capture_rate",
        "sum(right_amount)",
        "sum(left_amount)",
        f"(SELECT currency, cohort, variant, left_amount, right_amount FROM {_MONEY} WHERE pair = 'expected_billed' AND left_count > 0) AS due",
    ),
    _rows("mismatch_rate", "count(*) FILTER (WHERE status = 'break')", "count(*)", _MONEY),
    _rows(
        "invoice_error_rate",
        "count(DISTINCT invoice_id) FILTER (WHERE wrong)",
        "count(DISTINCT invoice_id)",
        "(SELECT l.currency, l.cohort, l.variant, l.invoice_id, w.invoice_id IS NOT NULL AS wrong FROM new_lines AS l "
        "LEFT JOIN (SELECT DISTINCT invoice_id FROM reported WHERE pair = 'expected_billed' AND invoice_id IS NOT NULL "
        f"AND disposition IN ({_COUNTING})) AS w ON w.invoice_id = l.invoice_id) AS judged",
    ),
    _rows(
        "duplicate_invoice_rate",
        "count(DISTINCT invoice_id) FILTER (WHERE again)",
        "count(DISTINCT invoice_id)",
        "(SELECT l.currency, l.cohort, l.variant, l.invoice_id, w.invoice_id IS NOT NULL AS again FROM new_lines AS l "
        "LEFT JOIN (SELECT DISTINCT invoice_id FROM reported WHERE code = 'INVOICE_DUPLICATE') AS w "
        "ON w.invoice_id = l.invoice_id) AS judged",
    ),
    _rows("money_at_risk_gross", "sum(gross)", "NULL", "risks"),
    _rows("net_delta", "sum(net)", "NULL", "risks"),
    _rows("max_account_drift", "max(drift)", "NULL", "accounts"),
)
_OPERATIONS: tuple[str, ...] = (
    _rows("late_events", "sum(late_events)", "NULL", "arrivals", ""),
    _rows("metering_lag_p50", "min(lag) FILTER (WHERE upto + upto >= events)", "NULL", "lags", ""),
    _rows("metering_lag_p95", "min(lag) FILTER (WHERE apply_rate(events, 0.95) <= upto)", "NULL", "lags", ""),
    _rows("quarantined_rows", "sum(quarantined)", "NULL", "landing_reports", ""),
    _rows("quarantined_money", "sum(money)", "NULL", "aside_money", "currency"),
    _rows(
        "invoice_generation_success_rate",
        f"count(*) FILTER (WHERE {_GOOD})",
        "count(*)",
        "(SELECT status FROM new_signals WHERE kind = 'invoice_generation') AS s",
        "",
    ),
    _rows("failed_webhooks", f"count(*) FILTER (WHERE kind = 'webhook' AND NOT {_GOOD})", "NULL", "new_signals", ""),
    _rows("time_to_close", "min(days)", "NULL", "last_close", ""),
    _rows("tickets", "count(*) FILTER (WHERE kind = 'ticket')", "NULL", "new_signals", ""),
)

_SOURCES = f"""WITH due_lines AS (
    SELECT e.subscription_id, e.due_on, e.currency FROM expected_lines AS e JOIN run_params AS p ON p.day = e.due_on
),
new_lines AS (
    SELECT l.invoice_id, l.total, l.tax, l.credit, l.currency, l.cohort, l.variant
    FROM engine_lines AS l JOIN run_params AS p ON p.day = l.observed_on WHERE l.status = 'issued'
),
new_documents AS (SELECT d.currency, d.payable FROM documents AS d JOIN run_params AS p ON p.day = d.known_on),
new_journals AS (
    SELECT j.currency, j.ar FROM invoice_journals AS j JOIN run_params AS p ON p.day = j.known_on
    UNION ALL
    SELECT t.currency, t.billed AS ar FROM booked_tied AS t JOIN run_params AS p ON p.day = t.known_on
),
new_payments AS (
    SELECT y.currency, y.kind, y.status, y.amount FROM payments AS y JOIN run_params AS p ON p.day = y.observed_on
),
receivables AS (
    SELECT e.currency, e.cohort, e.total - coalesce(m.paid, 0) AS due
    FROM engine_invoices AS e
    LEFT JOIN invoice_money AS m ON m.invoice_id = e.invoice_id AND m.currency = e.currency
    WHERE e.state = 'issued'
),
risks AS (
    SELECT currency, cohort, variant, abs(delta) AS gross, delta AS net FROM reported
    WHERE currency IS NOT NULL AND disposition IN ({_COUNTING})
    UNION ALL
    SELECT DISTINCT currency, cohort, variant, CAST(0 AS {_AMOUNT}) AS gross, CAST(0 AS {_AMOUNT}) AS net FROM {_MONEY}
),
account_sums AS (
    SELECT currency, cohort, variant, customer_id, sum(left_amount) AS left_amount, sum(right_amount) AS right_amount
    FROM assessments
    WHERE pair = 'expected_billed' AND status <> 'pending' AND customer_id IS NOT NULL
    GROUP BY currency, cohort, variant, customer_id
),
accounts AS (
    SELECT currency, cohort, variant, ratio(abs(right_amount - left_amount), abs(left_amount)) AS drift
    FROM account_sums WHERE left_amount <> 0
),
arrivals AS (
    SELECT u.usage_day, u.events, u.late_events, greatest(p.day - u.usage_day, 0) AS lag
    FROM usage_rollup AS u JOIN run_params AS p ON p.day = u.day
),
lag_days AS (SELECT lag, sum(events) AS events FROM arrivals WHERE events > 0 GROUP BY lag),
lags AS (SELECT lag, sum(events) OVER (ORDER BY lag) AS upto, sum(events) OVER () AS events FROM lag_days),
aside_money AS (
    SELECT q.currency, q.money_at_risk AS money
    FROM quarantine AS q JOIN run_params AS p ON p.day = q.day WHERE q.money_at_risk IS NOT NULL AND q.decision IS NULL
    UNION ALL
    SELECT CAST(NULL AS VARCHAR) AS currency, 0 AS money FROM landing_reports
    WHERE NOT EXISTS (SELECT 1 FROM quarantine AS q JOIN run_params AS p ON p.day = q.day WHERE q.money_at_risk IS NOT NULL AND q.decision IS NULL)
),
new_signals AS (
    SELECT s.kind, s.status FROM signals AS s JOIN run_params AS p ON p.day = s.observed_on
)"""


_FIGURES = "\nUNION ALL\n".join((*_BUSINESS, *_ACCURACY, *_OPERATIONS))

METRICS_OF_THE_DAY = Relation(
    name="metrics",
    inputs=(
        "assessments",
        "booked_tied",
        "documents",
        "engine_invoices",
        "engine_lines",
        "expected_lines",
        "invoice_journals",
        "invoice_money",
        "landing_reports",
        "last_close",
        "payments",
        "quarantine",
        "reported",
        "run_params",
        "signals",
        "unbilled_usage",
        "usage_rollup",
    ),
    doc=(
        "Every metric of the day, per currency, cohort and variant where that has meaning (core.schema.METRICS). Totals are of what "
        "was observed on the day; metering lags are days from use to arrival (0 where a customer's day is ahead of the company's); "
        "time_to_close is how many days after its end the month before was closed; a rate has numerator and denominator."
    ),
    sql=f"""{_SOURCES},
figures AS (
{_FIGURES}
),
names AS (SELECT unnest([{", ".join(f"'{name}'" for name in NAMES)}]) AS metric),
complete AS (
    SELECT metric, currency, cohort, variant, numerator, denominator, plain FROM figures
    UNION ALL
    SELECT n.metric, CAST(NULL AS VARCHAR) AS currency, 'all' AS cohort, 'control' AS variant,
        CAST(NULL AS {_AMOUNT}) AS numerator, CAST(NULL AS {_AMOUNT}) AS denominator, CAST(NULL AS {_AMOUNT}) AS plain
    FROM names AS n ANTI JOIN figures AS f ON f.metric = n.metric
),
valued AS (
    SELECT metric, currency, cohort, variant, numerator, denominator,
        CASE WHEN denominator IS NULL THEN plain ELSE ratio(numerator, denominator) END AS value
    FROM complete
)
SELECT {", ".join(f"CAST({c.name} AS {c.sql_type}) AS {c.name}" for c in METRICS.columns)}
FROM valued ORDER BY metric, currency, cohort, variant""",
)

RELATIONS: tuple[Relation, ...] = (METRICS_OF_THE_DAY,)
"""Inputs: the reconciler's relations and the day's tables. Result: metrics."""
