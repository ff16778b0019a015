-- Lines whose parts are right and whose order is not (STEP_ORDER): a credit or discount deducted before tax instead of
-- after, or the other way round; a minimum filled before the discount is deducted. Also minimums of the plan where the
-- contract has its own (CONTRACT_OVERRIDE), and minimums for part of a period that are filled up to the whole
-- period's, or to those of a day more or less (PRORATION).
-- inputs: differing_lines, line_items, expected_lines, billed_lines, term_plans, run_params
-- rows from: differing_lines WHERE line_key IS NOT NULL AND expected_line_id IS NOT NULL
WITH minimums AS (
    SELECT
        line.item, line.decimals, run.rounding, line.billed_gross - line.billed_discount AS filled, line.billed_gross,
        plan.minimum AS listed,
        TRY_CAST(json_extract_string(line.working, '$.steps.minimum.agreed') AS amount) AS agreed,
        TRY_CAST(json_extract_string(line.working, '$.steps.minimum.owed') AS amount) AS owed,
        TRY_CAST(json_extract_string(line.working, '$.steps.minimum.charged') AS amount) AS charged,
        coalesce(TRY_CAST(json_extract_string(line.working, '$.steps.minimum.days') AS INTEGER), 1) AS part,
        coalesce(TRY_CAST(json_extract_string(line.working, '$.steps.minimum.of') AS INTEGER), 1) AS whole,
        sum(expected.discount) AS discounts, coalesce(sum(billed.gross - billed.discount), 0) AS billed
    FROM differing_lines AS line
    CROSS JOIN run_params AS run
    LEFT JOIN term_plans AS plan
        ON plan.plan_id = line.expected_plan AND plan.plan_version = line.expected_version
            AND plan.currency = line.expected_currency
    LEFT JOIN line_items AS item ON item.variant = line.variant AND item.sub = line.sub AND item.due_on = line.due_on
    LEFT JOIN expected_lines AS expected
        ON expected.expected_line_id = item.expected_line_id
            AND expected.kind IN ('usage', 'subscription', 'proration') AND expected.plan_id = line.expected_plan
            AND expected.period_start >= line.period_start AND expected.period_end <= line.period_end
    LEFT JOIN billed_lines AS billed
        ON billed.line_key = item.line_key AND billed.kind IN ('usage', 'subscription', 'proration')
            AND billed.plan_id = line.expected_plan
            AND billed.period_start >= line.period_start
            AND billed.period_end <= line.period_end
    WHERE line.kind = 'minimum' AND line.line_key IS NOT NULL AND line.expected_line_id IS NOT NULL
        AND line.billed_gross <> line.expected_gross
    GROUP BY line.item, line.decimals, run.rounding, line.billed_gross, line.billed_discount, plan.minimum, line.working
),
coded AS (
    SELECT
        item,
        CASE
            WHEN listed <> agreed AND filled = settle(share(listed, part, whole), decimals, rounding) - charged
                THEN 'CONTRACT_OVERRIDE'
            WHEN discounts <> 0 AND billed_gross = owed - charged - discounts THEN 'STEP_ORDER'
            WHEN part < whole AND filled + billed IN (
                    settle(agreed, decimals, rounding), settle(share(agreed, part - 1, whole), decimals, rounding),
                    settle(share(agreed, part + 1, whole), decimals, rounding)
                ) THEN 'PRORATION'
        END AS code
    FROM minimums
)
SELECT item, code FROM coded WHERE code IS NOT NULL
UNION ALL
SELECT line.item, 'STEP_ORDER' AS code
FROM differing_lines AS line
CROSS JOIN run_params AS run
WHERE line.expected_currency = line.billed_currency AND line.billed_gross = line.expected_gross
    AND line.billed_discount = line.expected_discount AND line.billed_credit = line.expected_credit
    AND coalesce(line.billed_rate = line.expected_rate, true) AND line.billed_taxable <> line.expected_taxable
    AND line.billed_tax = settle(apply_rate(line.billed_taxable, line.expected_rate), line.decimals, run.rounding)
    AND CASE
        WHEN line.expected_credit <> 0
            THEN line.billed_taxable IN (
                    line.billed_gross - line.billed_discount,
                    line.billed_gross - line.billed_discount - line.billed_credit
                )
        WHEN line.expected_discount <> 0 THEN line.billed_taxable = line.billed_gross
        ELSE false
    END AND line.billed_total = line.billed_gross - line.billed_discount - line.billed_credit + line.billed_tax
