"""Lines that are right for their siblings and wrong because one of these is: the tax of an invoice on what it charges."""

from __future__ import annotations

from billing_recon.compute.money import AMOUNT
from billing_recon.compute.pairs.shape import CODE_ORDER
from billing_recon.compute.relation import Relation

TAXED = Relation(
    name="tax_consequences",
    inputs=("parted_lines", "coded_stages", "line_items", "expected_lines", "billed_lines", "run_params"),
    rows_from=("parted_lines WHERE kind = 'adjustment' AND meter = 'tax' AND e_tax IS NOT NULL",),
    doc=(
        "Tax lines of an invoice (profile tax_point: invoice) whose tax is the right one of what the invoice's other lines have as "
        "taxable, each with the code and the line of the earliest cause among these (`line_id` is empty where that one was not billed)."
    ),
    sql=f"""
WITH taxes AS (
    SELECT item, variant, sub, due_on, tax_region, decimals, on_base, e_rate, coalesce(b_tax, 0) AS b_tax
    FROM parted_lines
    WHERE kind = 'adjustment' AND meter = 'tax' AND e_tax IS NOT NULL AND coalesce(e_currency = b_currency, true)
        AND coalesce(b_rate = e_rate, true)
),
moved AS (
    SELECT t.item, t.variant, t.sub, t.due_on, t.decimals, t.on_base, t.e_rate, t.b_tax,
        CAST(sum(coalesce(b.taxable, 0) - coalesce(e.taxable, 0)) AS {AMOUNT}) AS base_off
    FROM taxes AS t
    JOIN line_items AS i ON i.variant = t.variant AND i.sub = t.sub AND i.due_on = t.due_on
    LEFT JOIN expected_lines AS e ON e.expected_line_id = i.expected_line_id
    LEFT JOIN billed_lines AS b ON b.line_key = i.line_key
    WHERE coalesce(e.tax_region = t.tax_region, true)
    GROUP BY t.item, t.variant, t.sub, t.due_on, t.decimals, t.on_base, t.e_rate, t.b_tax
),
consequences AS (
    SELECT m.item, m.variant, m.sub, m.due_on
    FROM moved AS m
    CROSS JOIN run_params AS r
    WHERE m.base_off <> 0 AND m.b_tax = settle(apply_rate(m.on_base + m.base_off, m.e_rate), m.decimals, r.rounding)
),
firsts AS (
    SELECT item, coalesce(arg_min(code, step) FILTER (WHERE delta <> 0), arg_min(code, step)) AS code FROM coded_stages GROUP BY item
)
SELECT c.item, arg_min(struct_pack(code := f.code, line_id := p.line_id), struct_pack(
        charge := CASE WHEN p.kind IN ('minimum', 'discount', 'credit') THEN 1 ELSE 0 END,
        stage := list_position({CODE_ORDER}, f.code), line := p.item)) AS cause
FROM consequences AS c
JOIN parted_lines AS p ON p.variant = c.variant AND p.sub = c.sub AND p.due_on = c.due_on AND p.item <> c.item
    AND coalesce(p.b_taxable, 0) <> coalesce(p.e_taxable, 0)
JOIN firsts AS f ON f.item = p.item
GROUP BY c.item""",
)

RELATIONS: tuple[Relation, ...] = (TAXED,)
