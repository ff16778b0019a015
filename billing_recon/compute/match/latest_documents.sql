-- Documents, each in its latest version, with invoice and customer under our names. `known_on`: the day it was first
-- observed; `changed_on`: the day of the version that holds.
-- inputs: rendered_invoices, document_versions, mapped_keys
-- kept: no
WITH latest AS (
    SELECT
        document_id, invoice_id, issued_on, currency, customer_id, subtotal, discount, tax, total, payable, source_file,
        source_row, observed_on AS known_on, observed_on AS changed_on
    FROM rendered_invoices ANTI JOIN document_versions USING (document_id)
    UNION ALL
    SELECT
        document_id, invoice_id, issued_on, currency, customer_id, subtotal, discount, tax, total, payable, source_file,
        source_row, known_on, changed_on
    FROM document_versions
)
SELECT
    document.document_id, coalesce(invoice.our_key, document.invoice_id) AS invoice_id, document.issued_on,
    document.currency, coalesce(customer.our_key, document.customer_id) AS customer_id, document.subtotal,
    document.discount, document.tax, document.total, document.payable, document.source_file, document.source_row,
    document.known_on, document.changed_on
FROM latest AS document
LEFT JOIN mapped_keys AS invoice ON invoice.layer = 'rendered_invoices' AND invoice.their_key = document.invoice_id
LEFT JOIN mapped_keys AS customer ON customer.layer = 'rendered_invoices' AND customer.their_key = document.customer_id
