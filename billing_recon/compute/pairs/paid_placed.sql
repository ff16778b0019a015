-- Invoices and their money on the day that decides: the first success (if nobody paid, the first money that went back)
-- plus the days to settle, and any later day with new money; or the end of the terms without any attempt. If no
-- payment names an invoice or was matched to one, nothing can be compared. An invoice with quarantined engine rows
-- waits for them. `paid`: with the fees that a provider kept, if they are exactly what is missing. `paid_again`: one of
-- two payments equals the invoice, and the other is nearer to it than to 0. `billed` is less what credit notes take
-- off; money that goes back for a credit note is compared with it.
-- inputs: invoice_money, invoice_credits, engine_invoices, payments, payment_matches, set_aside, currencies, run_params
WITH stated AS (
    SELECT
        coalesce(billed.invoice_id, money.invoice_id) AS invoice_id,
        coalesce(billed.currency, money.currency) AS currency,
        billed.invoice_id IS NOT NULL AS has_left,
        CASE WHEN billed.total < 0 THEN money.moved_on ELSE coalesce(money.known_on, money.moved_on) END AS known_on,
        coalesce(billed.customer_id, money.customer_id, money.mover_id) AS customer_id, billed.subscription_id,
        coalesce(billed.cohort, 'all') AS cohort, billed.state, billed.issued_on, billed.known_on AS billed_on,
        billed.changed_on AS rebilled_on,
        CAST(billed.total + coalesce(noted.credited, 0) AS amount) AS billed, noted.credited,
        CASE WHEN money.changed_on IS NULL THEN NULL
            WHEN money.fees <> 0 AND money.paid <> billed.total
                AND money.paid + money.fees = billed.total + coalesce(noted.credited, 0)
                THEN money.paid + money.fees
            ELSE money.paid
        END AS paid,
        money.returned, money.extras, money.amounts, money.payments, money.attempts, money.changed_on,
        money.payment_id,
        CASE WHEN billed.total < 0 AND money.mover_id <> billed.customer_id THEN money.mover_id
            WHEN money.customer_id <> billed.customer_id THEN money.customer_id
            WHEN money.last_customer_id <> billed.customer_id THEN money.last_customer_id
        END AS other_customer,
        coalesce(
            money.payments = 2 AND billed.total IN (money.least, money.most)
            AND money.paid - billed.total > billed.total - (money.paid - billed.total), false
        ) AS paid_again
    FROM engine_invoices AS billed
    FULL JOIN invoice_money AS money ON money.invoice_id = billed.invoice_id AND money.currency = billed.currency
    LEFT JOIN invoice_credits AS noted ON noted.invoice_id = billed.invoice_id AND noted.currency = billed.currency
    WHERE coalesce(billed.state, 'issued') <> 'draft' AND (
            EXISTS (SELECT 1 FROM payments WHERE invoice_id IS NOT NULL) OR NOT EXISTS (SELECT 1 FROM payments)
            OR EXISTS (SELECT 1 FROM payment_matches WHERE invoice_id IS NOT NULL)
        )
),
sides AS (SELECT *, known_on IS NOT NULL AS has_right FROM stated),
crossed AS (
    SELECT invoice_id, min(known_on) AS known_on, max(billed_on) AS billed_on
    FROM sides
    GROUP BY invoice_id
    HAVING bool_or(NOT has_left) AND bool_or(has_left) AND coalesce(bool_or(attempts > 0), false)
),
dated AS (
    SELECT
        side.invoice_id, side.currency, side.has_left, side.has_right, side.customer_id, side.subscription_id,
        side.cohort, side.state, side.issued_on, side.billed, side.credited, side.paid, side.returned, side.extras,
        side.amounts, side.payments, side.attempts, side.payment_id, side.other_customer, side.paid_again,
        params.day, CAST(coalesce(side.paid, 0) - coalesce(side.billed, 0) AS amount) AS off,
        crossed.invoice_id IS NOT NULL AND NOT (side.has_left AND side.has_right) AS crosses,
        CASE WHEN crossed.invoice_id IS NOT NULL AND NOT (side.has_left AND side.has_right)
                THEN greatest(CAST(crossed.known_on + params.payment_settle_days AS DATE), crossed.billed_on)
            WHEN side.has_right
                THEN greatest(CAST(side.known_on + params.payment_settle_days AS DATE), side.billed_on)
            WHEN side.has_left AND coalesce(side.attempts, 0) = 0
                THEN CAST(side.billed_on + params.payment_terms_days AS DATE)
        END AS decided_on,
        CAST(side.known_on + params.payment_settle_days AS DATE) AS settled_on,
        greatest(side.changed_on, CASE WHEN side.known_on IS NOT NULL THEN side.rebilled_on END) AS changed_on
    FROM sides AS side
    CROSS JOIN run_params AS params
    LEFT JOIN crossed ON crossed.invoice_id = side.invoice_id
),
quarantined AS (
    SELECT
        dated.invoice_id, bool_or(held.table_name = 'invoice_lines') AS billed_rows,
        bool_or(held.table_name = 'payments') AS paid_rows
    FROM dated
    JOIN set_aside AS held ON held.named = dated.invoice_id
    WHERE dated.decided_on <= dated.day AND dated.off <> 0
    GROUP BY dated.invoice_id
)
SELECT
    dated.invoice_id, dated.currency, dated.customer_id, dated.subscription_id, dated.cohort, dated.state,
    dated.issued_on, dated.billed, dated.credited, dated.paid, dated.returned, dated.payments, dated.attempts,
    dated.payment_id, dated.other_customer,
    dated.off, dated.has_left, dated.has_right, CASE WHEN dated.settled_on < dated.day THEN dated.day END AS again,
    CASE WHEN dated.decided_on > dated.day OR dated.decided_on IS NULL OR (dated.off <> 0 AND held.billed_rows)
            THEN 'pending'
        ELSE 'compared'
    END AS status,
    CASE WHEN dated.decided_on > dated.day OR dated.decided_on IS NULL THEN NULL
        WHEN dated.crosses THEN CASE WHEN dated.off <> 0 THEN 'CURRENCY_FX' END
        WHEN dated.off <> 0 AND held.billed_rows THEN NULL
        WHEN dated.off <> 0 AND held.paid_rows THEN 'RECORD_QUARANTINED'
        WHEN NOT dated.has_left THEN CASE WHEN dated.off <> 0 THEN 'PAYMENT_MISAPPLIED' END
        WHEN NOT dated.has_right THEN CASE WHEN dated.billed > 0 THEN 'PAYMENT_MISSING' END
        WHEN dated.other_customer IS NOT NULL THEN 'PAYMENT_MISAPPLIED'
        WHEN dated.off = 0 THEN NULL
        WHEN dated.state = 'void' THEN 'REVERSAL_NOT_PROPAGATED'
        WHEN dated.off < 0 AND -dated.off = dated.returned + coalesce(dated.credited, 0) THEN 'REFUND_DISPUTE'
        WHEN dated.off > 0 AND (
                coalesce(list_contains(dated.extras, dated.off), false)
                OR coalesce(list_contains(dated.amounts, dated.off), false) OR dated.paid_again
            ) THEN 'PAYMENT_DUPLICATE'
        WHEN dated.payments = 1 AND dated.billed <> 0 AND dated.paid <> 0 AND (
                times_hundred(dated.billed, dated.billed, dated.paid, dated.paid, minor_unit(money.decimals))
                OR times_hundred(dated.paid, dated.paid, dated.billed, dated.billed, minor_unit(money.decimals))
            ) THEN 'MINOR_UNIT'
        ELSE 'PAYMENT_AMOUNT'
    END AS code
FROM dated
LEFT JOIN quarantined AS held ON held.invoice_id = dated.invoice_id
LEFT JOIN currencies AS money ON money.currency = dated.currency
WHERE dated.decided_on = dated.day OR (dated.decided_on < dated.day AND dated.changed_on = dated.day)
    OR ((dated.decided_on > dated.day OR dated.decided_on IS NULL) AND dated.billed > 0 AND dated.state = 'issued')
