-- The invoices that a nameless journal books by what it says itself; each invoice and journal is used once, strictest
-- pass first. Pass 2: by reference. Pass 3: customer, amount and a date within the lag, if as many journals as
-- invoices are alike, or if all journals that fit an invoice alone are alike in every figure (it is posted more than
-- once). Pass 4: the sum of consecutive open invoices of a customer, if only one such run adds up to the amount.
-- Several possible runs: pass 0, no invoice. Journals over the invoices of whole days: day_batches. Pass 7: a journal
-- that takes back one void invoice to the cent, if no other fits and no journal that names the invoice does so.
-- inputs: nameless_journals, journal_references, unnamed_invoices, void_invoices, ledger_entries, run_params
-- rows from: nameless_journals
WITH open_journals AS (
    SELECT
        journal.journal_id, journal.currency, journal.customer_id, journal.posted_on, journal.ar, journal.revenue,
        journal.tax, journal.credits
    FROM nameless_journals AS journal
    ANTI JOIN journal_references AS cited ON cited.journal_id = journal.journal_id AND cited.currency = journal.currency
    WHERE journal.ar <> 0 AND journal.is_sale
),
alike AS (
    SELECT
        journal.journal_id, journal.currency, invoice.invoice_id,
        count(*) OVER (PARTITION BY journal.journal_id, journal.currency) AS invoices,
        count(*) OVER (PARTITION BY invoice.invoice_id, invoice.currency) AS journals,
        dense_rank() OVER (
            PARTITION BY invoice.customer_id, invoice.currency, invoice.total
            ORDER BY invoice.issued_on, invoice.invoice_id
        ) AS invoice_place,
        dense_rank() OVER (
            PARTITION BY invoice.customer_id, invoice.currency, invoice.total
            ORDER BY journal.posted_on, journal.journal_id
        ) AS journal_place,
        count(*) OVER (
            PARTITION BY
                invoice.invoice_id, invoice.currency, journal.revenue, journal.tax,
                journal.credits
        ) AS copies
    FROM open_journals AS journal
    CROSS JOIN run_params AS params
    JOIN unnamed_invoices AS invoice
        ON invoice.customer_id = journal.customer_id AND invoice.currency = journal.currency
            AND invoice.total = journal.ar AND journal.posted_on >= invoice.issued_on - params.ledger_lag_days
            AND journal.posted_on <= invoice.issued_on + params.ledger_lag_days
),
by_amount AS (
    SELECT journal_id, currency, invoice_id FROM alike
    WHERE (invoices = journals AND invoice_place = journal_place)
        OR (invoices = 1 AND journals > 1 AND copies = journals)
),
left_invoices AS (
    SELECT
        invoice.invoice_id, invoice.currency, invoice.customer_id, invoice.issued_on, invoice.total,
        sum(invoice.total) OVER (
            PARTITION BY invoice.customer_id, invoice.currency
            ORDER BY invoice.issued_on, invoice.invoice_id
        ) AS running_total
    FROM unnamed_invoices AS invoice
    ANTI JOIN by_amount AS used ON used.invoice_id = invoice.invoice_id AND used.currency = invoice.currency
),
left_journals AS (
    SELECT journal.journal_id, journal.currency, journal.customer_id, journal.posted_on, journal.ar
    FROM open_journals AS journal
    ANTI JOIN by_amount AS used ON used.journal_id = journal.journal_id AND used.currency = journal.currency
),
runs AS (
    SELECT
        journal.journal_id, journal.currency, first.customer_id, first.running_total - first.total AS from_total,
        last.running_total AS to_total
    FROM left_journals AS journal
    CROSS JOIN run_params AS params
    JOIN left_invoices AS first
        ON first.customer_id = journal.customer_id AND first.currency = journal.currency
            AND first.issued_on >= journal.posted_on - 31
            AND first.issued_on <= journal.posted_on + params.ledger_lag_days
    JOIN left_invoices AS last
        ON last.customer_id = first.customer_id AND last.currency = first.currency
            AND last.running_total - first.running_total + first.total = journal.ar
            AND last.issued_on >= first.issued_on AND last.issued_on <= journal.posted_on + params.ledger_lag_days
),
sums AS (
    SELECT
        journal_id, currency, customer_id, from_total, to_total,
        count(*) OVER (PARTITION BY journal_id, currency) AS ways
    FROM runs
),
by_sum AS (
    SELECT
        sums.journal_id, sums.currency, invoice.invoice_id,
        count(*) OVER (PARTITION BY invoice.invoice_id, invoice.currency) AS claims
    FROM sums
    JOIN left_invoices AS invoice
        ON invoice.currency = sums.currency AND invoice.customer_id = sums.customer_id
            AND invoice.running_total > sums.from_total AND invoice.running_total <= sums.to_total
    WHERE sums.ways = 1
),
booked_in_sum AS (
    SELECT journal_id, currency, invoice_id FROM by_sum WHERE claims = 1
),
taken_back AS (
    SELECT journal.journal_id, journal.currency, void.invoice_id
    FROM open_journals AS journal
    CROSS JOIN run_params AS params
    JOIN void_invoices AS void
        ON void.currency = journal.currency AND void.total = -journal.ar AND void.net = -journal.revenue
            AND void.tax = -journal.tax AND void.credit = -journal.credits
            AND coalesce(journal.customer_id, void.customer_id) = void.customer_id
            AND journal.posted_on >= CAST(void.voided_on - params.ledger_lag_days AS DATE)
            AND journal.posted_on <= void.voided_on + 31
    ANTI JOIN by_amount AS used ON used.journal_id = journal.journal_id AND used.currency = journal.currency
    ANTI JOIN unnamed_invoices AS note ON note.currency = journal.currency AND note.total = journal.ar
    ANTI JOIN (
        SELECT invoice_id FROM ledger_entries WHERE role IN ('revenue', 'deferred_revenue') AND debit > 0
    ) AS reversed
        ON reversed.invoice_id = void.invoice_id
    QUALIFY count(*) OVER (PARTITION BY journal.journal_id, journal.currency) = 1
        AND count(*) OVER (PARTITION BY void.invoice_id, void.currency) = 1
)
SELECT journal_id, currency, invoice_id, 2 AS pass FROM journal_references
UNION ALL
SELECT journal_id, currency, invoice_id, 3 AS pass FROM by_amount
UNION ALL
SELECT journal_id, currency, invoice_id, 4 AS pass FROM booked_in_sum
UNION ALL
SELECT journal_id, currency, invoice_id, 7 AS pass FROM taken_back
UNION ALL
SELECT DISTINCT sums.journal_id, sums.currency, CAST(NULL AS VARCHAR) AS invoice_id, 0 AS pass
FROM sums
ANTI JOIN booked_in_sum AS used ON used.journal_id = sums.journal_id AND used.currency = sums.currency
ANTI JOIN taken_back AS back ON back.journal_id = sums.journal_id AND back.currency = sums.currency
