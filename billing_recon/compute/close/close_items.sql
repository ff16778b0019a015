-- Every invoice and every payment, refund or chargeback beside what the ledger books of it, per measure: ar (a debit),
-- revenue and tax (credits). Figures are split by the span of their own day: before the month, in it, after it; what
-- is dated before the company's first day has no figure here (`carried`: it has a part there). `line`: the line of the
-- roll-forward that the item belongs to.
-- inputs: engine_invoices, booked_tied, invoice_journals, moved_money, receipt_links, receipts, close_params
WITH billed AS (
    SELECT
        'invoice' AS kind, invoice_id AS item, currency, customer_id, issued_on AS dated,
        CASE WHEN invoice_kind = 'credit_note' THEN 'credited' ELSE 'invoiced' END AS line,
        unnest([
            struct_pack(measure := 'ar', figure := CAST(total AS amount)),
            struct_pack(measure := 'revenue', figure := CAST(total + credit - tax AS amount)),
            struct_pack(measure := 'tax', figure := CAST(tax AS amount))
        ]) AS stated
    FROM engine_invoices WHERE state = 'issued'
),
ours AS (
    SELECT kind, item, currency, customer_id, dated, line, stated.measure AS measure, stated.figure AS figure
    FROM billed
    UNION ALL
    SELECT
        'money' AS kind, payment_id AS item, currency, customer_id, paid_on AS dated,
        CASE WHEN kind = 'payment' THEN 'received' ELSE 'refunded' END AS line, 'ar' AS measure,
        CAST(-amount AS amount) AS figure
    FROM moved_money
),
journals AS (
    SELECT
        invoice_id AS item, currency, posted_on AS dated,
        unnest([
            struct_pack(measure := 'ar', figure := ar), struct_pack(measure := 'revenue', figure := revenue),
            struct_pack(measure := 'tax', figure := tax)
        ]) AS stated
    FROM invoice_journals
),
booked AS (
    SELECT ours.kind, ours.item, ours.currency, ours.dated, ours.measure, ours.figure
    FROM ours
    SEMI JOIN booked_tied AS tied ON tied.invoice_id = ours.item AND tied.currency = ours.currency
    WHERE ours.kind = 'invoice'
    UNION ALL
    SELECT 'invoice' AS kind, item, currency, dated, stated.measure AS measure, stated.figure AS figure FROM journals
    UNION ALL
    SELECT
        'money' AS kind, link.payment_id AS item, link.currency, receipt.posted_on AS dated, 'ar' AS measure,
        CAST(-coalesce(link.part, 0) AS amount) AS figure
    FROM receipt_links AS link
    JOIN receipts AS receipt ON receipt.receipt_id = link.receipt_id AND receipt.currency = link.currency
    WHERE link.payment_id IS NOT NULL AND link.part IS NOT NULL
),
sides AS (
    SELECT kind, item, currency, measure, line, customer_id, dated, figure, true AS is_ours FROM ours
    UNION ALL
    SELECT
        kind, item, currency, measure, NULL AS line, NULL AS customer_id, dated, figure, false AS is_ours
    FROM booked
),
spans AS (
    SELECT
        side.kind, side.item, side.currency, side.measure, side.line, side.customer_id, side.dated, side.figure,
        side.is_ours,
        CASE
            WHEN side.dated < params.first_day THEN 'opening' WHEN side.dated < params.month_start THEN 'before'
            WHEN side.dated <= params.month_end THEN 'in' ELSE 'after'
        END AS span
    FROM sides AS side CROSS JOIN close_params AS params
)
SELECT
    measure, kind, item, currency, coalesce(max(line), 'unknown') AS line, max(customer_id) AS customer_id,
    min(dated) FILTER (WHERE is_ours) AS dated, bool_or(span = 'opening') AS carried,
    CAST(coalesce(sum(figure) FILTER (WHERE is_ours AND span = 'before'), 0) AS amount) AS ours_before,
    CAST(coalesce(sum(figure) FILTER (WHERE is_ours AND span = 'in'), 0) AS amount) AS ours_in,
    CAST(coalesce(sum(figure) FILTER (WHERE is_ours AND span = 'after'), 0) AS amount) AS ours_after,
    CAST(coalesce(sum(figure) FILTER (WHERE NOT is_ours AND span = 'before'), 0) AS amount) AS booked_before,
    CAST(coalesce(sum(figure) FILTER (WHERE NOT is_ours AND span = 'in'), 0) AS amount) AS booked_in,
    CAST(coalesce(sum(figure) FILTER (WHERE NOT is_ours AND span = 'after'), 0) AS amount) AS booked_after
FROM spans
GROUP BY measure, kind, item, currency
