"""Match passes of expected and billed lines, strictest first, each row used once. Tolerances live in breaks."""

from __future__ import annotations

from billing_recon.compute.money import AMOUNT
from billing_recon.compute.relation import Relation

FAMILY = "CASE WHEN {kind} = 'proration' THEN 'subscription' ELSE {kind} END"
"""A prorated charge and a whole one are the same charge: which of the two it is may be the very difference."""

CANDIDATES = Relation(
    name="match_expected",
    inputs=("expected_lines", "billed_periods"),
    doc="Expected lines of billed periods, once a variant that billed them.",
    sql="""
SELECT e.expected_line_id, b.variant, e.subscription_id AS sub, e.kind, coalesce(e.meter, '') AS meter_key,
    e.period_start, e.period_end, e.plan_id, e.due_on, e.customer_id, e.currency, e.total, b.fresh, b.cohort, b.invoice_id
FROM expected_lines AS e
JOIN billed_periods AS b ON b.sub = e.subscription_id AND b.due_on = e.due_on""",
)

MATCHES = Relation(
    name="line_matches",
    inputs=("match_expected", "billed_lines", "bills"),
    doc=(
        "Pairs of lines. Pass 1: subscription, kind, meter, period and plan; where a key was billed twice, the line of the "
        "expected total and then the earliest is taken. Pass 2: without the plan. Pass 3: overlapping periods of the same "
        "charge within the same billing period, each other's best overlap."
    ),
    sql=f"""
WITH open_lines AS (
    SELECT l.line_key, l.variant, l.sub, l.kind, l.meter_key, l.period_start, l.period_end, coalesce(l.plan_id, '') AS plan_id,
        l.total, l.calculated_at, b.due_on
    FROM billed_lines AS l
    JOIN bills AS b ON b.variant = l.variant AND b.sub = l.sub AND b.invoice_id = l.invoice_id
    WHERE b.repeats IS NULL AND b.due_on IS NOT NULL
),
same_key AS (
    SELECT e.expected_line_id, e.variant, b.line_key
    FROM match_expected AS e
    JOIN open_lines AS b ON b.variant = e.variant AND b.sub = e.sub AND b.kind = e.kind AND b.meter_key = e.meter_key
        AND b.period_start = e.period_start AND b.period_end = e.period_end AND b.plan_id = e.plan_id
),
counted AS (
    SELECT expected_line_id, variant, count(*) AS lines, min(line_key) AS line_key
    FROM same_key GROUP BY expected_line_id, variant
),
crowded AS (
    SELECT k.expected_line_id, k.variant, arg_min(k.line_key, struct_pack(
            differs := CASE WHEN b.total = e.total THEN 0 ELSE 1 END, seen := b.calculated_at, line := k.line_key)) AS line_key
    FROM same_key AS k
    JOIN counted AS c ON c.expected_line_id = k.expected_line_id AND c.variant = k.variant AND c.lines > 1
    JOIN match_expected AS e ON e.expected_line_id = k.expected_line_id AND e.variant = k.variant
    JOIN open_lines AS b ON b.line_key = k.line_key
    GROUP BY k.expected_line_id, k.variant
),
first_pass AS (
    SELECT expected_line_id, variant, line_key FROM counted WHERE lines = 1
    UNION ALL
    SELECT expected_line_id, variant, line_key FROM crowded
),
expected_left AS (
    SELECT e.expected_line_id, e.variant, e.sub, e.kind, e.meter_key, e.period_start, e.period_end, e.due_on, row_number() OVER (
            PARTITION BY e.variant, e.sub, e.kind, e.meter_key, e.period_start, e.period_end ORDER BY e.expected_line_id
        ) AS place
    FROM match_expected AS e
    ANTI JOIN first_pass AS m ON m.expected_line_id = e.expected_line_id AND m.variant = e.variant
),
billed_left AS (
    SELECT b.line_key, b.variant, b.sub, b.kind, b.meter_key, b.period_start, b.period_end, b.due_on, row_number() OVER (
            PARTITION BY b.variant, b.sub, b.kind, b.meter_key, b.period_start, b.period_end
            ORDER BY b.calculated_at, b.line_key
        ) AS place
    FROM open_lines AS b
    ANTI JOIN first_pass AS m ON m.line_key = b.line_key
),
second_pass AS (
    SELECT e.expected_line_id, e.variant, b.line_key
    FROM expected_left AS e
    JOIN billed_left AS b ON b.variant = e.variant AND b.sub = e.sub AND b.kind = e.kind AND b.meter_key = e.meter_key
        AND b.period_start = e.period_start AND b.period_end = e.period_end AND b.place = e.place
),
shared_days AS (
    SELECT e.expected_line_id, e.variant, b.line_key,
        least(e.period_end, b.period_end) - greatest(e.period_start, b.period_start) AS days,
        CASE WHEN e.kind = b.kind THEN 0 ELSE 1 END AS other_kind
    FROM (SELECT e.expected_line_id, e.variant, e.sub, e.kind, e.meter_key, e.period_start, e.period_end, e.due_on
          FROM expected_left AS e
          ANTI JOIN second_pass AS m ON m.expected_line_id = e.expected_line_id AND m.variant = e.variant) AS e
    JOIN (SELECT b.line_key, b.variant, b.sub, b.kind, b.meter_key, b.period_start, b.period_end, b.due_on
          FROM billed_left AS b
          ANTI JOIN second_pass AS m ON m.line_key = b.line_key) AS b
        ON b.variant = e.variant AND b.sub = e.sub AND b.due_on = e.due_on AND b.meter_key = e.meter_key
        AND {FAMILY.format(kind="b.kind")} = {FAMILY.format(kind="e.kind")}
        AND b.period_start < e.period_end AND e.period_start < b.period_end
),
ranked AS (
    SELECT expected_line_id, variant, line_key,
        row_number() OVER (
            PARTITION BY expected_line_id, variant ORDER BY days DESC, other_kind, line_key
        ) AS for_expected,
        row_number() OVER (
            PARTITION BY line_key ORDER BY days DESC, other_kind, expected_line_id
        ) AS for_billed
    FROM shared_days
)
SELECT expected_line_id, variant, line_key, 1 AS pass FROM first_pass
UNION ALL
SELECT expected_line_id, variant, line_key, 2 AS pass FROM second_pass
UNION ALL
SELECT expected_line_id, variant, line_key, 3 AS pass FROM ranked WHERE for_expected = 1 AND for_billed = 1""",
)

ITEMS = Relation(
    name="line_items",
    inputs=("match_expected", "billed_lines", "bills", "line_matches", "expected_lines"),
    doc=(
        "Every line of the billed periods, matched or alone, with both totals. `fresh`: known today for the first time (a "
        "billed line observed today; an expected line alone whose siblings were). `differs`: some figure does."
    ),
    sql=f"""
WITH matched AS (
    SELECT m.variant, m.expected_line_id, m.line_key, m.pass, b.invoice_id, b.cohort, b.fresh, e.subscription_id AS sub,
        e.due_on, e.customer_id, b.currency, e.currency AS expected_currency, e.total AS expected, b.total AS billed,
        m.pass = 3 OR b.total <> e.total OR b.currency <> e.currency OR b.gross <> e.gross OR b.discount <> e.discount
            OR b.credit <> e.credit OR b.taxable <> e.taxable OR b.tax <> e.tax
            OR (e.kind IN ('usage', 'subscription', 'proration') AND coalesce(b.quantity <> e.quantity, false))
            OR (e.taxable <> 0 AND coalesce(b.tax_rate <> e.tax_rate, false)) AS differs
    FROM line_matches AS m
    JOIN billed_lines AS b ON b.line_key = m.line_key
    JOIN expected_lines AS e ON e.expected_line_id = m.expected_line_id
),
missing AS (
    SELECT c.variant, c.expected_line_id, c.invoice_id, c.cohort, c.sub, c.due_on, c.customer_id, c.currency,
        c.total AS expected, c.fresh
    FROM match_expected AS c
    ANTI JOIN line_matches AS m ON m.expected_line_id = c.expected_line_id AND m.variant = c.variant
),
extra AS (
    SELECT l.variant, l.line_key, l.invoice_id, l.cohort, l.fresh, l.sub, b.due_on, l.customer_id, l.currency, l.total AS billed
    FROM billed_lines AS l
    JOIN bills AS b ON b.variant = l.variant AND b.sub = l.sub AND b.invoice_id = l.invoice_id
    ANTI JOIN line_matches AS m ON m.line_key = l.line_key
    WHERE b.repeats IS NULL AND b.due_on IS NOT NULL
)
SELECT variant, expected_line_id, line_key, pass, invoice_id, cohort, sub, due_on, customer_id, currency, expected_currency,
    CAST(expected AS {AMOUNT}) AS expected, CAST(billed AS {AMOUNT}) AS billed, fresh, differs
FROM matched
UNION ALL
SELECT variant, expected_line_id, NULL AS line_key, 0 AS pass, invoice_id, cohort, sub, due_on, customer_id, currency,
    currency AS expected_currency, CAST(expected AS {AMOUNT}) AS expected, NULL AS billed, fresh, expected <> 0 AS differs
FROM missing
UNION ALL
SELECT variant, NULL AS expected_line_id, line_key, 0 AS pass, invoice_id, cohort, sub, due_on, customer_id, currency,
    NULL AS expected_currency, NULL AS expected, CAST(billed AS {AMOUNT}) AS billed, fresh, billed <> 0 AS differs
FROM extra""",
)

RELATIONS: tuple[Relation, ...] = (CANDIDATES, MATCHES, ITEMS)
