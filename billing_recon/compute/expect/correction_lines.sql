-- The lines that correct bills made before something was learnt: what should have been billed, less what was, of each
-- period. What was billed in advance is given back line by line and charged anew, without what is equal on both sides;
-- of what was billed in arrears each charge is adjusted by the difference. Coupons and credits stay as they were used.
-- A period that cannot be rated as known then or now is not corrected.
-- inputs: correction_bills, period_charges, period_minimums, judged_runs
-- rows from: correction_bills
WITH sides AS (
    SELECT *, before_id AS version_id, false AS is_after FROM correction_bills
    UNION ALL
    SELECT *, after_id AS version_id, true AS is_after FROM correction_bills
),
lines AS (
    SELECT * FROM period_charges WHERE corrected
    UNION ALL BY NAME
    SELECT *, false AS is_ahead, false AS given_back FROM period_minimums WHERE corrected
),
withheld AS (
    SELECT DISTINCT side.subscription_id, side.known_on, run.is_ahead, run.period_start, run.period_end
    FROM sides AS side
    JOIN judged_runs AS run ON run.subscription_id = side.version_id AND run.corrected AND run.reason IS NOT NULL
),
corrected AS (
    SELECT
        line.* EXCLUDE (subscription_id, period_start, period_end, due_on), side.subscription_id, side.known_on,
        side.period_start, side.period_end, side.due_on, side.is_after
    FROM sides AS side
    JOIN lines AS line
        ON line.subscription_id = side.version_id AND line.known_by < side.known_on AND line.due_on >= side.first_day
            AND line.own_end > side.changed_on
    ANTI JOIN withheld
        ON withheld.subscription_id = side.subscription_id AND withheld.known_on = side.known_on
            AND withheld.is_ahead = line.is_ahead AND withheld.period_start = line.own_start
            AND withheld.period_end = line.own_end
),
numbered AS (
    SELECT
        *, hash(
            line_start, line_end, given_back, charge_id, plan_id, plan_version, currency, tax_region, quantity, gross,
            discount, tax_rate
        ) AS content,
        row_number() OVER (
            PARTITION BY
                subscription_id, known_on, is_after, line_start, line_end, given_back, charge_id, plan_id, plan_version,
                currency, tax_region, quantity, gross, discount, tax_rate
            ORDER BY own_run
        ) AS place
    FROM corrected WHERE is_ahead
),
unequal AS (
    SELECT line.*
    FROM numbered AS line
    ANTI JOIN numbered AS other
        ON other.subscription_id = line.subscription_id AND other.known_on = line.known_on
            AND other.is_after <> line.is_after AND other.content = line.content AND other.place = line.place
),
exchanged AS (
    SELECT
        subscription_id, known_on, period_start, period_end, due_on, run_no, plan_id, plan_version, currency,
        tax_region, customer_id, segment, decimals, tax_rate, charge_id,
        CAST(position % 500000 + CASE WHEN given_back = is_after THEN 500000 ELSE 0 END AS INTEGER) AS position,
        kind, meter, line_start, line_end, quantity, unit_price,
        CAST(CASE WHEN is_after THEN gross_raw ELSE -gross_raw END AS raw) AS gross_raw,
        CAST(CASE WHEN is_after THEN gross ELSE -gross END AS amount) AS gross, discount_rate,
        CAST(CASE WHEN is_after THEN discount_raw ELSE -discount_raw END AS raw) AS discount_raw,
        CAST(CASE WHEN is_after THEN discount ELSE -discount END AS amount) AS discount, late_quantity,
        duplicate_quantity, superseded_quantity, working
    FROM unequal
),
netted AS (
    SELECT
        subscription_id, known_on, period_start, period_end, due_on, currency, tax_region, charge_id,
        coalesce(meter, CASE WHEN kind = 'minimum' THEN 'minimum' END) AS meter, own_start, own_end,
        min(position) AS position, min(decimals) AS decimals, max(tax_rate) AS tax_rate,
        arg_max(
            struct_pack(
                plan_id := plan_id, plan_version := plan_version, customer_id := customer_id, segment := segment,
                unit_price := unit_price, discount_rate := discount_rate
            ), struct_pack(after := is_after, began := line_start)
        ) AS terms,
        bool_and(kind = 'usage') AS is_usage,
        sum(CASE WHEN is_after THEN quantity ELSE -quantity END) AS quantity,
        sum(CASE WHEN is_after THEN gross_raw ELSE -gross_raw END) AS gross_raw,
        sum(CASE WHEN is_after THEN gross ELSE -gross END) AS gross,
        sum(CASE WHEN is_after THEN discount_raw ELSE -discount_raw END) AS discount_raw,
        sum(CASE WHEN is_after THEN discount ELSE -discount END) AS discount,
        coalesce(sum(gross) FILTER (WHERE NOT is_after), 0) AS gross_before,
        coalesce(sum(gross) FILTER (WHERE is_after), 0) AS gross_after
    FROM corrected WHERE NOT is_ahead
    GROUP BY
        subscription_id, known_on, period_start, period_end, due_on, currency, tax_region, charge_id,
        coalesce(meter, CASE WHEN kind = 'minimum' THEN 'minimum' END), own_start, own_end
),
adjusted AS (
    SELECT
        subscription_id, known_on, period_start, period_end, due_on, CAST(0 AS HUGEINT) AS run_no, terms.plan_id,
        terms.plan_version, currency, tax_region, terms.customer_id, terms.segment, decimals, tax_rate, charge_id,
        CAST(1600000 + row_number() OVER (
            PARTITION BY subscription_id, known_on ORDER BY own_start, position, meter, tax_region
        ) AS INTEGER) AS position,
        'adjustment' AS kind, meter, own_start AS line_start, own_end AS line_end,
        CAST(CASE WHEN is_usage THEN quantity ELSE 1 END AS quantity) AS quantity, terms.unit_price,
        CAST(gross_raw AS raw) AS gross_raw, CAST(gross AS amount) AS gross, terms.discount_rate,
        CAST(discount_raw AS raw) AS discount_raw, CAST(discount AS amount) AS discount,
        CAST(json_object('corrects', json_object(
            'from', CAST(own_start AS VARCHAR), 'to', CAST(own_end AS VARCHAR), 'known_on', CAST(known_on AS VARCHAR),
            'charge', coalesce(charge_id, 'minimum'), 'gross_before', say(gross_before, decimals),
            'gross_after', say(gross_after, decimals)
        )) AS VARCHAR) AS working
    FROM netted WHERE gross <> 0 OR discount <> 0
)
SELECT
    subscription_id, known_on, period_start, period_end, due_on, run_no, plan_id, plan_version, currency,
    tax_region, customer_id, segment, decimals, tax_rate, charge_id, position, kind, meter, line_start,
    line_end, quantity, unit_price, gross_raw, gross, discount_rate, discount_raw, discount, late_quantity,
    duplicate_quantity, superseded_quantity, working
FROM exchanged
UNION ALL BY NAME
SELECT
    subscription_id, known_on, period_start, period_end, due_on, run_no, plan_id, plan_version, currency,
    tax_region, customer_id, segment, decimals, tax_rate, charge_id, position, kind, meter, line_start,
    line_end, quantity, unit_price, gross_raw, gross, discount_rate, discount_raw, discount, working
FROM adjusted
