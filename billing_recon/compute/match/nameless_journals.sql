-- Journals that book a sale and name no invoice: their sums by role and the words of their memos. `is_sale`: an entry
-- is on an account for sales or tax; a journal with a memo may also book a receivable against accounts of no such
-- role.
-- inputs: latest_entries
-- rows from: ledger_entries WHERE invoice_id IS NULL AND role IN ('ar', 'revenue', 'deferred_revenue', 'tax_payable')
SELECT
    journal_id, currency, CASE WHEN min(customer_id) = max(customer_id) THEN min(customer_id) END AS customer_id,
    min(posted_on) AS posted_on, min(known_on) AS known_on, max(changed_on) AS changed_on,
    string_agg(DISTINCT memo, ' ') AS memo,
    CAST(coalesce(sum(debited) FILTER (WHERE role = 'ar'), 0) AS amount) AS ar,
    CAST(coalesce(-sum(debited) FILTER (WHERE role IN ('revenue', 'deferred_revenue')), 0) AS amount) AS revenue,
    CAST(coalesce(-sum(debited) FILTER (WHERE role = 'tax_payable'), 0) AS amount) AS tax,
    CAST(coalesce(sum(debited) FILTER (WHERE role = 'customer_credit'), 0) AS amount) AS credits,
    CAST(coalesce(sum(debited) FILTER (
        WHERE role NOT IN ('ar', 'revenue', 'deferred_revenue', 'tax_payable', 'customer_credit')
    ), 0) AS amount) AS others,
    bool_or(role IN ('revenue', 'deferred_revenue', 'tax_payable')) AS is_sale
FROM latest_entries
GROUP BY journal_id, currency
HAVING count(invoice_id) = 0 AND NOT bool_or(settles(role))
    AND (
        bool_or(role IN ('revenue', 'deferred_revenue', 'tax_payable')) OR (bool_or(role = 'ar') AND count(memo) > 0)
    )
