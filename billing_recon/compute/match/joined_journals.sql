-- Journals that are parts of one posting, since none of them is whole. A ledger with a journal per account and day has
-- one for receivables, one for sales and one for tax: those of a day and currency are one posting, under the
-- receivables' id. A ledger whose bookings have two sides each has the receivable against sales and against tax in
-- two of them: without an invoice, those of a day, currency and customer are one posting, unless one account for tax
-- is booked more than once, which is what bookings by invoice do. And whole journals of a day that name neither invoice
-- nor customer are one posting if together, to the cent, they are all that was billed on a day and no journal names.
-- inputs: stated_entries, engine_invoices, run_params
-- rows from: ledger_entries WHERE invoice_id IS NULL AND role IN ('revenue', 'deferred_revenue', 'tax_payable')
WITH journals AS (
    SELECT
        journal_id, currency, min(posted_on) AS posted_on, min(customer_id) AS customer_id,
        coalesce(min(customer_id) = max(customer_id), true) AS is_of_one, count(invoice_id) = 0 AS is_nameless,
        bool_and(role = 'ar') AS is_receivable, bool_or(role = 'ar') AS has_receivable,
        bool_and(role IN ('revenue', 'deferred_revenue', 'tax_payable')) AND count(invoice_id) = 0 AS is_sale,
        bool_and(role = 'customer_credit') AS is_credit, bool_and(role IN ('ar', 'tax_payable')) AS is_tax,
        bool_and(role IN ('ar', 'revenue', 'deferred_revenue')) AS is_net,
        min(account) FILTER (WHERE role = 'tax_payable') AS tax_account
    FROM stated_entries
    GROUP BY journal_id, currency
    HAVING bool_and(role IN ('ar', 'tax_payable')) OR bool_and(role IN ('revenue', 'deferred_revenue', 'tax_payable'))
        OR bool_and(role IN ('ar', 'revenue', 'deferred_revenue')) OR bool_and(role = 'customer_credit')
),
sides AS (
    SELECT
        journal_id, currency,
        min(journal_id) FILTER (WHERE is_receivable) OVER (PARTITION BY currency, posted_on) AS posting_id
    FROM journals
    WHERE is_receivable OR is_sale OR (is_credit AND is_nameless)
    QUALIFY bool_or(is_receivable) OVER (PARTITION BY currency, posted_on)
        AND bool_or(is_sale) OVER (PARTITION BY currency, posted_on)
),
mirrored AS (
    SELECT * FROM journals
    WHERE is_nameless AND has_receivable AND NOT is_receivable AND (is_tax OR is_net) AND is_of_one
),
postings AS (
    SELECT currency, posted_on, customer_id, min(journal_id) AS posting_id
    FROM mirrored
    GROUP BY currency, posted_on, customer_id
    HAVING bool_or(is_net) AND bool_or(is_tax)
        AND count(*) FILTER (WHERE is_tax) = count(DISTINCT tax_account) FILTER (WHERE is_tax)
),
wholes AS (
    SELECT
        journal_id, currency, min(posted_on) AS posted_on, sum(debited) FILTER (WHERE role = 'ar') AS ar,
        coalesce(-sum(debited) FILTER (WHERE role IN ('revenue', 'deferred_revenue')), 0) AS revenue,
        coalesce(-sum(debited) FILTER (WHERE role = 'tax_payable'), 0) AS tax
    FROM stated_entries
    GROUP BY journal_id, currency
    HAVING count(invoice_id) = 0 AND count(customer_id) = 0 AND bool_or(role = 'ar')
        AND bool_or(role IN ('revenue', 'deferred_revenue'))
        AND bool_and(role IN ('ar', 'revenue', 'deferred_revenue', 'tax_payable'))
),
together AS (
    SELECT
        currency, posted_on, min(journal_id) AS posting_id, sum(ar) AS ar, sum(revenue) AS revenue, sum(tax) AS tax
    FROM wholes GROUP BY currency, posted_on HAVING count(*) > 1 AND min(abs(ar)) > 0
),
billed AS (
    SELECT
        invoice.issued_on, invoice.currency, sum(invoice.total) AS total, sum(invoice.tax) AS tax,
        sum(invoice.total + invoice.credit - invoice.tax) AS net, sum(invoice.credit) AS credits
    FROM engine_invoices AS invoice
    ANTI JOIN stated_entries AS named ON named.invoice_id = invoice.invoice_id
    WHERE invoice.state = 'issued'
    GROUP BY invoice.issued_on, invoice.currency
),
by_parts AS (
    SELECT DISTINCT together.currency, together.posted_on, together.posting_id
    FROM together
    CROSS JOIN run_params AS params
    JOIN billed
        ON billed.currency = together.currency AND billed.total = together.ar AND billed.net = together.revenue
            AND billed.tax = together.tax AND billed.credits = 0 AND billed.issued_on <= together.posted_on
            AND billed.issued_on >= together.posted_on - params.ledger_lag_days
)
SELECT journal_id, currency, posting_id FROM sides
UNION ALL
SELECT wholes.journal_id, wholes.currency, by_parts.posting_id
FROM wholes
JOIN by_parts ON by_parts.currency = wholes.currency AND by_parts.posted_on = wholes.posted_on
UNION ALL
SELECT mirrored.journal_id, mirrored.currency, postings.posting_id
FROM mirrored
JOIN postings
    ON postings.currency = mirrored.currency AND postings.posted_on = mirrored.posted_on
        AND postings.customer_id IS NOT DISTINCT FROM mirrored.customer_id
