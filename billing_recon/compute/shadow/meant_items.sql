-- Lines of the old and of the new terms in pairs, each used once, and those that only one side has. Pass 1: the same
-- charge, period and plan; pass 2: on another plan; pass 3: another period of the same charge on the same invoice, if
-- as many lines of it are left on either side. Two parts of a period that become one whole are three lines, no pair.
-- Nearly all lines have the same id on both sides; only the others are looked at closely.
-- inputs: expected_old, expected_new
WITH old_lines AS MATERIALIZED (
    SELECT
        expected_line_id, subscription_id, currency, kind, coalesce(meter, '') AS meter_key, period_start, period_end,
        gross < 0 AS back, due_on, customer_id, quantity, gross, discount, credit, taxable, tax_rate, tax, total,
        row_number() OVER (
            PARTITION BY subscription_id, currency, kind, coalesce(meter, ''), period_start, period_end, gross < 0
            ORDER BY due_on, expected_line_id
        ) AS place
    FROM expected_old
    ANTI JOIN expected_new USING (expected_line_id)
),
new_lines AS MATERIALIZED (
    SELECT
        expected_line_id AS line_key, subscription_id, currency, kind, coalesce(meter, '') AS meter_key, period_start,
        period_end, gross < 0 AS back, due_on, customer_id, quantity, gross, discount, credit, taxable, tax_rate, tax,
        total,
        row_number() OVER (
            PARTITION BY subscription_id, currency, kind, coalesce(meter, ''), period_start, period_end, gross < 0
            ORDER BY due_on, expected_line_id
        ) AS place
    FROM expected_new
    ANTI JOIN expected_old USING (expected_line_id)
),
same_charge AS MATERIALIZED (
    SELECT old.expected_line_id, new.line_key
    FROM old_lines AS old
    JOIN new_lines AS new USING (subscription_id, currency, kind, meter_key, period_start, period_end, back, place)
),
old_left AS (
    SELECT
        expected_line_id, subscription_id, currency, meter_key, back, due_on, charge_family(kind) AS family,
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
        line_key, subscription_id, currency, meter_key, back, due_on, charge_family(kind) AS family,
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
pairs AS MATERIALIZED (
    SELECT expected_line_id, line_key, 2 AS pass FROM same_charge
    UNION ALL
    SELECT expected_line_id, line_key, 3 AS pass FROM same_invoice
),
placed AS (
    SELECT expected_line_id, line_key, pass FROM pairs
    UNION ALL
    SELECT expected_line_id, NULL AS line_key, 0 AS pass FROM old_lines ANTI JOIN pairs USING (expected_line_id)
    UNION ALL
    SELECT NULL AS expected_line_id, line_key, 0 AS pass FROM new_lines ANTI JOIN pairs USING (line_key)
),
figured AS (
    SELECT
        old.expected_line_id, new.expected_line_id AS line_key, 1 AS pass, old.subscription_id AS old_sub,
        new.subscription_id AS new_sub, old.due_on AS old_due, new.due_on AS new_due,
        old.customer_id AS old_customer, new.customer_id AS new_customer, old.currency AS old_currency,
        new.currency AS new_currency, old.kind, old.quantity AS old_quantity, new.quantity AS new_quantity,
        old.gross AS old_gross, new.gross AS new_gross, old.discount AS old_discount, new.discount AS new_discount,
        old.credit AS old_credit, new.credit AS new_credit, old.taxable AS old_taxable, new.taxable AS new_taxable,
        old.tax_rate AS old_rate, new.tax_rate AS new_rate, old.tax AS old_tax, new.tax AS new_tax,
        old.total AS old_total, new.total AS new_total
    FROM expected_old AS old
    JOIN expected_new AS new USING (expected_line_id)
    UNION ALL
    SELECT
        placed.expected_line_id, placed.line_key, placed.pass, old.subscription_id AS old_sub,
        new.subscription_id AS new_sub, old.due_on AS old_due, new.due_on AS new_due,
        old.customer_id AS old_customer, new.customer_id AS new_customer, old.currency AS old_currency,
        new.currency AS new_currency, old.kind, old.quantity AS old_quantity, new.quantity AS new_quantity,
        old.gross AS old_gross, new.gross AS new_gross, old.discount AS old_discount, new.discount AS new_discount,
        old.credit AS old_credit, new.credit AS new_credit, old.taxable AS old_taxable, new.taxable AS new_taxable,
        old.tax_rate AS old_rate, new.tax_rate AS new_rate, old.tax AS old_tax, new.tax AS new_tax,
        old.total AS old_total, new.total AS new_total
    FROM placed
    LEFT JOIN old_lines AS old ON old.expected_line_id = placed.expected_line_id
    LEFT JOIN new_lines AS new ON new.line_key = placed.line_key
)
SELECT
    'control' AS variant, expected_line_id, line_key, pass,
    coalesce(new_sub, old_sub) || '|' || CAST(coalesce(new_due, old_due) AS VARCHAR) AS invoice_id,
    'all' AS cohort, coalesce(new_sub, old_sub) AS sub, coalesce(old_due, new_due) AS due_on,
    coalesce(old_customer, new_customer) AS customer_id, coalesce(new_currency, old_currency) AS currency,
    old_currency AS expected_currency, old_total AS expected, new_total AS billed, true AS fresh,
    CASE
        WHEN line_key IS NULL THEN old_total <> 0 WHEN expected_line_id IS NULL THEN new_total <> 0
        ELSE new_total <> old_total OR new_gross <> old_gross OR new_discount <> old_discount
            OR new_credit <> old_credit OR new_taxable <> old_taxable OR new_tax <> old_tax
            OR (kind IN ('usage', 'subscription', 'proration') AND coalesce(new_quantity <> old_quantity, false))
            OR (old_taxable <> 0 AND coalesce(new_rate <> old_rate, false))
    END AS differs
FROM figured
