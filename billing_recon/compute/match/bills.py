"""Which bill answers which expected period, which repeats another, and which lines are one charge. Lines are matched in matching."""

from __future__ import annotations

from billing_recon.compute.match import in_advance as ahead
from billing_recon.compute.money import AMOUNT, QUANTITY
from billing_recon.compute.relation import Relation

FAMILY = "CASE WHEN {kind} = 'proration' THEN 'subscription' ELSE {kind} END"
"""A prorated charge and a whole one are the same charge: which of the two it is may be the very difference."""

ISSUED = Relation(
    name="issued_lines",
    inputs=("engine_lines", "expected_lines", "run_params"),
    doc=(
        "Issued lines of the subscriptions that the day is about: those with an expected line, or with a line observed "
        "today (`fresh`). Keys that may be empty are filled: `sub`, `meter_key`. `their_sub` is the engine's own key where "
        "key_map maps several of them to one. `back`: it gives back, so it is not the line that charges the same days."
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
    l.calculated_at, l.invoice_kind, l.variant, l.cohort, l.observed_on, l.observed_on = p.day AS fresh, l.issued_on, l.source_file,
    l.source_row, l.their_sub, l.kind <> 'adjustment' AND l.gross < 0 AS back
FROM engine_lines AS l
SEMI JOIN asked AS a ON a.sub = coalesce(l.subscription_id, '')
CROSS JOIN run_params AS p
WHERE l.status = 'issued'""",
)

BILLS = Relation(
    name="bills",
    inputs=("issued_lines", "expected_lines", "issued_ahead", "expected_ahead"),
    doc=(
        "One row an invoice, subscription and variant: its days (of adjustments only where it has nothing else), the earlier invoice that most of its lines repeat "
        "(`repeats`), and the due day of the expected period that it overlaps by more than half (`due_on`). Charges in advance are "
        "laid beside expected ones in advance, and all else beside all else: an invoice may bill the base of the period "
        "whose usage is another's. `closes`: when what it bills could be billed. A credit note answers what is to be given back."
    ),
    sql="""
WITH again AS (
    SELECT variant, sub, their_sub, kind, meter_key, period_start, period_end, back
    FROM issued_lines WHERE invoice_kind = 'invoice'
    GROUP BY variant, sub, their_sub, kind, meter_key, period_start, period_end, back HAVING min(invoice_id) <> max(invoice_id)
),
placed AS (
    SELECT l.variant, l.sub, l.invoice_id, first_value(l.invoice_id) OVER (
            PARTITION BY l.variant, l.sub, l.their_sub, l.kind, l.meter_key, l.period_start, l.period_end, l.back
            ORDER BY l.observed_on, l.calculated_at, l.invoice_id, l.line_id
        ) AS original
    FROM issued_lines AS l
    SEMI JOIN again AS a ON a.variant = l.variant AND a.sub = l.sub AND a.their_sub = l.their_sub AND a.kind = l.kind
        AND a.meter_key = l.meter_key AND a.period_start = l.period_start AND a.period_end = l.period_end AND a.back = l.back
    WHERE l.invoice_kind = 'invoice'
),
repeated AS (
    SELECT variant, sub, invoice_id, count(*) AS repeats, min(original) AS original
    FROM placed WHERE original <> invoice_id GROUP BY variant, sub, invoice_id
),
sided AS (
    SELECT l.variant, l.sub, l.invoice_id, l.kind, l.period_start, l.period_end, l.observed_on, l.fresh, l.invoice_kind, l.cohort,
        a.line_key IS NOT NULL AS ahead
    FROM issued_lines AS l
    LEFT JOIN issued_ahead AS a ON a.line_key = l.line_key
),
gathered AS (
    SELECT variant, sub, invoice_id, coalesce(min(period_start) FILTER (WHERE kind <> 'adjustment'), min(period_start)) AS first_day,
        coalesce(max(greatest(period_end, period_start + 1)) FILTER (WHERE kind <> 'adjustment'),
            max(greatest(period_end, period_start + 1))) AS last_day,
        max(CASE WHEN ahead THEN period_start ELSE greatest(period_end, period_start + 1) END)
            FILTER (WHERE kind <> 'adjustment') AS billed_to, bool_or(ahead) AS has_ahead, NOT bool_and(ahead) AS has_arrears,
        min(observed_on) AS known_on, bool_or(fresh) AS fresh, count(*) AS lines, min(invoice_kind) AS invoice_kind,
        min(cohort) AS cohort, bool_and(kind = 'adjustment') AS only_adjusts
    FROM sided GROUP BY variant, sub, invoice_id
),
sides AS (
    SELECT s.variant, s.sub, s.invoice_id, s.ahead, g.invoice_kind, min(s.period_start) AS first_day,
        max(greatest(s.period_end, s.period_start + 1)) AS last_day
    FROM sided AS s
    JOIN gathered AS g ON g.variant = s.variant AND g.sub = s.sub AND g.invoice_id = s.invoice_id
    WHERE s.kind <> 'adjustment' OR g.only_adjusts
    GROUP BY s.variant, s.sub, s.invoice_id, s.ahead, g.invoice_kind
),
periods AS (
    SELECT e.subscription_id AS sub, e.due_on, a.expected_line_id IS NOT NULL AS ahead, min(e.period_start) AS first_day,
        max(e.period_end) AS last_day, bool_or(a.expected_line_id IS NOT NULL AND e.gross < 0) AS gives_back
    FROM expected_lines AS e
    LEFT JOIN expected_ahead AS a ON a.expected_line_id = e.expected_line_id
    GROUP BY e.subscription_id, e.due_on, a.expected_line_id IS NOT NULL
),
shared_days AS (
    SELECT b.variant, b.sub, b.invoice_id, b.ahead, p.due_on,
        least(b.last_day, p.last_day) - greatest(b.first_day, p.first_day) AS days,
        least(b.last_day - b.first_day, p.last_day - p.first_day) AS shorter
    FROM sides AS b
    JOIN periods AS p ON p.sub = b.sub AND p.ahead = b.ahead AND p.first_day < b.last_day AND b.first_day < p.last_day
    WHERE b.invoice_kind = 'invoice' OR p.gives_back
),
fitting AS (
    SELECT variant, sub, invoice_id, due_on, sum(days) AS days, coalesce(sum(days) FILTER (WHERE ahead), 0) AS ahead_days
    FROM shared_days WHERE days + days > shorter GROUP BY variant, sub, invoice_id, due_on
),
answered AS (
    SELECT variant, sub, invoice_id,
        arg_max(due_on, struct_pack(days := days, ahead_days := ahead_days, due_on := due_on)) AS due_on
    FROM fitting GROUP BY variant, sub, invoice_id
)
SELECT b.variant, b.sub, b.invoice_id, b.first_day, b.last_day, coalesce(b.billed_to, b.last_day) AS closes, b.has_ahead,
    b.has_arrears, b.known_on, b.fresh, b.invoice_kind, b.cohort, CASE WHEN r.repeats + r.repeats > b.lines THEN r.original END AS repeats, a.due_on
FROM gathered AS b
LEFT JOIN repeated AS r ON r.variant = b.variant AND r.sub = b.sub AND r.invoice_id = b.invoice_id
LEFT JOIN answered AS a ON a.variant = b.variant AND a.sub = b.sub AND a.invoice_id = b.invoice_id""",
)

PERIODS = Relation(
    name="billed_periods",
    inputs=("bills", "run_params"),
    doc=(
        "Expected periods that are billed, per variant, what is due in advance (`ahead`) apart from all else, with the bill that was "
        "known first; `fresh`: that was today. A bill from before the due day bills only what it has lines of: the rest may "
        "come by itself, until the grace has passed. Repeated invoices bill nothing."
    ),
    sql="""
WITH billed AS (
    SELECT b.variant, b.sub, b.due_on, b.invoice_id, b.cohort, s.ahead, CASE
            WHEN b.known_on >= b.due_on OR NOT b.has_ahead OR CASE WHEN s.ahead THEN b.has_ahead ELSE b.has_arrears END
                THEN b.known_on
            ELSE CAST(b.due_on + p.issue_grace_days AS DATE) END AS known_on
    FROM bills AS b
    CROSS JOIN run_params AS p
    CROSS JOIN (SELECT unnest([false, true]) AS ahead) AS s
    WHERE b.due_on IS NOT NULL AND b.repeats IS NULL
)
SELECT b.variant, b.sub, b.due_on, b.ahead, min(b.known_on) = p.day AS fresh, min(b.cohort) AS cohort,
    arg_min(b.invoice_id, struct_pack(known_on := b.known_on, invoice_id := b.invoice_id)) AS invoice_id
FROM billed AS b
CROSS JOIN run_params AS p
WHERE b.known_on <= p.day
GROUP BY b.variant, b.sub, b.due_on, b.ahead, p.day""",
)

_OF_CHARGE = (
    "e.subscription_id = l.sub AND e.due_on = b.due_on AND coalesce(e.meter, '') = l.meter_key "
    f"AND {FAMILY.format(kind='e.kind')} = {FAMILY.format(kind='l.kind')} "
    "AND (e.kind <> 'proration' OR (e.gross < 0) = (l.gross < 0)) "
    "AND ((l.period_start >= e.period_start AND l.period_end <= e.period_end) OR (l.period_end - l.period_start = "
    "e.period_end - e.period_start AND abs(l.period_start - e.period_start) + abs(l.period_start - e.period_start) < "
    "l.period_end - l.period_start))"
)

PARTS = Relation(
    name="charge_parts",
    inputs=("issued_lines", "bills", "expected_lines"),
    rows_from=(
        "(SELECT 1 FROM issued_lines WHERE kind <> 'adjustment' "
        "GROUP BY variant, sub, kind, meter_key, period_start, period_end HAVING count(*) > 1) AS crowded",
        "issued_lines AS l ANTI JOIN expected_lines AS e ON e.subscription_id = l.sub AND e.period_start = l.period_start "
        "AND e.period_end = l.period_end WHERE l.fresh",
    ),
    doc=(
        "Lines that are one charge together: several of one bill (a line a tier, a week, a workspace) that lie within one "
        "expected line, of which none is that line by itself, and which add up to its total or its quantity or are of several "
        "keys mapped to one. `lead` stands for all of them; `quantity` is empty where only the money adds up. A line that repeats another is no part: the right one is matched and the other is left over."
    ),
    sql=f"""
WITH within AS (
    SELECT l.variant, l.currency, l.line_key, l.their_sub, l.total, l.quantity, e.expected_line_id, e.total AS expected, e.quantity AS expected_quantity,
        e.kind, CASE WHEN l.period_end > e.period_end OR l.period_start < e.period_start THEN l.period_start
            ELSE e.period_start END AS period_start,
        CASE WHEN l.period_end > e.period_end OR l.period_start < e.period_start THEN l.period_end
            ELSE e.period_end END AS period_end, e.plan_id = l.plan_id AS same_plan
    FROM issued_lines AS l
    JOIN bills AS b ON b.variant = l.variant AND b.sub = l.sub AND b.invoice_id = l.invoice_id
    JOIN expected_lines AS e ON {_OF_CHARGE}
    WHERE l.kind <> 'adjustment' AND b.repeats IS NULL AND b.due_on IS NOT NULL
),
groups AS (
    SELECT variant, currency, expected_line_id, CASE WHEN sum(total) <> expected OR sum(quantity) = expected_quantity
        THEN sum(quantity) END AS quantity
    FROM within
    GROUP BY variant, currency, expected_line_id, expected, expected_quantity
    HAVING count(*) > 1 AND NOT bool_or(total = expected) AND (sum(total) = expected OR min(their_sub) <> max(their_sub)
        OR (sum(quantity) = expected_quantity AND NOT coalesce(bool_or(quantity = expected_quantity), false)))
),
chosen AS (
    SELECT w.variant, w.line_key, min(w.expected_line_id) AS expected_line_id, max(g.quantity) AS quantity
    FROM within AS w
    JOIN groups AS g ON g.variant = w.variant AND g.currency = w.currency AND g.expected_line_id = w.expected_line_id
    GROUP BY w.variant, w.line_key
)
SELECT c.line_key, min(c.line_key) OVER whole AS lead, w.kind, w.period_start, w.period_end, c.quantity
FROM chosen AS c
JOIN within AS w ON w.variant = c.variant AND w.line_key = c.line_key AND w.expected_line_id = c.expected_line_id
WINDOW whole AS (PARTITION BY c.variant, c.expected_line_id)""",
)

_LINE = (
    "line_key, invoice_id, line_id, customer_id, subscription_id, sub, plan_id, plan_version, kind, meter, meter_key, "
    "period_start, period_end, quantity, unit_price, gross, discount, credit, taxable, tax_rate, tax, total, currency, "
    "calculated_at, invoice_kind, variant, cohort, observed_on, fresh, source_file, source_row, back"
)
_SUMMED = ("gross", "discount", "credit", "taxable", "tax", "total")
_WHOLE: dict[str, str] = {
    "line_key": "p.lead",
    "kind": "any_value(p.kind)",
    "period_start": "any_value(p.period_start)",
    "period_end": "any_value(p.period_end)",
    "quantity": f"CAST(any_value(p.quantity) AS {QUANTITY})",
    "unit_price": "CASE WHEN min(l.unit_price) = max(l.unit_price) THEN max(l.unit_price) END",
    "tax_rate": "CASE WHEN min(l.tax_rate) = max(l.tax_rate) THEN max(l.tax_rate) END",
    "fresh": "bool_or(l.fresh)",
    **{name: f"CAST(sum(l.{name}) AS {AMOUNT})" for name in _SUMMED},
}
_OF_LEAD = ", ".join(f"{_WHOLE.get(name, f'arg_min(l.{name}, l.line_key)')} AS {name}" for name in _LINE.split(", "))

BILLED = Relation(
    name="billed_lines",
    inputs=("issued_lines", "charge_parts"),
    doc="Issued lines with the parts of one charge as one line, which has the sums of its parts and the id of the first.",
    sql=f"""
SELECT {_LINE}, 1 AS parts, line_id AS line_ids FROM issued_lines ANTI JOIN charge_parts USING (line_key)
UNION ALL
SELECT {_OF_LEAD}, count(*) AS parts, string_agg(l.line_id, ', ' ORDER BY l.line_key) AS line_ids
FROM issued_lines AS l
JOIN charge_parts AS p ON p.line_key = l.line_key
GROUP BY p.lead""",
)

_UNMATCHED_BILL = f"""
SELECT b.variant, b.sub, b.invoice_id, b.repeats, b.invoice_kind, b.first_day, b.last_day, b.cohort,
    l.currency, count(*) AS lines, CAST(sum(l.total) AS {AMOUNT}) AS total, bool_or(l.total <> 0) AS charges,
    min(l.customer_id) AS customer_id, b.repeats IS NULL AND CAST(b.closes + p.issue_after_days AS DATE) < p.first_day AS is_old
FROM bills AS b
JOIN issued_lines AS l ON l.variant = b.variant AND l.sub = b.sub AND l.invoice_id = b.invoice_id AND l.fresh
CROSS JOIN run_params AS p
WHERE b.fresh AND (b.repeats IS NOT NULL OR (
    b.due_on IS NULL AND (CAST(b.closes + p.issue_after_days AS DATE) >= p.first_day OR l.issued_on >= p.first_day)))
GROUP BY b.variant, b.sub, b.invoice_id, b.repeats, b.invoice_kind, b.first_day, b.last_day, b.cohort, l.currency, b.closes,
    p.issue_after_days, p.first_day"""

STRAY = Relation(
    name="stray_bills",
    inputs=("bills", "issued_lines", "subscriptions", "set_aside", "unrated", "run_params"),
    doc=(
        "Bills observed today that answer no expected period, as a whole: repeats, credit notes, unknown subscriptions, and "
        "periods that nothing expects. History is none of them: what was issued before the first day, and later for a period that was due "
        "before it, unless no contract had begun. `withheld`: what the subscription owes "
        "could not be rated, so whether the bill is right is not known."
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
    END AS code, u.subscription_id IS NOT NULL AND s.repeats IS NULL AND s.invoice_kind <> 'credit_note' AS withheld
FROM stray AS s
LEFT JOIN (SELECT DISTINCT subscription_id FROM unrated) AS u ON u.subscription_id = s.sub
LEFT JOIN (
    SELECT subscription_id, least(min(billing_anchor), min(CAST(timezone(timezone, valid_from) AS DATE))) AS begins
    FROM subscriptions GROUP BY subscription_id
) AS k ON k.subscription_id = s.sub
LEFT JOIN (SELECT DISTINCT named FROM set_aside WHERE table_name = 'subscriptions') AS q ON q.named = s.sub
WHERE NOT s.is_old OR k.begins IS NULL OR s.last_day <= k.begins""",
)

RELATIONS: tuple[Relation, ...] = (ISSUED, *ahead.RELATIONS, BILLS, PERIODS, PARTS, BILLED, STRAY)
