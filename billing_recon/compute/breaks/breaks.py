"""Findings become breaks: identity, owner, source, disposition, sentence and evidence. Why they exist was decided before."""

from __future__ import annotations

from billing_recon.compute.breaks import dispositions
from billing_recon.compute.money import AMOUNT
from billing_recon.compute.pairs.shape import ASSESSED, CODE_ORDER, FINDING, SOURCES, source
from billing_recon.compute.relation import Relation
from billing_recon.core.schema import BREAKS

FOUND_IN = (
    "expected_billed_findings",
    "billed_rendered_findings",
    "booked_findings",
    "paid_findings",
    "metered_findings",
)
ASSESSED_IN = (
    "expected_billed_assessed",
    "billed_rendered_assessed",
    "booked_assessed",
    "paid_assessed",
    "metered_assessed",
)

_SOURCES_SHOWN = 40
"""Source rows that a break names at most; the invoice_id finds the rest."""


def _union(relations: tuple[str, ...], shape: dict[str, str]) -> str:
    return "\n    UNION ALL\n    ".join(f"SELECT {', '.join(shape)} FROM {name}" for name in relations)


IDENTIFIED = Relation(
    name="findings",
    inputs=FOUND_IN,
    doc=(
        "Every finding with its break_id: a hash of what it is about, never of the day or an amount, so that a rerun and a "
        "corrected figure keep it."
    ),
    sql=f"""
WITH found AS (
    {_union(FOUND_IN, FINDING)}
)
SELECT 'B' || left(sha256(concat_ws('|', pair, level, code, coalesce(invoice_id, ''), coalesce(line_id, ''),
        coalesce(subscription_id, ''), coalesce(meter, ''), identity)), 16) AS break_id,
    {", ".join(FINDING)}
FROM found""",
)

_fill = "f.template"
for _number in range(1, 6):
    _fill = f"replace({_fill}, '{{{_number}}}', coalesce(t.figure_{_number}, ''))"
_texts = ", ".join(f"group_thousands(say(f.figures[{n}], coalesce(c.decimals, 0))) AS figure_{n}" for n in range(1, 6))

REPORTED = Relation(
    name="reported",
    inputs=(
        "findings",
        "engine_lines",
        "currencies",
        "policy_owners",
        "dispositions",
        "layer_sources",
        "run_params",
    ),
    rows_from=("findings",),
    doc=(
        "Findings with everything that a break carries, and their cohort and variant. What was decided about them, and on what "
        "grounds, is in dispositions. `agrees_with_rating`: the layer differs from the bill by exactly what the bill of the same day "
        "differs from our own rating, so the engine is the odd one out."
    ),
    sql=f"""
WITH billed AS (
    SELECT f.break_id, list({source("invoice_lines", "l.source_file", "l.source_row")}
        ORDER BY l.source_file, l.source_row) AS sources
    FROM findings AS f
    JOIN engine_lines AS l ON l.invoice_id = f.invoice_id AND coalesce(l.line_id = f.line_id, true)
    WHERE f.pair <> 'expected_billed' OR f.level <> 'line'
    GROUP BY f.break_id
),
parts AS (
    SELECT break_id, unnest(coalesce(stages, [struct_pack(code := code, amount := delta)])) AS part, currency, delta FROM findings
),
staged AS (
    SELECT p.break_id, '{{' || string_agg('"' || p.part.code || '": "' || say(p.part.amount, coalesce(c.decimals, 0)) || '"', ', '
        ORDER BY list_position({CODE_ORDER}, p.part.code)) || '}}' AS stage_deltas
    FROM parts AS p
    LEFT JOIN currencies AS c ON c.currency = p.currency
    WHERE p.part.amount <> 0 OR p.delta = 0
    GROUP BY p.break_id
),
rated AS (
    SELECT invoice_id, currency, CAST(sum(delta) AS {AMOUNT}) AS off
    FROM findings WHERE pair = 'expected_billed' AND variant = 'control' GROUP BY invoice_id, currency HAVING sum(delta) <> 0
),
agreeing AS (
    SELECT f.pair, f.invoice_id, f.currency
    FROM findings AS f
    JOIN rated AS r ON r.invoice_id = f.invoice_id AND r.currency = f.currency
    WHERE f.pair IN ('billed_rendered', 'billed_booked', 'billed_paid') AND f.compared
    GROUP BY f.pair, f.invoice_id, f.currency, r.off HAVING sum(f.delta) = -r.off
),
texts AS (
    SELECT f.break_id, {_texts}
    FROM findings AS f LEFT JOIN currencies AS c ON c.currency = f.currency
)
SELECT f.break_id, d.day, f.pair, f.level, f.code,
    coalesce(a.disposition, 'OPEN') AS disposition, f.invoice_id, f.line_id,
    f.customer_id, f.subscription_id, f.meter, f.currency, f.expected, f.billed, f.rendered, f.booked, f.paid, f.delta,
    s.stage_deltas, f.sentence, f.facts, g.invoice_id IS NOT NULL AS agrees_with_rating, {_fill} AS explanation, coalesce(o.owner, '') AS owner, coalesce(l.source_system, f.layer) AS source_system,
    CAST(json_merge_patch(coalesce(CAST(f.evidence AS JSON), CAST('{{}}' AS JSON)), coalesce(a.disposed_by, CAST('{{}}' AS JSON)), json_object('sources', list_slice(
        list_concat(coalesce(f.sources, CAST([] AS {SOURCES})), coalesce(b.sources, CAST([] AS {SOURCES}))), 1, {_SOURCES_SHOWN}
    ))) AS VARCHAR) AS evidence, f.cohort, f.variant
FROM findings AS f
CROSS JOIN run_params AS d
JOIN staged AS s ON s.break_id = f.break_id
JOIN texts AS t ON t.break_id = f.break_id
LEFT JOIN billed AS b ON b.break_id = f.break_id
LEFT JOIN dispositions AS a ON a.break_id = f.break_id
LEFT JOIN policy_owners AS o ON o.code = f.code
LEFT JOIN layer_sources AS l ON l.table_name = f.layer
LEFT JOIN agreeing AS g ON g.pair = f.pair AND g.invoice_id = f.invoice_id AND g.currency = f.currency""",
)

BREAKS_EXPLAINED = Relation(
    name="breaks",
    inputs=("reported", "explanations"),
    doc="The day's breaks, one row per difference (core.schema.BREAKS). `explanations` is made by `explain` of reported's facts.",
    sql=f"""
SELECT {", ".join(f"CAST({'x.explanation' if c.name == 'explanation' else f'r.{c.name}'} AS {c.sql_type}) AS {c.name}" for c in BREAKS.columns)}
FROM reported AS r
JOIN explanations AS x ON x.break_id = r.break_id
ORDER BY r.break_id""",
)

ASSESSMENTS = Relation(
    name="assessments",
    inputs=ASSESSED_IN,
    doc="Every item that the day decided about, or waits for: matched, break or pending, with both layers' amounts and counts.",
    sql=f"""
SELECT {", ".join(ASSESSED)}
FROM (
    {_union(ASSESSED_IN, ASSESSED)}
) AS items""",
)

RELATIONS: tuple[Relation, ...] = (IDENTIFIED, ASSESSMENTS, *dispositions.RELATIONS, REPORTED)
