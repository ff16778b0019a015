-- Lines of the old and of the new terms in pairs, each used once, and those that only one side has. Pass 1: the same
-- charge, period and plan; pass 2: on another plan; pass 3: another period of the same charge on the same invoice, if
-- as many lines of it are left on either side. Two parts of a period that become one whole are three lines, no pair.
-- inputs: expected_old, expected_new
WITH old_lines AS (
    SELECT
        expected_line_id, subscription_id, currency, kind, coalesce(meter, '') AS meter_key, period_start, period_end,
        gross < 0 AS back, due_on,
        row_number() OVER (
            PARTITION BY subscription_id, currency, kind, coalesce(meter, ''), period_start, period_end, gross < 0
            ORDER BY due_on, expected_line_id
        ) AS place
    FROM expected_old
    ANTI JOIN expected_new USING (expected_line_id)
),
new_lines AS (
    SELECT
        expected_line_id AS line_key, subscription_id, currency, kind, coalesce(meter, '') AS meter_key, period_start,
        period_end, gross < 0 AS back, due_on,
        row_number() OVER (
            PARTITION BY subscription_id, currency, kind, coalesce(meter, ''), period_start, period_end, gross < 0
            ORDER BY due_on, expected_line_id
        ) AS place
    FROM expected_new
    ANTI JOIN expected_old USING (expected_line_id)
),
same_charge AS (
    SELECT old.expected_line_id, new.line_key
    FROM old_lines AS old
    JOIN new_lines AS new USING (subscription_id, currency, kind, meter_key, period_start, period_end, back, place)
),
old_left AS (
    SELECT
        *, charge_family(kind) AS family,
        row_number() OVER (
            PARTITION BY subscription_id, currency, charge_family(kind), meter_key, back, due_on
            ORDER BY period_start, expected_line_id
        ) AS rank,
        count(*) OVER (PARTITION BY subscription_id, currency, charge_family(kind), meter_key, back, due_on) AS size
    FROM old_lines
    ANTI JOIN same_charge USING (expected_line_id)
    WHERE kind <> 'adjustment'
),
new_left AS (
    SELECT
        *, charge_family(kind) AS family,
        row_number() OVER (
            PARTITION BY subscription_id, currency, charge_family(kind), meter_key, back, due_on
            ORDER BY period_start, line_key
        ) AS rank,
        count(*) OVER (PARTITION BY subscription_id, currency, charge_family(kind), meter_key, back, due_on) AS size
    FROM new_lines
    ANTI JOIN same_charge USING (line_key)
    WHERE kind <> 'adjustment'
),
same_invoice AS (
    SELECT old.expected_line_id, new.line_key
    FROM old_left AS old
    JOIN new_left AS new USING (subscription_id, currency, family, meter_key, back, due_on, rank, size)
),
pairs AS (
    SELECT old.expected_line_id, new.expected_line_id AS line_key, 1 AS pass
    FROM expected_old AS old
    JOIN expected_new AS new USING (expected_line_id)
    UNION ALL
    SELECT expected_line_id, line_key, 2 AS pass FROM same_charge
    UNION ALL
    SELECT expected_line_id, line_key, 3 AS pass FROM same_invoice
),
placed AS (
    SELECT expected_line_id, line_key, pass FROM pairs
    UNION ALL
    SELECT expected_line_id, NULL AS line_key, 0 AS pass FROM expected_old ANTI JOIN pairs USING (expected_line_id)
    UNION ALL
    SELECT NULL AS expected_line_id, new.expected_line_id AS line_key, 0 AS pass
    FROM expected_new AS new
    ANTI JOIN pairs ON pairs.line_key = new.expected_line_id
)
SELECT
    'control' AS variant, placed.expected_line_id, placed.line_key, placed.pass,
    coalesce(new.subscription_id, old.subscription_id) || '|' || CAST(coalesce(new.due_on, old.due_on) AS VARCHAR)
        AS invoice_id,
    'all' AS cohort, coalesce(new.subscription_id, old.subscription_id) AS sub,
    coalesce(old.due_on, new.due_on) AS due_on, coalesce(old.customer_id, new.customer_id) AS customer_id,
    coalesce(new.currency, old.currency) AS currency, old.currency AS expected_currency, old.total AS expected,
    new.total AS billed, true AS fresh,
    CASE
        WHEN new.expected_line_id IS NULL THEN old.total <> 0 WHEN old.expected_line_id IS NULL THEN new.total <> 0
        ELSE new.total <> old.total OR new.gross <> old.gross OR new.discount <> old.discount
            OR new.credit <> old.credit OR new.taxable <> old.taxable OR new.tax <> old.tax
            OR (
                old.kind IN ('usage', 'subscription', 'proration') AND coalesce(new.quantity <> old.quantity, false)
            ) OR (old.taxable <> 0 AND coalesce(new.tax_rate <> old.tax_rate, false))
    END AS differs
FROM placed
LEFT JOIN expected_old AS old ON old.expected_line_id = placed.expected_line_id
LEFT JOIN expected_new AS new ON new.expected_line_id = placed.line_key
