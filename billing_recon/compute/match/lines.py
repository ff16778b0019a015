"""Match passes of expected and billed lines, strictest first, each row used once. Tolerances live in breaks."""

from __future__ import annotations

from billing_recon.compute.match.bills import FAMILY
from billing_recon.compute.money import AMOUNT
from billing_recon.compute.relation import Relation


def _placed(line: str, bill: str, edge: str) -> str:
    """An edge of a line's period for matching; an adjustment belongs to its bill, whatever period it names."""
    return f"CASE WHEN {line}.kind = 'adjustment' THEN {bill}.due_on ELSE {line}.{edge} END AS {edge}"


def _unlike(e: str, b: str) -> str:
    """How unlike two lines are, the figures that matter most first: what a line is not named by, it may be known by."""
    return " + ".join(
        f"CASE WHEN {b}.{name} = {e}.{name} THEN 0 ELSE {weight} END"
        for name, weight in (("total", 8), ("gross", 4), ("quantity", 2), ("unit_price", 1))
    )


CANDIDATES = Relation(
    name="match_expected",
    inputs=("expected_lines", "expected_ahead", "billed_periods"),
    doc="Expected lines of billed periods, once a variant that billed them. `back`: it gives back what was billed ahead.",
    sql=f"""
SELECT e.expected_line_id, b.variant, e.subscription_id AS sub, e.kind, coalesce(e.meter, '') AS meter_key,
    {_placed("e", "e", "period_start")}, {_placed("e", "e", "period_end")}, e.plan_id, e.due_on, e.customer_id, e.currency,
    e.total, e.gross, e.quantity, e.unit_price, e.kind <> 'adjustment' AND e.gross < 0 AS back, b.fresh, b.cohort, b.invoice_id
FROM expected_lines AS e
LEFT JOIN expected_ahead AS a ON a.expected_line_id = e.expected_line_id
JOIN billed_periods AS b ON b.sub = e.subscription_id AND b.due_on = e.due_on
    AND b.ahead = (a.expected_line_id IS NOT NULL)""",
)

MATCHES = Relation(
    name="line_matches",
    inputs=("match_expected", "billed_lines", "bills"),
    doc=(
        "Pairs of lines. Pass 1: subscription, kind, meter, period and plan; where a key was billed twice, the line of the "
        "expected total and then the earliest is taken; adjustments, of which a bill may have several alike, by their totals and "
        "whatever period they name. Pass 2: without the plan, and adjustments without the total; then, of what is left of a "
        "bill for one period, lines under another meter's name or none, each other's likest. Pass 3: overlapping periods of the "
        "same charge within the same billing period, each other's best overlap, lines of the same figures before others."
    ),
    sql=f"""
WITH open_lines AS (
    SELECT l.line_key, l.variant, l.sub, l.kind, l.meter_key, {_placed("l", "b", "period_start")}, {_placed("l", "b", "period_end")},
        coalesce(l.plan_id, '') AS plan_id, l.total, l.gross, l.quantity, l.unit_price, l.back, l.calculated_at, b.due_on
    FROM billed_lines AS l
    JOIN bills AS b ON b.variant = l.variant AND b.sub = l.sub AND b.invoice_id = l.invoice_id
    WHERE b.repeats IS NULL AND b.due_on IS NOT NULL
),
same_key AS (
    SELECT e.expected_line_id, e.variant, b.line_key
    FROM match_expected AS e
    JOIN open_lines AS b ON b.variant = e.variant AND b.sub = e.sub AND b.kind = e.kind AND b.meter_key = e.meter_key
        AND b.period_start = e.period_start AND b.period_end = e.period_end AND b.plan_id = e.plan_id AND b.back = e.back
    WHERE e.kind <> 'adjustment'
),
counted AS (
    SELECT expected_line_id, variant, count(*) AS lines, min(line_key) AS line_key
    FROM same_key GROUP BY expected_line_id, variant
),
crowded AS (
    SELECT k.expected_line_id, k.variant, arg_min(k.line_key, struct_pack(
            unlike := {_unlike("e", "b")}, seen := b.calculated_at, line := k.line_key)) AS line_key
    FROM same_key AS k
    JOIN counted AS c ON c.expected_line_id = k.expected_line_id AND c.variant = k.variant AND c.lines > 1
    JOIN match_expected AS e ON e.expected_line_id = k.expected_line_id AND e.variant = k.variant
    JOIN open_lines AS b ON b.line_key = k.line_key
    GROUP BY k.expected_line_id, k.variant
),
adjusted AS (
    SELECT e.expected_line_id, e.variant, b.line_key
    FROM (SELECT expected_line_id, variant, sub, meter_key, due_on, total, row_number() OVER (
              PARTITION BY variant, sub, meter_key, due_on, total ORDER BY expected_line_id) AS place
          FROM match_expected WHERE kind = 'adjustment') AS e
    JOIN (SELECT line_key, variant, sub, meter_key, due_on, total, row_number() OVER (
              PARTITION BY variant, sub, meter_key, due_on, total ORDER BY calculated_at, line_key) AS place
          FROM open_lines WHERE kind = 'adjustment') AS b
        ON b.variant = e.variant AND b.sub = e.sub AND b.meter_key = e.meter_key AND b.due_on = e.due_on
        AND b.total = e.total AND b.place = e.place
),
first_pass AS (
    SELECT expected_line_id, variant, line_key FROM counted WHERE lines = 1
    UNION ALL
    SELECT expected_line_id, variant, line_key FROM crowded
    UNION ALL
    SELECT expected_line_id, variant, line_key FROM adjusted
),
expected_left AS (
    SELECT e.expected_line_id, e.variant, e.sub, e.kind, e.meter_key, e.period_start, e.period_end, e.due_on, e.total, e.gross,
        e.quantity, e.unit_price, e.back, row_number() OVER (
            PARTITION BY e.variant, e.sub, e.kind, e.meter_key, e.period_start, e.period_end, e.back ORDER BY e.expected_line_id
        ) AS place
    FROM match_expected AS e
    ANTI JOIN first_pass AS m ON m.expected_line_id = e.expected_line_id AND m.variant = e.variant
),
billed_left AS (
    SELECT b.line_key, b.variant, b.sub, b.kind, b.meter_key, b.period_start, b.period_end, b.due_on, b.total, b.gross,
        b.quantity, b.unit_price, b.back, row_number() OVER (
            PARTITION BY b.variant, b.sub, b.kind, b.meter_key, b.period_start, b.period_end, b.back
            ORDER BY b.calculated_at, b.line_key
        ) AS place
    FROM open_lines AS b
    ANTI JOIN first_pass AS m ON m.line_key = b.line_key
),
same_charge AS (
    SELECT e.expected_line_id, e.variant, b.line_key
    FROM expected_left AS e
    JOIN billed_left AS b ON b.variant = e.variant AND b.sub = e.sub AND b.kind = e.kind AND b.meter_key = e.meter_key
        AND b.period_start = e.period_start AND b.period_end = e.period_end AND b.back = e.back AND b.place = e.place
),
renamed AS (
    SELECT expected_line_id, variant, line_key, row_number() OVER (
            PARTITION BY expected_line_id, variant ORDER BY unlike, line_key
        ) AS for_expected, row_number() OVER (PARTITION BY line_key ORDER BY unlike, expected_line_id) AS for_billed
    FROM (
        SELECT e.expected_line_id, e.variant, b.line_key, {_unlike("e", "b")} AS unlike
        FROM expected_left AS e
        JOIN billed_left AS b ON b.variant = e.variant AND b.sub = e.sub AND b.due_on = e.due_on AND b.kind = e.kind
            AND b.period_start = e.period_start AND b.period_end = e.period_end AND b.meter_key <> e.meter_key AND b.back = e.back
        ANTI JOIN same_charge AS m ON m.expected_line_id = e.expected_line_id AND m.variant = e.variant
        ANTI JOIN same_charge AS n ON n.line_key = b.line_key
        WHERE e.total <> 0 AND (e.kind IN ('usage', 'subscription', 'proration') OR e.total = b.total)
    ) AS pairs
),
second_pass AS (
    SELECT expected_line_id, variant, line_key FROM same_charge
    UNION ALL
    SELECT expected_line_id, variant, line_key FROM renamed WHERE for_expected = 1 AND for_billed = 1
),
shared_days AS (
    SELECT e.expected_line_id, e.variant, b.line_key,
        least(e.period_end, b.period_end) - greatest(e.period_start, b.period_start) AS days,
        CASE WHEN e.meter_key = b.meter_key THEN 0 ELSE 2 END + CASE WHEN e.kind = b.kind THEN 0 ELSE 1 END AS other_name,
        {_unlike("e", "b")} AS unlike
    FROM (SELECT e.expected_line_id, e.variant, e.sub, e.kind, e.meter_key, e.period_start, e.period_end, e.due_on, e.total,
              e.gross, e.quantity, e.unit_price
          FROM expected_left AS e
          ANTI JOIN second_pass AS m ON m.expected_line_id = e.expected_line_id AND m.variant = e.variant) AS e
    JOIN (SELECT b.line_key, b.variant, b.sub, b.kind, b.meter_key, b.period_start, b.period_end, b.due_on, b.total, b.gross,
              b.quantity, b.unit_price
          FROM billed_left AS b
          ANTI JOIN second_pass AS m ON m.line_key = b.line_key) AS b
        ON b.variant = e.variant AND b.sub = e.sub AND b.due_on = e.due_on
        AND {FAMILY.format(kind="b.kind")} = {FAMILY.format(kind="e.kind")}
        AND (b.meter_key = e.meter_key OR (e.kind IN ('usage', 'subscription', 'proration') AND e.total <> 0))
        AND b.period_start < e.period_end AND e.period_start < b.period_end
),
ranked AS (
    SELECT expected_line_id, variant, line_key,
        row_number() OVER (
            PARTITION BY expected_line_id, variant ORDER BY unlike > 0, other_name, days DESC, unlike, line_key
        ) AS for_expected,
        row_number() OVER (
            PARTITION BY line_key ORDER BY unlike > 0, other_name, days DESC, unlike, expected_line_id
        ) AS for_billed
    FROM shared_days
)
SELECT expected_line_id, variant, line_key, 1 AS pass FROM first_pass
UNION ALL
SELECT expected_line_id, variant, line_key, 2 AS pass FROM second_pass
UNION ALL
SELECT expected_line_id, variant, line_key, 3 AS pass FROM ranked WHERE for_expected = 1 AND for_billed = 1""",
)

_TIES = "sum(alone) OVER {window} > 0 AND NOT bool_or(unlike) OVER {window} AND " + " AND ".join(
    f"sum({name}) OVER {{window}} = 0" for name in ("gross", "discount", "credit", "tax", "total")
)
"""Whether some lines of a window found no counterpart of their own, and yet all of them come to the same."""

_ITEM = (
    "variant, expected_line_id, line_key, pass, invoice_id, cohort, sub, due_on, customer_id, currency, expected_currency, "
    f"CAST(expected AS {AMOUNT}) AS expected, CAST(billed AS {AMOUNT}) AS billed"
)

ITEMS = Relation(
    name="line_items",
    inputs=("match_expected", "billed_lines", "bills", "line_matches", "expected_lines"),
    doc=(
        "Every line of the billed periods, matched or alone, with both totals. `fresh`: known today for the first time (a "
        "billed line observed today; an expected line alone whose siblings were). `differs`: some figure does. Where some line "
        "is alone and yet the lines of one kind, or of the bill, come to the same in every figure, they are matched as a sum: "
        "the engine cut them otherwise. Only bills with a difference (`troubled`, by hash) are looked at as sums."
    ),
    sql=f"""
WITH sides AS MATERIALIZED (
    SELECT m.variant, m.expected_line_id, m.line_key, m.pass, b.invoice_id, b.cohort, b.fresh, e.subscription_id AS sub,
        e.due_on, e.customer_id, b.currency, e.currency AS expected_currency, e.total AS expected, b.total AS billed, e.kind,
        b.gross - e.gross AS gross, b.discount - e.discount AS discount, b.credit - e.credit AS credit, b.tax - e.tax AS tax,
        b.total - e.total AS total, 0 AS alone, m.pass = 3 OR b.currency <> e.currency AS unlike,
        m.pass = 3 OR b.total <> e.total OR b.currency <> e.currency OR b.gross <> e.gross OR b.discount <> e.discount
            OR b.credit <> e.credit OR b.taxable <> e.taxable OR b.tax <> e.tax
            OR (e.kind IN ('usage', 'subscription', 'proration') AND coalesce(b.quantity <> e.quantity, false))
            OR (e.taxable <> 0 AND coalesce(b.tax_rate <> e.tax_rate, false)) AS differs
    FROM line_matches AS m
    JOIN billed_lines AS b ON b.line_key = m.line_key
    JOIN expected_lines AS e ON e.expected_line_id = m.expected_line_id
    UNION ALL
    SELECT c.variant, c.expected_line_id, NULL AS line_key, 0 AS pass, c.invoice_id, c.cohort, c.fresh, c.sub, c.due_on,
        c.customer_id, c.currency, c.currency AS expected_currency, e.total AS expected, NULL AS billed, e.kind,
        -e.gross AS gross, -e.discount AS discount, -e.credit AS credit, -e.tax AS tax, -e.total AS total,
        CASE WHEN e.total = 0 THEN 0 ELSE 1 END AS alone, false AS unlike, e.total <> 0 AS differs
    FROM match_expected AS c
    JOIN expected_lines AS e ON e.expected_line_id = c.expected_line_id
    ANTI JOIN line_matches AS m ON m.expected_line_id = c.expected_line_id AND m.variant = c.variant
    UNION ALL
    SELECT l.variant, NULL AS expected_line_id, l.line_key, 0 AS pass, l.invoice_id, l.cohort, l.fresh, l.sub, b.due_on,
        l.customer_id, l.currency, NULL AS expected_currency, NULL AS expected, l.total AS billed, l.kind, l.gross, l.discount,
        l.credit, l.tax, l.total, CASE WHEN l.total = 0 THEN 0 ELSE 1 END AS alone, false AS unlike, l.total <> 0 AS differs
    FROM billed_lines AS l
    JOIN bills AS b ON b.variant = l.variant AND b.sub = l.sub AND b.invoice_id = l.invoice_id
    ANTI JOIN line_matches AS m ON m.line_key = l.line_key
    WHERE b.repeats IS NULL AND b.due_on IS NOT NULL
),
troubled AS (SELECT DISTINCT hash(variant, sub, due_on) AS h FROM sides WHERE differs)
SELECT {_ITEM}, fresh, false AS differs
FROM sides ANTI JOIN troubled AS t ON t.h = hash(variant, sub, due_on)
UNION ALL
SELECT {_ITEM}, fresh, differs AND NOT ({_TIES.format(window="of_kind")}) AND NOT ({_TIES.format(window="of_bill")}) AS differs
FROM sides SEMI JOIN troubled AS t ON t.h = hash(variant, sub, due_on)
WINDOW of_kind AS (PARTITION BY variant, sub, due_on, currency, {FAMILY.format(kind="kind")}),
    of_bill AS (PARTITION BY variant, sub, due_on, currency)""",
)

RELATIONS: tuple[Relation, ...] = (CANDIDATES, MATCHES, ITEMS)
