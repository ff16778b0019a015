-- One engine against our rating of the terms that it should have billed: every line of the period, matched or alone,
-- with its code and stages where it differs. `state`: compared; pending, due and still within the grace for issuing;
-- withheld, what is owed could not be rated; history, a bill for a period that was due before the company's first day.
-- `split`: the engine splits the bill into other lines, which add up to what is owed in every figure. Each line of a
-- bill to another customer than the contract's has a code.
-- inputs: line_items, line_codes, differing_lines, billed_lines, bills, stray_bills, expected_lines, expected_ahead,
-- billed_periods, unbilled_periods, wrong_customers
WITH misdirected AS (
    SELECT DISTINCT variant, sub, invoice_id, currency FROM wrong_customers
),
placed AS (
    SELECT
        item.expected_line_id, item.line_key, item.sub, item.due_on, 'compared' AS state,
        CASE WHEN wrong.sub IS NOT NULL AND item.line_key IS NOT NULL THEN 'SUBSCRIPTION_STATE' END AS code,
        CASE
            WHEN item.differs
                THEN item.variant || chr(31) || coalesce(item.expected_line_id, '') || chr(31)
                    || coalesce(item.line_key, '')
        END AS item,
        NOT item.differs AND coalesce(item.expected, 0) <> coalesce(item.billed, 0) AS split
    FROM line_items AS item
    LEFT JOIN misdirected AS wrong
        ON wrong.variant = item.variant AND wrong.sub = item.sub AND wrong.invoice_id = item.invoice_id
            AND wrong.currency = item.currency
    WHERE item.fresh
    UNION ALL
    SELECT
        NULL AS expected_line_id, billed.line_key, billed.sub, bill.due_on,
        CASE
            WHEN stray.code IS NULL THEN 'history' WHEN stray.withheld THEN 'withheld' ELSE 'compared'
        END AS state,
        stray.code, NULL AS item, false AS split
    FROM billed_lines AS billed
    JOIN bills AS bill USING (variant, sub, invoice_id)
    LEFT JOIN stray_bills AS stray
        ON stray.variant = billed.variant AND stray.sub = billed.sub AND stray.invoice_id = billed.invoice_id
            AND stray.currency = billed.currency
    WHERE billed.fresh AND (bill.repeats IS NOT NULL OR bill.due_on IS NULL)
    UNION ALL
    SELECT
        expected.expected_line_id, NULL AS line_key, expected.subscription_id AS sub, expected.due_on,
        CASE WHEN period.missing THEN 'compared' ELSE 'pending' END AS state,
        CASE
            WHEN period.quarantined_file IS NOT NULL THEN 'RECORD_QUARANTINED' WHEN period.only_late THEN 'USAGE_LATE'
            ELSE 'INVOICE_MISSING'
        END AS code, NULL AS item, false AS split
    FROM expected_lines AS expected
    LEFT JOIN expected_ahead AS ahead ON ahead.expected_line_id = expected.expected_line_id
    JOIN unbilled_periods AS period
        ON period.sub = expected.subscription_id AND period.due_on = expected.due_on
            AND period.currency = expected.currency
    ANTI JOIN billed_periods AS billed
        ON billed.sub = expected.subscription_id AND billed.due_on = expected.due_on
            AND billed.ahead = (ahead.expected_line_id IS NOT NULL)
)
SELECT
    placed.expected_line_id, placed.line_key, placed.sub, placed.due_on, placed.state,
    coalesce(coded.code, placed.code) AS code, coded.stages, coalesce(coded.is_consequence, false) AS is_consequence,
    differing.pass, placed.split
FROM placed
LEFT JOIN line_codes AS coded ON coded.item = placed.item
LEFT JOIN differing_lines AS differing ON differing.item = placed.item
