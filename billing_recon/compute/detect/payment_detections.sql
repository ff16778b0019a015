-- Payments that succeeded over nothing; failed or pending ones whose money the ledger's cash has (once the posting lag
-- has passed); money kept for an invoice that is void or a draft (once payments must tie); more returned than was ever
-- paid. The texts in `identity` are part of the id and stay as they are.
-- inputs: latest_payments, engine_invoices, invoice_money, ledger_entries, run_params
-- rows from: payments AS payment JOIN run_params AS params ON params.day = payment.observed_on WHERE payment.status =
-- 'succeeded' AND payment.amount = 0; payments AS payment JOIN run_params AS params ON payment.observed_on = params.day
-- - params.ledger_lag_days WHERE payment.status <> 'succeeded'; ledger_entries AS entry JOIN run_params AS params ON
-- entry.observed_on = params.day - params.ledger_lag_days JOIN payments AS payment ON payment.invoice_id =
-- entry.invoice_id WHERE entry.role = 'cash' AND payment.status <> 'succeeded'; mapped_keys WHERE layer = 'payments';
-- invoice_money AS money JOIN run_params AS params ON params.day = money.changed_on WHERE money.paid < 0;
-- engine_invoices AS invoice JOIN invoice_money AS money ON money.invoice_id = invoice.invoice_id WHERE invoice.state
-- <> 'issued' AND money.paid > 0
WITH moved AS (
    SELECT
        invoice_id, currency,
        coalesce(sum(CASE WHEN kind = 'payment' THEN amount ELSE -amount END) FILTER (WHERE status = 'succeeded'), 0)
            AS net
    FROM latest_payments WHERE invoice_id IS NOT NULL GROUP BY invoice_id, currency
),
cash AS (
    SELECT
        invoice_id, currency, sum(coalesce(debit, 0) - coalesce(credit, 0)) AS net, max(observed_on) AS known_on
    FROM ledger_entries WHERE role = 'cash' AND invoice_id IS NOT NULL GROUP BY invoice_id, currency
)
SELECT
    'PAYMENT_STATUS' AS detector, concat_ws('|', payment.payment_id, 'succeeded, but its amount is 0') AS identity,
    payment.their_customer_id AS customer_id, payment.invoice_id, payment.payment_id, payment.currency,
    CAST(payment.amount AS amount) AS amount,
    'payment_of_nothing' AS sentence,
    to_json(struct_pack(status := payment.status)) AS facts,
    [struct_pack("table" := 'payments', file := payment.source_file, "row" := payment.source_row)] AS sources
FROM latest_payments AS payment
JOIN run_params AS params ON params.day = payment.changed_on
WHERE payment.status = 'succeeded' AND payment.amount = 0
UNION ALL BY NAME
SELECT
    'PAYMENT_STATUS' AS detector,
    concat_ws('|', payment.payment_id, 'is ' || payment.status || ', but the ledger''s cash has its money') AS identity,
    payment.their_customer_id AS customer_id, payment.invoice_id, payment.payment_id, payment.currency,
    CAST(payment.amount AS amount) AS amount, 'payment_in_cash' AS sentence,
    to_json(struct_pack(status := payment.status)) AS facts,
    [struct_pack("table" := 'payments', file := payment.source_file, "row" := payment.source_row)] AS sources
FROM latest_payments AS payment
JOIN moved ON moved.invoice_id = payment.invoice_id AND moved.currency = payment.currency
JOIN cash ON cash.invoice_id = payment.invoice_id AND cash.currency = payment.currency
JOIN run_params AS params ON greatest(payment.changed_on, cash.known_on) = params.day - params.ledger_lag_days
WHERE payment.status <> 'succeeded' AND payment.kind = 'payment' AND payment.amount > 0
    AND cash.net = moved.net + payment.amount
UNION ALL BY NAME
SELECT
    'PAYMENT_STATUS' AS detector,
    concat_ws('|', money.invoice_id, money.currency, CASE
        WHEN money.paid < 0 THEN 'has had more returned than was ever paid for it'
        ELSE 'is ' || invoice.state || ', but its money was kept'
    END) AS identity,
    coalesce(money.customer_id, invoice.customer_id) AS customer_id, money.invoice_id, money.payment_id,
    money.currency, CAST(money.paid AS amount) AS amount,
    CASE WHEN money.paid < 0 THEN 'returned_more_than_paid' ELSE 'money_kept' END AS sentence,
    to_json(struct_pack(state := invoice.state)) AS facts
FROM invoice_money AS money
CROSS JOIN run_params AS params
LEFT JOIN engine_invoices AS invoice ON invoice.invoice_id = money.invoice_id AND invoice.currency = money.currency
WHERE (money.paid < 0 AND money.changed_on = params.day)
    OR (
        money.paid > 0 AND invoice.state <> 'issued'
        AND greatest(money.changed_on, invoice.changed_on) = params.day - params.payment_settle_days
    )
