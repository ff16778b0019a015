-- Receipts with the payment or invoice that each is about, in the order in which a reference is read: the payment or
-- invoice named; the journal's own id, if it is a payment's; a word of the memo. An invoice that one payment pays
-- together with others stands for that payment. Receipts without a target are matched by amount. `failed`: the status
-- of a payment named that did not succeed.
-- inputs: receipts, latest_entries, latest_payments, payment_matches, engine_invoices
-- rows from: receipts
WITH words AS (
    SELECT DISTINCT
        receipt.receipt_id, trim(unnest(regexp_split_to_array(entry.memo, '\s+')), '.,;:!?()[]"''#') AS word
    FROM receipts AS receipt
    JOIN latest_entries AS entry ON entry.journal_id = receipt.journal_id
    WHERE receipt.names = 0 AND entry.memo IS NOT NULL
),
written AS (
    SELECT words.receipt_id, min(words.word) AS payment_id
    FROM words SEMI JOIN latest_payments AS payment ON payment.payment_id = words.word
    GROUP BY words.receipt_id HAVING count(*) = 1
),
written_invoices AS (
    SELECT words.receipt_id, min(words.word) AS invoice_id
    FROM words
    SEMI JOIN (
        SELECT invoice_id FROM engine_invoices
        UNION ALL
        SELECT invoice_id FROM latest_payments WHERE invoice_id IS NOT NULL
    ) AS invoice ON invoice.invoice_id = words.word
    GROUP BY words.receipt_id HAVING count(*) = 1
),
together AS (
    SELECT invoice_id, min(payment_id) AS payment_id
    FROM payment_matches
    SEMI JOIN (
        SELECT payment_id FROM payment_matches WHERE invoice_id IS NOT NULL GROUP BY payment_id HAVING count(*) > 1
    ) AS several USING (payment_id)
    WHERE invoice_id IS NOT NULL
    GROUP BY invoice_id HAVING count(*) = 1
)
SELECT
    receipt.receipt_id, receipt.journal_id, receipt.named, receipt.currency, receipt.names, receipt.crosses,
    receipt.posted_on, receipt.known_on, receipt.changed_on, receipt.customer_id, receipt.other_accounts, receipt.owed,
    receipt.earned, receipt.money, receipt.others, receipt.copied, receipt.fees, receipt.journal_fees,
    receipt.unbalanced, receipt.booked,
    coalesce(
        'payment ' || coalesce(named.payment_id, own.payment_id, together.payment_id, written.payment_id),
        'invoice ' || coalesce(receipt.named, written_invoices.invoice_id)
    ) AS target,
    nullif(coalesce(named.status, own.status), 'succeeded') AS failed
FROM receipts AS receipt
LEFT JOIN latest_payments AS named ON named.payment_id = receipt.named
LEFT JOIN latest_payments AS own ON own.payment_id = receipt.journal_id AND receipt.names < 2
LEFT JOIN together ON together.invoice_id = receipt.named
LEFT JOIN written ON written.receipt_id = receipt.receipt_id
LEFT JOIN written_invoices ON written_invoices.receipt_id = receipt.receipt_id
