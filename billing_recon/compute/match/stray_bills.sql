-- Bills observed today that answer no expected period, as a whole: repeats, credit notes, unknown subscriptions, and
-- periods that nothing expects. History is left out: bills issued before the first day, and later ones for a period
-- that was due before it, unless no contract had begun. `withheld`: what the subscription owes could not be rated, so
-- nobody can tell whether the bill is right.
-- inputs: bills, issued_lines, subscriptions, set_aside, unrated, run_params
-- rows from: bills WHERE fresh AND (repeats IS NOT NULL OR due_on IS NULL)
WITH stray AS (
    SELECT
        bill.variant, bill.sub, bill.invoice_id, bill.repeats, bill.invoice_kind, bill.first_day, bill.last_day,
        bill.cohort, line.currency, count(*) AS lines, CAST(sum(line.total) AS amount) AS total,
        bool_or(line.total <> 0) AS charges, min(line.customer_id) AS customer_id,
        bill.repeats IS NULL AND CAST(bill.closes + run.issue_after_days AS DATE) < run.first_day AS is_old
    FROM bills AS bill
    JOIN issued_lines AS line USING (variant, sub, invoice_id)
    CROSS JOIN run_params AS run
    WHERE bill.fresh AND line.fresh AND (
            bill.repeats IS NOT NULL OR (
                bill.due_on IS NULL AND (
                    CAST(bill.closes + run.issue_after_days AS DATE) >= run.first_day OR line.issued_on >= run.first_day
                )
            )
        )
    GROUP BY
        bill.variant, bill.sub, bill.invoice_id, bill.repeats, bill.invoice_kind, bill.first_day, bill.last_day,
        bill.cohort, line.currency, bill.closes, run.issue_after_days, run.first_day
),
contracts AS (
    SELECT
        subscription_id AS sub,
        least(min(billing_anchor), min(CAST(timezone(timezone, valid_from) AS DATE))) AS begins
    FROM subscriptions
    GROUP BY subscription_id
)
SELECT
    stray.variant, stray.sub, stray.invoice_id, stray.repeats, stray.invoice_kind, stray.first_day, stray.last_day,
    stray.cohort, stray.currency, stray.lines, stray.total, stray.charges, stray.customer_id,
    CASE
        WHEN stray.repeats IS NOT NULL THEN 'INVOICE_DUPLICATE'
        WHEN (stray.sub = '' OR contract.sub IS NULL) AND refused.named IS NULL THEN 'KEY_UNMAPPED'
        WHEN stray.sub = '' OR contract.sub IS NULL THEN 'RECORD_QUARANTINED'
        WHEN stray.invoice_kind = 'credit_note' THEN 'MANUAL_ADJUSTMENT' ELSE 'INVOICE_UNEXPECTED'
    END AS code,
    unrated.sub IS NOT NULL AND stray.repeats IS NULL AND stray.invoice_kind <> 'credit_note' AS withheld
FROM stray
LEFT JOIN (SELECT DISTINCT subscription_id AS sub FROM unrated) AS unrated ON unrated.sub = stray.sub
LEFT JOIN contracts AS contract ON contract.sub = stray.sub
LEFT JOIN (SELECT DISTINCT named FROM set_aside WHERE table_name = 'subscriptions') AS refused
    ON refused.named = stray.sub
WHERE NOT stray.is_old OR contract.begins IS NULL OR stray.last_day <= contract.begins
