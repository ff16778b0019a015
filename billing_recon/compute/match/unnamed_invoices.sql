-- Issued invoices that no journal names and no memo cites: the journals without an invoice_id are matched with these. A
-- journal that names an invoice and takes back from it books no sale: it corrects a summary posting.
-- inputs: engine_invoices, ledger_entries, journal_references, noted_journals
-- rows from: nameless_journals
WITH named AS (
    SELECT
        entry.invoice_id,
        sum(coalesce(entry.debit, 0) - coalesce(entry.credit, 0)) FILTER (WHERE entry.role = 'ar') AS ar
    FROM ledger_entries AS entry
    ANTI JOIN (SELECT DISTINCT journal_id FROM ledger_entries WHERE settles(role)) AS settling
        ON settling.journal_id = entry.journal_id
    WHERE entry.invoice_id IS NOT NULL AND entry.role IN ('revenue', 'deferred_revenue', 'ar')
        AND entry.debit IS DISTINCT FROM entry.credit
    GROUP BY entry.invoice_id
)
SELECT
    billed.invoice_id, billed.currency, billed.customer_id, billed.issued_on, billed.total,
    CAST(billed.total + billed.credit - billed.tax AS amount) AS net, billed.tax, billed.credit
FROM engine_invoices AS billed
ANTI JOIN journal_references AS cited ON cited.invoice_id = billed.invoice_id
ANTI JOIN noted_journals AS noted ON noted.invoice_id = billed.invoice_id AND noted.currency = billed.currency
LEFT JOIN named ON named.invoice_id = billed.invoice_id
WHERE billed.state = 'issued' AND billed.total <> 0
    AND (named.invoice_id IS NULL OR coalesce(sign(named.ar), 0) = -sign(billed.total))
