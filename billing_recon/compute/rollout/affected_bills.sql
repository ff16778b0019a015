-- Bills of the rollout's new path that our rating finds wrong, and periods that it did not bill, one row per invoice
-- (or missing period) and currency: what was billed, what is owed, what was paid. `reasons`: codes of its open breaks.
-- A bill with the right total is wrong if its tax, its customer or any other figure is.
-- inputs: engine_lines, mapped_keys, breaks, latest_payments, rollout_members, correction_params
WITH exposed AS (
    SELECT member.customer_id, min(member.since_day) AS since, max(coalesce(member.until_day, params.day + 1)) AS until
    FROM rollout_members AS member
    JOIN correction_params AS params ON params.rollout = member.rollout
    GROUP BY member.customer_id
),
bills AS (
    SELECT
        line.invoice_id, line.currency, min(coalesce(key.our_key, line.customer_id)) AS customer_id,
        min(line.subscription_id) AS subscription_id, min(line.issued_on) AS issued_on,
        CAST(sum(line.total) AS amount) AS billed, CAST(sum(line.tax) AS amount) AS tax
    FROM engine_lines AS line
    JOIN correction_params AS params ON line.issued_on BETWEEN params.since AND params.day
    LEFT JOIN mapped_keys AS key ON key.layer = 'invoice_lines' AND key.their_key = line.customer_id
    WHERE line.variant = 'candidate' AND line.status <> 'draft' AND line.invoice_kind = 'invoice'
    GROUP BY line.invoice_id, line.currency
),
wrong AS (
    SELECT
        found.invoice_id, found.currency, CAST(sum(found.delta) AS amount) AS difference,
        list(DISTINCT found.code ORDER BY found.code) AS reasons,
        arg_max(found.explanation, abs(found.delta)) AS explanation
    FROM breaks AS found
    SEMI JOIN bills ON bills.invoice_id = found.invoice_id
    WHERE found.pair = 'expected_billed' AND found.code <> 'EXPOSURE'
        AND found.disposition IN ('OPEN', 'DEFECT', 'DATA_ERROR')
    GROUP BY found.invoice_id, found.currency
),
paid AS (
    SELECT
        invoice_id, currency, CAST(sum(CASE WHEN kind = 'payment' THEN amount ELSE -amount END) AS amount) AS paid
    FROM latest_payments WHERE status = 'succeeded' AND invoice_id IS NOT NULL
    GROUP BY invoice_id, currency
),
missing AS (
    SELECT
        found.break_id, found.currency, found.customer_id, found.subscription_id, found.day, found.delta,
        found.explanation
    FROM breaks AS found
    CROSS JOIN correction_params AS params
    LEFT JOIN exposed AS own ON own.customer_id = found.customer_id
    LEFT JOIN exposed AS everybody ON everybody.customer_id = '*'
    WHERE found.code = 'INVOICE_MISSING' AND found.disposition IN ('OPEN', 'DEFECT', 'DATA_ERROR')
        AND found.day - params.issue_grace_days >= coalesce(own.since, everybody.since)
        AND found.day - params.issue_grace_days < coalesce(own.until, everybody.until)
)
SELECT
    wrong.invoice_id AS item, wrong.invoice_id, min(bill.customer_id) OVER of_invoice AS customer_id,
    min(bill.subscription_id) OVER of_invoice AS subscription_id, wrong.currency,
    min(bill.issued_on) OVER of_invoice AS issued_on, coalesce(bill.billed, 0) AS billed,
    CAST(coalesce(bill.billed, 0) - wrong.difference AS amount) AS owed, wrong.difference AS billed_minus_owed,
    coalesce(paid.paid, 0) AS paid, wrong.reasons, wrong.explanation
FROM wrong
LEFT JOIN bills AS bill ON bill.invoice_id = wrong.invoice_id AND bill.currency = wrong.currency
LEFT JOIN paid ON paid.invoice_id = wrong.invoice_id AND paid.currency = wrong.currency
WINDOW of_invoice AS (PARTITION BY wrong.invoice_id)
UNION ALL
SELECT
    missing.break_id AS item, NULL AS invoice_id, missing.customer_id, missing.subscription_id, missing.currency,
    missing.day AS issued_on, CAST(0 AS amount) AS billed, CAST(-missing.delta AS amount) AS owed,
    CAST(missing.delta AS amount) AS billed_minus_owed, CAST(0 AS amount) AS paid, ['INVOICE_MISSING'] AS reasons,
    missing.explanation
FROM missing
