-- Invoice numbers taken apart: before the last digits (`prefix`), the digits as a number, and after them (`suffix`).
-- Rows in quarantine use their numbers too; of them only the number is known.
-- inputs: engine_invoices, set_aside
WITH named AS (
    SELECT invoice_id, min(known_on) AS known_on FROM engine_invoices GROUP BY invoice_id
    UNION ALL
    SELECT DISTINCT held.named AS invoice_id, CAST(NULL AS DATE) AS known_on
    FROM set_aside AS held
    ANTI JOIN engine_invoices AS invoice ON invoice.invoice_id = held.named
    WHERE held.table_name = 'invoice_lines' AND held.named IS NOT NULL
),
taken_apart AS (
    SELECT
        invoice_id, known_on,
        regexp_extract(invoice_id, '^(.*?)([0-9]+)([^0-9]*)$', ['prefix', 'digits', 'suffix']) AS parts
    FROM named
)
SELECT invoice_id, known_on, parts.prefix, parts.suffix, TRY_CAST(parts.digits AS BIGINT) AS number
FROM taken_apart
