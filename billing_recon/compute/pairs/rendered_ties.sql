-- Every invoice with its original document, and what its lines add up to (engine_invoices). `compared`: it is issued,
-- and invoice or document changed today. `tied`: it is issued, and both have the same customer and header figures;
-- only the lines of a tied invoice remain to be compared.
-- inputs: documents, engine_invoices, run_params
SELECT
    coalesce(billed.invoice_id, document.invoice_id) AS invoice_id,
    coalesce(billed.currency, document.currency) AS currency, document.document_id, billed.customer_id, billed.cohort,
    billed.total AS billed, billed.gross - billed.discount AS net, billed.lines, billed.content, billed.tax_content,
    coalesce(
        billed.state = 'issued' AND document.document_id IS NOT NULL
        AND greatest(billed.changed_on, document.known_on) = params.day,
        false
    ) AS compared,
    coalesce(
        billed.state = 'issued' AND document.customer_id = billed.customer_id AND document.payable = billed.total
        AND document.total IN (billed.total, billed.total + billed.credit)
        AND document.subtotal = billed.gross AND document.discount = billed.discount AND document.tax = billed.tax,
        false
    ) AS tied
FROM engine_invoices AS billed
FULL JOIN (
    SELECT document_id, invoice_id, currency, customer_id, subtotal, discount, tax, total, payable, known_on
    FROM documents WHERE place = 1
) AS document
    ON document.invoice_id = billed.invoice_id AND document.currency = billed.currency
CROSS JOIN run_params AS params
