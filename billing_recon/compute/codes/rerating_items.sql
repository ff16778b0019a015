-- What to rate again, by `way`: a charge whose quantity differs at the billed quantity under the expected version
-- (own); and, if its gross differs, under every other version of the plan that has the charge (version), without its
-- free units (unfree), with twice as many (carried), with those of the plan alone (planned) or of the contract alone
-- (agreed), without its share of the period (whole), by a day more or less or by months of 30 days (more, less,
-- thirty), and at the list price where the contract may have its own (listed).
-- inputs: differing_lines, term_charges
-- rows from: differing_lines
WITH asked AS (
    SELECT
        item, expected_plan, expected_version, expected_currency, charge_id,
        CAST(coalesce(billed_quantity, expected_quantity) AS quantity) AS quantity,
        CAST(coalesce(json_extract_string(working, '$.steps.allowance.units'), '0') AS quantity) AS allowance,
        billed_quantity <> expected_quantity AS other_quantity, billed_gross <> expected_gross AS other_gross,
        expected_price, decimals, discount_rate,
        coalesce(CAST(json_extract_string(working, '$.steps.bounds.part') AS INTEGER), 1) AS run_part,
        coalesce(CAST(json_extract_string(working, '$.steps.bounds.whole') AS INTEGER), 1) AS run_whole,
        CAST(CASE
            WHEN kind = 'proration'
                THEN coalesce(
                        CAST(json_extract_string(working, '$.steps.rating.proration.days') AS INTEGER),
                        period_end - period_start
                    )
            ELSE 1
        END AS INTEGER) AS part,
        CAST(CASE
            WHEN kind = 'proration'
                THEN coalesce(
                        CAST(json_extract_string(working, '$.steps.rating.proration.of') AS INTEGER),
                        CAST(json_extract_string(working, '$.billing_period[1]') AS DATE)
                        - CAST(json_extract_string(working, '$.billing_period[0]') AS DATE),
                        period_end - period_start
                    )
            ELSE 1
        END AS INTEGER) AS whole
    FROM differing_lines
    WHERE expected_currency = billed_currency AND NOT scaled AND (pass BETWEEN 1 AND 2 OR moved)
        AND charge_id IS NOT NULL AND is_charge
),
ways AS (
    SELECT
        asked.item, charge.plan_id, charge.plan_version, charge.currency, charge.charge_id, asked.part, asked.whole,
        asked.quantity, asked.allowance, CAST(charge.free_units + asked.allowance AS quantity) AS free_units,
        asked.expected_price,
        unnest(CASE
            WHEN charge.plan_version <> asked.expected_version THEN ['version']
            ELSE ['own', 'listed', 'unfree', 'carried', 'planned', 'agreed', 'whole', 'more', 'less', 'thirty']
        END) AS way,
        coalesce(asked.other_quantity, false) AS other_quantity, asked.other_gross, asked.decimals,
        asked.discount_rate, asked.run_part, asked.run_whole, charge.discountable, charge.minimum AS charge_minimum,
        charge.maximum AS charge_maximum
    FROM asked
    JOIN term_charges AS charge ON charge.plan_id = asked.expected_plan AND charge.currency = asked.expected_currency
        AND charge.charge_id = asked.charge_id
)
SELECT
    item || chr(31) || plan_version || chr(31) || way AS item_id, item, plan_id, plan_version, currency, charge_id,
    CAST(CASE way
        WHEN 'unfree' THEN quantity + free_units WHEN 'planned' THEN quantity + allowance
        WHEN 'agreed' THEN quantity + free_units - allowance WHEN 'carried' THEN greatest(quantity - free_units, 0)
        ELSE quantity
    END AS quantity) AS quantity,
    CASE way WHEN 'whole' THEN whole WHEN 'more' THEN part + 1 WHEN 'less' THEN part - 1 ELSE part END AS part,
    CASE WHEN way = 'thirty' THEN 30 ELSE whole END AS whole, way,
    CASE WHEN way NOT IN ('version', 'listed') THEN expected_price END AS own_price, allowance, decimals, discountable,
    discount_rate, charge_minimum, charge_maximum, run_part, run_whole
FROM ways
WHERE CASE
        WHEN way = 'own' THEN other_quantity
        WHEN way IN ('version', 'listed') THEN other_gross
        WHEN way = 'whole' THEN other_gross AND part < whole
        WHEN way IN ('more', 'less') THEN other_gross AND 1 < part AND part + 1 < whole AND whole <= 366
        WHEN way = 'thirty' THEN other_gross AND part < whole AND whole IN (28, 29, 31)
        WHEN way IN ('planned', 'agreed') THEN other_gross AND allowance > 0 AND free_units > allowance
        ELSE other_gross AND free_units > 0
    END
