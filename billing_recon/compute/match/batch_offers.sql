-- Summary postings that are not right to the cent, with the invoices that each may be over, and how far off it is
-- (`off_`: journal minus invoices). A journal whose memo names several invoices, or that books a customer's run, is
-- over these (`stated`). Any other may be over the open invoices of a day, or of up to seven days, that ends within the
-- lag: those of its customer if it has one (`scope`, empty for all). Days that a right posting books are not offered.
-- `odd`: 0 if it is as late and covers as many days as the company's right postings do, or none is right, otherwise
-- the days apart; `is_usual` if it is as the right ones are. `reach`: the days from the first invoice to the posting.
-- inputs: nameless_journals, journal_matches, day_batches, unnamed_invoices, engine_invoices, run_params
-- rows from: nameless_journals
WITH left_journals AS (
    SELECT
        journal.journal_id, journal.currency, journal.customer_id, journal.posted_on, journal.known_on, journal.ar,
        journal.revenue, journal.tax, journal.credits
    FROM nameless_journals AS journal
    ANTI JOIN journal_matches AS used ON used.journal_id = journal.journal_id AND used.currency = journal.currency
    ANTI JOIN day_batches AS booked ON booked.journal_id = journal.journal_id AND booked.currency = journal.currency
    WHERE journal.ar <> 0 AND journal.is_sale
),
left_invoices AS (
    SELECT
        invoice.invoice_id, invoice.currency, invoice.customer_id, invoice.issued_on, invoice.total, invoice.net,
        invoice.tax, invoice.credit
    FROM unnamed_invoices AS invoice
    ANTI JOIN journal_matches AS used ON used.invoice_id = invoice.invoice_id AND used.currency = invoice.currency
    ANTI JOIN day_batches AS booked ON booked.invoice_id = invoice.invoice_id AND booked.currency = invoice.currency
),
own AS (
    SELECT DISTINCT journal.customer_id
    FROM left_journals AS journal SEMI JOIN left_invoices AS invoice ON invoice.customer_id = journal.customer_id
),
asked AS (
    SELECT journal_id, currency, posted_on, known_on, '' AS scope
    FROM left_journals ANTI JOIN own USING (customer_id)
    UNION ALL
    SELECT journal_id, currency, posted_on, known_on, customer_id AS scope
    FROM left_journals SEMI JOIN own USING (customer_id)
),
scoped AS (
    SELECT currency, '' AS scope, issued_on, total, net, tax, credit FROM left_invoices
    UNION ALL
    SELECT currency, customer_id AS scope, issued_on, total, net, tax, credit
    FROM left_invoices SEMI JOIN own USING (customer_id)
),
days AS (
    SELECT
        currency, scope, issued_on, count(*) AS invoices, sum(total) AS total, sum(net) AS net, sum(tax) AS tax,
        sum(credit) AS credit, sum(count(*)) OVER upto AS invoices_upto, sum(sum(total)) OVER upto AS total_upto,
        sum(sum(net)) OVER upto AS net_upto, sum(sum(tax)) OVER upto AS tax_upto,
        sum(sum(credit)) OVER upto AS credit_upto
    FROM scoped
    GROUP BY currency, scope, issued_on
    WINDOW upto AS (PARTITION BY currency, scope ORDER BY issued_on)
),
spans AS (
    SELECT
        first.currency, first.scope, first.issued_on AS first_day, last.issued_on AS last_day,
        last.invoices_upto - first.invoices_upto + first.invoices AS invoices,
        last.total_upto - first.total_upto + first.total AS total, last.net_upto - first.net_upto + first.net AS net,
        last.tax_upto - first.tax_upto + first.tax AS tax,
        last.credit_upto - first.credit_upto + first.credit AS credit
    FROM days AS first
    JOIN days AS last
        ON last.currency = first.currency AND last.scope = first.scope
            AND last.issued_on >= first.issued_on AND last.issued_on <= first.issued_on + 6
),
right_ways AS (
    SELECT late, further, count(*) AS n
    FROM (
        SELECT DISTINCT
            journal.journal_id, journal.posted_on - booked.last_day AS late,
            booked.last_day - booked.first_day AS further
        FROM day_batches AS booked
        JOIN nameless_journals AS journal
            ON journal.journal_id = booked.journal_id AND journal.currency = booked.currency
        WHERE booked.pass = 5
    ) AS batches
    GROUP BY late, further
),
usual AS (
    SELECT
        arg_max(struct_pack(late := late, further := further), struct_pack(n := n, late := -late, further := -further))
            AS way
    FROM right_ways
),
offered AS (
    SELECT
        journal.journal_id, journal.currency, false AS stated, span.scope, span.first_day, span.last_day,
        span.invoices, span.total, span.net, span.tax, span.credit,
        journal.posted_on - span.first_day AS reach,
        coalesce(
            abs(journal.posted_on - span.last_day - usual.way.late)
            + abs(span.last_day - span.first_day - usual.way.further), 0
        ) AS odd,
        usual.way IS NOT NULL AS is_known
    FROM asked AS journal
    CROSS JOIN run_params AS params
    CROSS JOIN usual
    JOIN spans AS span
        ON span.currency = journal.currency AND span.scope = journal.scope
            AND span.last_day >= CAST(journal.posted_on - params.ledger_lag_days AS DATE)
            AND span.last_day <= greatest(journal.posted_on, journal.known_on)
    UNION ALL
    SELECT
        matched.journal_id, matched.currency, true AS stated, '' AS scope, min(billed.issued_on) AS first_day,
        max(billed.issued_on) AS last_day, count(*) AS invoices, sum(billed.total) AS total,
        sum(billed.total + billed.credit - billed.tax) AS net, sum(billed.tax) AS tax, sum(billed.credit) AS credit,
        0 AS reach, 0 AS odd, true AS is_known
    FROM journal_matches AS matched
    JOIN engine_invoices AS billed ON billed.invoice_id = matched.invoice_id AND billed.currency = matched.currency
    GROUP BY matched.journal_id, matched.currency HAVING count(*) > 1
)
SELECT
    offer.journal_id, offer.currency, offer.stated, offer.scope, offer.first_day, offer.last_day,
    CAST(offer.invoices AS BIGINT) AS invoices, CAST(offer.total AS amount) AS total, offer.odd, offer.reach,
    offer.is_known AND offer.odd = 0 AS is_usual,
    CAST(journal.ar - offer.total AS amount) AS off_ar, CAST(journal.revenue - offer.net AS amount) AS off_revenue,
    CAST(journal.tax - offer.tax AS amount) AS off_tax, CAST(journal.credits - offer.credit AS amount) AS off_credits,
    journal.ar <> offer.total OR journal.revenue <> offer.net OR journal.tax <> offer.tax
    OR journal.credits <> offer.credit AS is_off
FROM offered AS offer
JOIN nameless_journals AS journal ON journal.journal_id = offer.journal_id AND journal.currency = offer.currency
