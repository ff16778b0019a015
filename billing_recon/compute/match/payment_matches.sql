-- Which invoices a nameless payment pays and with how much of it, each used once, strictest pass first. Pass 3:
-- customer, amount (or amount and fee) and a date within the terms, if as many payments as invoices are alike. Pass 4:
-- one payment for a run of a customer's open invoices, for a run or one of them less all or one of their open credit
-- notes, or a run of a customer's payments for one invoice. Pass 5: a payout for all open invoices of a day, for any
-- customers. What fits in more than one way is not matched and gets a row of pass 0 without an invoice.
-- inputs: nameless_payments, engine_invoices, payments, run_params
-- rows from: nameless_payments
WITH unnamed AS (
    SELECT invoice.invoice_id, invoice.currency, invoice.customer_id, invoice.issued_on, invoice.total
    FROM engine_invoices AS invoice
    ANTI JOIN (SELECT DISTINCT invoice_id FROM payments WHERE invoice_id IS NOT NULL) AS named
        ON named.invoice_id = invoice.invoice_id
    WHERE invoice.state = 'issued' AND invoice.total <> 0
),
open_invoices AS (SELECT * FROM unnamed WHERE total > 0),
alike AS (
    SELECT
        payment.payment_id, payment.currency, invoice.invoice_id, invoice.total,
        count(*) OVER (PARTITION BY payment.payment_id) AS invoices,
        count(*) OVER (PARTITION BY invoice.invoice_id, invoice.currency) AS payments,
        dense_rank() OVER (
            PARTITION BY invoice.customer_id, invoice.currency, invoice.total
            ORDER BY invoice.issued_on, invoice.invoice_id
        ) AS invoice_place,
        dense_rank() OVER (
            PARTITION BY invoice.customer_id, invoice.currency, invoice.total
            ORDER BY payment.paid_on, payment.payment_id
        ) AS payment_place
    FROM nameless_payments AS payment
    CROSS JOIN run_params AS params
    JOIN open_invoices AS invoice
        ON invoice.customer_id = payment.customer_id AND invoice.currency = payment.currency
            AND invoice.total IN (payment.amount, payment.worth) AND payment.paid_on >= invoice.issued_on
            AND payment.paid_on <= invoice.issued_on + params.payment_terms_days + params.payment_settle_days
),
by_amount AS (
    SELECT payment_id, currency, invoice_id, total AS part
    FROM alike WHERE invoices = payments AND invoice_place = payment_place
),
left_invoices AS (
    SELECT
        invoice.invoice_id, invoice.currency, invoice.customer_id, invoice.issued_on, invoice.total,
        sum(invoice.total) OVER (
            PARTITION BY invoice.customer_id, invoice.currency
            ORDER BY invoice.issued_on, invoice.invoice_id
        ) AS upto
    FROM open_invoices AS invoice
    ANTI JOIN by_amount AS matched ON matched.invoice_id = invoice.invoice_id AND matched.currency = invoice.currency
),
left_payments AS (
    SELECT
        payment.payment_id, payment.currency, payment.customer_id, payment.paid_on, payment.amount, payment.worth,
        sum(payment.amount) OVER (
            PARTITION BY payment.customer_id, payment.currency
            ORDER BY payment.paid_on, payment.payment_id
        ) AS upto
    FROM nameless_payments AS payment ANTI JOIN by_amount AS matched ON matched.payment_id = payment.payment_id
),
together AS (
    SELECT
        payment.payment_id, payment.currency, earliest.customer_id, earliest.upto - earliest.total AS since,
        latest.upto, count(*) OVER (PARTITION BY payment.payment_id) AS ways
    FROM left_payments AS payment
    JOIN left_invoices AS earliest
        ON earliest.customer_id = payment.customer_id AND earliest.currency = payment.currency
            AND earliest.issued_on <= payment.paid_on
    JOIN left_invoices AS latest
        ON latest.customer_id = earliest.customer_id AND latest.currency = earliest.currency
            AND latest.issued_on <= payment.paid_on AND latest.upto > earliest.upto
            AND latest.upto - earliest.upto + earliest.total IN (payment.amount, payment.worth)
),
by_run AS (
    SELECT run.payment_id, run.currency, invoice.invoice_id, invoice.total AS part
    FROM together AS run
    JOIN left_invoices AS invoice
        ON invoice.customer_id = run.customer_id AND invoice.currency = run.currency AND invoice.upto > run.since
            AND invoice.upto <= run.upto
    WHERE run.ways = 1
),
noted AS (
    SELECT
        payment.payment_id, payment.currency, payment.customer_id, payment.paid_on, payment.amount, payment.worth,
        note.invoice_id AS note, note.total
    FROM left_payments AS payment
    ANTI JOIN by_run ON by_run.payment_id = payment.payment_id
    JOIN unnamed AS note
        ON note.customer_id = payment.customer_id AND note.currency = payment.currency AND note.total < 0
            AND note.issued_on <= payment.paid_on
),
deducted AS (
    SELECT
        payment_id, currency, customer_id, paid_on, amount, worth, list(note ORDER BY note) AS notes,
        sum(total) AS taken
    FROM noted
    GROUP BY payment_id, currency, customer_id, paid_on, amount, worth
    UNION
    SELECT payment_id, currency, customer_id, paid_on, amount, worth, [note] AS notes, total AS taken FROM noted
),
less_notes AS (
    SELECT
        payment.payment_id, payment.currency, payment.customer_id, payment.notes,
        earliest.upto - earliest.total AS since, latest.upto, count(*) OVER (PARTITION BY payment.payment_id) AS ways
    FROM deducted AS payment
    JOIN left_invoices AS earliest
        ON earliest.customer_id = payment.customer_id AND earliest.currency = payment.currency
            AND earliest.issued_on <= payment.paid_on
    JOIN left_invoices AS latest
        ON latest.customer_id = earliest.customer_id AND latest.currency = earliest.currency
            AND latest.issued_on <= payment.paid_on AND latest.upto >= earliest.upto
            AND latest.upto - earliest.upto + earliest.total + payment.taken IN (payment.amount, payment.worth)
),
settled AS (
    SELECT
        run.payment_id, run.currency, invoice.invoice_id, invoice.total AS part,
        count(*) OVER (PARTITION BY invoice.invoice_id, invoice.currency) AS claims
    FROM less_notes AS run
    JOIN unnamed AS invoice ON invoice.customer_id = run.customer_id AND invoice.currency = run.currency
    LEFT JOIN left_invoices AS placed
        ON placed.invoice_id = invoice.invoice_id AND placed.currency = invoice.currency
    WHERE run.ways = 1
        AND (list_contains(run.notes, invoice.invoice_id) OR (placed.upto > run.since AND placed.upto <= run.upto))
),
by_note AS (SELECT * FROM settled QUALIFY max(claims) OVER (PARTITION BY payment_id) = 1),
split AS (
    SELECT
        invoice.invoice_id, invoice.currency, earliest.customer_id, earliest.upto - earliest.amount AS since,
        latest.upto, count(*) OVER (PARTITION BY invoice.invoice_id, invoice.currency) AS ways
    FROM left_invoices AS invoice
    JOIN left_payments AS earliest
        ON earliest.customer_id = invoice.customer_id AND earliest.currency = invoice.currency
            AND earliest.paid_on >= invoice.issued_on
    JOIN left_payments AS latest
        ON latest.customer_id = earliest.customer_id AND latest.currency = earliest.currency
            AND latest.paid_on >= earliest.paid_on AND latest.upto > earliest.upto
            AND latest.upto - earliest.upto + earliest.amount = invoice.total
),
instalments AS (
    SELECT payment.payment_id, split.currency, split.invoice_id, payment.amount AS part, split.ways
    FROM split
    JOIN left_payments AS payment
        ON payment.customer_id = split.customer_id AND payment.currency = split.currency AND payment.upto > split.since
            AND payment.upto <= split.upto
),
paid_out AS (
    SELECT
        payment.payment_id, payment.currency, billed.issued_on,
        count(*) OVER (PARTITION BY payment.payment_id) AS ways,
        count(*) OVER (PARTITION BY billed.issued_on, billed.currency) AS rivals
    FROM left_payments AS payment
    CROSS JOIN run_params AS params
    JOIN (SELECT issued_on, currency, sum(total) AS total FROM left_invoices GROUP BY issued_on, currency) AS billed
        ON billed.currency = payment.currency AND billed.total IN (payment.amount, payment.worth)
            AND payment.paid_on >= billed.issued_on AND payment.paid_on <= billed.issued_on + params.payment_terms_days
    WHERE payment.customer_id NOT IN (SELECT customer_id FROM open_invoices)
),
by_day AS (
    SELECT payout.payment_id, payout.currency, invoice.invoice_id, invoice.total AS part
    FROM paid_out AS payout
    JOIN left_invoices AS invoice ON invoice.issued_on = payout.issued_on AND invoice.currency = payout.currency
    WHERE payout.ways = 1 AND payout.rivals = 1
),
found AS (
    SELECT payment_id, currency, invoice_id, part, 3 AS pass FROM by_amount
    UNION ALL
    SELECT payment_id, currency, invoice_id, part, 4 AS pass FROM by_run
    UNION ALL
    SELECT payment_id, currency, invoice_id, part, 4 AS pass FROM by_note
    UNION ALL
    SELECT payment_id, currency, invoice_id, part, 4 AS pass FROM instalments WHERE ways = 1
    UNION ALL
    SELECT payment_id, currency, invoice_id, part, 5 AS pass FROM by_day
),
claimed AS (
    SELECT
        found.payment_id, found.currency, found.invoice_id, found.part, found.pass, invoice.total,
        min(found.pass) OVER (PARTITION BY found.invoice_id, found.currency) AS for_invoice,
        min(found.pass) OVER (PARTITION BY found.payment_id) AS for_payment,
        sum(found.part) OVER (PARTITION BY found.invoice_id, found.currency) AS paid
    FROM found
    JOIN unnamed AS invoice ON invoice.invoice_id = found.invoice_id AND invoice.currency = found.currency
),
exclusive AS (
    SELECT payment_id, currency, invoice_id, part, pass
    FROM claimed WHERE pass = for_invoice AND pass = for_payment AND paid = total
),
doubtful AS (
    SELECT payment_id FROM alike
    UNION
    SELECT payment_id FROM together
    UNION
    SELECT payment_id FROM less_notes
    UNION
    SELECT payment_id FROM paid_out
    UNION
    SELECT payment_id FROM instalments
)
SELECT
    matched.payment_id, matched.currency, matched.invoice_id, CAST(matched.part AS amount) AS part, matched.pass,
    invoice.customer_id, payment.changed_on
FROM exclusive AS matched
JOIN nameless_payments AS payment ON payment.payment_id = matched.payment_id
JOIN unnamed AS invoice ON invoice.invoice_id = matched.invoice_id AND invoice.currency = matched.currency
UNION ALL
SELECT
    payment.payment_id, payment.currency, NULL AS invoice_id, CAST(0 AS amount) AS part, 0 AS pass, payment.customer_id,
    payment.changed_on
FROM nameless_payments AS payment
SEMI JOIN doubtful ON doubtful.payment_id = payment.payment_id
ANTI JOIN exclusive AS matched ON matched.payment_id = payment.payment_id
