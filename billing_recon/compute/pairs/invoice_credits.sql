-- What credit notes take off the invoices that money, with the fees kept of it, fell short of; at most what is short.
-- The customer does not owe it. A note counts if no money moved under its own id, for an invoice of the same customer
-- and subscription whose days it shares: the one that is short by the nearest amount; of several equal notes each takes
-- the next. What a note has beyond that comes off the others that no note is nearest to.
-- inputs: engine_invoices, engine_lines, invoice_money
-- rows from: engine_invoices WHERE state = 'issued' AND total < 0
WITH notes AS (
    SELECT billed.invoice_id, billed.currency, billed.customer_id, billed.total
    FROM engine_invoices AS billed
    LEFT JOIN invoice_money AS money ON money.invoice_id = billed.invoice_id AND money.currency = billed.currency
    WHERE billed.state = 'issued' AND billed.total < 0 AND money.changed_on IS NULL
),
invoices AS (
    SELECT
        billed.invoice_id, billed.currency, billed.customer_id,
        CAST(billed.total - coalesce(money.paid, 0) AS amount) AS short
    FROM engine_invoices AS billed
    SEMI JOIN notes ON notes.customer_id = billed.customer_id AND notes.currency = billed.currency
    LEFT JOIN invoice_money AS money ON money.invoice_id = billed.invoice_id AND money.currency = billed.currency
    WHERE billed.state = 'issued' AND billed.total > 0 AND billed.total > coalesce(money.paid, 0)
        AND billed.total <> coalesce(money.paid + money.fees, 0)
),
spans AS (
    SELECT
        line.invoice_id, line.currency, line.subscription_id, min(line.period_start) AS since,
        max(line.period_end) AS upto
    FROM engine_lines AS line
    SEMI JOIN (SELECT invoice_id FROM notes UNION ALL SELECT invoice_id FROM invoices) AS asked
        ON asked.invoice_id = line.invoice_id
    WHERE line.status = 'issued'
    GROUP BY line.invoice_id, line.currency, line.subscription_id
),
offers AS (
    SELECT DISTINCT note.invoice_id AS note_id, note.total, invoice.invoice_id, invoice.currency, invoice.short
    FROM notes AS note
    JOIN spans AS noted ON noted.invoice_id = note.invoice_id AND noted.currency = note.currency
    JOIN spans AS billed
        ON billed.subscription_id = noted.subscription_id AND billed.currency = noted.currency
            AND billed.since < noted.upto AND noted.since < billed.upto
    JOIN invoices AS invoice
        ON invoice.invoice_id = billed.invoice_id AND invoice.currency = billed.currency
            AND invoice.customer_id = note.customer_id
),
ranked AS (
    SELECT
        *, row_number() OVER (PARTITION BY note_id ORDER BY abs(short + total), invoice_id) AS place,
        count(*) OVER (PARTITION BY note_id) AS places,
        dense_rank() OVER (PARTITION BY invoice_id, currency, total ORDER BY note_id) AS turn
    FROM offers
),
firsts AS (
    SELECT
        *, least(-total, greatest(
            -sum(total) OVER (PARTITION BY invoice_id, currency ORDER BY note_id ROWS UNBOUNDED PRECEDING) - short, 0
        )) AS left_over
    FROM ranked WHERE place = least(turn, places)
),
further AS (
    SELECT
        ranked.invoice_id, ranked.currency, ranked.short, firsts.left_over - coalesce(sum(ranked.short) OVER (
            PARTITION BY ranked.note_id ORDER BY ranked.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS available
    FROM firsts
    JOIN ranked ON ranked.note_id = firsts.note_id
    ANTI JOIN firsts AS noted ON noted.invoice_id = ranked.invoice_id AND noted.currency = ranked.currency
    WHERE firsts.left_over > 0
),
taken AS (
    SELECT invoice_id, currency, short, total FROM firsts
    UNION ALL
    SELECT invoice_id, currency, short, -available AS total FROM further WHERE available > 0
)
SELECT invoice_id, currency, CAST(greatest(sum(total), -min(short)) AS amount) AS credited
FROM taken
GROUP BY invoice_id, currency
