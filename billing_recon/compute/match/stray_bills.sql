-- Bills observed today that answer no expected period, as a whole: repeats, credit notes, unknown subscriptions, and
-- periods that nothing expects. History is left out: bills issued before the first day, and later ones for a period
-- that was due before it, unless no contract had begun. `withheld`: what the subscription owes could not be rated, so
-- nobody can tell whether the bill is right. `corrects`: with a credit note among them, the bill of the period and all
-- that was issued for its days after it come to what is expected in every figure, so the correction is right.
-- inputs: bills, issued_lines, expected_lines, subscriptions, set_aside, unrated, run_params
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
figures AS (
    SELECT
        bill.variant, bill.sub, bill.invoice_id, line.currency, bill.first_day, bill.last_day,
        bill.repeats IS NOT NULL OR bill.invoice_kind = 'credit_note' AS is_later, bill.invoice_kind, bill.due_on,
        sum(line.gross) AS gross, sum(line.discount) AS discount, sum(line.credit) AS credit, sum(line.tax) AS tax,
        sum(line.total) AS total
    FROM bills AS bill
    JOIN issued_lines AS line USING (variant, sub, invoice_id)
    SEMI JOIN stray USING (sub)
    GROUP BY
        bill.variant, bill.sub, bill.invoice_id, line.currency, bill.first_day, bill.last_day, bill.repeats,
        bill.invoice_kind, bill.due_on
),
placed AS (
    SELECT
        later.variant, later.sub, later.invoice_id, later.currency,
        arg_max(first.due_on, struct_pack(
            days := least(later.last_day, first.last_day) - greatest(later.first_day, first.first_day),
            apart := least(later.first_day, first.first_day) - greatest(later.last_day, first.last_day),
            due_on := first.due_on
        )) AS due_on
    FROM figures AS later
    JOIN figures AS first
        ON first.variant = later.variant AND first.sub = later.sub AND first.currency = later.currency
            AND first.first_day < later.last_day AND later.first_day < first.last_day
            AND NOT first.is_later AND first.due_on IS NOT NULL
    WHERE later.is_later
    GROUP BY later.variant, later.sub, later.invoice_id, later.currency
),
issued AS (
    SELECT
        figures.variant, figures.sub, figures.currency, coalesce(placed.due_on, figures.due_on) AS due_on,
        bool_or(figures.invoice_kind = 'credit_note') AS is_credited, sum(figures.gross) AS gross,
        sum(figures.discount) AS discount, sum(figures.credit) AS credit, sum(figures.tax) AS tax,
        sum(figures.total) AS total
    FROM figures
    LEFT JOIN placed USING (variant, sub, invoice_id, currency)
    GROUP BY figures.variant, figures.sub, figures.currency, coalesce(placed.due_on, figures.due_on)
),
owed AS (
    SELECT
        subscription_id AS sub, currency, due_on, sum(gross) AS gross, sum(discount) AS discount, sum(credit) AS credit,
        sum(tax) AS tax, sum(total) AS total
    FROM expected_lines
    SEMI JOIN stray ON stray.sub = expected_lines.subscription_id
    GROUP BY subscription_id, currency, due_on
),
corrections AS (
    SELECT placed.variant, placed.sub, placed.invoice_id, placed.currency
    FROM placed
    JOIN issued USING (variant, sub, currency, due_on)
    JOIN owed USING (sub, currency, due_on)
    WHERE issued.is_credited AND issued.gross = owed.gross AND issued.discount = owed.discount
        AND issued.credit = owed.credit AND issued.tax = owed.tax AND issued.total = owed.total
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
    correct.sub IS NOT NULL AS corrects,
    unrated.sub IS NOT NULL AND stray.repeats IS NULL AND stray.invoice_kind <> 'credit_note' AS withheld
FROM stray
LEFT JOIN (SELECT DISTINCT subscription_id AS sub FROM unrated) AS unrated ON unrated.sub = stray.sub
LEFT JOIN corrections AS correct
    ON correct.variant = stray.variant AND correct.sub = stray.sub AND correct.invoice_id = stray.invoice_id
        AND correct.currency = stray.currency
LEFT JOIN contracts AS contract ON contract.sub = stray.sub
LEFT JOIN (SELECT DISTINCT named FROM set_aside WHERE table_name = 'subscriptions') AS refused
    ON refused.named = stray.sub
WHERE NOT stray.is_old OR contract.begins IS NULL OR stray.last_day <= contract.begins
