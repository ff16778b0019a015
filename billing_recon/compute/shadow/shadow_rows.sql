-- A row per line and currency with the three parts of its difference, which always sum to it:
-- new - old = (expected_new - expected_old) + (new - expected_new) - (old - expected_old). What a corner does not have
-- is zero. A line billed in another currency than it should be is one row in each: currencies are never netted.
-- `new_working` is that of lines which differ: the others are found by their `expected_new_line`.
-- A part has a code if it is a difference: of money, or of other figures at the same total. Lines that an engine
-- splits otherwise, with every figure of the bill as it should be (`old_split`, `new_split`), have none.
-- States: equal; split, in other lines of the same bill; meant; fixed, the old engine's fault is gone; kept, both have
-- the same fault in every figure; unmeant; unknown. `new_fault_gross`: the money of the new engine's fault; where its
-- total is right, the largest amount that is in another figure than it should be, or the total if customer, period or
-- quantity is wrong.
-- `known` is false if what is owed could not be rated or is within the grace for issuing, so that nobody can tell the
-- parts apart.
-- inputs: chains, expected_old, expected_new, billed_old, billed_new, meant_codes
WITH figured AS (
    SELECT
        coalesce(eo.customer_id, en.customer_id, o.customer_id, n.customer_id) AS customer_id,
        coalesce(eo.subscription_id, en.subscription_id, o.subscription_id, n.subscription_id, '') AS subscription_id,
        coalesce(o.invoice_id, n.invoice_id) AS invoice_id, coalesce(o.line_id, n.line_id) AS line_id,
        unnest(list_distinct(list_filter(
            [o.currency, n.currency, eo.currency, en.currency], LAMBDA one: one IS NOT NULL
        ))) AS currency, chain.due_on, coalesce(o.kind, n.kind, eo.kind, en.kind) AS kind,
        coalesce(o.meter, n.meter, eo.meter, en.meter) AS meter, coalesce(eo.charge_id, en.charge_id) AS charge_id,
        coalesce(o.period_start, n.period_start, eo.period_start, en.period_start) AS period_start,
        coalesce(o.period_end, n.period_end, eo.period_end, en.period_end) AS period_end,
        coalesce(eo.plan_id, o.plan_id) AS old_plan, coalesce(eo.plan_version, o.plan_version) AS old_version,
        coalesce(en.plan_id, n.plan_id) AS new_plan, coalesce(en.plan_version, n.plan_version) AS new_version,
        coalesce(eo.segment, en.segment) AS segment, coalesce(eo.tax_region, en.tax_region) AS tax_region,
        o.line_key IS NOT NULL AS in_old, n.line_key IS NOT NULL AS in_new,
        chain.old_state NOT IN ('withheld', 'history', 'pending')
        AND chain.new_state NOT IN ('withheld', 'history', 'pending') AS known,
        o.currency AS o_currency, n.currency AS n_currency, eo.currency AS eo_currency, en.currency AS en_currency,
        o.total AS o_total, n.total AS n_total, eo.total AS eo_total, en.total AS en_total, meant.code AS meant_code,
        chain.old_code, chain.new_code, meant.stages AS meant_stages, chain.old_stages, chain.new_stages,
        chain.old_split, chain.new_split,
        coalesce(o.customer_id <> n.customer_id, false) OR coalesce(o.quantity <> n.quantity, false)
        OR coalesce(o.period_start <> n.period_start OR o.period_end <> n.period_end, false) AS billed_otherwise,
        o.quantity AS old_quantity, n.quantity AS new_quantity, eo.quantity AS expected_old_quantity,
        en.quantity AS expected_new_quantity, o.unit_price AS old_unit_price, n.unit_price AS new_unit_price,
        eo.unit_price AS expected_old_unit_price, en.unit_price AS expected_new_unit_price,
        eo.gross_raw AS expected_old_gross_raw, en.gross_raw AS expected_new_gross_raw, o.gross AS old_gross,
        n.gross AS new_gross, eo.gross AS expected_old_gross, en.gross AS expected_new_gross,
        o.discount AS old_discount, n.discount AS new_discount, eo.discount AS expected_old_discount,
        en.discount AS expected_new_discount, o.credit AS old_credit, n.credit AS new_credit,
        eo.credit AS expected_old_credit, en.credit AS expected_new_credit, o.taxable AS old_taxable,
        n.taxable AS new_taxable, eo.taxable AS expected_old_taxable, en.taxable AS expected_new_taxable,
        o.tax_rate AS old_tax_rate, n.tax_rate AS new_tax_rate, eo.tax_rate AS expected_old_tax_rate,
        en.tax_rate AS expected_new_tax_rate, eo.tax_raw AS expected_old_tax_raw, en.tax_raw AS expected_new_tax_raw,
        o.tax AS old_tax, n.tax AS new_tax, eo.tax AS expected_old_tax, en.tax AS expected_new_tax,
        CASE
            WHEN (
                o.total = n.total AND eo.total = en.total AND n.total = en.total AND o.currency = n.currency
                AND n.currency = en.currency
            ) IS NOT TRUE THEN en.working
        END AS new_working, chain.old_id AS expected_old_line, chain.new_id AS expected_new_line, chain.old_key,
        chain.new_key
    FROM chains AS chain
    LEFT JOIN meant_codes AS meant
        ON meant.old_id IS NOT DISTINCT FROM chain.old_id AND meant.new_id IS NOT DISTINCT FROM chain.new_id
            AND (chain.old_id IS NOT NULL OR chain.new_id IS NOT NULL)
    LEFT JOIN billed_old AS o ON o.line_key = chain.old_key
    LEFT JOIN billed_new AS n ON n.line_key = chain.new_key
    LEFT JOIN expected_old AS eo ON eo.expected_line_id = chain.old_id
    LEFT JOIN expected_new AS en ON en.expected_line_id = chain.new_id
),
amounts AS (
    SELECT
        figured.* EXCLUDE (
            o_currency, n_currency, eo_currency, en_currency, o_total, n_total, eo_total, en_total
        ),
        CAST(CASE WHEN o_currency = currency THEN o_total ELSE 0 END AS amount) AS old_total,
        CAST(CASE WHEN n_currency = currency THEN n_total ELSE 0 END AS amount) AS new_total,
        CAST(CASE WHEN eo_currency = currency THEN eo_total ELSE 0 END AS amount) AS expected_old,
        CAST(CASE WHEN en_currency = currency THEN en_total ELSE 0 END AS amount) AS expected_new,
        coalesce(o_currency = currency AND eo_currency = currency, false) AS both_old,
        coalesce(n_currency = currency AND en_currency = currency, false) AS both_new,
        coalesce(eo_currency = currency AND en_currency = currency, false) AS both_rated
    FROM figured
),
coded AS (
    SELECT
        amounts.* EXCLUDE (both_old, both_new, both_rated)
        REPLACE (
            CASE
                WHEN expected_new <> expected_old THEN coalesce(meant_code, 'UNEXPLAINED')
                WHEN both_rated THEN meant_code
            END AS meant_code,
            CASE
                WHEN old_split THEN NULL WHEN old_total <> expected_old THEN coalesce(old_code, 'UNEXPLAINED')
                WHEN both_old THEN old_code
            END AS old_code,
            CASE
                WHEN new_split THEN NULL WHEN new_total <> expected_new THEN coalesce(new_code, 'UNEXPLAINED')
                WHEN both_new THEN new_code
            END AS new_code
        ),
        new_total - old_total AS delta, expected_new - expected_old AS meant, new_total - expected_new AS new_fault,
        old_total - expected_old AS old_fault
    FROM amounts
)
SELECT
    customer_id, subscription_id, invoice_id, line_id, currency, due_on, kind, meter, charge_id, period_start,
    period_end, old_plan, old_version, new_plan, new_version, segment, tax_region, in_old, in_new, known, old_total,
    new_total, expected_old, expected_new, delta, meant, new_fault, old_fault,
    CAST(CASE
        WHEN new_code IS NULL OR NOT known THEN 0
        WHEN new_fault <> 0 THEN abs(new_fault)
        ELSE coalesce(
                nullif(list_max(list_transform(new_stages, LAMBDA stage: abs(stage.amount))), 0),
                abs(new_total)
            )
    END AS amount) AS new_fault_gross, old_split, new_split, meant_code, old_code, new_code, meant_stages, old_stages,
    new_stages, old_quantity, new_quantity, expected_old_quantity, expected_new_quantity,
    old_unit_price, new_unit_price, expected_old_unit_price, expected_new_unit_price, expected_old_gross_raw,
    expected_new_gross_raw, old_gross, new_gross, expected_old_gross, expected_new_gross, old_discount, new_discount,
    expected_old_discount, expected_new_discount, old_credit, new_credit, expected_old_credit, expected_new_credit,
    old_taxable, new_taxable, expected_old_taxable, expected_new_taxable, old_tax_rate, new_tax_rate,
    expected_old_tax_rate, expected_new_tax_rate, expected_old_tax_raw, expected_new_tax_raw, old_tax, new_tax,
    expected_old_tax, expected_new_tax, new_working, expected_old_line, expected_new_line, old_key, new_key,
    CASE
        WHEN
            NOT known AND (
                delta <> 0 OR (in_old AND in_new AND (
                    old_gross <> new_gross OR old_discount <> new_discount
                    OR old_credit <> new_credit OR old_tax <> new_tax
                ))
            ) THEN 'unknown'
        WHEN NOT known THEN 'equal'
        WHEN
            new_code IS NOT NULL AND (
                old_code IS NULL OR new_fault <> old_fault OR (new_fault = 0 AND billed_otherwise)
                OR coalesce(new_gross, 0) - coalesce(expected_new_gross, 0)
                <> coalesce(old_gross, 0) - coalesce(expected_old_gross, 0)
                OR coalesce(new_discount, 0) - coalesce(expected_new_discount, 0)
                <> coalesce(old_discount, 0) - coalesce(expected_old_discount, 0)
                OR coalesce(new_credit, 0) - coalesce(expected_new_credit, 0)
                <> coalesce(old_credit, 0) - coalesce(expected_old_credit, 0)
                OR coalesce(new_tax, 0) - coalesce(expected_new_tax, 0)
                <> coalesce(old_tax, 0) - coalesce(expected_old_tax, 0)
            ) THEN 'unmeant'
        WHEN new_code IS NOT NULL THEN 'kept'
        WHEN old_code IS NOT NULL THEN 'fixed'
        WHEN meant_code IS NOT NULL THEN 'meant'
        WHEN (old_split OR new_split) AND (delta <> 0 OR meant <> 0) THEN 'split' ELSE 'equal'
    END AS state
FROM coded
