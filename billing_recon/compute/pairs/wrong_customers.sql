-- Invoices first observed today that bill a due period to a customer who has other contracts and never had this one
-- (`holder` has it now). A customer without any contract is the engine's own name for somebody and proves nothing,
-- unless the engine billed the contract to its holder by our name before. Whole invoices are checked first; only those
-- that stand out, line by line.
-- inputs: engine_invoices, issued_lines, bills, subscriptions, mapped_keys, run_params
-- rows from: engine_invoices AS invoice JOIN run_params AS run ON invoice.known_on BETWEEN run.since AND run.day
WITH held AS (
    SELECT subscription_id AS sub, customer_id, max(valid_from) AS since
    FROM subscriptions
    GROUP BY subscription_id, customer_id
),
holders AS (
    SELECT sub, arg_max(customer_id, struct_pack(since := since, customer_id := customer_id)) AS holder
    FROM held
    GROUP BY sub
),
suspects AS (
    SELECT invoice.invoice_id
    FROM engine_invoices AS invoice
    JOIN run_params AS run ON invoice.known_on BETWEEN run.since AND run.day
    ANTI JOIN held ON held.sub = invoice.subscription_id AND held.customer_id = invoice.customer_id
    WHERE invoice.state = 'issued'
),
called AS (
    SELECT DISTINCT invoice.subscription_id AS sub
    FROM engine_invoices AS invoice
    JOIN run_params AS run ON invoice.known_on < run.since
    SEMI JOIN held ON held.sub = invoice.subscription_id AND held.customer_id = invoice.customer_id
),
billed AS (
    SELECT
        line.variant, line.invoice_id, line.sub, line.currency, line.cohort, line.total,
        coalesce(key.our_key, line.customer_id) AS customer_id
    FROM issued_lines AS line
    SEMI JOIN suspects ON suspects.invoice_id = line.invoice_id
    JOIN bills AS bill USING (variant, sub, invoice_id)
    LEFT JOIN mapped_keys AS key ON key.layer = 'invoice_lines' AND key.their_key = line.customer_id
    WHERE line.fresh AND bill.due_on IS NOT NULL AND bill.repeats IS NULL
)
SELECT
    billed.variant, billed.invoice_id, billed.sub, billed.currency, billed.customer_id, holders.holder,
    min(billed.cohort) AS cohort, CAST(sum(billed.total) AS amount) AS total
FROM billed
ANTI JOIN held AS own ON own.sub = billed.sub AND own.customer_id = billed.customer_id
JOIN holders ON holders.sub = billed.sub
WHERE billed.customer_id IN (SELECT customer_id FROM held) OR billed.sub IN (SELECT sub FROM called)
GROUP BY billed.variant, billed.invoice_id, billed.sub, billed.currency, billed.customer_id, holders.holder
