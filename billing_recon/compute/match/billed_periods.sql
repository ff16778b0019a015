-- Expected periods that are billed, per variant, charges in advance (`ahead`) apart from all others, with the bill
-- known first; `fresh`: it became known today. A bill from before the due day bills only what it has lines of: the
-- rest may follow until the grace days have passed. Repeated invoices bill nothing.
-- inputs: bills, run_params
WITH billed AS (
    SELECT
        bill.variant, bill.sub, bill.due_on, bill.invoice_id, bill.cohort, part.ahead,
        CASE
            WHEN bill.known_on >= bill.due_on OR NOT bill.has_ahead THEN bill.known_on
            WHEN CASE WHEN part.ahead THEN bill.has_ahead ELSE bill.has_arrears END THEN bill.known_on
            ELSE CAST(bill.due_on + run.issue_grace_days AS DATE)
        END AS known_on
    FROM bills AS bill
    CROSS JOIN run_params AS run
    CROSS JOIN (SELECT unnest([false, true]) AS ahead) AS part
    WHERE bill.due_on IS NOT NULL AND bill.repeats IS NULL
)
SELECT
    billed.variant, billed.sub, billed.due_on, billed.ahead, min(billed.known_on) >= run.since AS fresh,
    min(billed.cohort) AS cohort,
    arg_min(billed.invoice_id, struct_pack(known_on := billed.known_on, invoice_id := billed.invoice_id)) AS invoice_id
FROM billed
CROSS JOIN run_params AS run
WHERE billed.known_on <= run.day
GROUP BY billed.variant, billed.sub, billed.due_on, billed.ahead, run.since
