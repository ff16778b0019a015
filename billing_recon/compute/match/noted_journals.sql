-- Journals that book a credit note under the number of the invoice that it takes back: in receivable, revenue, tax and
-- credits they are the note's, no entry names the note, and all other journals that name the invoice book what is
-- billed for it, or there are none. Note and invoice are of one customer and subscription. A note has one such journal.
-- inputs: stated_entries, engine_invoices
-- rows from: engine_invoices WHERE state = 'issued' AND total < 0
WITH offers AS (
    SELECT
        billed.invoice_id AS named, billed.currency, billed.total AS billed, note.invoice_id, note.total, note.tax,
        note.credit, note.total + note.credit - note.tax AS net
    FROM engine_invoices AS note
    ANTI JOIN stated_entries AS entry ON entry.invoice_id = note.invoice_id
    JOIN engine_invoices AS billed
        ON billed.customer_id = note.customer_id AND billed.subscription_id = note.subscription_id
            AND billed.currency = note.currency
    WHERE note.state = 'issued' AND note.total < 0 AND billed.state = 'issued' AND billed.total > 0
),
journals AS (
    SELECT
        journal_id, currency, min(invoice_id) AS named, min(posted_on) AS posted_on,
        coalesce(sum(debited) FILTER (WHERE role = 'ar'), 0) AS ar,
        coalesce(-sum(debited) FILTER (WHERE role IN ('revenue', 'deferred_revenue')), 0) AS revenue,
        coalesce(-sum(debited) FILTER (WHERE role = 'tax_payable'), 0) AS tax,
        coalesce(sum(debited) FILTER (WHERE role = 'customer_credit'), 0) AS credits
    FROM stated_entries
    SEMI JOIN (
        SELECT entry.journal_id FROM stated_entries AS entry SEMI JOIN offers ON offers.named = entry.invoice_id
    ) AS asked USING (journal_id)
    GROUP BY journal_id, currency
    HAVING min(invoice_id) = max(invoice_id) AND NOT bool_or(settles(role))
),
alike AS (
    SELECT
        journal.journal_id, journal.currency, journal.named, journal.ar, offer.billed, offer.invoice_id,
        dense_rank() OVER (
            PARTITION BY journal.named, journal.currency, journal.ar, journal.tax
            ORDER BY journal.posted_on, journal.journal_id
        ) AS journal_turn,
        dense_rank() OVER (
            PARTITION BY journal.named, journal.currency, journal.ar, journal.tax ORDER BY offer.invoice_id
        ) AS note_turn
    FROM journals AS journal
    JOIN offers AS offer
        ON offer.named = journal.named AND offer.currency = journal.currency AND offer.total = journal.ar
            AND offer.net = journal.revenue AND offer.tax = journal.tax AND offer.credit = journal.credits
),
chosen AS (
    SELECT * FROM alike
    WHERE journal_turn = note_turn
    QUALIFY row_number() OVER (PARTITION BY invoice_id, currency ORDER BY named) = 1
)
SELECT chosen.journal_id, chosen.currency, chosen.invoice_id
FROM chosen
JOIN (SELECT named, currency, sum(ar) AS ar FROM journals GROUP BY named, currency) AS booked
    ON booked.named = chosen.named AND booked.currency = chosen.currency
QUALIFY booked.ar - sum(chosen.ar) OVER (PARTITION BY chosen.named, chosen.currency) IN (chosen.billed, 0)
