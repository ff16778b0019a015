-- Invoices that do not tie with what is booked for them, and the code if they differ. Status: as in rendered_placed.
-- The journals of a void invoice must add up to nothing once the lag for its reversal is over. An invoice with rows of
-- the engine in quarantine is pending. So is what a journal of several books beyond its invoices, while engine rows of
-- a day that it may book are in quarantine. `booked_again`: one of two journals books the invoice as it is billed, and
-- the other is nearer to that than to nothing.
-- inputs: booked_ties, booked_invoices, engine_invoices, batch_changes, set_aside, run_params
-- rows from: booked_ties WHERE NOT tied; booked_invoices
WITH billed AS (
    SELECT
        invoice_id, currency, customer_id, subscription_id, cohort, state, issued_on, invoice_kind, known_on,
        changed_on, gross, discount, credit, tax, total
    FROM engine_invoices SEMI JOIN (SELECT invoice_id FROM booked_ties WHERE NOT tied) AS untied USING (invoice_id)
),
crossed AS (
    SELECT invoice_id, max(known_on) AS known_on, max(changed_on) AS changed_on
    FROM (
        SELECT invoice_id, currency, known_on, changed_on FROM billed SEMI JOIN booked_invoices USING (invoice_id)
        UNION ALL
        SELECT invoice_id, currency, known_on, changed_on FROM booked_invoices SEMI JOIN billed USING (invoice_id)
    ) AS both_sides
    GROUP BY invoice_id HAVING min(currency) <> max(currency)
),
sides AS (
    SELECT
        coalesce(billed.invoice_id, booked.invoice_id) AS invoice_id,
        coalesce(billed.currency, booked.currency) AS currency,
        coalesce(billed.customer_id, booked.customer_id) AS customer_id, billed.subscription_id,
        coalesce(billed.cohort, 'all') AS cohort, coalesce(billed.state, 'issued') AS state, billed.issued_on,
        billed.invoice_kind, CAST(billed.total + billed.credit - billed.tax AS amount) AS net, billed.tax,
        billed.credit, billed.total AS billed, booked.ar AS booked, booked.revenue, booked.tax AS booked_tax,
        booked.credits AS booked_credits, booked.unbalanced, booked.journals, booked.repeated_ar,
        booked.repeated_within_ar, booked.is_rest, booked.repeats, booked.posted_on, booked.journal_id,
        booked.journals = 2 AND billed.total IN (booked.least_ar, booked.most_ar)
        AND sign(booked.ar - billed.total) = sign(billed.total)
        AND abs(booked.ar - billed.total) > abs(billed.total) - abs(booked.ar - billed.total) AS booked_again,
        CASE WHEN booked.customer_id <> billed.customer_id THEN booked.customer_id END AS other_customer,
        CASE WHEN billed.state = 'void' THEN booked.ar
            ELSE CAST(coalesce(booked.ar, 0) - coalesce(billed.total, 0) AS amount)
        END AS delta,
        CASE
            WHEN billed.state = 'void' THEN CAST(billed.changed_on + params.ledger_lag_days AS DATE)
            WHEN billed.invoice_id IS NULL OR booked.invoice_id IS NULL THEN crossed.known_on
            ELSE booked.known_on
        END AS compared_on,
        CASE
            WHEN booked.changed_on > params.day THEN 'pending'
            WHEN billed.state = 'void' AND CAST(billed.changed_on + params.ledger_lag_days AS DATE) > params.day
                THEN 'pending'
            WHEN billed.invoice_id IS NOT NULL AND booked.invoice_id IS NOT NULL THEN 'compared'
            WHEN crossed.invoice_id IS NOT NULL THEN CASE WHEN crossed.changed_on = params.day THEN 'currency' END
            WHEN CAST(coalesce(billed.known_on, booked.known_on) + params.ledger_lag_days AS DATE) > params.day
                THEN 'pending'
            WHEN CAST(coalesce(billed.known_on, booked.known_on) + params.ledger_lag_days AS DATE) < params.day
                THEN NULL
            WHEN billed.invoice_id IS NOT NULL THEN 'missing' ELSE 'unmapped'
        END AS status
    FROM billed
    FULL JOIN booked_invoices AS booked
        ON booked.invoice_id = billed.invoice_id AND booked.currency = billed.currency
    CROSS JOIN run_params AS params
    LEFT JOIN crossed ON crossed.invoice_id = coalesce(billed.invoice_id, booked.invoice_id)
    WHERE (billed.state IS DISTINCT FROM 'void' AND (billed.invoice_id IS NULL OR booked.invoice_id IS NULL))
        OR greatest(billed.changed_on, booked.changed_on) >= params.day
        OR (billed.state = 'void' AND CAST(billed.changed_on + params.ledger_lag_days AS DATE) >= params.day)
),
quarantined AS (
    SELECT
        named AS invoice_id, bool_or(table_name = 'invoice_lines') AS by_engine,
        bool_or(table_name = 'ledger_entries') AS by_ledger
    FROM set_aside GROUP BY named
),
agreed AS (SELECT DISTINCT journal_id, currency, agreed_code AS code FROM batch_changes WHERE ways > 1),
waiting AS (
    SELECT DISTINCT side.invoice_id
    FROM sides AS side
    CROSS JOIN run_params AS params
    JOIN (
        SELECT DISTINCT TRY_CAST(named AS DATE) AS issued_on FROM set_aside WHERE table_name = 'invoice_lines'
    ) AS quarantined
        ON quarantined.issued_on <= side.posted_on
            AND quarantined.issued_on >= CAST(side.posted_on - params.ledger_lag_days AS DATE)
    WHERE side.is_rest AND side.delta > 0
)
SELECT
    side.invoice_id, side.currency, side.customer_id, side.subscription_id, side.cohort, side.state, side.issued_on,
    side.net, side.tax, side.credit, side.billed, side.booked, side.revenue, side.booked_tax, side.booked_credits,
    side.unbalanced, side.journals, side.posted_on, side.journal_id, side.other_customer, side.delta,
    coalesce(side.is_rest AND side.billed IS NULL, false) AS is_rest, side.repeats,
    CASE WHEN side.compared_on < params.day THEN params.day END AS again,
    CASE WHEN (quarantined.by_engine AND side.delta <> 0) OR waiting.invoice_id IS NOT NULL THEN 'pending'
        ELSE side.status
    END AS status,
    CASE
        WHEN side.status = 'pending' OR waiting.invoice_id IS NOT NULL THEN NULL
        WHEN side.status = 'currency' THEN 'CURRENCY_FX'
        WHEN side.status = 'missing' AND side.billed = 0 AND side.net = 0 AND side.tax = 0 THEN NULL
        WHEN quarantined.by_ledger AND (side.status = 'missing' OR side.delta <> 0 OR side.unbalanced <> 0)
            THEN 'RECORD_QUARANTINED'
        WHEN quarantined.by_engine AND side.delta <> 0 THEN NULL
        WHEN side.status = 'missing' AND (side.invoice_kind = 'credit_note' OR side.billed < 0)
            THEN 'REVERSAL_NOT_PROPAGATED'
        WHEN side.status = 'missing' THEN 'LEDGER_MISSING'
        WHEN side.status = 'unmapped' AND side.repeats IS NOT NULL THEN 'LEDGER_DUPLICATE'
        WHEN side.status = 'unmapped' AND side.is_rest AND side.delta = 0 AND side.unbalanced = 0 THEN 'LEDGER_ACCOUNT'
        WHEN side.status = 'unmapped' AND side.is_rest THEN coalesce(agreed.code, 'LEDGER_AMOUNT')
        WHEN side.status = 'unmapped' THEN 'KEY_UNMAPPED'
        WHEN side.state = 'void' THEN CASE WHEN side.delta <> 0 THEN 'REVERSAL_NOT_PROPAGATED' END
        WHEN side.delta <> 0 AND (side.delta IN (side.repeated_ar, side.repeated_within_ar) OR side.booked_again)
            THEN 'LEDGER_DUPLICATE'
        WHEN side.delta <> 0 OR side.unbalanced <> 0 THEN 'LEDGER_AMOUNT'
        WHEN side.other_customer IS NOT NULL OR side.revenue <> side.net OR side.booked_tax <> side.tax
            OR side.booked_credits <> side.credit
            THEN 'LEDGER_ACCOUNT'
        WHEN date_trunc('month', side.posted_on) < date_trunc('month', side.issued_on) THEN 'LEDGER_PERIOD'
        WHEN date_trunc('month', side.posted_on) > date_trunc('month', side.issued_on)
            AND side.posted_on > CAST(side.issued_on + params.ledger_lag_days AS DATE) THEN 'LEDGER_PERIOD'
    END AS code
FROM sides AS side
CROSS JOIN run_params AS params
LEFT JOIN quarantined ON quarantined.invoice_id = side.invoice_id
LEFT JOIN waiting ON waiting.invoice_id = side.invoice_id
LEFT JOIN agreed ON agreed.journal_id = side.journal_id AND agreed.currency = side.currency
WHERE side.status IS NOT NULL AND (side.state = 'issued' OR (side.state = 'void' AND side.booked IS NOT NULL))
