-- Invoices that do not tie, with their original documents and the difference of each header figure; `total_delta` is 0
-- if the document's total is the invoice's before or after credits, or what the invoice's own parts make where its
-- total is not their sum, which is told of the engine's line. Status: compared (both exist, one changed today),
-- currency (each exists in another currency), missing (the lag for a document ends today), unmapped (the lag for an
-- invoice does), pending. An invoice with rows of the engine in quarantine is pending: what it bills is unknown, and
-- expected_billed reports it. `document_quarantined`: the missing document is in quarantine.
-- inputs: rendered_ties, documents, engine_invoices, set_aside, run_params
-- rows from: rendered_ties WHERE NOT tied
WITH untied AS (
    SELECT invoice_id FROM rendered_ties WHERE NOT tied
),
billed AS (
    SELECT
        invoice_id, currency, customer_id, subscription_id, cohort, state, known_on, changed_on, gross, discount,
        credit, tax, total
    FROM engine_invoices SEMI JOIN untied USING (invoice_id)
),
document AS (
    SELECT
        document_id, invoice_id, currency, customer_id, subtotal, discount, tax, total, payable, known_on, source_file,
        source_row
    FROM documents SEMI JOIN untied USING (invoice_id) WHERE place = 1
),
crossed AS (
    SELECT invoice_id, max(known_on) AS known_on, max(changed_on) AS changed_on
    FROM (
        SELECT invoice_id, currency, known_on, changed_on FROM billed SEMI JOIN document USING (invoice_id)
        UNION ALL
        SELECT invoice_id, currency, known_on, known_on AS changed_on FROM document SEMI JOIN billed USING (invoice_id)
    ) AS both_sides
    GROUP BY invoice_id HAVING min(currency) <> max(currency)
),
quarantined AS (
    SELECT
        named AS invoice_id, bool_or(table_name = 'invoice_lines') AS by_engine,
        bool_or(table_name = 'rendered_invoices') AS by_document
    FROM set_aside GROUP BY named
),
sides AS (
    SELECT
        coalesce(billed.invoice_id, document.invoice_id) AS invoice_id,
        coalesce(billed.currency, document.currency) AS currency, document.document_id,
        coalesce(billed.customer_id, document.customer_id) AS customer_id, billed.subscription_id,
        coalesce(billed.cohort, 'all') AS cohort, coalesce(billed.state, 'issued') AS state, billed.total AS billed,
        CAST(billed.total + billed.credit AS amount) AS billed_total, document.payable AS rendered,
        document.total AS rendered_total,
        CAST(coalesce(document.payable, 0) - coalesce(billed.total, 0) AS amount) AS payable_delta,
        CAST(CASE
            WHEN document.total IN (billed.total, billed.total + billed.credit) THEN 0
            WHEN document.total = billed.gross - billed.discount + billed.tax
                AND billed.total + billed.credit <> billed.gross - billed.discount THEN 0
            ELSE document.total - (billed.total + billed.credit)
        END AS amount) AS total_delta,
        CAST(document.subtotal - billed.gross AS amount) AS subtotal_delta,
        CAST(document.discount - billed.discount AS amount) AS discount_delta,
        CAST(document.tax - billed.tax AS amount) AS tax_delta,
        CASE WHEN document.customer_id <> billed.customer_id THEN document.customer_id END AS other_customer,
        document.source_file, document.source_row,
        CASE
            WHEN billed.invoice_id IS NULL OR document.invoice_id IS NULL THEN crossed.known_on
            ELSE document.known_on
        END AS compared_on,
        CASE
            WHEN billed.invoice_id IS NOT NULL AND document.invoice_id IS NOT NULL THEN 'compared'
            WHEN crossed.invoice_id IS NOT NULL THEN CASE WHEN crossed.changed_on = params.day THEN 'currency' END
            WHEN CAST(coalesce(billed.known_on, document.known_on) + params.render_lag_days AS DATE) > params.day
                THEN 'pending'
            WHEN CAST(coalesce(billed.known_on, document.known_on) + params.render_lag_days AS DATE) < params.day
                THEN NULL
            WHEN billed.invoice_id IS NOT NULL THEN 'missing' ELSE 'unmapped'
        END AS status
    FROM billed
    FULL JOIN document ON document.invoice_id = billed.invoice_id AND document.currency = billed.currency
    CROSS JOIN run_params AS params
    LEFT JOIN crossed ON crossed.invoice_id = coalesce(billed.invoice_id, document.invoice_id)
    WHERE billed.invoice_id IS NULL OR document.invoice_id IS NULL
        OR greatest(billed.changed_on, document.known_on) = params.day
)
SELECT
    sides.invoice_id, sides.currency, sides.document_id, sides.customer_id, sides.subscription_id, sides.cohort,
    sides.billed, sides.billed_total, sides.rendered, sides.rendered_total, sides.payable_delta, sides.total_delta,
    sides.subtotal_delta, sides.discount_delta, sides.tax_delta, sides.other_customer, sides.source_file,
    sides.source_row,
    CASE WHEN quarantined.by_engine AND sides.payable_delta <> 0 THEN 'pending' ELSE sides.status END AS status,
    coalesce(quarantined.by_document AND sides.status = 'missing', false) AS document_quarantined,
    CASE WHEN sides.compared_on < params.day THEN params.day END AS again
FROM sides
CROSS JOIN run_params AS params
LEFT JOIN quarantined ON quarantined.invoice_id = sides.invoice_id
WHERE sides.status IS NOT NULL AND sides.state = 'issued'
