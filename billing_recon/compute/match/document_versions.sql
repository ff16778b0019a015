-- Documents delivered more than once, each in its latest version. `known_on`: the day it was first observed;
-- `changed_on`: the day of the version that holds. As a rule there are few or none, so latest_documents reads all
-- others without looking for a version.
-- inputs: rendered_invoices
-- rows from: rendered_invoices
SELECT
    document.document_id, document.invoice_id, document.issued_on, document.currency, document.customer_id,
    document.subtotal, document.discount, document.tax, document.total, document.payable, document.source_file,
    document.source_row, min(document.observed_on) OVER same_key AS known_on, document.observed_on AS changed_on
FROM rendered_invoices AS document
SEMI JOIN delivered_again(rendered_invoices, hash(document_id)) AS again ON again.key = hash(document.document_id)
WINDOW same_key AS (PARTITION BY document.document_id)
QUALIFY row_number() OVER (
        PARTITION BY document.document_id
        ORDER BY document.observed_on DESC, document.source_file DESC, document.source_row DESC, document.day DESC
    ) = 1
