-- Invoices that were paid with another amount, twice, by another customer or not at all; and money for no known
-- invoice.
-- `money`: what moved for the invoice, in time. The two ends of a misapplied payment: `open_invoice`, the payer's only
-- other invoice over the amount that they have not paid; `stray_payment`, their only payment over it that is applied to
-- somebody else's invoice, an unknown one or none. If the amounts differ, they are named if they are the payer's only
-- ones (`alone`).
-- inputs: paid_placed, payments, latest_payments, invoice_money, engine_invoices, payment_matches, refund_matches,
-- currencies, run_params
-- rows from: paid_placed WHERE code IS NOT NULL
WITH cited AS (
    SELECT
        placed.invoice_id, placed.currency,
        list(
            struct_pack("table" := 'payments', file := payment.source_file, "row" := payment.source_row)
            ORDER BY payment.source_file, payment.source_row
        ) AS sources
    FROM paid_placed AS placed
    JOIN payments AS payment
        ON coalesce(payment.invoice_id, 'payment ' || payment.payment_id) = placed.invoice_id
            AND payment.currency = placed.currency
    WHERE placed.code IS NOT NULL
    GROUP BY placed.invoice_id, placed.currency
),
moved AS (
    SELECT
        placed.invoice_id, placed.currency,
        list(
            struct_pack(
                payment_id := payment.payment_id, kind := payment.kind, amount := payment.amount,
                customer_id := payment.customer_id
            )
            ORDER BY payment.processed_at, payment.payment_id
        ) AS money
    FROM paid_placed AS placed
    JOIN (
        SELECT payment_id, invoice_id FROM latest_payments WHERE invoice_id IS NOT NULL
        UNION ALL
        SELECT payment_id, invoice_id FROM payment_matches WHERE invoice_id IS NOT NULL
        UNION ALL
        SELECT payment_id, invoice_id FROM refund_matches
        UNION ALL
        SELECT payment_id, 'payment ' || payment_id AS invoice_id FROM latest_payments WHERE invoice_id IS NULL
    ) AS paying ON paying.invoice_id = placed.invoice_id
    JOIN latest_payments AS payment
        ON payment.payment_id = paying.payment_id AND payment.currency = placed.currency
            AND payment.status = 'succeeded'
    WHERE placed.code IS NOT NULL
    GROUP BY placed.invoice_id, placed.currency
),
strays AS (
    SELECT
        payment.customer_id, payment.currency, payment.amount, min(payment.payment_id) AS payment_id,
        min(payment.invoice_id) AS invoice_id,
        sum(count(*)) OVER (PARTITION BY payment.customer_id, payment.currency) = 1 AS alone
    FROM latest_payments AS payment
    LEFT JOIN engine_invoices AS billed ON billed.invoice_id = payment.invoice_id
    ANTI JOIN (SELECT payment_id FROM payment_matches WHERE invoice_id IS NOT NULL) AS matched
        ON matched.payment_id = payment.payment_id
    WHERE payment.status = 'succeeded' AND payment.kind = 'payment'
        AND billed.customer_id IS DISTINCT FROM payment.customer_id
    GROUP BY payment.customer_id, payment.currency, payment.amount QUALIFY count(*) = 1
),
unpaid AS (
    SELECT
        billed.customer_id, billed.currency, billed.total, min(billed.invoice_id) AS invoice_id,
        sum(count(*)) OVER (PARTITION BY billed.customer_id, billed.currency) = 1 AS alone
    FROM engine_invoices AS billed
    LEFT JOIN invoice_money AS money ON money.invoice_id = billed.invoice_id AND money.currency = billed.currency
    WHERE billed.state = 'issued' AND (coalesce(money.paid, 0) = 0 OR money.customer_id <> billed.customer_id)
        AND billed.total > 0
    GROUP BY billed.customer_id, billed.currency, billed.total QUALIFY count(*) = 1
),
doubtful AS (SELECT DISTINCT payment_id FROM payment_matches WHERE invoice_id IS NULL)
SELECT
    'billed_paid' AS pair, 'invoice' AS level, placed.code, placed.customer_id, placed.subscription_id, placed.currency,
    CASE WHEN placed.has_left OR NOT starts_with(placed.invoice_id, 'payment ') THEN placed.invoice_id END
        AS invoice_id,
    placed.cohort, 'control' AS variant, placed.billed, placed.paid, placed.off AS delta, 'payments' AS layer,
    placed.currency || CASE WHEN placed.has_left THEN '' ELSE '|' || placed.payment_id END AS identity,
    placed.again, placed.has_left AND placed.has_right AND placed.code <> 'PAYMENT_DUPLICATE' AS compared,
    CASE WHEN placed.code = 'CURRENCY_FX' AND placed.has_left THEN 'paid_in_another_currency'
        WHEN placed.code = 'CURRENCY_FX' THEN 'billed_in_another_currency'
        WHEN placed.code = 'RECORD_QUARANTINED' THEN 'payment_quarantined'
        WHEN placed.code = 'PAYMENT_MISSING' THEN 'payment_missing'
        WHEN placed.code = 'PAYMENT_MISAPPLIED' AND placed.has_left THEN 'payment_by_another_customer'
        WHEN placed.code = 'PAYMENT_MISAPPLIED' AND placed.payments = 0 AND starts_with(placed.invoice_id, 'payment ')
            THEN 'refund_without_invoice'
        WHEN placed.code = 'PAYMENT_MISAPPLIED' AND placed.payments = 0 THEN 'refund_for_unknown_invoice'
        WHEN placed.code = 'PAYMENT_MISAPPLIED' AND doubtful.payment_id IS NOT NULL THEN 'payment_in_doubt'
        WHEN placed.code = 'PAYMENT_MISAPPLIED' AND starts_with(placed.invoice_id, 'payment ')
            THEN 'payment_without_invoice'
        WHEN placed.code = 'PAYMENT_MISAPPLIED' THEN 'payment_for_unknown_invoice'
        WHEN placed.code = 'REVERSAL_NOT_PROPAGATED' THEN 'payment_for_void_invoice'
        WHEN placed.code = 'REFUND_DISPUTE' THEN 'payment_returned'
        WHEN placed.code = 'PAYMENT_DUPLICATE' THEN 'payment_duplicate'
        WHEN placed.code = 'MINOR_UNIT' THEN 'payment_unit'
        ELSE 'payment_amount'
    END AS sentence,
    to_json(struct_pack(
        billed := coalesce(placed.billed, 0), paid := coalesce(placed.paid, 0), returned := placed.returned,
        credited := placed.credited, payments := placed.payments, payment_id := placed.payment_id,
        other_customer := placed.other_customer, issued_on := placed.issued_on,
        terms_days := params.payment_terms_days, money := moved.money, open_invoice := unpaid.invoice_id,
        open_amount := unpaid.total, stray_payment := strays.payment_id, stray_amount := strays.amount,
        stray_invoice := strays.invoice_id
    )) AS facts,
    cited.sources,
    json_object(
        'attempts', coalesce(placed.attempts, 0), 'successful_payments', coalesce(placed.payments, 0),
        'returned', say(placed.returned, money.decimals), 'credited', say(placed.credited, money.decimals)
    ) AS evidence
FROM paid_placed AS placed
CROSS JOIN run_params AS params
LEFT JOIN cited ON cited.invoice_id = placed.invoice_id AND cited.currency = placed.currency
LEFT JOIN doubtful ON doubtful.payment_id = placed.payment_id
JOIN currencies AS money ON money.currency = placed.currency
LEFT JOIN moved ON moved.invoice_id = placed.invoice_id AND moved.currency = placed.currency
LEFT JOIN strays
    ON placed.code = 'PAYMENT_MISSING' AND strays.customer_id = placed.customer_id
        AND strays.currency = placed.currency AND (strays.amount = placed.billed OR strays.alone)
LEFT JOIN unpaid
    ON placed.code = 'PAYMENT_MISAPPLIED' AND unpaid.currency = placed.currency
        AND (unpaid.total = placed.paid OR (unpaid.alone AND placed.payments > 0))
        AND unpaid.customer_id = coalesce(placed.other_customer, placed.customer_id)
        AND unpaid.invoice_id <> placed.invoice_id
WHERE placed.code IS NOT NULL
UNION ALL BY NAME
SELECT * FROM no_finding()
