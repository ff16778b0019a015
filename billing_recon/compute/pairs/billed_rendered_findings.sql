-- Documents that are missing, duplicated or unmapped, or that show other figures than the engine billed.
-- inputs: rendered_placed, rendered_differences, rendered_header_differences, documents, engine_invoices, run_params
-- rows from: rendered_placed WHERE status NOT IN ('compared', 'pending'); rendered_differences;
-- rendered_header_differences; documents JOIN run_params ON day = known_on WHERE place > 1
SELECT
    'billed_rendered' AS pair, 'invoice' AS level,
    CASE
        WHEN document.document_quarantined THEN 'RECORD_QUARANTINED'
        WHEN document.status = 'currency' THEN 'CURRENCY_FX'
        WHEN document.status = 'missing' THEN 'RENDER_MISSING' ELSE 'KEY_UNMAPPED'
    END AS code,
    document.invoice_id, document.customer_id, document.subscription_id, document.currency, document.cohort,
    'control' AS variant, document.billed, document.rendered, document.payable_delta AS delta,
    coalesce(document.document_id, '') || '|' || document.currency AS identity,
    document.again, false AS compared,
    CASE
        WHEN document.status = 'currency' AND document.document_id IS NULL THEN 'document_in_other_currency'
        WHEN document.status = 'currency' THEN 'document_in_unbilled_currency'
        WHEN document.document_quarantined THEN 'document_quarantined'
        WHEN document.status = 'missing' THEN 'document_missing' ELSE 'document_unmapped'
    END AS sentence,
    to_json(struct_pack(
        document_id := document.document_id, amount := coalesce(document.rendered, document.billed),
        lag_days := params.render_lag_days
    )) AS facts,
    'rendered_invoices' AS layer,
    CASE
        WHEN document.source_file IS NOT NULL
            THEN [
                    struct_pack(
                        "table" := 'rendered_invoices', file := document.source_file, "row" := document.source_row
                    )
                ]
    END AS sources,
    json_object('document_id', document.document_id) AS evidence
FROM rendered_placed AS document
CROSS JOIN run_params AS params
WHERE document.status IN ('currency', 'unmapped')
    OR (document.status = 'missing' AND (document.billed <> 0 OR document.billed_total <> 0))
UNION ALL BY NAME
SELECT
    'billed_rendered' AS pair, 'invoice' AS level, 'RENDER_DUPLICATE' AS code, document.invoice_id,
    coalesce(billed.customer_id, document.customer_id) AS customer_id, billed.subscription_id, document.currency,
    coalesce(billed.cohort, 'all') AS cohort, 'control' AS variant, document.payable AS rendered,
    document.payable AS delta, document.document_id AS identity, false AS compared, 'document_duplicate' AS sentence,
    to_json(struct_pack(document_id := document.document_id, original := document.original)) AS facts,
    'rendered_invoices' AS layer,
    [struct_pack("table" := 'rendered_invoices', file := document.source_file, "row" := document.source_row)]
        AS sources,
    json_object('document_id', document.document_id, 'original', document.original) AS evidence
FROM documents AS document
JOIN run_params AS params ON params.day = document.known_on
LEFT JOIN engine_invoices AS billed
    ON billed.invoice_id = document.invoice_id AND billed.currency = document.currency
WHERE document.place > 1
UNION ALL BY NAME
SELECT
    'billed_rendered' AS pair, 'line' AS level, 'RENDER_VALUE' AS code, line.invoice_id, line.line_id,
    line.customer_id, line.subscription_id, line.currency, line.cohort, 'control' AS variant,
    line.billed_total AS billed, coalesce(line.billed_total, 0) + line.delta AS rendered, line.delta,
    line.document_id AS identity, placed.again, line.is_billed AND line.is_rendered AS compared,
    CASE
        WHEN NOT line.is_rendered THEN 'document_line_missing' WHEN NOT line.is_billed THEN 'document_line_unknown'
        WHEN line.amount_delta = 0 THEN 'document_line_tax' ELSE 'document_line_amount'
    END AS sentence,
    to_json(struct_pack(
        document_id := line.document_id, billed_net := line.billed_amount, rendered_net := line.rendered_amount,
        tax_delta := line.tax_delta
    )) AS facts,
    'rendered_lines' AS layer,
    CASE
        WHEN line.source_file IS NOT NULL
            THEN [struct_pack("table" := 'rendered_lines', file := line.source_file, "row" := line.source_row)]
    END AS sources,
    json_object('document_id', line.document_id) AS evidence
FROM rendered_differences AS line
LEFT JOIN rendered_placed AS placed
    ON placed.document_id = line.document_id AND placed.invoice_id = line.invoice_id AND placed.currency = line.currency
UNION ALL BY NAME
SELECT
    'billed_rendered' AS pair, 'invoice' AS level, 'RENDER_VALUE' AS code, header.invoice_id, header.customer_id,
    header.subscription_id, header.currency, header.cohort, 'control' AS variant, header.billed, header.rendered,
    header.delta, header.document_id AS identity, header.again, true AS compared,
    CASE
        WHEN header.other_customer IS NOT NULL AND header.delta = 0 THEN 'document_customer'
        WHEN header.other_customer IS NOT NULL THEN 'document_customer_and_amount'
        WHEN header.has_lines THEN 'document_rest'
        WHEN header.billed <> header.rendered THEN 'document_payable'
        WHEN header.delta <> 0 THEN 'document_total'
        WHEN header.tax_delta <> 0 THEN 'document_tax'
        WHEN header.subtotal_delta <> 0 THEN 'document_subtotal' ELSE 'document_discount'
    END AS sentence,
    to_json(struct_pack(
        document_id := header.document_id, other_customer := header.other_customer,
        billed_total := header.billed_total, rendered_total := header.rendered_total,
        subtotal_delta := header.subtotal_delta, discount_delta := header.discount_delta, tax_delta := header.tax_delta
    )) AS facts,
    'rendered_invoices' AS layer,
    [struct_pack("table" := 'rendered_invoices', file := header.source_file, "row" := header.source_row)] AS sources,
    json_object('document_id', header.document_id) AS evidence
FROM rendered_header_differences AS header
UNION ALL BY NAME
SELECT * FROM no_finding()
