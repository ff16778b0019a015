-- Postings with a receivable for each invoice and the sales of all of them in sums that name none: what the sums book
-- for each of these invoices is what is billed, and what is left of a sum keeps no name.
-- inputs: stated_entries, joined_journals, engine_invoices
-- rows from: ledger_entries WHERE invoice_id IS NULL AND role IN ('revenue', 'deferred_revenue', 'tax_payable')
WITH entries AS (
    SELECT entry.* REPLACE (coalesce(joined.posting_id, entry.journal_id) AS journal_id)
    FROM stated_entries AS entry
    LEFT JOIN joined_journals AS joined
        ON joined.journal_id = entry.journal_id AND joined.currency = entry.currency
),
spread AS (
    SELECT journal_id, currency
    FROM entries
    GROUP BY journal_id, currency
    HAVING min(invoice_id) <> max(invoice_id) AND count(*) FILTER (WHERE role = 'ar' AND invoice_id IS NULL) = 0
        AND count(*) FILTER (WHERE role <> 'ar' AND invoice_id IS NOT NULL) = 0
        AND bool_or(role IN ('revenue', 'deferred_revenue', 'tax_payable')) AND NOT bool_or(settles(role))
),
nameless AS (
    SELECT
        journal_id, currency, CASE role WHEN 'deferred_revenue' THEN 'revenue' ELSE role END AS role,
        arg_min(struct_pack(
            entry_id := entry_id, posted_on := posted_on, account := account, memo := memo, source_file := source_file,
            source_row := source_row
        ), entry_id) AS first, sum(debited) AS debited, min(known_on) AS known_on, max(changed_on) AS changed_on
    FROM entries SEMI JOIN spread USING (journal_id, currency)
    WHERE invoice_id IS NULL
    GROUP BY journal_id, currency, CASE role WHEN 'deferred_revenue' THEN 'revenue' ELSE role END
),
members AS (
    SELECT DISTINCT entry.journal_id, entry.currency, entry.invoice_id
    FROM entries AS entry SEMI JOIN spread USING (journal_id, currency)
    WHERE entry.role = 'ar'
),
shares AS (
    SELECT
        nameless.journal_id, nameless.currency, nameless.role, member.invoice_id, billed.customer_id,
        CASE nameless.role
            WHEN 'revenue' THEN billed.discount - billed.gross WHEN 'tax_payable' THEN -billed.tax
            WHEN 'customer_credit' THEN billed.credit
        END AS debited
    FROM nameless
    JOIN members AS member ON member.journal_id = nameless.journal_id AND member.currency = nameless.currency
    JOIN engine_invoices AS billed
        ON billed.invoice_id = member.invoice_id AND billed.currency = member.currency AND billed.state = 'issued'
    WHERE nameless.role IN ('revenue', 'tax_payable', 'customer_credit')
),
divided AS (
    SELECT journal_id, currency, role, invoice_id, customer_id, debited FROM shares
    UNION ALL
    SELECT
        nameless.journal_id, nameless.currency, nameless.role, NULL AS invoice_id, NULL AS customer_id,
        nameless.debited - coalesce(share.debited, 0) AS debited
    FROM nameless
    LEFT JOIN (
        SELECT journal_id, currency, role, sum(debited) AS debited FROM shares GROUP BY journal_id, currency, role
    ) AS share
        ON share.journal_id = nameless.journal_id AND share.currency = nameless.currency AND share.role = nameless.role
)
SELECT
    nameless.first.entry_id || coalesce(chr(31) || part.invoice_id, '') AS entry_id, part.journal_id,
    nameless.first.posted_on AS posted_on, nameless.first.account AS account, part.role,
    CAST(greatest(part.debited, 0) AS amount) AS debit, CAST(greatest(-part.debited, 0) AS amount) AS credit,
    CAST(part.debited AS amount) AS debited, part.currency, part.invoice_id, part.customer_id,
    nameless.first.memo AS memo, nameless.first.source_file AS source_file, nameless.first.source_row AS source_row,
    nameless.known_on, nameless.changed_on
FROM divided AS part
JOIN nameless
    ON nameless.journal_id = part.journal_id AND nameless.currency = part.currency AND nameless.role = part.role
WHERE part.debited <> 0
