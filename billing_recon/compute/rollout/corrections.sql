-- The worklist of a rollout: how the plan corrects each wrong bill (core.rollout.Way), with exact amounts. `credit` is
-- what a void or a credit note takes back, `invoice` what is billed anew, `adjustment` what the next bill adds, and
-- `refund` what is paid back. A bill in a currency that is not owed has a row in each. `nothing`: below the amount from
-- which the plan corrects. What was billed too low cannot be refunded and is adjusted. Where the total is right and
-- another figure is not, no money makes it good: the bill is voided, or credited and billed again.
-- inputs: affected_bills, correction_params, correction_bounds
WITH chosen AS (
    SELECT
        bill.*, params.of_payments,
        CASE
            WHEN params.of_payments THEN 'refund' WHEN bill.invoice_id IS NULL THEN 'invoice'
            WHEN bill.billed_minus_owed = 0 THEN if(bill.paid > 0, params.paid, params.unpaid)
            WHEN abs(bill.billed_minus_owed) < coalesce(bound.nothing_below, 0) THEN 'nothing'
            WHEN abs(bill.billed_minus_owed) <= coalesce(bound.small, 0) THEN params.below
            WHEN bill.paid > 0 THEN params.paid
            ELSE params.unpaid
        END AS chosen_way
    FROM affected_bills AS bill
    CROSS JOIN correction_params AS params
    LEFT JOIN correction_bounds AS bound ON bound.currency = bill.currency
),
ways AS (
    SELECT
        *,
        CASE
            WHEN of_payments THEN chosen_way
            WHEN invoice_id IS NOT NULL AND billed_minus_owed = 0 AND chosen_way <> 'void_and_reissue'
                THEN 'credit_note_and_invoice'
            WHEN chosen_way = 'refund' AND (billed_minus_owed < 0 OR paid <= owed) THEN 'adjust_next_cycle'
            ELSE chosen_way
        END AS way
    FROM chosen
)
SELECT
    item, invoice_id, customer_id, subscription_id, currency, issued_on, billed, owed, billed_minus_owed, paid, way,
    CAST(CASE WHEN way IN ('void_and_reissue', 'credit_note_and_invoice') THEN billed ELSE 0 END AS amount) AS credit,
    CAST(CASE WHEN way IN ('void_and_reissue', 'credit_note_and_invoice', 'invoice') THEN owed ELSE 0 END AS amount)
        AS invoice,
    CAST(CASE WHEN way = 'adjust_next_cycle' THEN -billed_minus_owed ELSE 0 END AS amount) AS adjustment,
    CAST(CASE
        WHEN way IN ('void_and_reissue', 'credit_note_and_invoice') THEN greatest(paid - owed, 0)
        WHEN of_payments THEN paid - owed WHEN way = 'refund' THEN least(billed_minus_owed, paid - owed)
        ELSE 0
    END AS amount) AS refund, reasons, explanation
FROM ways
