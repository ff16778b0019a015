-- Every line of the billed periods, matched or alone, with both totals. `fresh`: known today for the first time (a
-- billed line observed today; an expected line alone whose siblings were). `differs`: some figure differs. If a line
-- is alone and yet the lines of one kind, or of the bill, add up to the same in every figure, they are matched as a
-- sum: the engine split them differently. `settles`: the sum is right with what came today, which makes good what was
-- wrong before: it is owed as it is billed. Only bills with a difference (`troubled`, by hash) are compared as sums.
-- Units that a charge converts agree as metered and as converted.
-- inputs: match_expected, billed_lines, bills, line_matches, expected_lines, term_charges
WITH converting AS (
    SELECT plan_id, plan_version, currency, charge_id, divide_by, multiply_by, convert_rounding, convert_decimals
    FROM term_charges
    WHERE divide_by IS NOT NULL OR multiply_by IS NOT NULL
),
items AS MATERIALIZED (
    SELECT
        matched.variant, matched.expected_line_id, matched.line_key, matched.pass, billed.invoice_id, billed.cohort,
        billed.fresh, expected.subscription_id AS sub, expected.due_on, expected.customer_id, billed.currency,
        expected.currency AS expected_currency, expected.total AS expected, billed.total AS billed, expected.kind,
        billed.gross - expected.gross AS gross, billed.discount - expected.discount AS discount,
        billed.credit - expected.credit AS credit, billed.tax - expected.tax AS tax,
        billed.total - expected.total AS total, 0 AS alone,
        matched.pass = 3 OR billed.currency <> expected.currency AS unlike,
        matched.pass = 3 OR billed.total <> expected.total OR billed.currency <> expected.currency
        OR billed.gross <> expected.gross OR billed.discount <> expected.discount OR billed.credit <> expected.credit
        OR billed.taxable <> expected.taxable OR billed.tax <> expected.tax OR (
            expected.kind IN ('usage', 'subscription', 'proration')
            AND coalesce(metered_units(
                billed.quantity, expected.quantity, charge.divide_by, charge.multiply_by, charge.convert_rounding,
                charge.convert_decimals
            ) <> expected.quantity, false)
        ) OR (expected.taxable <> 0 AND coalesce(billed.tax_rate <> expected.tax_rate, false)) AS differs
    FROM line_matches AS matched
    JOIN billed_lines AS billed ON billed.line_key = matched.line_key
    JOIN expected_lines AS expected ON expected.expected_line_id = matched.expected_line_id
    LEFT JOIN converting AS charge
        ON charge.plan_id = expected.plan_id
            AND charge.plan_version = expected.plan_version AND charge.currency = expected.currency
            AND charge.charge_id = expected.charge_id
    UNION ALL
    SELECT
        alone.variant, alone.expected_line_id, NULL AS line_key, 0 AS pass, alone.invoice_id, alone.cohort, alone.fresh,
        alone.sub, alone.due_on, alone.customer_id, alone.currency, alone.currency AS expected_currency,
        expected.total AS expected, NULL AS billed, expected.kind, -expected.gross AS gross,
        -expected.discount AS discount, -expected.credit AS credit, -expected.tax AS tax, -expected.total AS total,
        CASE WHEN expected.total = 0 THEN 0 ELSE 1 END AS alone, false AS unlike, expected.total <> 0 AS differs
    FROM match_expected AS alone
    JOIN expected_lines AS expected ON expected.expected_line_id = alone.expected_line_id
    ANTI JOIN line_matches AS matched
        ON matched.expected_line_id = alone.expected_line_id AND matched.variant = alone.variant
    UNION ALL
    SELECT
        billed.variant, NULL AS expected_line_id, billed.line_key, 0 AS pass, billed.invoice_id, billed.cohort,
        billed.fresh, billed.sub, bill.due_on, billed.customer_id, billed.currency, NULL AS expected_currency,
        NULL AS expected, billed.total AS billed, billed.kind, billed.gross, billed.discount, billed.credit, billed.tax,
        billed.total, CASE WHEN billed.total = 0 THEN 0 ELSE 1 END AS alone, false AS unlike,
        billed.total <> 0 AS differs
    FROM billed_lines AS billed
    JOIN bills AS bill USING (variant, sub, invoice_id)
    ANTI JOIN line_matches AS matched ON matched.line_key = billed.line_key
    WHERE bill.repeats IS NULL AND bill.due_on IS NOT NULL
),
troubled AS (
    SELECT DISTINCT hash(variant, sub, due_on) AS bill FROM items WHERE differs
),
summed AS (
    SELECT
        *,
        sum(alone) OVER of_kind > 0 AND NOT bool_or(unlike) OVER of_kind AND sum(gross) OVER of_kind = 0
        AND sum(discount) OVER of_kind = 0 AND sum(credit) OVER of_kind = 0 AND sum(tax) OVER of_kind = 0
        AND sum(total) OVER of_kind = 0 AS as_kind,
        sum(alone) OVER of_bill > 0 AND NOT bool_or(unlike) OVER of_bill AND sum(gross) OVER of_bill = 0
        AND sum(discount) OVER of_bill = 0 AND sum(credit) OVER of_bill = 0 AND sum(tax) OVER of_bill = 0
        AND sum(total) OVER of_bill = 0 AS as_bill,
        sum(CASE WHEN fresh THEN total ELSE 0 END) OVER of_kind AS fresh_of_kind,
        sum(CASE WHEN fresh THEN total ELSE 0 END) OVER of_bill AS fresh_of_bill
    FROM items
    SEMI JOIN troubled ON troubled.bill = hash(variant, sub, due_on)
    WINDOW
        of_kind AS (PARTITION BY variant, sub, due_on, currency, charge_family(kind)),
        of_bill AS (PARTITION BY variant, sub, due_on, currency)
)
SELECT
    variant, expected_line_id, line_key, pass, invoice_id, cohort, sub, due_on, customer_id, currency,
    expected_currency, CAST(expected AS amount) AS expected, CAST(billed AS amount) AS billed, fresh,
    false AS differs, false AS settles
FROM items
ANTI JOIN troubled ON troubled.bill = hash(variant, sub, due_on)
UNION ALL
SELECT
    variant, expected_line_id, line_key, pass, invoice_id, cohort, sub, due_on, customer_id, currency,
    expected_currency, CAST(expected AS amount) AS expected, CAST(billed AS amount) AS billed, fresh,
    differs AND NOT as_kind AND NOT as_bill AS differs,
    differs AND fresh
    AND CASE WHEN as_kind THEN fresh_of_kind <> 0 WHEN as_bill THEN fresh_of_bill <> 0 ELSE false END AS settles
FROM summed
