-- Receipts that name neither a payment nor an invoice and are not booked for a customer by amount.
-- inputs: receipt_targets, customer_pairs, run_params
-- rows from: receipt_targets WHERE target IS NULL
SELECT receipt.receipt_id, receipt.currency, receipt.posted_on, receipt.booked
FROM receipt_targets AS receipt
ANTI JOIN (
    SELECT pair.receipt_id
    FROM customer_pairs AS pair
    JOIN run_params AS params
        ON pair.posted_on BETWEEN pair.paid_on AND CAST(pair.paid_on + params.cash_lag_days AS DATE)
) AS placed ON placed.receipt_id = receipt.receipt_id
WHERE receipt.target IS NULL AND receipt.booked <> 0
