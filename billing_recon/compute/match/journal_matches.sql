-- The invoices that a nameless journal books; each invoice and journal is used once, strictest pass first. Pass 2: by
-- reference. Pass 3: customer, amount and a date within the lag, if as many journals as invoices are alike, or if all
-- journals that fit an invoice alone are alike in every figure (it is posted more than once). Pass 4: the sum of
-- consecutive open invoices of a customer, or of a day, if only one such run adds up to the amount. Pass 5: a day's
-- invoices and the one journal left for them, off by less than half. Several possible matches: pass 0, no invoice.
-- inputs: nameless_journals, journal_references, engine_invoices, ledger_entries, run_params
-- rows from: nameless_journals
WITH named AS (
    SELECT DISTINCT entry.invoice_id
    FROM ledger_entries AS entry
    ANTI JOIN (SELECT DISTINCT journal_id FROM ledger_entries WHERE role IN ('cash', 'refund', 'write_off')) AS settling
        ON settling.journal_id = entry.journal_id
    WHERE entry.invoice_id IS NOT NULL AND entry.role IN ('revenue', 'deferred_revenue', 'ar')
        AND entry.debit IS DISTINCT FROM entry.credit
    UNION
    SELECT invoice_id FROM journal_references
),
open_invoices AS (
    SELECT billed.invoice_id, billed.currency, billed.customer_id, billed.issued_on, billed.total
    FROM engine_invoices AS billed
    ANTI JOIN named ON named.invoice_id = billed.invoice_id
    WHERE billed.state = 'issued' AND billed.total <> 0
),
open_journals AS (
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
    JOIN open_invoices AS invoice
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
    FROM open_invoices AS invoice
    ANTI JOIN by_amount AS used ON used.invoice_id = invoice.invoice_id AND used.currency = invoice.currency
),
left_journals AS (
    SELECT journal.journal_id, journal.currency, journal.customer_id, journal.posted_on, journal.ar
    FROM open_journals AS journal
    ANTI JOIN by_amount AS used ON used.journal_id = journal.journal_id AND used.currency = journal.currency
),
runs AS (
    SELECT
        journal.journal_id, journal.currency, first.customer_id, CAST(NULL AS DATE) AS issued_on,
        first.running_total - first.total AS from_total, last.running_total AS to_total
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
days AS (
    SELECT issued_on, currency, sum(total) AS total FROM left_invoices GROUP BY issued_on, currency
),
exact_days AS (
    SELECT journal.journal_id, journal.currency, CAST(NULL AS VARCHAR) AS customer_id, days.issued_on
    FROM left_journals AS journal
    CROSS JOIN run_params AS params
    JOIN days ON days.currency = journal.currency AND days.total = journal.ar AND journal.posted_on >= days.issued_on
        AND journal.posted_on <= days.issued_on + params.ledger_lag_days
),
sums AS (
    SELECT
        journal_id, currency, customer_id, issued_on, from_total, to_total,
        count(*) OVER (PARTITION BY journal_id, currency) AS ways
    FROM (
        SELECT journal_id, currency, customer_id, issued_on, from_total, to_total FROM runs
        UNION ALL
        SELECT day.journal_id, day.currency, day.customer_id, day.issued_on, 0 AS from_total, 0 AS to_total
        FROM exact_days AS day
        ANTI JOIN runs ON runs.journal_id = day.journal_id AND runs.currency = day.currency
    ) AS possible
),
by_sum AS (
    SELECT
        sums.journal_id, sums.currency, invoice.invoice_id,
        count(*) OVER (PARTITION BY invoice.invoice_id, invoice.currency) AS claims
    FROM sums
    JOIN left_invoices AS invoice
        ON invoice.currency = sums.currency
            AND CASE WHEN sums.customer_id IS NULL THEN invoice.issued_on = sums.issued_on
                ELSE invoice.customer_id = sums.customer_id AND invoice.running_total > sums.from_total
                    AND invoice.running_total <= sums.to_total
            END
    WHERE sums.ways = 1
),
booked_in_sum AS (
    SELECT journal_id, currency, invoice_id FROM by_sum WHERE claims = 1
),
remaining_days AS (
    SELECT invoice.issued_on, invoice.currency, sum(invoice.total) AS total
    FROM left_invoices AS invoice
    ANTI JOIN booked_in_sum AS used ON used.invoice_id = invoice.invoice_id AND used.currency = invoice.currency
    GROUP BY invoice.issued_on, invoice.currency
),
candidate_days AS (
    SELECT
        journal.journal_id, journal.currency, journal.ar, day.issued_on, day.total,
        count(*) OVER (PARTITION BY journal.journal_id, journal.currency) AS days,
        count(*) OVER (PARTITION BY day.issued_on, day.currency) AS journals
    FROM left_journals AS journal
    CROSS JOIN run_params AS params
    JOIN remaining_days AS day
        ON day.currency = journal.currency AND journal.posted_on >= day.issued_on
            AND journal.posted_on <= day.issued_on + params.ledger_lag_days
    ANTI JOIN sums ON sums.journal_id = journal.journal_id AND sums.currency = journal.currency
),
by_day AS (
    SELECT day.journal_id, day.currency, invoice.invoice_id
    FROM candidate_days AS day
    JOIN left_invoices AS invoice ON invoice.currency = day.currency AND invoice.issued_on = day.issued_on
    ANTI JOIN booked_in_sum AS used ON used.invoice_id = invoice.invoice_id AND used.currency = invoice.currency
    WHERE day.days = 1 AND day.journals = 1 AND day.ar <> day.total
        AND abs(day.ar - day.total) + abs(day.ar - day.total) < abs(day.total)
)
SELECT journal_id, currency, invoice_id, 2 AS pass FROM journal_references
UNION ALL
SELECT journal_id, currency, invoice_id, 3 AS pass FROM by_amount
UNION ALL
SELECT journal_id, currency, invoice_id, 4 AS pass FROM booked_in_sum
UNION ALL
SELECT journal_id, currency, invoice_id, 5 AS pass FROM by_day
UNION ALL
SELECT DISTINCT sums.journal_id, sums.currency, CAST(NULL AS VARCHAR) AS invoice_id, 0 AS pass
FROM sums
ANTI JOIN booked_in_sum AS used ON used.journal_id = sums.journal_id AND used.currency = sums.currency
