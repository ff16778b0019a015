-- Tax lines of an invoice (profile tax_point: invoice) whose tax is right for what the invoice's other lines state as
-- taxable, each with the code and line of the earliest cause among these (`line_id` is empty if that line was not
-- billed).
-- inputs: differing_lines, coded_stages, line_items, expected_lines, billed_lines, run_params
-- rows from: differing_lines WHERE kind = 'adjustment' AND meter = 'tax' AND expected_tax IS NOT NULL
WITH taxes AS (
    SELECT
        item, variant, sub, due_on, tax_region, decimals, on_base, expected_rate,
        coalesce(billed_tax, 0) AS billed_tax
    FROM differing_lines
    WHERE kind = 'adjustment' AND meter = 'tax' AND expected_tax IS NOT NULL
        AND coalesce(expected_currency = billed_currency, true)
        AND coalesce(billed_rate = expected_rate, true)
),
moved AS (
    SELECT
        tax.item, tax.variant, tax.sub, tax.due_on, tax.decimals, tax.on_base, tax.expected_rate,
        tax.billed_tax, CAST(sum(coalesce(billed.taxable, 0) - coalesce(expected.taxable, 0)) AS amount) AS base_off
    FROM taxes AS tax
    JOIN line_items AS item ON item.variant = tax.variant AND item.sub = tax.sub AND item.due_on = tax.due_on
    LEFT JOIN expected_lines AS expected ON expected.expected_line_id = item.expected_line_id
    LEFT JOIN billed_lines AS billed ON billed.line_key = item.line_key
    WHERE coalesce(expected.tax_region = tax.tax_region, true)
    GROUP BY
        tax.item, tax.variant, tax.sub, tax.due_on, tax.decimals, tax.on_base, tax.expected_rate,
        tax.billed_tax
),
consequences AS (
    SELECT
        moved.item, moved.variant, moved.sub, moved.due_on
    FROM moved
    CROSS JOIN run_params AS run
    WHERE moved.base_off <> 0 AND moved.billed_tax
        = settle(apply_rate(moved.on_base + moved.base_off, moved.expected_rate), moved.decimals, run.rounding)
),
firsts AS (
    SELECT item, coalesce(arg_min(code, step) FILTER (WHERE delta <> 0), arg_min(code, step)) AS code
    FROM coded_stages
    GROUP BY item
)
SELECT
    consequence.item,
    arg_min(
        struct_pack(code := first.code, line_id := line.line_id),
        struct_pack(
            charge := least(dependence(line.kind), 1), stage := stage_place(first.code), line := line.item
        )
    ) AS cause
FROM consequences AS consequence
JOIN differing_lines AS line
    ON line.variant = consequence.variant AND line.sub = consequence.sub AND line.due_on = consequence.due_on
        AND line.item <> consequence.item AND coalesce(line.billed_taxable, 0) <> coalesce(line.expected_taxable, 0)
JOIN firsts AS first ON first.item = line.item
GROUP BY consequence.item
