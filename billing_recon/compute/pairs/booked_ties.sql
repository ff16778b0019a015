-- Every invoice with the ledger entries that name it. `tied`: it is issued, and one journal with one receivable books
-- it, for the same customer and month and in every role what is billed. A tied invoice needs no further comparison, so
-- little is kept of it. Never tied: an invoice of a journal that names none in some entries, or one in journal_shares.
-- `known_on` is the ledger's, `changed_on` the later of both.
-- inputs: latest_entries, engine_invoices, journal_shares, misplaced_receipts
WITH others AS (
    SELECT journal_id, bool_or(settles(role)) AS settles
    FROM latest_entries WHERE settles(role) OR invoice_id IS NULL
    GROUP BY journal_id
),
booked AS (
    SELECT
        invoice_id, currency, min(journal_id) AS journal_id, max(journal_id) AS last_journal_id,
        min(customer_id) FILTER (WHERE role = 'ar') AS customer_id, min(posted_on) AS posted_on,
        min(known_on) AS known_on, max(changed_on) AS changed_on, count(*) FILTER (WHERE role = 'ar') AS receivables,
        coalesce(sum(debited) FILTER (WHERE role = 'ar'), 0) AS ar,
        coalesce(-sum(debited) FILTER (WHERE role IN ('revenue', 'deferred_revenue')), 0) AS revenue,
        coalesce(-sum(debited) FILTER (WHERE role = 'tax_payable'), 0) AS tax,
        coalesce(sum(debited) FILTER (WHERE role = 'customer_credit'), 0) AS credits, sum(debited) AS unbalanced
    FROM latest_entries ANTI JOIN (SELECT journal_id FROM others WHERE settles) AS settling USING (journal_id)
    ANTI JOIN misplaced_receipts USING (journal_id)
    WHERE invoice_id IS NOT NULL
    GROUP BY invoice_id, currency
)
SELECT
    coalesce(billed.invoice_id, booked.invoice_id) AS invoice_id,
    coalesce(billed.currency, booked.currency) AS currency, billed.customer_id, billed.cohort,
    billed.total AS billed, booked.known_on, greatest(billed.changed_on, booked.changed_on) AS changed_on,
    coalesce(
        billed.state = 'issued' AND booked.journal_id = booked.last_journal_id AND booked.receivables = 1
        AND booked.customer_id = billed.customer_id AND booked.ar = billed.total
        AND booked.revenue = billed.total + billed.credit - billed.tax AND booked.tax = billed.tax
        AND booked.credits = billed.credit AND booked.unbalanced = 0
        AND date_trunc('month', booked.posted_on) = date_trunc('month', billed.issued_on)
        AND booked.journal_id NOT IN (SELECT journal_id FROM others)
        AND booked.invoice_id NOT IN (SELECT invoice_id FROM journal_shares),
        false
    ) AS tied
FROM engine_invoices AS billed
FULL JOIN booked ON booked.invoice_id = billed.invoice_id AND booked.currency = billed.currency
