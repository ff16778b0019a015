"""Reason codes of line differences: one a stage, the first that moves money is the primary one; consequences take their cause's."""

from __future__ import annotations

from billing_recon.compute.codes import consequences
from billing_recon.compute.codes.rerating import CHARGES
from billing_recon.compute.money import AMOUNT, QUANTITY
from billing_recon.compute.pairs.shape import CODE_ORDER
from billing_recon.compute.relation import Relation

NOT_SUMMED = """ANTI JOIN term_charges AS t ON t.plan_id = p.e_plan AND t.plan_version = p.e_version
        AND t.currency = p.e_currency AND t.charge_id = p.charge_id AND t.aggregation NOT IN ('sum', 'count')"""
"""SQL that leaves out lines p whose units are no sum: a peak, a number of distinct values."""

CLOSED = Relation(
    name="line_closed",
    inputs=("parted_lines", "usage_rollup", "term_charges", "run_params"),
    rows_from=("parted_lines WHERE kind = 'usage' AND b_quantity <> e_quantity",),
    doc=(
        "Usage lines that charge what was known at the end of an earlier day, where all that came since came late: the engine "
        "closed its books too early (`closed_before`: the earliest day of what is missing); and those that charge what would "
        "be used had no correction come, of all days or of one, or that count both a correction and what it corrects "
        "(`is_uncorrected`; `is_whole`: of all days). What duplicates of the whole period explain is no correction of one day. Only "
        "of units that are sums; of others the expected line itself says so."
    ),
    sql=f"""
WITH arrived AS (
    SELECT p.item, p.b_quantity, p.e_quantity, u.usage_day, u.day, sum(u.quantity) AS quantity, sum(u.late_quantity) AS late,
        sum(u.corrected_quantity) AS corrected,
        sum(u.superseded_quantity) AS superseded
    FROM parted_lines AS p
    CROSS JOIN run_params AS d
    JOIN usage_rollup AS u ON u.subscription_id = p.sub AND u.meter = p.meter AND u.usage_day >= p.period_start
        AND u.usage_day < p.period_end AND u.day <= CAST(p.period_end + d.late_window_days AS DATE)
    {NOT_SUMMED}
    WHERE p.kind = 'usage' AND p.b_quantity <> p.e_quantity
    GROUP BY p.item, p.b_quantity, p.e_quantity, u.usage_day, u.day
),
by_usage_day AS (
    SELECT item, b_quantity - e_quantity AS off, sum(corrected) AS corrected, sum(superseded) AS superseded
    FROM arrived GROUP BY item, usage_day, b_quantity, e_quantity
),
uncorrected AS (
    SELECT item, sum(corrected) = -off OR sum(superseded) = off AS is_whole FROM by_usage_day WHERE superseded <> 0
    GROUP BY item, off
    HAVING sum(corrected) = -off OR sum(superseded) = off OR bool_or(corrected = -off) OR bool_or(superseded = off)
),
since AS (
    SELECT item, b_quantity, e_quantity, day, sum(sum(quantity)) OVER later AS quantity, sum(sum(late)) OVER later AS late
    FROM arrived
    GROUP BY item, b_quantity, e_quantity, day
    WINDOW later AS (PARTITION BY item ORDER BY day DESC)
),
closed AS (
    SELECT item, min(day) AS closed_before
    FROM since WHERE quantity = late AND quantity = e_quantity - b_quantity AND quantity > 0
    GROUP BY item
)
SELECT coalesce(c.item, n.item) AS item, c.closed_before, n.item IS NOT NULL AS is_uncorrected, coalesce(n.is_whole, false) AS is_whole
FROM closed AS c
FULL JOIN uncorrected AS n ON n.item = c.item""",
)

METERED = Relation(
    name="line_metered",
    inputs=("parted_lines", "metered_usage", "usage_rollup", "term_charges", "run_params"),
    rows_from=("parted_lines WHERE kind = 'usage' AND b_quantity <> e_quantity",),
    doc=(
        "What the engine says it metered in the days of each usage line whose quantity differs; its last word on a day counts. "
        "`is_right`: all that it should have, the line's units or what was used where those are no sum of it. Where what it metered "
        "too much or too little, since it says so at all, is what the line is off by, those days say what was not the cause: "
        "`no_correction` and `no_late`, since on none of them a correction or anything late came."
    ),
    sql=f"""
WITH asked AS (
    SELECT item, sub, meter, period_start, period_end, e_quantity, b_quantity - e_quantity AS off
    FROM parted_lines WHERE kind = 'usage' AND b_quantity <> e_quantity
),
metered AS (
    SELECT p.item, m.usage_day, arg_max(m.quantity, struct_pack(
            seen := m.observed_on, file := m.source_file, place := m.source_row)) AS metered
    FROM asked AS p
    JOIN metered_usage AS m ON m.subscription_id = p.sub AND m.meter = p.meter
        AND m.usage_day >= p.period_start AND m.usage_day < p.period_end
    GROUP BY p.item, m.usage_day
),
used AS (
    SELECT p.item, u.usage_day, sum(u.quantity) AS used, bool_or(u.superseded_quantity <> 0 OR u.corrected_quantity <> 0) AS corrected,
        bool_or(u.late_quantity <> 0) AS late
    FROM asked AS p
    CROSS JOIN run_params AS d
    JOIN usage_rollup AS u ON u.subscription_id = p.sub AND u.meter = p.meter AND u.usage_day >= p.period_start
        AND u.usage_day < p.period_end AND u.day <= CAST(p.period_end + d.late_window_days AS DATE)
    GROUP BY p.item, u.usage_day
),
days AS (
    SELECT coalesce(m.item, u.item) AS item, m.metered, coalesce(u.used, 0) AS used,
        CASE WHEN coalesce(m.usage_day, u.usage_day) < s.since THEN 0 ELSE coalesce(m.metered, 0) - coalesce(u.used, 0) END AS off,
        coalesce(u.corrected, false) AS corrected, coalesce(u.late, false) AS late
    FROM metered AS m
    FULL JOIN used AS u ON u.item = m.item AND u.usage_day = m.usage_day
    CROSS JOIN (SELECT min(usage_day) AS since FROM metered_usage) AS s
),
summed AS (
    SELECT p.item FROM parted_lines AS p {NOT_SUMMED} WHERE p.kind = 'usage' AND p.b_quantity <> p.e_quantity
)
SELECT d.item, CAST(sum(d.metered) AS {QUANTITY}) = CASE WHEN bool_or(s.item IS NULL) THEN sum(d.used) ELSE max(p.e_quantity) END AS is_right,
    sum(d.off) = max(p.off) AND NOT bool_or(d.corrected) FILTER (WHERE d.off <> 0) AS no_correction,
    sum(d.off) = max(p.off) AND NOT bool_or(d.late) FILTER (WHERE d.off <> 0) AS no_late
FROM days AS d
JOIN asked AS p ON p.item = d.item
LEFT JOIN summed AS s ON s.item = d.item
GROUP BY d.item
HAVING bool_or(d.metered IS NOT NULL)""",
)

_QUANTITY_CODE = """CASE
        WHEN p.kind <> 'usage' THEN 'SUBSCRIPTION_STATE'
        WHEN NOT coalesce(k.is_whole, false) AND p.duplicate_quantity > 0 AND p.b_quantity = p.e_quantity + p.duplicate_quantity
            AND p.superseded_quantity <> p.duplicate_quantity THEN 'USAGE_DUPLICATE'
        WHEN NOT coalesce(m.is_right OR m.no_correction, false) AND (k.is_uncorrected
            OR (p.superseded_quantity <> 0 AND p.b_quantity = p.e_quantity + p.superseded_quantity)) THEN 'USAGE_CORRECTED'
        WHEN NOT coalesce(m.no_late, false) AND (k.closed_before IS NOT NULL
            OR (p.late_quantity <> 0 AND p.b_quantity = p.e_quantity - p.late_quantity)) THEN 'USAGE_LATE'
        WHEN p.duplicate_quantity > 0 AND p.b_quantity = p.e_quantity + p.duplicate_quantity THEN 'USAGE_DUPLICATE'
        WHEN m.is_right THEN 'USAGE_AGGREGATION'
        WHEN p.b_quantity < p.e_quantity THEN 'USAGE_MISSING'
        ELSE 'USAGE_DUPLICATE'
    END"""


_OFF = "CASE WHEN p.meter IN ('cap', 'maximum') THEN 'CAP' ELSE 'DISCOUNT_VALUE' END"
"""What a line that only takes off is: the most that an invoice may come to, or a coupon."""


def _settled_otherwise(raw: str, billed: str, otherwise: str) -> str:
    """ROUNDING where `billed` is another settling of `raw`, MINOR_UNIT where it is not settled at all, else `otherwise`."""
    return (
        f"CASE WHEN coalesce(abs({raw} - {billed}) >= minor_unit(p.decimals), true) THEN {otherwise} "
        f"WHEN {billed} % minor_unit(p.decimals) = 0 THEN 'ROUNDING' ELSE 'MINOR_UNIT' END"
    )


_ALLOWANCE = f"""(s.other_allowance OR (s.free_units > 0 AND p.b_price = p.e_price AND p.b_price > 0
        AND p.b_gross % CAST(p.b_price AS {AMOUNT}) = 0 AND abs(p.b_gross - p.e_gross) >= CAST(p.b_price AS {AMOUNT}) + minor_unit(p.decimals)))"""
"""The gross of other included units: none, twice as many, or any other number of whole units or packages, which cannot be a
package rounded otherwise since it is more than one away, and what settling makes."""

_GROSS_OTHERWISE = f"""CASE
        WHEN p.kind IN {CHARGES} AND {_ALLOWANCE} THEN 'ALLOWANCE_ROLLOVER'
        WHEN p.kind = 'proration' AND s.is_whole THEN 'PRORATION'
        WHEN p.kind IN {CHARGES} AND (p.b_price <> p.e_price OR s.other_version IS NOT NULL) THEN 'PRICE_VERSION'
        WHEN p.kind = 'proration' THEN 'PRORATION' WHEN p.kind = 'minimum' THEN coalesce(a.code, 'MINIMUM')
        WHEN p.kind = 'discount' THEN {_OFF} WHEN p.kind = 'credit' THEN 'CREDIT_VALUE'
        WHEN p.kind = 'adjustment' THEN 'USAGE_LATE'
        ELSE 'TIER_RATE'
    END"""

_GROSS_CODE = f"""CASE
        WHEN a.code IS NOT NULL THEN a.code
        WHEN s.unbound = p.b_gross AND s.unbound <> s.own_gross THEN CASE WHEN s.unbound < s.own_gross THEN 'MINIMUM' ELSE 'CAP' END
        WHEN p.kind IN {CHARGES} AND p.b_plan <> p.e_plan THEN 'SUBSCRIPTION_STATE'
        WHEN s.is_listed AND coalesce(p.b_version = p.e_version, true) THEN 'CONTRACT_OVERRIDE'
        WHEN p.kind IN {CHARGES} AND (p.b_version <> p.e_version OR (p.b_price <> p.e_price AND s.other_version IS NOT NULL))
            THEN 'PRICE_VERSION'
        ELSE {_settled_otherwise("s.own_raw", "p.b_gross", _GROSS_OTHERWISE)}
    END"""

_ALONE_MISSING = f"""CASE p.kind WHEN 'minimum' THEN 'MINIMUM' WHEN 'discount' THEN {_OFF} WHEN 'credit' THEN 'CREDIT_VALUE'
        WHEN 'usage' THEN 'USAGE_MISSING' WHEN 'proration' THEN 'PRORATION'
        WHEN 'adjustment' THEN CASE WHEN p.charge_id IS NULL AND p.meter = 'tax' THEN 'MANUAL_ADJUSTMENT' ELSE 'USAGE_LATE' END
        ELSE 'SUBSCRIPTION_STATE' END"""
_ALONE_EXTRA = f"""CASE WHEN p.kind = 'minimum' THEN 'MINIMUM' WHEN p.kind = 'adjustment' THEN 'MANUAL_ADJUSTMENT'
        WHEN r.is_same AND (p.kind NOT IN ('usage', 'discount', 'credit') OR r.is_whole) THEN 'INVOICE_DUPLICATE'
        WHEN p.kind = 'discount' THEN {_OFF} WHEN p.kind = 'credit' THEN 'CREDIT_VALUE'
        WHEN p.kind = 'usage' AND r.line_key IS NOT NULL THEN CASE WHEN r.is_whole THEN 'INVOICE_DUPLICATE' ELSE 'USAGE_DUPLICATE' END
        WHEN p.kind = 'proration' THEN 'PRORATION' ELSE 'SUBSCRIPTION_STATE' END"""

ORDERED = Relation(
    name="line_orders",
    inputs=("parted_lines", "line_items", "expected_lines", "billed_lines", "term_plans", "run_params"),
    rows_from=("parted_lines WHERE line_key IS NOT NULL AND expected_line_id IS NOT NULL",),
    doc=(
        "Lines whose components agree and whose sequence does not (STEP_ORDER): a credit or a discount taken before tax where it "
        "comes after or the other way round, a minimum filled before the discount is taken off. And minimums of the plan "
        "where the contract has its own (CONTRACT_OVERRIDE); and those of a part of a period that fill what is billed up to the "
        "whole period's, or to a day's more or less (PRORATION)."
    ),
    sql=f"""
WITH minimums AS (
    SELECT p.item, p.decimals, r.rounding, p.b_gross - p.b_discount AS filled, p.b_gross, m.minimum AS listed,
        TRY_CAST(json_extract_string(p.working, '$.steps.minimum.agreed') AS {AMOUNT}) AS agreed,
        TRY_CAST(json_extract_string(p.working, '$.steps.minimum.owed') AS {AMOUNT}) AS owed,
        TRY_CAST(json_extract_string(p.working, '$.steps.minimum.charged') AS {AMOUNT}) AS charged,
        coalesce(TRY_CAST(json_extract_string(p.working, '$.steps.minimum.days') AS INTEGER), 1) AS part,
        coalesce(TRY_CAST(json_extract_string(p.working, '$.steps.minimum.of') AS INTEGER), 1) AS whole,
        sum(e.discount) AS discounts, coalesce(sum(b.gross - b.discount), 0) AS billed
    FROM parted_lines AS p
    CROSS JOIN run_params AS r
    LEFT JOIN term_plans AS m ON m.plan_id = p.e_plan AND m.plan_version = p.e_version AND m.currency = p.e_currency
    LEFT JOIN line_items AS i ON i.variant = p.variant AND i.sub = p.sub AND i.due_on = p.due_on
    LEFT JOIN expected_lines AS e ON e.expected_line_id = i.expected_line_id AND e.kind IN {CHARGES} AND e.plan_id = p.e_plan
        AND e.period_start >= p.period_start AND e.period_end <= p.period_end
    LEFT JOIN billed_lines AS b ON b.line_key = i.line_key AND b.kind IN {CHARGES} AND b.plan_id = p.e_plan
        AND b.period_start >= p.period_start AND b.period_end <= p.period_end
    WHERE p.kind = 'minimum' AND p.line_key IS NOT NULL AND p.expected_line_id IS NOT NULL AND p.b_gross <> p.e_gross
    GROUP BY p.item, p.decimals, r.rounding, p.b_gross, p.b_discount, m.minimum, p.working
)
SELECT item, code
FROM (
    SELECT item, CASE
            WHEN listed <> agreed AND filled = settle(share(listed, part, whole), decimals, rounding) - charged THEN 'CONTRACT_OVERRIDE'
            WHEN discounts <> 0 AND b_gross = owed - charged - discounts THEN 'STEP_ORDER'
            WHEN part < whole AND filled + billed IN (
                settle(agreed, decimals, rounding), settle(share(agreed, part - 1, whole), decimals, rounding),
                settle(share(agreed, part + 1, whole), decimals, rounding)
            ) THEN 'PRORATION'
        END AS code
    FROM minimums
) AS otherwise
WHERE code IS NOT NULL
UNION ALL
SELECT p.item, 'STEP_ORDER' AS code
FROM parted_lines AS p
CROSS JOIN run_params AS r
WHERE p.e_currency = p.b_currency AND p.b_gross = p.e_gross AND p.b_discount = p.e_discount AND p.b_credit = p.e_credit
    AND coalesce(p.b_rate = p.e_rate, true) AND p.b_taxable <> p.e_taxable
    AND p.b_tax = settle(apply_rate(p.b_taxable, p.e_rate), p.decimals, r.rounding) AND CASE
        WHEN p.e_credit <> 0 THEN p.b_taxable IN (p.b_gross - p.b_discount, p.b_gross - p.b_discount - p.b_credit)
        WHEN p.e_discount <> 0 THEN p.b_taxable = p.b_gross
        ELSE false
    END AND p.b_total = p.b_gross - p.b_discount - p.b_credit + p.b_tax""",
)

CODED = Relation(
    name="coded_stages",
    inputs=(
        *("parted_lines", "line_stages", "line_closed", "line_metered", "line_orders", "line_items"),
        *("billed_lines", "expected_lines", "set_aside", "run_params"),
    ),
    rows_from=("parted_lines",),
    doc=(
        "Each stage's code and delta, one row a stage that moves the total or (step 0) is alone in saying why: a line alone, "
        "another currency or unit, another period. A quantity or a rate that differs without moving money has a delta of 0."
    ),
    sql=f"""
WITH repeats AS (
    SELECT line_key, is_same, is_same AND count(*) FILTER (WHERE is_same) OVER invoice
        + count(*) FILTER (WHERE is_same) OVER invoice = lines AS is_whole
    FROM (
        SELECT p.line_key, p.variant, p.sub, p.invoice_id, bool_or(b.gross = p.b_gross AND b.discount = p.b_discount
                AND b.total = p.b_total AND b.invoice_id = p.invoice_id) AS is_same, max(w.lines) AS lines
        FROM parted_lines AS p
        JOIN billed_lines AS b ON b.variant = p.variant AND b.sub = p.sub AND b.kind = p.kind
            AND b.meter_key = coalesce(p.meter, '') AND b.period_start = p.period_start AND b.period_end = p.period_end
            AND b.line_key <> p.line_key
        JOIN (SELECT variant, sub, invoice_id, count(*) AS lines FROM billed_lines WHERE total <> 0
              GROUP BY variant, sub, invoice_id) AS w
            ON w.variant = p.variant AND w.sub = p.sub AND w.invoice_id = p.invoice_id
        WHERE p.expected_line_id IS NULL
        GROUP BY p.line_key, p.variant, p.sub, p.invoice_id
    ) AS twice
    WINDOW invoice AS (PARTITION BY variant, sub, invoice_id)
),
by_line AS (
    SELECT p.item, CAST(sum(settle(apply_rate(e.taxable, p.e_rate), p.decimals, r.rounding)) AS {AMOUNT}) AS tax
    FROM parted_lines AS p
    CROSS JOIN run_params AS r
    JOIN line_items AS i ON i.variant = p.variant AND i.sub = p.sub AND i.due_on = p.due_on
    JOIN expected_lines AS e ON e.expected_line_id = i.expected_line_id AND e.currency = p.e_currency
    WHERE p.on_base <> 0
    GROUP BY p.item
),
aside AS (
    SELECT DISTINCT p.item
    FROM parted_lines AS p
    JOIN set_aside AS q ON q.table_name = 'invoice_lines' AND q.named = p.sub AND coalesce(q.kind = p.kind, true)
        AND coalesce(q.period_start = p.period_start, true) AND coalesce(q.period_end = p.period_end, true)
        AND (q.kind IS NULL OR q.meter IS NOT DISTINCT FROM p.meter)
    WHERE p.line_key IS NULL
),
whole AS (
    SELECT p.item, 0 AS step, CASE
            WHEN p.line_key IS NULL AND q.item IS NOT NULL THEN 'RECORD_QUARANTINED'
            WHEN p.line_key IS NULL THEN {_ALONE_MISSING}
            WHEN p.expected_line_id IS NULL THEN {_ALONE_EXTRA}
            WHEN p.e_currency <> p.b_currency THEN 'CURRENCY_FX'
            WHEN p.scaled THEN 'MINOR_UNIT'
            WHEN p.b_kind <> p.kind THEN 'PRORATION'
            ELSE 'INVOICE_PERIOD'
        END AS code, CAST(CASE WHEN p.moved THEN 0 ELSE coalesce(p.b_total, 0) - coalesce(p.e_total, 0) END AS {AMOUNT}) AS delta
    FROM parted_lines AS p
    LEFT JOIN repeats AS r ON r.line_key = p.line_key
    LEFT JOIN aside AS q ON q.item = p.item
    WHERE p.pass NOT BETWEEN 1 AND 2 OR p.scaled OR p.e_currency <> p.b_currency
),
compared AS (
    SELECT s.item, unnest([1, 2, 3, 4, 5, 6, 7, 8]) AS step,
        unnest([
            {_QUANTITY_CODE},
            {_GROSS_CODE},
            {_settled_otherwise("s.discount_raw", "p.b_discount", _OFF)},
            'CREDIT_VALUE', coalesce(a.code, 'TAX_BASE'), coalesce(a.code, 'TAX_RATE_JURISDICTION'),
            coalesce(a.code, CASE WHEN p.b_tax = l.tax THEN 'ROUNDING' ELSE {_settled_otherwise("s.tax_raw", "p.b_tax", "'TAX_BASE'")} END),
            coalesce(a.code, 'UNEXPLAINED')
        ]) AS code,
        unnest([s.t1 - s.t0, s.t2 - s.t1, s.t3 - s.t2, s.t4 - s.t3, s.t5 - s.t4, s.t6 - s.t5, s.t7 - s.t6, s.t8 - s.t7]) AS delta,
        unnest([
            p.kind IN {CHARGES} AND coalesce(p.b_quantity <> p.e_quantity, false), p.b_gross <> s.own_gross,
            p.b_discount <> s.own_discount, p.b_credit <> p.e_credit, false,
            coalesce(p.b_rate <> p.e_rate, false) AND p.e_taxable <> 0, false, false
        ]) AS parts
    FROM line_stages AS s
    JOIN parted_lines AS p ON p.item = s.item
    LEFT JOIN line_closed AS k ON k.item = s.item
    LEFT JOIN line_orders AS a ON a.item = s.item
    LEFT JOIN by_line AS l ON l.item = s.item
    LEFT JOIN line_metered AS m ON m.item = s.item
)
SELECT item, step, code, delta FROM whole
UNION ALL
SELECT item, step, code, CAST(delta AS {AMOUNT}) AS delta FROM compared WHERE delta <> 0 OR parts""",
)

_OWN = (
    "CASE {k} WHEN 'minimum' THEN 'MINIMUM' WHEN 'discount' THEN 'DISCOUNT_VALUE' WHEN 'credit' THEN 'CREDIT_VALUE' END"
)
_RANK = "CASE {k} WHEN 'minimum' THEN 1 WHEN 'discount' THEN 2 WHEN 'credit' THEN 3 ELSE 0 END"

PRIMARY = Relation(
    name="line_codes",
    inputs=(
        "coded_stages",
        "tax_consequences",
        "parted_lines",
        "line_items",
        "expected_lines",
        "billed_lines",
        "run_params",
    ),
    rows_from=("parted_lines",),
    doc=(
        "Per line that differs its primary code and stages. A minimum, cap, coupon or credit that is right for the billed "
        "siblings is the consequence of a sibling and takes that one's code (`follows`: the sibling's line). What it should be is "
        "judged by what the siblings add up to on either side: a minimum fills the same sum, a cap leaves it, a coupon or credit takes all "
        "that is left where it is cut off by it."
    ),
    sql=f"""
WITH firsts AS (
    SELECT item, arg_min(code, step) FILTER (WHERE delta <> 0) AS moving, arg_min(code, step) AS any_code,
        count(DISTINCT code) AS codes
    FROM coded_stages GROUP BY item
),
own AS (
    SELECT p.item, p.variant, p.sub, p.due_on, p.kind, p.line_id, coalesce(f.moving, f.any_code) AS code, f.codes
    FROM parted_lines AS p JOIN firsts AS f ON f.item = p.item
),
dependent AS (
    SELECT o.item, o.variant, o.sub, o.due_on, o.kind, p.expected_line_id, p.line_key, p.period_start, p.period_end,
        coalesce(p.e_plan, p.b_plan) AS plan_id, o.code = 'CAP' AS is_cap,
        CASE p.kind WHEN 'minimum' THEN coalesce(p.e_gross - p.e_discount, 0)
            WHEN 'discount' THEN coalesce(p.e_discount, 0) ELSE coalesce(p.e_credit, 0) END AS e_own,
        CASE p.kind WHEN 'minimum' THEN coalesce(p.b_gross - p.b_discount, 0)
            WHEN 'discount' THEN coalesce(p.b_discount, 0) ELSE coalesce(p.b_credit, 0) END AS b_own
    FROM own AS o
    JOIN parted_lines AS p ON p.item = o.item
    WHERE o.codes = 1 AND (o.code = {_OWN.format(k="o.kind")} OR o.code = 'CAP')
),
sums AS (
    SELECT d.item,
        CAST(sum(CASE WHEN d.kind <> 'credit' THEN coalesce(e.gross - e.discount, 0)
            WHEN r.credit_policy = 'before_tax' THEN coalesce(e.taxable, 0) ELSE coalesce(e.total, 0) END) AS {AMOUNT}) AS e_sum,
        CAST(sum(CASE WHEN d.kind <> 'credit' THEN coalesce(b.gross - b.discount, 0)
            WHEN r.credit_policy = 'before_tax' THEN coalesce(b.taxable, 0) ELSE coalesce(b.total, 0) END) AS {AMOUNT}) AS b_sum
    FROM dependent AS d
    CROSS JOIN run_params AS r
    JOIN line_items AS i ON i.variant = d.variant AND i.sub = d.sub AND i.due_on = d.due_on
        AND NOT (i.expected_line_id IS NOT DISTINCT FROM d.expected_line_id AND i.line_key IS NOT DISTINCT FROM d.line_key)
    LEFT JOIN expected_lines AS e ON e.expected_line_id = i.expected_line_id
    LEFT JOIN billed_lines AS b ON b.line_key = i.line_key
    WHERE {_RANK.format(k="coalesce(e.kind, b.kind)")} <= {_RANK.format(k="d.kind")} AND (d.kind <> 'minimum' OR (
        coalesce(e.kind, b.kind) IN {CHARGES} AND coalesce(e.plan_id, b.plan_id) = d.plan_id
        AND coalesce(e.period_start, b.period_start) >= d.period_start
        AND coalesce(e.period_end, b.period_end) <= d.period_end))
        AND (NOT d.is_cap OR coalesce(e.kind, b.kind) IN {CHARGES})
    GROUP BY d.item
),
following AS (
    SELECT d.item, d.variant, d.sub, d.due_on, d.kind
    FROM dependent AS d
    JOIN sums AS s ON s.item = d.item
    WHERE s.e_sum <> s.b_sum AND CASE
        WHEN d.kind = 'minimum' THEN (d.e_own > 0 AND d.b_own = greatest(s.e_sum + d.e_own - s.b_sum, 0))
            OR (d.e_own = 0 AND d.b_own > 0 AND s.b_sum + d.b_own <= s.e_sum)
        WHEN d.is_cap THEN (d.e_own > 0 AND d.b_own = greatest(s.b_sum - s.e_sum + d.e_own, 0))
            OR (d.e_own = 0 AND d.b_own > 0 AND s.b_sum - d.b_own >= s.e_sum)
        ELSE (d.b_own = greatest(s.b_sum, 0) AND d.b_own < d.e_own)
            OR (d.e_own = greatest(s.e_sum, 0) AND d.b_own > d.e_own AND d.b_own <= s.b_sum)
    END
),
causes AS (
    SELECT f.item, arg_min(struct_pack(code := o.code, line_id := o.line_id), struct_pack(
            kind := {_RANK.format(k="o.kind")}, stage := list_position({CODE_ORDER}, o.code), line := o.item)) AS cause
    FROM following AS f
    JOIN own AS o ON o.variant = f.variant AND o.sub = f.sub AND o.due_on = f.due_on AND o.item <> f.item
        AND {_RANK.format(k="o.kind")} <= {_RANK.format(k="f.kind")}
    WHERE {_RANK.format(k="o.kind")} < {_RANK.format(k="f.kind")}
    GROUP BY f.item
    UNION ALL
    SELECT item, cause FROM tax_consequences
),
parts AS (
    SELECT c.item, coalesce(w.cause.code, c.code) AS code, CAST(sum(c.delta) AS {AMOUNT}) AS delta
    FROM coded_stages AS c
    LEFT JOIN causes AS w ON w.item = c.item
    GROUP BY c.item, coalesce(w.cause.code, c.code)
),
listed AS (
    SELECT item, list(struct_pack(code := code, amount := delta) ORDER BY code) AS stages
    FROM parts GROUP BY item
)
SELECT o.item, coalesce(w.cause.code, o.code) AS code, w.cause.line_id AS follows, w.item IS NOT NULL AS is_consequence, l.stages
FROM own AS o
JOIN listed AS l ON l.item = o.item
LEFT JOIN causes AS w ON w.item = o.item""",
)

RELATIONS: tuple[Relation, ...] = (CLOSED, METERED, ORDERED, CODED, *consequences.RELATIONS, PRIMARY)
