-- Bills of the rollout's new path that our rating finds wrong, and periods that it did not bill, one row per invoice
-- (or missing period) and currency: what was billed, what is owed, what was paid. `reasons`: codes of its open breaks.
-- A bill with the right total is wrong if its tax, its customer or any other figure is. A bill that names no path is
-- the new one's if its customer was exposed; one by the new path to customers of another rollout only is the other's.
-- If only the collection of payments is switched, it is bills of which more was collected than is owed (nothing of a
-- void one is), unless somebody decided that it is none: at once, and not only when payments must tie.
-- inputs: engine_lines, mapped_keys, breaks, latest_payments, rollout_members, correction_params
WITH exposed AS (
    SELECT member.customer_id, min(member.since_day) AS since, max(coalesce(member.until_day, params.day + 1)) AS until
    FROM rollout_members AS member
    JOIN correction_params AS params ON params.rollout = member.rollout
    GROUP BY member.customer_id
),
elsewhere AS (
    SELECT DISTINCT member.customer_id
    FROM rollout_members AS member
    JOIN correction_params AS params ON params.rollout <> member.rollout
    WHERE NOT EXISTS (SELECT 1 FROM exposed WHERE customer_id = '*')
),
found_bills AS (
    SELECT DISTINCT invoice_id FROM breaks WHERE invoice_id IS NOT NULL
    UNION
    SELECT money.invoice_id
    FROM latest_payments AS money
    JOIN correction_params AS params ON params.of_payments
    WHERE money.kind = 'payment' AND money.status = 'succeeded' AND money.invoice_id IS NOT NULL
    GROUP BY money.invoice_id HAVING count(*) > 1
),
issued AS (
    SELECT
        line.invoice_id, line.currency, min(coalesce(key.our_key, line.customer_id)) AS customer_id,
        min(line.subscription_id) AS subscription_id, min(line.issued_on) AS issued_on,
        CAST(sum(line.total) AS amount) AS billed,
        CAST(coalesce(sum(line.total) FILTER (WHERE line.status = 'issued'), 0) AS amount) AS standing,
        bool_or(line.variant = 'candidate') AS by_candidate,
        bool_or(line.unlabelled) AS unlabelled
    FROM engine_lines AS line
    SEMI JOIN found_bills ON found_bills.invoice_id = line.invoice_id
    JOIN correction_params AS params ON line.issued_on BETWEEN params.since AND params.day OR params.of_payments
    LEFT JOIN mapped_keys AS key ON key.layer = 'invoice_lines' AND key.their_key = line.customer_id
    WHERE line.status <> 'draft' AND line.invoice_kind = 'invoice'
    GROUP BY line.invoice_id, line.currency
),
bills AS (
    SELECT
        bill.*, coalesce(own.since, everybody.since) AS since, coalesce(own.until, everybody.until) AS until,
        params.of_payments
    FROM issued AS bill
    CROSS JOIN correction_params AS params
    LEFT JOIN exposed AS own ON own.customer_id = bill.customer_id
    LEFT JOIN exposed AS everybody ON everybody.customer_id = '*'
    LEFT JOIN elsewhere AS other ON other.customer_id = bill.customer_id
    CROSS JOIN (SELECT count(*) > 0 AS exposes_all FROM elsewhere WHERE customer_id = '*') AS others
    WHERE CASE
            WHEN params.of_payments THEN coalesce(own.since, everybody.since) IS NOT NULL
            WHEN bill.by_candidate
                THEN own.customer_id IS NOT NULL OR (other.customer_id IS NULL AND NOT others.exposes_all)
            ELSE bill.unlabelled AND bill.issued_on >= coalesce(own.since, everybody.since)
                AND bill.issued_on < coalesce(own.until, everybody.until)
        END
),
wrong AS (
    SELECT
        found.invoice_id, found.currency, CAST(sum(found.delta) AS amount) AS difference,
        list(DISTINCT found.code ORDER BY found.code) AS reasons,
        arg_max(found.explanation, abs(found.delta)) AS explanation
    FROM breaks AS found
    SEMI JOIN bills ON bills.invoice_id = found.invoice_id AND NOT bills.of_payments
    WHERE found.pair = 'expected_billed' AND found.code <> 'EXPOSURE'
        AND found.disposition IN ('OPEN', 'DEFECT', 'DATA_ERROR')
    GROUP BY found.invoice_id, found.currency
),
paid AS (
    SELECT
        invoice_id, currency, CAST(sum(CASE WHEN kind = 'payment' THEN amount ELSE -amount END) AS amount) AS paid
    FROM latest_payments
    SEMI JOIN found_bills ON found_bills.invoice_id = latest_payments.invoice_id
    WHERE status = 'succeeded'
    GROUP BY invoice_id, currency
),
untied AS (
    SELECT
        invoice_id, currency, bool_or(disposition IN ('OPEN', 'DEFECT', 'DATA_ERROR')) AS counts,
        list(DISTINCT code ORDER BY code) FILTER (WHERE disposition IN ('OPEN', 'DEFECT', 'DATA_ERROR')) AS reasons,
        arg_max(explanation, abs(delta)) AS explanation
    FROM breaks WHERE pair = 'billed_paid' GROUP BY invoice_id, currency
),
collected AS (
    SELECT
        bill.invoice_id, bill.currency, CAST(bill.billed - bill.standing AS amount) AS difference,
        coalesce(found.reasons, ['PAYMENT_DUPLICATE']) AS reasons, coalesce(found.explanation, '') AS explanation
    FROM bills AS bill
    JOIN paid ON paid.invoice_id = bill.invoice_id AND paid.currency = bill.currency AND paid.paid > bill.standing
    LEFT JOIN untied AS found ON found.invoice_id = bill.invoice_id AND found.currency = bill.currency
    SEMI JOIN latest_payments AS money
        ON money.invoice_id = bill.invoice_id AND money.kind = 'payment' AND money.status = 'succeeded'
            AND CAST(money.processed_at AS DATE) >= bill.since AND CAST(money.processed_at AS DATE) < bill.until
    WHERE bill.of_payments AND coalesce(found.counts, true)
),
listed AS (
    SELECT * FROM wrong
    UNION ALL BY NAME
    SELECT * FROM collected
),
missing AS (
    SELECT
        found.break_id, found.currency, found.customer_id, found.subscription_id, found.day, found.delta,
        found.explanation
    FROM breaks AS found
    CROSS JOIN correction_params AS params
    LEFT JOIN exposed AS own ON own.customer_id = found.customer_id
    LEFT JOIN exposed AS everybody ON everybody.customer_id = '*'
    WHERE NOT params.of_payments
        AND found.code = 'INVOICE_MISSING'
        AND found.disposition IN ('OPEN', 'DEFECT', 'DATA_ERROR')
        AND found.day - params.issue_grace_days >= coalesce(own.since, everybody.since)
        AND found.day - params.issue_grace_days < coalesce(own.until, everybody.until)
)
SELECT
    wrong.invoice_id AS item, wrong.invoice_id, min(bill.customer_id) OVER of_invoice AS customer_id,
    min(bill.subscription_id) OVER of_invoice AS subscription_id, wrong.currency,
    min(bill.issued_on) OVER of_invoice AS issued_on, coalesce(bill.billed, 0) AS billed,
    CAST(coalesce(bill.billed, 0) - wrong.difference AS amount) AS owed, wrong.difference AS billed_minus_owed,
    coalesce(paid.paid, 0) AS paid, wrong.reasons, wrong.explanation
FROM listed AS wrong
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
