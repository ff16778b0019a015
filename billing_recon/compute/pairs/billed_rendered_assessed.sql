-- Every invoice and document that the day decides about. If only the total is wrong, it counts instead of the payable.
-- inputs: rendered_ties, rendered_placed, rendered_differences, rendered_header_differences, documents,
-- engine_invoices, run_params
-- kept: no
WITH found AS (
    SELECT document_id, sum(delta) AS delta
    FROM (
        SELECT document_id, delta FROM rendered_header_differences
        UNION ALL
        SELECT document_id, 0 AS delta FROM rendered_differences
    ) AS differences
    GROUP BY document_id
)
SELECT
    'billed_rendered' AS pair, tied.invoice_id AS left_key, tied.document_id AS right_key, tied.currency, tied.cohort,
    'control' AS variant, tied.customer_id,
    CASE WHEN line.document_id IS NULL THEN 'matched' ELSE 'break' END AS status, tied.billed AS left_amount,
    tied.billed AS right_amount, 1 AS left_count, 1 AS right_count
FROM rendered_ties AS tied
ANTI JOIN (SELECT invoice_id FROM rendered_ties WHERE NOT tied) AS untied ON untied.invoice_id = tied.invoice_id
LEFT JOIN (SELECT DISTINCT document_id FROM rendered_differences) AS line ON line.document_id = tied.document_id
WHERE tied.tied AND tied.compared
UNION ALL BY NAME
SELECT
    'billed_rendered' AS pair, CASE WHEN document.billed IS NOT NULL THEN document.invoice_id END AS left_key,
    document.document_id AS right_key, document.currency, document.cohort, 'control' AS variant, document.customer_id,
    CASE
        WHEN document.status = 'pending' THEN 'pending'
        WHEN document.status <> 'compared' OR document.payable_delta <> 0 OR found.document_id IS NOT NULL
            THEN 'break'
        ELSE 'matched'
    END AS status,
    coalesce(document.billed, 0) AS left_amount,
    coalesce(document.rendered, 0)
    + CASE WHEN document.payable_delta = 0 THEN coalesce(found.delta, 0) ELSE 0 END AS right_amount,
    CASE WHEN document.billed IS NULL THEN 0 ELSE 1 END AS left_count,
    CASE WHEN document.document_id IS NULL THEN 0 ELSE 1 END AS right_count
FROM rendered_placed AS document
LEFT JOIN found ON found.document_id = document.document_id
WHERE document.status <> 'missing' OR document.billed <> 0 OR document.billed_total <> 0
UNION ALL BY NAME
SELECT
    'billed_rendered' AS pair, document.document_id AS right_key, document.currency,
    coalesce(billed.cohort, 'all') AS cohort, 'control' AS variant, document.customer_id, 'break' AS status,
    0 AS left_amount, document.payable AS right_amount, 0 AS left_count, 1 AS right_count
FROM documents AS document
JOIN run_params AS params ON params.day = document.known_on
LEFT JOIN engine_invoices AS billed
    ON billed.invoice_id = document.invoice_id AND billed.currency = document.currency
WHERE document.place > 1
UNION ALL BY NAME
SELECT * FROM no_assessed()
