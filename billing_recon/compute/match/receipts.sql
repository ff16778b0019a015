-- What the ledger books of customers' money: one row per journal with cash or fees, payment or invoice named in it, and
-- currency; money that left has a minus. `booked`: what receivables and other accounts of customers or sales change by,
-- else the cash itself. `money`: cash with the fees kept of it; empty where a journal of several names books it in one
-- sum. `copied`: entries that repeat another of the journal. `journal_fees`, `unbalanced`: of the whole journal.
-- `names`: 0, 1, or 2 for several. Cash that names nobody, against accounts of no customer (wages, transfers), is left
-- out.
-- inputs: latest_entries, misplaced_receipts
-- rows from: pairs_compared WHERE pair = 'paid_booked'
WITH handling AS (
    SELECT journal_id FROM latest_entries WHERE role IN ('cash', 'fees')
    UNION
    SELECT journal_id FROM misplaced_receipts
),
summed AS (
    SELECT
        journal_id, coalesce(payment_id, invoice_id) AS named, currency, role, sum(debited) AS total,
        sum(debited) - min(debited) AS copied, min(customer_id) AS customer_id, min(posted_on) AS posted_on,
        min(known_on) AS known_on, max(changed_on) AS changed_on,
        string_agg(DISTINCT account, ', ' ORDER BY account) AS accounts
    FROM latest_entries SEMI JOIN handling USING (journal_id)
    GROUP BY journal_id, coalesce(payment_id, invoice_id), currency, role, debited
),
journals AS (
    SELECT
        journal_id, min(named) AS one_name, min(currency) <> max(currency) AS crosses,
        CASE WHEN min(named) IS NULL THEN 0 WHEN min(named) = max(named) THEN 1 ELSE 2 END AS names
    FROM summed
    GROUP BY journal_id
    HAVING min(named) IS NOT NULL OR min(customer_id) IS NOT NULL
        OR bool_or(role IN ('ar', 'customer_credit', 'refund'))
),
parts AS (
    SELECT
        part.journal_id, coalesce(part.named, CASE WHEN journal.names = 1 THEN journal.one_name END) AS named,
        part.currency, journal.names, journal.crosses, min(part.posted_on) AS posted_on,
        min(part.known_on) AS known_on, max(part.changed_on) AS changed_on,
        min(part.customer_id) FILTER (WHERE part.role = 'ar') AS customer_id,
        min(part.accounts) FILTER (WHERE part.role NOT IN ('ar', 'cash', 'fees', 'customer_credit')) AS other_accounts,
        coalesce(-sum(part.total) FILTER (WHERE part.role IN ('ar', 'customer_credit')), 0) AS owed,
        coalesce(-sum(part.total) FILTER (
            WHERE part.role IN ('refund', 'revenue', 'deferred_revenue', 'tax_payable', 'write_off')
        ), 0) AS earned,
        coalesce(sum(part.total) FILTER (WHERE part.role IN ('cash', 'fees')), 0) AS money,
        coalesce(sum(part.total) FILTER (WHERE part.role = 'fees'), 0) AS fees,
        coalesce(sum(part.total) FILTER (WHERE part.role = 'other'), 0) AS others,
        coalesce(-sum(part.copied) FILTER (
            WHERE part.role NOT IN ('cash', 'fees', 'other')
        ), 0) AS copied
    FROM summed AS part
    JOIN journals AS journal ON journal.journal_id = part.journal_id
    GROUP BY
        part.journal_id, coalesce(part.named, CASE WHEN journal.names = 1 THEN journal.one_name END), part.currency,
        journal.names, journal.crosses
)
SELECT
    journal_id || coalesce('|' || named, '') AS receipt_id, journal_id, named, currency, names, crosses, posted_on,
    known_on, changed_on, customer_id, other_accounts, CAST(owed AS amount) AS owed, CAST(earned AS amount) AS earned,
    CASE WHEN names < 2 THEN CAST(money AS amount) END AS money, CAST(others AS amount) AS others,
    CAST(copied AS amount) AS copied, CAST(fees AS amount) AS fees,
    CAST(sum(fees) OVER journal AS amount) AS journal_fees,
    CAST(sum(money + others - owed - earned) OVER journal AS amount) AS unbalanced,
    CAST(CASE WHEN owed + earned <> 0 OR names = 2 THEN owed + earned ELSE money END AS amount) AS booked
FROM parts
WINDOW journal AS (PARTITION BY journal_id, currency)
