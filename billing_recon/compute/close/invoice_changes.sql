-- Changes of invoices in the month: credit notes issued, and lines delivered again with other content (voided, or
-- corrected), with what the line came to before.
-- inputs: invoice_lines, engine_lines, engine_superseded, close_params
WITH before AS (
    SELECT
        line.invoice_id, line.line_id,
        arg_max(line.total, struct_pack(a := line.observed_on, b := line.day)) AS total
    FROM invoice_lines AS line
    SEMI JOIN engine_superseded AS old
        ON old.day = line.day AND old.source_file = line.source_file AND old.source_row = line.source_row
    GROUP BY line.invoice_id, line.line_id
)
SELECT
    line.observed_on AS day, line.invoice_id, line.line_id, line.customer_id, line.currency, line.status,
    CASE
        WHEN before.invoice_id IS NULL THEN 'credit note' WHEN line.status = 'void' THEN 'voided' ELSE 'corrected'
    END AS change,
    CAST(before.total AS amount) AS total_before,
    CAST(CASE WHEN line.status = 'void' THEN 0 ELSE line.total END AS amount) AS total, line.source_file
FROM engine_lines AS line
CROSS JOIN close_params AS params
LEFT JOIN before ON before.invoice_id = line.invoice_id AND before.line_id = line.line_id
WHERE line.observed_on >= params.month_start AND line.observed_on <= params.month_end
    AND (before.invoice_id IS NOT NULL OR line.invoice_kind = 'credit_note')
ORDER BY line.observed_on, line.invoice_id, line.line_id
