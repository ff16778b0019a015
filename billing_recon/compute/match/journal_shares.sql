-- How much a matched journal books for each of its invoices. A journal of one invoice books everything for it. A
-- journal of several books what is billed for each; the rest stands under the journal's own id (`is_rest`) if its AR
-- is not the sum of the totals, else with the first invoice.
-- inputs: journal_matches, nameless_journals, engine_invoices
-- rows from: journal_matches
WITH parts AS (
    SELECT
        matched.journal_id, matched.currency, matched.invoice_id, billed.customer_id, billed.total,
        billed.gross - billed.discount AS net, billed.tax, billed.credit, count(*) OVER journal AS invoices,
        row_number() OVER (PARTITION BY matched.journal_id, matched.currency ORDER BY matched.invoice_id) AS place,
        sum(billed.total) OVER journal AS totals, sum(billed.gross - billed.discount) OVER journal AS nets,
        sum(billed.tax) OVER journal AS taxes, sum(billed.credit) OVER journal AS credits
    FROM journal_matches AS matched
    JOIN engine_invoices AS billed ON billed.invoice_id = matched.invoice_id AND billed.currency = matched.currency
    WINDOW journal AS (PARTITION BY matched.journal_id, matched.currency)
),
shares AS (
    SELECT
        part.journal_id, part.invoice_id, part.currency, part.invoices, part.totals, part.place,
        coalesce(journal.customer_id, part.customer_id) AS customer_id, journal.customer_id AS journal_customer_id,
        journal.posted_on, journal.known_on, journal.changed_on, journal.ar, part.total, part.net, part.tax,
        part.credit, journal.revenue - part.nets AS revenue_left, journal.tax - part.taxes AS tax_left,
        journal.credits - part.credits AS credits_left, journal.others,
        part.place = 1 AND (journal.ar = part.totals OR part.invoices = 1) AS takes_rest
    FROM parts AS part
    JOIN nameless_journals AS journal ON journal.journal_id = part.journal_id AND journal.currency = part.currency
)
SELECT
    journal_id, invoice_id, currency, invoices, customer_id, posted_on, known_on, changed_on,
    CAST(CASE WHEN invoices = 1 THEN ar ELSE total END AS amount) AS ar,
    CAST(net + CASE WHEN takes_rest THEN revenue_left ELSE 0 END AS amount) AS revenue,
    CAST(tax + CASE WHEN takes_rest THEN tax_left ELSE 0 END AS amount) AS tax,
    CAST(credit + CASE WHEN takes_rest THEN credits_left ELSE 0 END AS amount) AS credits,
    CAST(CASE WHEN takes_rest THEN others ELSE 0 END AS amount) AS others, false AS is_rest
FROM shares
UNION ALL
SELECT
    journal_id, 'journal ' || journal_id AS invoice_id, currency, invoices, journal_customer_id AS customer_id,
    posted_on, known_on, changed_on, CAST(ar - totals AS amount) AS ar, CAST(revenue_left AS amount) AS revenue,
    CAST(tax_left AS amount) AS tax, CAST(credits_left AS amount) AS credits, others, true AS is_rest
FROM shares
WHERE place = 1 AND invoices > 1 AND ar <> totals
