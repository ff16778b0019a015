-- Invoices that were paid with another amount, twice, by another customer or not at all; and money for no known
-- invoice.
-- inputs: paid_placed, payments, payment_matches, run_params
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
        payments := placed.payments, payment_id := placed.payment_id, other_customer := placed.other_customer,
        issued_on := placed.issued_on, terms_days := params.payment_terms_days
    )) AS facts,
    cited.sources,
    json_object(
        'attempts', coalesce(placed.attempts, 0), 'successful_payments', coalesce(placed.payments, 0),
        'returned', CAST(placed.returned AS VARCHAR)
    ) AS evidence
FROM paid_placed AS placed
CROSS JOIN run_params AS params
LEFT JOIN cited ON cited.invoice_id = placed.invoice_id AND cited.currency = placed.currency
LEFT JOIN doubtful ON doubtful.payment_id = placed.payment_id
WHERE placed.code IS NOT NULL
UNION ALL BY NAME
SELECT * FROM no_finding()
