-- Documents in their latest version. `place` 1 is the original of an invoice: the document known first, then by
-- issued_on and document_id. Only documents of invoices that may have several are ranked; hashes select these
-- invoices.
-- inputs: latest_documents
WITH document AS (
    SELECT
        document_id, invoice_id, issued_on, currency, customer_id, subtotal, discount, tax, total, payable, known_on,
        source_file, source_row
    FROM latest_documents
),
several AS (
    SELECT hash(invoice_id, currency) AS invoice FROM document GROUP BY invoice HAVING count(*) > 1
),
ranked AS (
    SELECT document_id, row_number() OVER invoice AS place, first_value(document_id) OVER invoice AS original
    FROM document SEMI JOIN several ON several.invoice = hash(document.invoice_id, document.currency)
    WINDOW invoice AS (PARTITION BY invoice_id, currency ORDER BY known_on, issued_on, document_id)
)
SELECT
    document.document_id, document.invoice_id, document.issued_on, document.currency, document.customer_id,
    document.subtotal, document.discount, document.tax, document.total, document.payable, document.known_on,
    document.source_file, document.source_row, coalesce(ranked.place, 1) AS place,
    coalesce(ranked.original, document.document_id) AS original
FROM document
LEFT JOIN ranked ON ranked.document_id = document.document_id
