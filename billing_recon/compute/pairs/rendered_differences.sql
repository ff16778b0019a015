-- Lines of compared documents whose amount (net of discount, before tax) or tax is not the engine's. Only documents
-- that name lines take part, and of these that differ only those that show a line of their invoice: a document that
-- shows none belongs to another invoice or has line ids of its own, and is compared by its header. Only `suspect`
-- documents are compared line by line: those whose lines differ in number, sum or content (the sum of the lines'
-- 64-bit hashes over id and amount, and over id and tax). A credit's line may show its credit. `delta` is the line's
-- part of the difference in the amount payable: with its tax if the document's totals include the tax, 0 if they do
-- not include the line at all.
-- inputs: rendered_ties, rendered_placed, latest_document_lines, engine_lines, engine_invoices
-- rows from: rendered_ties WHERE compared
WITH compared AS NOT MATERIALIZED (
    SELECT document_id, invoice_id, currency, lines, net, content, tax_content FROM rendered_ties WHERE compared
),
shown AS (
    SELECT
        document_id, count(*) AS lines, count(line_id) AS named, count(tax) AS taxed, sum(amount) AS net,
        sum(hash(line_id, CAST(coalesce(amount, 0) AS amount))) AS content,
        sum(hash(line_id, CAST(coalesce(tax, 0) AS amount))) AS tax_content
    FROM latest_document_lines SEMI JOIN compared USING (document_id)
    GROUP BY document_id HAVING count(line_id) > 0
),
suspect AS (
    SELECT shown.document_id
    FROM shown
    JOIN compared ON compared.document_id = shown.document_id
    ANTI JOIN (SELECT document_id FROM rendered_placed WHERE status <> 'compared') AS waiting
        ON waiting.document_id = shown.document_id
    WHERE shown.named <> shown.lines OR compared.lines <> shown.lines OR compared.net <> shown.net
        OR compared.content <> shown.content
        OR (shown.taxed > 0 AND (shown.taxed <> shown.lines OR compared.tax_content <> shown.tax_content))
),
document AS (
    SELECT
        compared.document_id, compared.invoice_id, compared.currency,
        coalesce(header.payable_delta, 0) AS payable_delta, coalesce(header.tax_delta, 0) AS tax_delta
    FROM compared
    SEMI JOIN suspect ON suspect.document_id = compared.document_id
    LEFT JOIN rendered_placed AS header ON header.document_id = compared.document_id
),
rendered AS (
    SELECT
        document_id, coalesce(line_id, '#' || CAST(line_no AS VARCHAR)) AS line_id, sum(amount) AS amount,
        sum(tax) AS tax, min(source_file) AS source_file, min(source_row) AS source_row
    FROM latest_document_lines SEMI JOIN suspect USING (document_id)
    GROUP BY document_id, coalesce(line_id, '#' || CAST(line_no AS VARCHAR))
),
billed AS (
    SELECT
        document.document_id, line.line_id, line.kind, line.gross - line.discount AS amount, line.credit, line.tax,
        line.total
    FROM engine_lines AS line
    JOIN document ON document.invoice_id = line.invoice_id AND document.currency = line.currency
    WHERE line.status = 'issued'
),
lines AS (
    SELECT
        coalesce(billed.document_id, rendered.document_id) AS document_id,
        coalesce(billed.line_id, rendered.line_id) AS line_id, billed.line_id IS NOT NULL AS is_billed,
        rendered.line_id IS NOT NULL AS is_rendered, billed.amount AS billed_amount,
        rendered.amount AS rendered_amount, billed.total AS billed_total,
        CASE WHEN billed.kind = 'credit' AND rendered.amount = -billed.credit THEN 0
            ELSE coalesce(rendered.amount, 0) - coalesce(billed.amount, 0)
        END AS amount_delta,
        coalesce(rendered.tax - coalesce(billed.tax, 0), 0) AS tax_delta, rendered.source_file, rendered.source_row
    FROM billed
    FULL JOIN rendered ON rendered.document_id = billed.document_id AND rendered.line_id = billed.line_id
),
own AS (
    SELECT document_id FROM lines WHERE is_billed AND is_rendered
),
different AS (
    SELECT
        document_id, line_id, is_billed, is_rendered, billed_amount, rendered_amount, billed_total, amount_delta,
        tax_delta, source_file, source_row, sum(amount_delta) OVER document AS amount_deltas,
        sum(tax_delta) OVER document AS tax_deltas,
        row_number() OVER (PARTITION BY document_id ORDER BY abs(amount_delta) DESC, line_id) AS place
    FROM lines SEMI JOIN own USING (document_id) WHERE amount_delta <> 0 OR tax_delta <> 0
    WINDOW document AS (PARTITION BY document_id)
)
SELECT
    document.document_id, document.invoice_id, document.currency, invoice.customer_id, invoice.subscription_id,
    invoice.cohort, line.line_id, line.is_billed, line.is_rendered, line.billed_amount, line.rendered_amount,
    line.billed_total, line.amount_delta, line.tax_delta, line.source_file, line.source_row,
    CAST(CASE
        WHEN document.payable_delta = line.amount_deltas THEN line.amount_delta
        WHEN document.payable_delta = line.amount_deltas + line.tax_deltas THEN line.amount_delta + line.tax_delta
        WHEN document.payable_delta = line.amount_deltas + document.tax_delta
            THEN line.amount_delta + CASE WHEN line.place = 1 THEN document.tax_delta ELSE 0 END
        WHEN document.payable_delta = 0 THEN 0
        ELSE line.amount_delta
    END AS amount) AS delta
FROM different AS line
JOIN document ON document.document_id = line.document_id
JOIN engine_invoices AS invoice
    ON invoice.invoice_id = document.invoice_id AND invoice.currency = document.currency
