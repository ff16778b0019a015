-- Money and its booking on the day that decides: both are known and one is new; or the lag of cash has passed for the
-- one that stands alone. One row per payment, per copy of its receipt, and per receipt that books more than moved.
-- Money and postings from before the first day are not missing. `right_amount`: the amount, or the amount with or
-- without the fee, is booked. `again`: the day, if both were known before. `whole`: one receipt books one payment, so
-- that its accounts can be judged.
-- inputs: moved_money, receipt_links, receipt_targets, money_events, engine_invoices, set_aside, currencies,
-- run_params
-- rows from: moved_money; receipt_targets
WITH booked AS (
    SELECT
        link.payment_id, count(*) AS receipts, min(link.how) AS how, CAST(sum(link.part) AS amount) AS booked,
        min(receipt.journal_id) AS journal_id, min(receipt.receipt_id) AS receipt_id,
        max(receipt.posted_on) AS posted_on, max(receipt.changed_on) AS changed_on, max(receipt.known_on) AS known_on,
        string_agg(DISTINCT receipt.journal_id, ', ' ORDER BY receipt.journal_id) AS journals
    FROM receipt_links AS link
    JOIN receipt_targets AS receipt ON receipt.receipt_id = link.receipt_id AND receipt.currency = link.currency
    WHERE link.how <> 'copy' AND link.payment_id IS NOT NULL
    GROUP BY link.payment_id
),
crossed AS (
    SELECT money.target, max(greatest(payment.changed_on, receipt.changed_on)) AS changed_on
    FROM money_events AS money
    JOIN moved_money AS payment ON payment.payment_id = money.id
    JOIN receipt_targets AS receipt ON receipt.target = money.target AND receipt.currency <> money.currency
    ANTI JOIN booked ON booked.payment_id = money.id
    ANTI JOIN receipt_links AS link ON link.receipt_id = receipt.receipt_id
    WHERE money.side = 0 AND receipt.booked <> 0
    GROUP BY money.target
),
payments AS (
    SELECT
        money.payment_id, money.kind, money.currency, money.customer_id, money.invoice_id, money.amount, money.fee,
        money.paid_on, money.changed_on AS moved_changed_on, booked.receipts, booked.how, booked.booked,
        booked.journal_id, booked.journals, booked.posted_on, booked.changed_on,
        greatest(money.known_on, booked.known_on) AS known_on, receipt.customer_id AS booked_customer,
        receipt.other_accounts, receipt.owed, receipt.earned, receipt.money, receipt.others, receipt.copied,
        receipt.unbalanced, booked.how = 'one' AND NOT receipt.crosses AND receipt.names < 2 AS whole,
        coalesce(
            booked.booked IN (
                money.amount, money.amount - money.fee,
                money.amount + CASE WHEN money.kind = 'payment' THEN money.fee ELSE -money.fee END
            ) OR (booked.how = 'one' AND receipt.money = money.amount AND receipt.unbalanced = 0), false
        ) AS right_amount,
        crossed.changed_on AS crossed_on, CAST(money.known_on + params.cash_lag_days AS DATE) AS due_on,
        money.paid_on < params.first_day AS is_before_first_day, params.day, params.cash_lag_days
    FROM moved_money AS money
    CROSS JOIN run_params AS params
    LEFT JOIN booked ON booked.payment_id = money.payment_id
    LEFT JOIN receipt_targets AS receipt
        ON receipt.receipt_id = booked.receipt_id AND receipt.currency = money.currency
    LEFT JOIN money_events AS event ON event.id = money.payment_id AND event.side = 0
    LEFT JOIN crossed ON crossed.target = event.target AND booked.payment_id IS NULL
),
quarantined AS (
    SELECT
        named, bool_or(table_name = 'ledger_entries') AS by_ledger, bool_or(table_name = 'payments') AS by_payments
    FROM set_aside WHERE table_name IN ('ledger_entries', 'payments') GROUP BY named
),
judged_payments AS (
    SELECT
        payment.payment_id, payment.kind, payment.currency, payment.customer_id, payment.invoice_id, payment.amount,
        payment.amount AS paid, payment.fee, payment.paid_on, payment.journal_id, payment.journals,
        payment.posted_on, payment.receipts, payment.how, payment.booked_customer, payment.other_accounts,
        payment.owed, payment.earned, payment.money, payment.others, payment.unbalanced, payment.known_on,
        CASE WHEN payment.right_amount THEN payment.amount ELSE payment.booked END AS booked,
        CASE
            WHEN payment.booked IS NOT NULL
                THEN CASE WHEN greatest(payment.moved_changed_on, payment.changed_on) = payment.day THEN 'compared' END
            WHEN payment.crossed_on IS NOT NULL THEN CASE WHEN payment.crossed_on = payment.day THEN 'currency' END
            WHEN payment.is_before_first_day THEN NULL
            WHEN payment.due_on > payment.day THEN 'pending' WHEN payment.due_on = payment.day THEN 'missing'
        END AS status,
        CASE
            WHEN payment.booked IS NULL
                THEN CASE
                        WHEN payment.crossed_on IS NOT NULL THEN 'CURRENCY_FX'
                        WHEN
                            coalesce(own.by_ledger, false) OR coalesce(billed.by_ledger, false)
                            THEN 'RECORD_QUARANTINED'
                        ELSE 'LEDGER_MISSING'
                    END
            WHEN NOT payment.right_amount
                THEN CASE
                        WHEN
                            coalesce(own.by_ledger, false) OR coalesce(billed.by_ledger, false)
                            THEN 'RECORD_QUARANTINED'
                        WHEN payment.booked - payment.amount = payment.copied OR payment.how = 'deposit'
                            THEN 'LEDGER_DUPLICATE'
                        WHEN times_hundred(
                                payment.amount, payment.amount, payment.booked, payment.booked,
                                minor_unit(currency.decimals)
                            ) OR times_hundred(
                                payment.booked, payment.booked, payment.amount, payment.amount,
                                minor_unit(currency.decimals)
                            ) THEN 'MINOR_UNIT'
                        ELSE 'LEDGER_AMOUNT'
                    END
            WHEN payment.whole AND payment.unbalanced <> 0 THEN 'LEDGER_AMOUNT'
            WHEN payment.whole AND (
                    payment.money NOT IN (payment.booked, payment.booked - payment.fee)
                    OR (payment.kind = 'payment' AND payment.owed <> payment.booked)
                    OR (payment.kind <> 'payment' AND payment.owed + payment.earned <> payment.booked)
                    OR payment.booked_customer NOT IN (payment.customer_id, coalesce(invoice.customer_id, ''))
                ) THEN 'LEDGER_ACCOUNT'
            WHEN payment.how IN ('one', 'deposit') AND (
                    date_trunc('month', payment.posted_on) < date_trunc('month', payment.paid_on)
                    OR (
                        date_trunc('month', payment.posted_on) > date_trunc('month', payment.paid_on)
                        AND payment.posted_on > CAST(payment.paid_on + payment.cash_lag_days AS DATE)
                    )
                ) THEN 'LEDGER_PERIOD'
        END AS code
    FROM payments AS payment
    LEFT JOIN currencies AS currency ON currency.currency = payment.currency
    LEFT JOIN quarantined AS own ON own.named = payment.payment_id
    LEFT JOIN quarantined AS billed ON billed.named = payment.invoice_id
    LEFT JOIN (
        SELECT invoice_id, min(customer_id) AS customer_id FROM engine_invoices GROUP BY invoice_id
    ) AS invoice ON invoice.invoice_id = payment.invoice_id
),
spare AS (
    SELECT
        receipt.receipt_id, receipt.journal_id, receipt.currency, receipt.customer_id, receipt.posted_on,
        receipt.failed, receipt.target, receipt.known_on, receipt.changed_on, link.payment_id, link.how,
        CAST(CASE WHEN link.how = 'rest' THEN link.part ELSE receipt.booked END AS amount) AS booked,
        crossed.changed_on AS crossed_on
    FROM receipt_targets AS receipt
    LEFT JOIN receipt_links AS link ON link.receipt_id = receipt.receipt_id AND link.currency = receipt.currency
    LEFT JOIN crossed ON crossed.target = receipt.target
    WHERE receipt.booked <> 0
        AND (link.receipt_id IS NULL OR link.how = 'copy' OR (link.how = 'rest' AND link.part <> 0))
        AND NOT (
            link.receipt_id IS NULL AND receipt.crosses
            AND receipt.journal_id IN (
                SELECT linked.journal_id FROM receipt_targets AS linked
                SEMI JOIN receipt_links AS other
                    ON other.receipt_id = linked.receipt_id AND other.currency = linked.currency
            )
        )
),
judged_receipts AS (
    SELECT
        spare.payment_id, spare.currency, spare.customer_id, spare.receipt_id, spare.journal_id, spare.posted_on,
        spare.failed, spare.booked, spare.how, money.kind, money.invoice_id AS paid_invoice_id, money.paid_on,
        money.amount, spare.target, greatest(spare.known_on, money.known_on) AS known_on,
        CASE
            WHEN spare.how IN ('copy', 'rest')
                THEN CASE WHEN greatest(spare.changed_on, money.changed_on) = params.day THEN 'compared' END
            WHEN spare.crossed_on IS NOT NULL THEN CASE WHEN spare.crossed_on = params.day THEN 'currency' END
            WHEN spare.posted_on < CAST(params.first_day + params.cash_lag_days AS DATE) THEN NULL
            WHEN held.by_payments THEN 'pending'
            WHEN CAST(spare.known_on + params.cash_lag_days AS DATE) > params.day THEN 'pending'
            WHEN CAST(spare.known_on + params.cash_lag_days AS DATE) = params.day THEN 'unexpected'
        END AS status,
        CASE WHEN spare.how = 'copy' THEN 'LEDGER_DUPLICATE' WHEN spare.how = 'rest' THEN 'LEDGER_AMOUNT'
            WHEN spare.crossed_on IS NOT NULL THEN 'CURRENCY_FX' ELSE 'LEDGER_UNEXPECTED'
        END AS code
    FROM spare
    CROSS JOIN run_params AS params
    LEFT JOIN moved_money AS money ON money.payment_id = spare.payment_id
    LEFT JOIN quarantined AS held ON held.named = regexp_extract(spare.target, '^(?:payment|invoice) (.*)$', 1)
),
placed AS (
    SELECT
        payment_id, NULL AS receipt_id, kind, currency, customer_id, invoice_id, amount, paid, booked, fee, paid_on,
        journal_id, journals, posted_on, receipts, how, NULL AS failed, booked_customer, other_accounts, owed, earned,
        money, others, unbalanced, known_on, status, CASE WHEN status <> 'pending' THEN code END AS code
    FROM judged_payments WHERE status IS NOT NULL
    UNION ALL BY NAME
    SELECT
        payment_id, receipt_id, kind, currency, customer_id,
        coalesce(paid_invoice_id, nullif(regexp_extract(target, '^invoice (.*)$', 1), '')) AS invoice_id,
        amount, booked, paid_on, journal_id, journal_id AS journals, posted_on, 1 AS receipts, how, failed, known_on,
        status, CASE WHEN status <> 'pending' THEN code END AS code
    FROM judged_receipts WHERE status IS NOT NULL
)
SELECT
    placed.payment_id, placed.receipt_id, placed.kind, placed.currency, placed.customer_id, placed.invoice_id,
    invoice.subscription_id, coalesce(invoice.cohort, 'all') AS cohort, placed.amount, placed.paid, placed.booked,
    placed.fee, placed.paid_on, placed.journal_id, placed.journals, placed.posted_on, placed.receipts, placed.how,
    placed.failed, placed.booked_customer, placed.other_accounts, placed.owed, placed.earned, placed.money,
    placed.others, placed.unbalanced, placed.status, placed.code,
    CASE WHEN placed.status = 'compared' AND placed.known_on < params.day THEN params.day END AS again,
    CAST(coalesce(placed.booked, 0) - coalesce(placed.paid, 0) AS amount) AS delta
FROM placed
CROSS JOIN run_params AS params
LEFT JOIN (
    SELECT invoice_id, min(subscription_id) AS subscription_id, min(cohort) AS cohort
    FROM engine_invoices GROUP BY invoice_id
) AS invoice ON invoice.invoice_id = placed.invoice_id
