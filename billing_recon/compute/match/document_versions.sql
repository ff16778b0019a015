-- Documents delivered more than once, one row per delivery. `holds`: it is the latest; `known_on`: the day of the
-- first.
-- inputs: rendered_invoices
-- rows from: rendered_invoices
SELECT
    document.day, document.source_file, document.source_row, min(document.observed_on) OVER same_key AS known_on,
    row_number() OVER (
        PARTITION BY document.document_id
        ORDER BY document.observed_on DESC, document.source_file DESC, document.source_row DESC, document.day DESC
    ) = 1 AS holds
FROM rendered_invoices AS document
SEMI JOIN delivered_again(rendered_invoices, hash(document_id)) AS again ON again.key = hash(document.document_id)
WINDOW same_key AS (PARTITION BY document.document_id)
