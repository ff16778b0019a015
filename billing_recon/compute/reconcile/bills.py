"""Which bill answers which expected period, and which bill repeats another. Lines are matched in matching."""

from __future__ import annotations

from billing_recon.compute.money import AMOUNT
from billing_recon.compute.relation import Relation

BILLED = Relation(
    name="billed_lines",
    inputs=("engine_lines", "expected_lines", "run_params"),
    doc=(
        "Issued lines of the subscriptions that the day is about: those with an expected line, or with a line observed "
        "today (`fresh`). Keys that may be empty are filled: `sub`, `meter_key`."
    ),
    sql="""
WITH asked AS (
    SELECT subscription_id AS sub FROM expected_lines
    UNION
    SELECT coalesce(l.subscription_id, '') AS sub
    FROM engine_lines AS l JOIN run_params AS p ON l.observed_on = p.day WHERE l.status = 'issued'
)
SELECT l.line_key, l.invoice_id, l.line_id, l.customer_id, l.subscription_id, coalesce(l.subscription_id, '') AS sub,
    l.plan_id, l.plan_version, l.kind, l.meter, coalesce(l.meter, '') AS meter_key, l.period_start, l.period_end,
    l.quantity, l.unit_price, l.gross, l.discount, l.credit, l.taxable, l.tax_rate, l.tax, l.total, l.currency,
    l.calculated_at, l.invoice_kind, l.variant, l.cohort, l.observed_on, l.observed_on = p.day AS fresh, l.source_file,
    l.source_row
FROM engine_lines AS l
SEMI JOIN asked AS a ON a.sub = coalesce(l.subscription_id, '')
CROSS JOIN run_params AS p
WHERE l.status = 'issued'""",
)

BILLS = Relation(
    name="bills",
    inputs=("billed_lines", "expected_lines"),
    doc=(
        "One row an invoice, subscription and variant: its days, the earlier invoice that most of its lines repeat "
        "(`repeats`), and the due day of the expected period that it overlaps by more than half (`due_on`)."
    ),
    sql="""
WITH again AS (
    SELECT variant, sub, kind, meter_key, period_start, period_end
    FROM billed_lines WHERE invoice_kind = 'invoice'
    GROUP BY variant, sub, kind, meter_key, period_start, period_end HAVING min(invoice_id) <> max(invoice_id)
),
placed AS (
    SELECT l.variant, l.sub, l.invoice_id, first_value(l.invoice_id) OVER (
            PARTITION BY l.variant, l.sub, l.kind, l.meter_key, l.period_start, l.period_end
            ORDER BY l.observed_on, l.calculated_at, l.invoice_id, l.line_id
        ) AS original
    FROM billed_lines AS l
    SEMI JOIN again AS a ON a.variant = l.variant AND a.sub = l.sub AND a.kind = l.kind AND a.meter_key = l.meter_key
        AND a.period_start = l.period_start AND a.period_end = l.period_end
    WHERE l.invoice_kind = 'invoice'
),
repeated AS (
    SELECT variant, sub, invoice_id, count(*) AS repeats, min(original) AS original
    FROM placed WHERE original <> invoice_id GROUP BY variant, sub, invoice_id
),
gathered AS (
    SELECT variant, sub, invoice_id, min(period_start) AS first_day, max(greatest(period_end, period_start + 1)) AS last_day,
        min(observed_on) AS known_on, bool_or(fresh) AS fresh, count(*) AS lines, min(invoice_kind) AS invoice_kind,
        min(cohort) AS cohort
    FROM billed_lines GROUP BY variant, sub, invoice_id
),
periods AS (
    SELECT subscription_id AS sub, due_on, min(period_start) AS first_day, max(period_end) AS last_day
    FROM expected_lines GROUP BY subscription_id, due_on
),
shared_days AS (
    SELECT b.variant, b.sub, b.invoice_id, p.due_on,
        least(b.last_day, p.last_day) - greatest(b.first_day, p.first_day) AS days,
        least(b.last_day - b.first_day, p.last_day - p.first_day) AS shorter
    FROM gathered AS b
    JOIN periods AS p ON p.sub = b.sub AND p.first_day < b.last_day AND b.first_day < p.last_day
    WHERE b.invoice_kind = 'invoice'
),
answered AS (
    SELECT variant, sub, invoice_id, arg_max(due_on, struct_pack(days := days, due_on := due_on)) AS due_on
    FROM shared_days WHERE days + days > shorter GROUP BY variant, sub, invoice_id
)
SELECT b.variant, b.sub, b.invoice_id, b.first_day, b.last_day, b.known_on, b.fresh, b.invoice_kind, b.cohort,
    CASE WHEN r.repeats + r.repeats > b.lines THEN r.original END AS repeats, a.due_on
FROM gathered AS b
LEFT JOIN repeated AS r ON r.variant = b.variant AND r.sub = b.sub AND r.invoice_id = b.invoice_id
LEFT JOIN answered AS a ON a.variant = b.variant AND a.sub = b.sub AND a.invoice_id = b.invoice_id""",
)

PERIODS = Relation(
    name="billed_periods",
    inputs=("bills", "run_params"),
    doc=(
        "Expected periods that are billed, per variant, with the bill that was known first; `fresh`: that was today. "
        "Repeated invoices and credit notes bill nothing."
    ),
    sql="""
SELECT b.variant, b.sub, b.due_on, min(b.known_on) = p.day AS fresh, min(b.cohort) AS cohort,
    arg_min(b.invoice_id, struct_pack(known_on := b.known_on, invoice_id := b.invoice_id)) AS invoice_id
FROM bills AS b
CROSS JOIN run_params AS p
WHERE b.due_on IS NOT NULL AND b.repeats IS NULL
GROUP BY b.variant, b.sub, b.due_on, p.day""",
)

_UNMATCHED_BILL = f"""
SELECT b.variant, b.sub, b.invoice_id, b.repeats, b.invoice_kind, b.first_day, b.last_day, b.cohort,
    l.currency, count(*) AS lines, CAST(sum(l.total) AS {AMOUNT}) AS total, bool_or(l.total <> 0) AS charges,
    min(l.customer_id) AS customer_id
FROM bills AS b
JOIN billed_lines AS l ON l.variant = b.variant AND l.sub = b.sub AND l.invoice_id = b.invoice_id AND l.fresh
CROSS JOIN run_params AS p
WHERE b.fresh AND (b.repeats IS NOT NULL OR (
    b.due_on IS NULL AND CAST(b.last_day + p.issue_after_days AS DATE) >= p.first_day))
GROUP BY b.variant, b.sub, b.invoice_id, b.repeats, b.invoice_kind, b.first_day, b.last_day, b.cohort, l.currency"""

STRAY = Relation(
    name="stray_bills",
    inputs=("bills", "billed_lines", "subscriptions", "set_aside", "run_params"),
    doc=(
        "Bills observed today that answer no expected period, as a whole: repeats, credit notes, unknown subscriptions, and "
        "periods that nothing expects. History from before the first day is none of them."
    ),
    sql=f"""
WITH stray AS ({_UNMATCHED_BILL}
)
SELECT s.variant, s.sub, s.invoice_id, s.repeats, s.invoice_kind, s.first_day, s.last_day, s.cohort, s.currency, s.lines,
    s.total, s.charges, s.customer_id,
    CASE
        WHEN s.repeats IS NOT NULL THEN 'INVOICE_DUPLICATE'
        WHEN s.sub = '' OR k.subscription_id IS NULL THEN
            CASE WHEN q.named IS NULL THEN 'KEY_UNMAPPED' ELSE 'RECORD_QUARANTINED' END
        WHEN s.invoice_kind = 'credit_note' THEN 'MANUAL_ADJUSTMENT'
        ELSE 'INVOICE_UNEXPECTED'
    END AS code
FROM stray AS s
LEFT JOIN (SELECT DISTINCT subscription_id FROM subscriptions) AS k ON k.subscription_id = s.sub
LEFT JOIN (SELECT DISTINCT named FROM set_aside WHERE table_name = 'subscriptions') AS q ON q.named = s.sub""",
)

RELATIONS: tuple[Relation, ...] = (BILLED, BILLS, PERIODS, STRAY)
