-- Payments that succeeded and name no invoice. `worth`: the amount with the fees that the provider kept.
-- inputs: latest_payments
-- rows from: latest_payments WHERE invoice_id IS NULL AND status = 'succeeded' AND kind = 'payment'
SELECT
    payment_id, customer_id, currency, amount, CAST(amount + coalesce(fee, 0) AS amount) AS worth,
    CAST(processed_at AS DATE) AS paid_on, changed_on
FROM latest_payments
WHERE invoice_id IS NULL AND status = 'succeeded' AND kind = 'payment'
