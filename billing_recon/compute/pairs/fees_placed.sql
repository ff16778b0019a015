-- Fees that the provider kept, against the fees booked with the same money, on the day that decides it: one row per
-- journal. They are compared if receipts of the ledger book fees; a ledger that books them elsewhere, or in sums of its
-- own, has nothing to compare. Money that is not booked as it moved, or twice, takes its fee with it. Journals that
-- book a fee alone, for a payment or invoice that they name, are added to that of its money.
-- inputs: receipt_targets, receipt_links, moved_money, money_events, engine_invoices, run_params
-- rows from: receipt_targets WHERE fees <> 0 AND booked <> 0
WITH linked AS (
    SELECT
        link.payment_id, link.currency, receipt.journal_id AS own_journal_id,
        min(receipt.journal_id) OVER (PARTITION BY link.payment_id) AS journal_id,
        link.how = 'deposit' AND link.part = money.amount + money.amount AS is_doubled
    FROM receipt_links AS link
    JOIN receipt_targets AS receipt ON receipt.receipt_id = link.receipt_id AND receipt.currency = link.currency
    JOIN moved_money AS money ON money.payment_id = link.payment_id
    WHERE link.how IN ('several', 'deposit') OR (
            link.how = 'one' AND abs(link.part - money.amount) IN (0, money.fee)
            AND coalesce(receipt.money IN (receipt.booked, receipt.booked - money.fee), true)
        )
),
first_receipts AS (SELECT DISTINCT payment_id, currency, journal_id, is_doubled FROM linked),
alone AS (
    SELECT event.id AS payment_id, receipt.currency, receipt.fees, receipt.others, receipt.changed_on
    FROM receipt_targets AS receipt
    JOIN (
        SELECT target, currency, min(id) AS id FROM money_events WHERE side = 0 GROUP BY target, currency
    ) AS event ON event.target = receipt.target AND event.currency = receipt.currency
    WHERE receipt.booked = 0 AND receipt.fees <> 0 AND receipt.names < 2
),
kept AS (
    SELECT
        first.journal_id, first.currency, count(*) AS payments, min(money.payment_id) AS payment_id,
        min(money.invoice_id) AS invoice_id, min(money.customer_id) AS customer_id,
        CAST(sum(money.fee) AS amount) AS fee,
        CAST(coalesce(sum(money.fee) FILTER (WHERE first.is_doubled), 0) AS amount) AS fee_again,
        max(money.known_on) AS known_on,
        greatest(max(money.changed_on), max(alone.changed_on)) AS changed_on,
        CAST(coalesce(sum(alone.fees), 0) AS amount) AS booked_alone,
        CAST(coalesce(sum(alone.others), 0) AS amount) AS others_alone
    FROM first_receipts AS first
    JOIN moved_money AS money ON money.payment_id = first.payment_id
    LEFT JOIN (
        SELECT payment_id, currency, sum(fees) AS fees, sum(others) AS others, max(changed_on) AS changed_on
        FROM alone GROUP BY payment_id, currency
    ) AS alone ON alone.payment_id = money.payment_id AND alone.currency = money.currency
    GROUP BY first.journal_id, first.currency
),
journals AS (
    SELECT
        journal_id, currency, max(journal_fees) AS fees, sum(others) AS others, max(changed_on) AS changed_on,
        max(known_on) AS known_on, min(posted_on) AS posted_on
    FROM receipt_targets GROUP BY journal_id, currency
),
posted AS (
    SELECT
        grouped.journal_id, grouped.currency, sum(journal.fees) AS fees, sum(journal.others) AS others,
        max(journal.changed_on) AS changed_on, min(journal.posted_on) AS posted_on, max(journal.known_on) AS known_on
    FROM (SELECT DISTINCT journal_id, currency, own_journal_id FROM linked) AS grouped
    JOIN journals AS journal ON journal.journal_id = grouped.own_journal_id AND journal.currency = grouped.currency
    GROUP BY grouped.journal_id, grouped.currency
),
sides AS (
    SELECT
        kept.journal_id, kept.currency, kept.payments, kept.payment_id, kept.customer_id,
        CASE WHEN kept.payments = 1 THEN kept.invoice_id END AS invoice_id, posted.posted_on, kept.fee AS paid,
        CAST(posted.fees + kept.booked_alone - CASE
            WHEN posted.fees + kept.booked_alone = kept.fee + kept.fee_again THEN kept.fee_again ELSE 0
        END AS amount) AS booked,
        posted.others = kept.fee AND kept.fee <> 0 AS on_another_account,
        greatest(kept.changed_on, posted.changed_on) AS changed_on,
        CAST(kept.known_on + params.cash_lag_days AS DATE) AS due_on, params.day,
        CASE WHEN greatest(kept.known_on, posted.known_on) < params.day THEN params.day END AS again
    FROM kept
    CROSS JOIN run_params AS params
    JOIN posted ON posted.journal_id = kept.journal_id AND posted.currency = kept.currency
    WHERE kept.fee <> 0 OR posted.fees + kept.booked_alone <> 0
),
dated AS (
    SELECT
        journal_id, currency, payments, payment_id, customer_id, invoice_id, posted_on, paid, booked,
        on_another_account, again,
        CASE WHEN booked = 0 AND NOT on_another_account AND due_on > day THEN 'pending'
            WHEN booked = 0 AND NOT on_another_account AND due_on = day THEN 'missing'
            WHEN changed_on = day THEN 'compared'
        END AS status
    FROM sides
)
SELECT
    dated.journal_id, dated.currency, dated.payments, dated.payment_id, dated.customer_id, dated.invoice_id,
    invoice.subscription_id, coalesce(invoice.cohort, 'all') AS cohort, dated.posted_on, -dated.paid AS paid,
    -dated.booked AS booked, CAST(dated.paid - dated.booked AS amount) AS delta, dated.status,
    CASE WHEN dated.status = 'compared' THEN dated.again END AS again,
    CASE
        WHEN dated.status = 'pending' OR dated.paid = dated.booked THEN NULL
        WHEN dated.on_another_account THEN 'LEDGER_ACCOUNT' WHEN dated.booked = 0 THEN 'LEDGER_MISSING'
        ELSE 'LEDGER_AMOUNT'
    END AS code
FROM dated
LEFT JOIN (
    SELECT invoice_id, min(subscription_id) AS subscription_id, min(cohort) AS cohort
    FROM engine_invoices GROUP BY invoice_id
) AS invoice ON invoice.invoice_id = dated.invoice_id
WHERE dated.status IS NOT NULL
