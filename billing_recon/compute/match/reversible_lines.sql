-- Issued lines of credit notes, and the charges that they may take back: those of the same customer, product (meter),
-- unit price and currency. `quantity` has no sign; it is NULL if a credit note names no units or no price. `credited`
-- is what the credit note gives back before discount and tax.
-- inputs: engine_lines
WITH issued AS (
    SELECT
        line_key, invoice_id, line_id, customer_id, coalesce(meter, '') AS product, unit_price, currency, issued_on,
        invoice_kind = 'credit_note' AS is_credit,
        CASE WHEN unit_price IS NOT NULL AND quantity <> 0 THEN CAST(abs(quantity) AS quantity) END AS quantity,
        CAST(-gross AS amount) AS credited
    FROM engine_lines
    WHERE status = 'issued'
        AND CASE WHEN invoice_kind = 'credit_note' THEN gross <> 0 OR coalesce(quantity <> 0, false)
            ELSE quantity > 0 AND unit_price IS NOT NULL
        END
)
SELECT
    line_key, invoice_id, line_id, customer_id, product, unit_price, currency, issued_on, is_credit, quantity, credited
FROM issued
WHERE is_credit OR (customer_id, product, unit_price, currency) IN (
        SELECT (customer_id, product, unit_price, currency) FROM issued WHERE is_credit AND quantity IS NOT NULL
    )
