-- Money that the ledger does not book, or books twice, at another amount, on other accounts or in another month; cash
-- that it books and nobody moved; and fees that are not booked as they were kept.
-- inputs: cash_placed, fees_placed, latest_payments, ledger_entries, run_params
-- rows from: cash_placed WHERE code IS NOT NULL; fees_placed WHERE code IS NOT NULL
WITH wrong AS (
    SELECT
        payment_id, journals AS journal_id, coalesce(receipt_id, payment_id) AS item, currency
    FROM cash_placed WHERE code IS NOT NULL
    UNION ALL
    SELECT payment_id, journal_id, 'fees of ' || journal_id AS item, currency FROM fees_placed WHERE code IS NOT NULL
),
wrong_journals AS (
    SELECT DISTINCT item, currency, unnest(string_split(journal_id, ', ')) AS journal_id FROM wrong
),
rows_cited AS (
    SELECT wrong.item, wrong.currency, 'payments' AS table_name, payment.source_file, payment.source_row
    FROM wrong JOIN latest_payments AS payment ON payment.payment_id = wrong.payment_id
    UNION ALL
    SELECT wrong.item, wrong.currency, 'ledger_entries' AS table_name, entry.source_file, entry.source_row
    FROM wrong_journals AS wrong JOIN ledger_entries AS entry ON entry.journal_id = wrong.journal_id
),
cited AS (
    SELECT
        item, currency,
        list(
            struct_pack("table" := table_name, file := source_file, "row" := source_row)
            ORDER BY table_name DESC, source_file, source_row
        ) AS sources
    FROM rows_cited GROUP BY item, currency
)
SELECT
    'paid_booked' AS pair, CASE WHEN placed.invoice_id IS NULL THEN 'account' ELSE 'invoice' END AS level, placed.code,
    placed.invoice_id, placed.customer_id, placed.subscription_id, placed.currency, placed.cohort,
    'control' AS variant, placed.paid, placed.booked, placed.delta,
    concat_ws('|', placed.currency, placed.payment_id, placed.receipt_id) AS identity,
    placed.again, placed.status = 'compared' AND placed.code <> 'LEDGER_DUPLICATE' AS compared,
    CASE
        WHEN placed.code = 'CURRENCY_FX' AND placed.receipt_id IS NULL THEN 'money_in_other_currency'
        WHEN placed.code = 'CURRENCY_FX' THEN 'booking_in_other_currency'
        WHEN placed.code = 'RECORD_QUARANTINED' THEN 'money_quarantined'
        WHEN placed.code = 'LEDGER_MISSING' THEN 'money_not_booked'
        WHEN placed.code = 'LEDGER_DUPLICATE' THEN 'money_booked_twice'
        WHEN placed.code = 'LEDGER_UNEXPECTED' AND placed.failed IS NOT NULL THEN 'failed_payment_booked'
        WHEN placed.code = 'LEDGER_UNEXPECTED' THEN 'booked_without_money'
        WHEN placed.how = 'rest' THEN 'deposit_rest'
        WHEN placed.code = 'LEDGER_PERIOD' THEN 'money_period'
        WHEN placed.code IN ('LEDGER_AMOUNT', 'MINOR_UNIT') AND placed.delta <> 0 THEN 'money_amount'
        WHEN placed.code = 'LEDGER_AMOUNT' THEN 'money_unbalanced'
        WHEN placed.owed + CASE WHEN placed.kind = 'payment' THEN 0 ELSE placed.earned END <> placed.booked
            THEN 'money_not_receivable'
        WHEN placed.money NOT IN (placed.booked, placed.booked - placed.fee) THEN 'money_not_cash'
        ELSE 'money_customer'
    END AS sentence,
    to_json(struct_pack(
        payment_id := placed.payment_id, kind := coalesce(placed.kind, 'payment'), journals := placed.journals,
        amount := abs(placed.amount), booked := coalesce(placed.booked, 0), paid_on := placed.paid_on,
        posted_on := placed.posted_on, lag_days := params.cash_lag_days, failed := placed.failed,
        booked_customer := placed.booked_customer, owed := placed.owed, money := placed.money,
        accounts := placed.other_accounts, unbalanced := placed.unbalanced
    )) AS facts,
    'ledger_entries' AS layer, cited.sources,
    json_object(
        'payment', placed.payment_id, 'journals', placed.journals, 'paid_on', CAST(placed.paid_on AS VARCHAR),
        'posted_on', CAST(placed.posted_on AS VARCHAR)
    ) AS evidence
FROM cash_placed AS placed
CROSS JOIN run_params AS params
LEFT JOIN cited
    ON cited.item = coalesce(placed.receipt_id, placed.payment_id) AND cited.currency = placed.currency
WHERE placed.code IS NOT NULL
UNION ALL BY NAME
SELECT
    'paid_booked' AS pair, CASE WHEN placed.invoice_id IS NULL THEN 'account' ELSE 'invoice' END AS level, placed.code,
    placed.invoice_id, placed.customer_id, placed.subscription_id, placed.currency, placed.cohort,
    'control' AS variant, placed.paid, placed.booked, placed.delta,
    concat_ws('|', placed.currency, 'fees', placed.journal_id) AS identity, placed.again,
    placed.status = 'compared' AS compared,
    CASE WHEN placed.code = 'LEDGER_ACCOUNT' THEN 'fee_account' WHEN placed.code = 'LEDGER_MISSING' THEN 'fee_missing'
        ELSE 'fee_amount'
    END AS sentence,
    to_json(struct_pack(
        payment_id := placed.payment_id, payments := placed.payments, journals := placed.journal_id,
        kept := -placed.paid, booked_fee := -placed.booked
    )) AS facts,
    'ledger_entries' AS layer, cited.sources,
    json_object('payment', placed.payment_id, 'payments', placed.payments, 'journals', placed.journal_id) AS evidence
FROM fees_placed AS placed
LEFT JOIN cited ON cited.item = 'fees of ' || placed.journal_id AND cited.currency = placed.currency
WHERE placed.code IS NOT NULL
UNION ALL BY NAME
SELECT * FROM no_finding()
