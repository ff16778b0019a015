"""What customers used against what the engine says it metered, in units, per subscription and meter."""

from __future__ import annotations

from billing_recon.compute.money import AMOUNT, QUANTITY
from billing_recon.compute.pairs.shape import ASSESSED, FINDING, columns, counted, source
from billing_recon.compute.relation import Relation

_PAIR = "'metered_used'"

METERED_DAYS = Relation(
    name="metered_days",
    inputs=("metered_usage",),
    kept=False,
    doc="What the engine says it metered, by usage day: `usage_day` is the file's own column, `day` the day of the file.",
    sql="""
SELECT subscription_id, meter, usage_day, quantity, observed_on, source_file, source_row FROM metered_usage""",
)

PLACED = Relation(
    name="metered_placed",
    inputs=("metered_days", "usage_rollup", "run_params"),
    doc=(
        "Used and metered units of the one usage day whose late window ends today. Empty where the engine metered nothing "
        "at all on it: then it said nothing about that day."
    ),
    sql=f"""
WITH used AS (
    SELECT u.subscription_id, u.meter, max(u.customer_id) AS customer_id, sum(u.quantity) AS used,
        sum(u.late_quantity) AS late, sum(u.duplicate_quantity) AS duplicate, sum(u.superseded_quantity) AS superseded,
        sum(u.corrected_quantity) AS corrected
    FROM usage_rollup AS u
    JOIN run_params AS p ON u.usage_day = CAST(p.day - p.late_window_days AS DATE) AND u.day <= p.day
    GROUP BY u.subscription_id, u.meter
),
metered AS (
    SELECT m.subscription_id, m.meter, arg_max(struct_pack(quantity := m.quantity, file := m.source_file, place := m.source_row),
            struct_pack(seen := m.observed_on, file := m.source_file, place := m.source_row)) AS said
    FROM metered_days AS m
    JOIN run_params AS p ON m.usage_day = CAST(p.day - p.late_window_days AS DATE)
    GROUP BY m.subscription_id, m.meter
)
SELECT coalesce(u.subscription_id, m.subscription_id) AS subscription_id, coalesce(u.meter, m.meter) AS meter,
    u.customer_id, CAST(p.day - p.late_window_days AS DATE) AS usage_day,
    CAST(coalesce(u.used, 0) AS {QUANTITY}) AS used, CAST(coalesce(m.said.quantity, 0) AS {QUANTITY}) AS metered,
    CAST(coalesce(m.said.quantity, 0) - coalesce(u.used, 0) AS {QUANTITY}) AS off,
    CAST(coalesce(u.late, 0) AS {QUANTITY}) AS late, CAST(coalesce(u.duplicate, 0) AS {QUANTITY}) AS duplicate,
    CAST(coalesce(u.superseded, 0) AS {QUANTITY}) AS superseded,
    CAST(coalesce(u.corrected, 0) AS {QUANTITY}) AS corrected, u.meter IS NOT NULL AS has_used,
    m.meter IS NOT NULL AS has_metered, m.said.file AS source_file, m.said.place AS source_row
FROM used AS u
FULL JOIN metered AS m ON m.subscription_id = u.subscription_id AND m.meter = u.meter
CROSS JOIN run_params AS p
WHERE EXISTS (SELECT 1 FROM metered)""",
)

_finding = columns(
    FINDING,
    {
        "pair": _PAIR,
        "level": "'account'",
        "code": "CASE WHEN m.corrected <> 0 AND m.off = -m.corrected THEN 'USAGE_CORRECTED' WHEN m.off < 0 AND m.late > 0 AND -m.off = m.late THEN 'USAGE_LATE' WHEN m.off < 0 THEN 'USAGE_MISSING' "
        "WHEN m.duplicate <> m.off AND m.superseded > 0 AND m.superseded = m.off THEN 'USAGE_CORRECTED' ELSE 'USAGE_DUPLICATE' END",
        "customer_id": "m.customer_id",
        "subscription_id": "m.subscription_id",
        "meter": "m.meter",
        "cohort": "'all'",
        "variant": "'control'",
        "expected": f"CAST(m.used AS {AMOUNT})",
        "billed": f"CAST(m.metered AS {AMOUNT})",
        "delta": f"CAST(m.off AS {AMOUNT})",
        "identity": "CAST(m.usage_day AS VARCHAR)",
        "compared": "m.has_used AND m.has_metered",
        "template": f"'The engine metered ' || {counted('m.metered')} || ' ' || m.meter || ' of ' || m.subscription_id || ' on ' "
        f"|| CAST(m.usage_day AS VARCHAR) || ' where usage says ' || {counted('m.used')} || ': ' || {counted('abs(m.off)')} "
        "|| CASE WHEN m.off < 0 THEN ' too few' ELSE ' too many' END || CASE WHEN m.off < 0 AND -m.off = m.late THEN ', which is what arrived late.' "
        "WHEN m.off > 0 AND m.off = m.duplicate THEN ', which is what duplicates add up to.' "
        "WHEN m.off > 0 AND m.off = m.superseded THEN ', which is what corrections took out.' ELSE '.' END",
        "figures": "[]",
        "layer": "'metered_usage'",
        "sources": f"CASE WHEN m.source_file IS NOT NULL THEN [{source('metered_usage', 'm.source_file', 'm.source_row')}] END",
        "evidence": "CAST(json_object('usage_day', CAST(m.usage_day AS VARCHAR), 'arrived_late', say_quantity(m.late), "
        "'duplicates', say_quantity(m.duplicate), 'corrected_away', say_quantity(m.superseded)) AS VARCHAR)",
    },
)

FINDINGS = Relation(
    name="metered_findings",
    inputs=("metered_placed",),
    rows_from=("metered_placed WHERE off <> 0",),
    doc="Subscriptions and meters of which the engine metered more or less than was used.",
    sql=f"""
SELECT {_finding}
FROM metered_placed AS m WHERE m.off <> 0""",
)

_assessed = columns(
    ASSESSED,
    {
        "pair": _PAIR,
        "left_key": "CASE WHEN m.has_used THEN m.subscription_id || '|' || m.meter END",
        "right_key": "CASE WHEN m.has_metered THEN m.subscription_id || '|' || m.meter END",
        "cohort": "'all'",
        "variant": "'control'",
        "customer_id": "m.customer_id",
        "meter": "m.meter",
        "status": "CASE WHEN m.off = 0 THEN 'matched' ELSE 'break' END",
        "left_amount": f"CAST(m.used AS {AMOUNT})",
        "right_amount": f"CAST(m.metered AS {AMOUNT})",
        "left_count": "CASE WHEN m.has_used THEN 1 ELSE 0 END",
        "right_count": "CASE WHEN m.has_metered THEN 1 ELSE 0 END",
    },
)

ASSESSMENTS = Relation(
    name="metered_assessed",
    inputs=("metered_placed",),
    kept=False,
    doc="Every subscription and meter of that usage day.",
    sql=f"""
SELECT {_assessed}
FROM metered_placed AS m""",
)

RELATIONS: tuple[Relation, ...] = (PLACED, FINDINGS, ASSESSMENTS)
