-- Postings of invoices that do not tie: one row per journal, invoice and currency, without journals that settle (cash,
-- refund, write-off). Entries without an invoice_id belong to the invoice that their journal names; a journal that
-- names none books those in journal_shares, or stands under its own id. `repeated_ar`: AR of entries that repeat
-- another of the same journal. `invoices`: 0, 1, or 2 for several; a journal of several lists its tied invoices too,
-- and what it books without naming one stands under its own id (`is_rest`).
-- inputs: latest_entries, misplaced_receipts, journal_shares, booked_ties, booked_tied
-- rows from: booked_ties WHERE known_on IS NOT NULL AND NOT tied; ledger_entries WHERE invoice_id IS NULL
WITH examined AS (
    SELECT DISTINCT entry.journal_id
    FROM latest_entries AS entry
    LEFT JOIN (SELECT DISTINCT invoice_id FROM booked_ties WHERE NOT tied) AS untied
        ON untied.invoice_id = entry.invoice_id
    WHERE entry.invoice_id IS NULL OR untied.invoice_id IS NOT NULL
),
entries AS (
    SELECT
        journal_id, posted_on, role, currency, invoice_id, customer_id, known_on, changed_on, debited,
        row_number() OVER (
            PARTITION BY journal_id, invoice_id, currency, role, debit, credit ORDER BY source_file, source_row
        ) > 1 AS is_copy
    FROM latest_entries SEMI JOIN examined USING (journal_id)
),
journals AS (
    SELECT
        journal_id, CASE WHEN min(invoice_id) = max(invoice_id) THEN min(invoice_id) END AS one_invoice,
        CASE WHEN min(invoice_id) IS NULL THEN 0 WHEN min(invoice_id) = max(invoice_id) THEN 1 ELSE 2 END AS invoices
    FROM entries ANTI JOIN misplaced_receipts USING (journal_id)
    GROUP BY journal_id
    HAVING NOT bool_or(settles(role)) AND (
            min(invoice_id) IS NOT NULL
            OR (bool_or(role = 'ar') AND bool_or(role IN ('revenue', 'deferred_revenue', 'tax_payable')))
        )
),
posted AS (
    SELECT
        entry.journal_id, coalesce(entry.invoice_id, journal.one_invoice, 'journal ' || entry.journal_id) AS invoice_id,
        entry.currency, journal.invoices, journal.invoices = 2 AND entry.invoice_id IS NULL AS is_rest,
        min(customer_id) FILTER (WHERE role = 'ar') AS customer_id,
        min(posted_on) AS posted_on, min(known_on) AS known_on, max(changed_on) AS changed_on,
        coalesce(sum(debited) FILTER (WHERE role = 'ar'), 0) AS ar,
        coalesce(-sum(debited) FILTER (WHERE role IN ('revenue', 'deferred_revenue')), 0) AS revenue,
        coalesce(-sum(debited) FILTER (WHERE role = 'tax_payable'), 0) AS tax,
        coalesce(sum(debited) FILTER (WHERE role = 'customer_credit'), 0) AS credits, sum(debited) AS unbalanced,
        coalesce(sum(debited) FILTER (WHERE role = 'ar' AND is_copy), 0) AS repeated_ar
    FROM entries AS entry
    JOIN journals AS journal ON journal.journal_id = entry.journal_id
    ANTI JOIN journal_shares AS share ON share.journal_id = entry.journal_id AND share.currency = entry.currency
    GROUP BY
        entry.journal_id, coalesce(entry.invoice_id, journal.one_invoice, 'journal ' || entry.journal_id),
        entry.currency, journal.invoices, journal.invoices = 2 AND entry.invoice_id IS NULL
)
SELECT
    journal_id, invoice_id, currency, invoices, customer_id, posted_on, known_on, changed_on, CAST(ar AS amount) AS ar,
    CAST(revenue AS amount) AS revenue, CAST(tax AS amount) AS tax, CAST(credits AS amount) AS credits,
    CAST(CASE WHEN is_rest THEN 0 ELSE unbalanced END AS amount) AS unbalanced,
    CAST(repeated_ar AS amount) AS repeated_ar, is_rest, CAST(NULL AS VARCHAR) AS repeats
FROM posted ANTI JOIN booked_tied USING (invoice_id, currency)
WHERE NOT is_rest OR ar <> 0 OR revenue <> 0 OR tax <> 0 OR credits <> 0
UNION ALL
SELECT
    journal_id, invoice_id, currency, invoices, customer_id, posted_on, known_on, changed_on, ar, revenue, tax, credits,
    unbalanced, CAST(0 AS amount) AS repeated_ar, is_rest, repeats
FROM journal_shares
