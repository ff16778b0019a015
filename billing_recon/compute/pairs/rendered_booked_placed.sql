-- Documents and journals of invoices that the engine's output does not have, if both exist and one is new today.
-- inputs: documents, rendered_ties, booked_invoices, engine_invoices, run_params
-- rows from: rendered_ties WHERE billed IS NULL
WITH document AS (
    SELECT
        document.invoice_id, document.currency, document.document_id, document.customer_id, document.payable,
        document.known_on
    FROM documents AS document
    SEMI JOIN (SELECT invoice_id FROM rendered_ties WHERE NOT tied) AS untied ON untied.invoice_id = document.invoice_id
    ANTI JOIN engine_invoices AS billed ON billed.invoice_id = document.invoice_id
    WHERE document.place = 1
),
booked AS (
    SELECT invoice_id, currency, ar, journal_id, known_on, changed_on
    FROM booked_invoices SEMI JOIN document USING (invoice_id)
)
SELECT
    document.invoice_id, document.currency, document.document_id, document.customer_id, document.payable AS rendered,
    booked.ar AS booked, booked.journal_id, ledger.currency AS booked_currency,
    CASE WHEN greatest(ledger.known_on, document.known_on) < params.day THEN params.day END AS again
FROM document
CROSS JOIN run_params AS params
JOIN (
    SELECT invoice_id, max(currency) AS currency, min(known_on) AS known_on, max(changed_on) AS changed_on
    FROM booked GROUP BY invoice_id
) AS ledger
    ON ledger.invoice_id = document.invoice_id AND greatest(ledger.changed_on, document.known_on) = params.day
LEFT JOIN booked ON booked.invoice_id = document.invoice_id AND booked.currency = document.currency
