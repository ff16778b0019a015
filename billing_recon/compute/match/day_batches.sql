-- Summary postings that are right to the cent: a journal without a customer's run that equals all open invoices of a
-- day, or of some days together (at most 31), in receivable, revenue, tax and credits (pass 5), and the days that it
-- covers. Of several days it takes the one that is as late as the company's other batches, then the nearest; each day
-- is used once. While the day that it would be for by the company's habit waits for a batch, no other is taken, since
-- sums of days can be equal by chance. Pass 6: a journal without a customer that equals one open invoice alone, and no
-- other journal does.
-- inputs: nameless_journals, journal_matches, unnamed_invoices, run_params
-- rows from: nameless_journals
WITH left_journals AS (
    SELECT
        journal.journal_id, journal.currency, journal.customer_id, journal.posted_on,
        greatest(journal.posted_on, journal.known_on) AS seen_on, journal.ar, journal.revenue, journal.tax,
        journal.credits
    FROM nameless_journals AS journal
    ANTI JOIN journal_matches AS used ON used.journal_id = journal.journal_id AND used.currency = journal.currency
    WHERE journal.ar <> 0 AND journal.is_sale
),
left_invoices AS (
    SELECT
        invoice.invoice_id, invoice.currency, invoice.issued_on, invoice.total, invoice.net, invoice.tax, invoice.credit
    FROM unnamed_invoices AS invoice
    ANTI JOIN journal_matches AS used ON used.invoice_id = invoice.invoice_id AND used.currency = invoice.currency
),
days AS (
    SELECT
        currency, issued_on, sum(total) AS total, sum(net) AS net, sum(tax) AS tax, sum(credit) AS credit,
        sum(sum(total)) OVER upto AS total_upto, sum(sum(net)) OVER upto AS net_upto,
        sum(sum(tax)) OVER upto AS tax_upto, sum(sum(credit)) OVER upto AS credit_upto
    FROM left_invoices
    GROUP BY currency, issued_on
    WINDOW upto AS (PARTITION BY currency ORDER BY issued_on)
),
spans AS (
    SELECT
        first.currency, first.issued_on AS first_day, last.issued_on AS last_day,
        CAST(last.total_upto - first.total_upto + first.total AS amount) AS total,
        CAST(last.net_upto - first.net_upto + first.net AS amount) AS net,
        CAST(last.tax_upto - first.tax_upto + first.tax AS amount) AS tax,
        CAST(last.credit_upto - first.credit_upto + first.credit AS amount) AS credit
    FROM days AS first
    JOIN days AS last
        ON last.currency = first.currency AND last.issued_on >= first.issued_on
            AND last.issued_on <= first.issued_on + 30
),
fits AS (
    SELECT
        journal.journal_id, journal.currency, journal.posted_on, span.first_day, span.last_day,
        journal.posted_on - span.last_day AS late, span.last_day - span.first_day AS further
    FROM left_journals AS journal
    JOIN spans AS span
        ON span.currency = journal.currency AND span.total = journal.ar AND span.net = journal.revenue
            AND span.tax = journal.tax AND span.credit = journal.credits AND span.last_day <= journal.seen_on
            AND span.last_day >= journal.posted_on - 31
),
plain AS (
    SELECT late, further
    FROM fits
    QUALIFY count(*) OVER (PARTITION BY journal_id, currency) = 1
        AND count(*) OVER (PARTITION BY currency, last_day) = 1
),
usual AS (
    SELECT
        arg_max(struct_pack(late := late, further := further), struct_pack(n := n, late := -late, further := -further))
            AS way
    FROM (SELECT late, further, count(*) AS n FROM plain GROUP BY late, further) AS ways
),
ranked AS (
    SELECT
        fit.journal_id, fit.currency, fit.first_day, fit.last_day,
        abs(fit.late - coalesce(usual.way.late, 0)) + abs(fit.further - coalesce(usual.way.further, 0)) AS unusual,
        fit.further, fit.late, fit.posted_on, fit.posted_on - CAST(coalesce(usual.way.late, 0) AS INTEGER) AS usual_day
    FROM fits AS fit
    CROSS JOIN usual
    QUALIFY row_number() OVER (
            PARTITION BY fit.journal_id, fit.currency
            ORDER BY unusual, fit.further, fit.last_day DESC, fit.first_day
        ) = 1
),
nearest AS (
    SELECT
        journal_id, currency, first_day, last_day, unusual, usual_day,
        row_number() OVER (ORDER BY further, unusual, posted_on, journal_id) AS place
    FROM ranked
),
apart AS (
    SELECT one.journal_id, one.currency, one.first_day, one.last_day, one.unusual, one.usual_day
    FROM nearest AS one
    LEFT JOIN nearest AS other
        ON other.currency = one.currency AND other.place < one.place AND other.first_day <= one.last_day
            AND one.first_day <= other.last_day
    GROUP BY ALL
    HAVING count(other.journal_id) = 0
),
waiting AS (
    SELECT day.currency, day.issued_on
    FROM days AS day
    LEFT JOIN apart AS taken
        ON taken.currency = day.currency AND taken.unusual = 0 AND day.issued_on >= taken.first_day
            AND day.issued_on <= taken.last_day
    WHERE taken.journal_id IS NULL
),
chosen AS (
    SELECT apart.journal_id, apart.currency, apart.first_day, apart.last_day
    FROM apart
    LEFT JOIN waiting ON waiting.currency = apart.currency AND waiting.issued_on = apart.usual_day
    WHERE apart.unusual = 0 OR waiting.issued_on IS NULL
),
by_days AS (
    SELECT chosen.journal_id, chosen.currency, invoice.invoice_id, chosen.first_day, chosen.last_day
    FROM chosen
    JOIN left_invoices AS invoice
        ON invoice.currency = chosen.currency AND invoice.issued_on >= chosen.first_day
            AND invoice.issued_on <= chosen.last_day
),
alone AS (
    SELECT journal.journal_id, journal.currency, invoice.invoice_id, invoice.issued_on
    FROM left_journals AS journal
    CROSS JOIN run_params AS params
    JOIN left_invoices AS invoice
        ON invoice.currency = journal.currency AND invoice.total = journal.ar AND invoice.net = journal.revenue
            AND invoice.tax = journal.tax AND invoice.credit = journal.credits
            AND journal.posted_on >= invoice.issued_on
            AND journal.posted_on <= invoice.issued_on + params.ledger_lag_days
    ANTI JOIN chosen ON chosen.journal_id = journal.journal_id AND chosen.currency = journal.currency
    ANTI JOIN by_days AS used ON used.invoice_id = invoice.invoice_id AND used.currency = invoice.currency
    WHERE journal.customer_id IS NULL
    QUALIFY count(*) OVER (PARTITION BY journal.journal_id, journal.currency) = 1
        AND count(*) OVER (PARTITION BY invoice.invoice_id, invoice.currency) = 1
)
SELECT journal_id, currency, invoice_id, 5 AS pass, first_day, last_day FROM by_days
UNION ALL
SELECT journal_id, currency, invoice_id, 6 AS pass, issued_on AS first_day, issued_on AS last_day FROM alone
