-- Compared documents whose header differs from the invoice by more than their lines explain. `delta`: the rest of the
-- amount payable, or of the total if the amount payable is right and no line differs. `has_lines`: some line differs.
-- inputs: rendered_placed, rendered_differences
-- rows from: rendered_placed WHERE status = 'compared'
SELECT
    document.invoice_id, document.currency, document.document_id, document.customer_id, document.subscription_id,
    document.cohort, document.billed, document.billed_total, document.rendered, document.rendered_total,
    document.subtotal_delta, document.discount_delta, document.tax_delta, document.other_customer,
    document.source_file, document.source_row, document.again, line.document_id IS NOT NULL AS has_lines,
    CAST(CASE WHEN line.document_id IS NULL AND document.payable_delta = 0 THEN document.total_delta
        ELSE document.payable_delta - coalesce(line.delta, 0)
    END AS amount) AS delta
FROM rendered_placed AS document
LEFT JOIN (SELECT document_id, sum(delta) AS delta FROM rendered_differences GROUP BY document_id) AS line
    ON line.document_id = document.document_id
WHERE document.status = 'compared' AND (
        document.other_customer IS NOT NULL OR document.payable_delta <> coalesce(line.delta, 0)
        OR (line.document_id IS NULL AND (
            document.total_delta <> 0 OR document.subtotal_delta <> 0
            OR document.discount_delta <> 0 OR document.tax_delta <> 0
        ))
    )
