-- Documents, each in its latest version, with invoice and customer under our names. `known_on`: the day it was first
-- observed; `changed_on`: the day of the version that holds.
-- inputs: rendered_invoices, document_versions, mapped_keys
-- kept: no
SELECT
    document.document_id, coalesce(invoice.our_key, document.invoice_id) AS invoice_id, document.issued_on,
    document.currency, coalesce(customer.our_key, document.customer_id) AS customer_id, document.subtotal,
    document.discount, document.tax, document.total, document.payable, document.source_file, document.source_row,
    coalesce(version.known_on, document.observed_on) AS known_on, document.observed_on AS changed_on
FROM rendered_invoices AS document
LEFT JOIN document_versions AS version
    ON version.day = document.day AND version.source_file = document.source_file
        AND version.source_row = document.source_row
LEFT JOIN mapped_keys AS invoice ON invoice.layer = 'rendered_invoices' AND invoice.their_key = document.invoice_id
LEFT JOIN mapped_keys AS customer ON customer.layer = 'rendered_invoices' AND customer.their_key = document.customer_id
WHERE coalesce(version.holds, true)
