-- Differences between expected and billed: lines, invoices as a whole, the customer billed, and periods without an
-- invoice. A line or invoice billed in another currency is one finding in each: amounts of two currencies are never
-- netted.
-- inputs: differing_lines, line_codes, line_stages, whole_faults, stray_bills, unbilled_periods, wrong_customers,
--   subscriptions, run_params
-- rows from: differing_lines; stray_bills WHERE charges AND NOT withheld AND NOT corrects;
--   unbilled_periods WHERE missing; wrong_customers
WITH figured AS (
    SELECT
        line.item,
        CASE
            WHEN staged.item IS NULL THEN 'total'
            WHEN line.billed_gross <> staged.own_gross THEN 'gross'
            WHEN line.is_charge AND line.billed_quantity <> line.expected_quantity THEN 'quantity'
            WHEN line.billed_discount <> staged.own_discount THEN 'discount'
            WHEN line.billed_credit <> line.expected_credit THEN 'credit'
            WHEN coded.code = 'STEP_ORDER' AND line.kind <> 'minimum' THEN 'total'
            WHEN staged.t7 <> staged.t4 OR line.billed_tax <> line.expected_tax
                OR line.billed_taxable <> line.expected_taxable OR line.billed_rate <> line.expected_rate THEN 'tax'
            ELSE 'total'
        END AS figure,
        CASE
            WHEN staged.apart
                THEN line.billed_gross - line.billed_discount - line.expected_gross + line.expected_discount
            ELSE coalesce(line.billed_taxable, 0) - coalesce(line.expected_taxable, 0)
        END AS before_tax,
        json_object(
            'expected_line_id', line.expected_line_id, 'plan', line.expected_plan,
            'plan_version', line.expected_version, 'billed_plan_version', line.billed_version,
            'charge_id', line.charge_id, 'tax_region', line.tax_region,
            'period', CAST(line.period_start AS VARCHAR) || ' to ' || CAST(line.period_end AS VARCHAR),
            'due_on', CAST(line.due_on AS VARCHAR), 'tiers', coalesce(
                json_extract(line.working, '$.tiers'), json_extract(line.working, '$.steps.tiers'),
                json_extract(line.working, '$.steps.steps.tiers')
            ), 'working', CAST(line.working AS JSON)
        ) AS evidence,
        CASE WHEN line.line_key IS NOT NULL THEN [
                    struct_pack("table" := 'invoice_lines', file := line.source_file, "row" := line.source_row)
                ]
        END AS sources,
        concat_ws(
            '|', line.kind, CASE WHEN line.kind = 'adjustment' THEN coalesce(line.expected_line_id, '') END,
            line.period_start, line.period_end, coalesce(line.expected_plan, line.billed_plan, ''),
            CASE WHEN line.line_key IS NULL AND count(*) OVER (
                        PARTITION BY
                            line.variant, line.sub, line.invoice_id, line.line_key, line.kind, line.meter,
                            line.period_start, line.period_end, line.expected_plan, line.expected_currency
                    ) > 1 THEN line.expected_line_id
            END
        ) AS identity
    FROM differing_lines AS line
    JOIN line_codes AS coded ON coded.item = line.item
    LEFT JOIN line_stages AS staged ON staged.item = line.item
),
agreed AS (
    SELECT subscription_id, id, CAST(min(since) AS VARCHAR) AS since, CAST(max(until) AS VARCHAR) AS until
    FROM (
        SELECT
            contract.subscription_id,
            coalesce(
                json_extract_string(term.value, '$.coupon_id'), json_extract_string(term.value, '$.credit_id'), chr(31)
            ) AS id,
            TRY_CAST(json_extract_string(term.value, '$.valid_from') AS DATE) AS since,
            TRY_CAST(coalesce(
                json_extract_string(term.value, '$.valid_to'), json_extract_string(term.value, '$.expires_on')
            ) AS DATE) AS until
        FROM subscriptions AS contract
        SEMI JOIN (
            SELECT sub FROM differing_lines
            WHERE (kind IN ('discount', 'credit') AND expected_line_id IS NULL)
                OR (expected_discount = 0 AND billed_discount <> 0)
        ) AS unexpected ON unexpected.sub = contract.subscription_id
        CROSS JOIN LATERAL (
            SELECT unnest(list_concat(
                coalesce(CAST(json_extract(contract.contract, '$.coupons') AS JSON[]), []),
                coalesce(CAST(json_extract(contract.contract, '$.credits') AS JSON[]), []),
                list_filter([json_extract(contract.contract, '$.discount')], LAMBDA one: one IS NOT NULL)
            )) AS value
        ) AS term
    ) AS terms
    GROUP BY subscription_id, id
),
whole AS (
    SELECT
        fault.variant, fault.sub, fault.invoice_id, fault.code, fault.currency,
        min(line.expected_currency) AS expected_currency, count(*) AS lines, min(line.cohort) AS cohort,
        min(line.customer_id) AS customer_id, CAST(sum(line.expected_total) AS amount) AS expected,
        CAST(sum(line.billed_total) AS amount) AS billed,
        CAST(sum(coalesce(line.billed_total, 0) - coalesce(line.expected_total, 0)) AS amount) AS delta,
        min(line.period_start) AS period_start, max(line.period_end) AS period_end,
        min(line.billed_start) AS billed_start, max(line.billed_end) AS billed_end
    FROM whole_faults AS fault
    JOIN differing_lines AS line ON line.item = fault.item
    GROUP BY fault.variant, fault.sub, fault.invoice_id, fault.code, fault.currency
)
SELECT
    'expected_billed' AS pair, 'line' AS level, coded.code, 'invoice_lines' AS layer, line.invoice_id, line.line_id,
    line.customer_id, nullif(line.sub, '') AS subscription_id, line.meter,
    coalesce(line.billed_currency, line.expected_currency) AS currency, line.cohort, line.variant,
    line.expected_total AS expected, line.billed_total AS billed,
    coalesce(line.billed_total, 0) - coalesce(line.expected_total, 0) AS delta, coded.stages,
    figured.identity || '|' || coalesce(line.billed_currency, line.expected_currency) AS identity,
    line.line_key IS NOT NULL AND line.expected_line_id IS NOT NULL AS compared, figured.sources, figured.evidence,
    CASE
        WHEN coded.is_consequence THEN 'line_consequence'
        WHEN line.line_key IS NULL AND line.pass = 0 THEN 'line_missing'
        WHEN line.pass = 0 THEN 'line_unexpected'
        WHEN coded.code = 'MINOR_UNIT' AND staged.item IS NULL THEN 'line_unit'
        WHEN line.pass = 3 AND coded.code IN ('INVOICE_PERIOD', 'PRORATION') THEN 'line_period'
        WHEN figured.figure = 'quantity' OR starts_with(coded.code, 'USAGE_')
            OR (coded.code = 'SUBSCRIPTION_STATE' AND line.billed_quantity <> line.expected_quantity)
            THEN 'line_quantity'
        WHEN coded.code = 'SUBSCRIPTION_STATE' THEN 'line_plan'
        WHEN coded.code = 'PRICE_VERSION' THEN 'line_price_version'
        WHEN coded.code = 'ALLOWANCE_ROLLOVER' THEN 'line_allowance'
        WHEN coded.code = 'CONTRACT_OVERRIDE' AND line.kind <> 'minimum' THEN 'line_list_price'
        WHEN coded.code = 'CONTRACT_OVERRIDE' THEN 'line_list_minimum'
        WHEN coded.code = 'STEP_ORDER' AND line.kind = 'minimum' THEN 'line_minimum_before_discount'
        WHEN coded.code = 'STEP_ORDER' AND line.expected_taxable = line.billed_taxable THEN 'line_order'
        WHEN coded.code = 'STEP_ORDER' AND (
                line.expected_credit = 0 OR line.billed_taxable = line.billed_gross - line.billed_discount
            ) THEN 'line_deducted_after_tax'
        WHEN coded.code = 'STEP_ORDER' THEN 'line_deducted_before_tax'
        WHEN coded.code IN ('ROUNDING', 'MINOR_UNIT') THEN 'line_settling'
        WHEN coded.code = 'TAX_RATE_JURISDICTION' THEN 'line_tax_rate'
        WHEN coded.code = 'TAX_BASE' THEN 'line_tax_base'
        WHEN coded.code = 'UNEXPLAINED' THEN 'line_unexplained'
        ELSE 'line_figure'
    END AS sentence,
    to_json(struct_pack(
        code := coded.code, invoice_id := line.invoice_id, line_ids := line.line_ids, parts := line.parts,
        kind := line.kind, billed_kind := line.billed_kind, meter := line.meter, period_start := line.period_start,
        period_end := line.period_end, billed_start := line.billed_start, billed_end := line.billed_end,
        figure := figured.figure, before_tax := figured.before_tax,
        delta := coalesce(line.billed_total, 0) - coalesce(line.expected_total, 0),
        discounted := line.billed_gross <> line.expected_gross AND line.billed_discount <> line.expected_discount,
        expected := CASE figured.figure
            WHEN 'gross' THEN staged.own_gross WHEN 'discount' THEN staged.own_discount
            WHEN 'credit' THEN line.expected_credit WHEN 'tax' THEN line.expected_tax
            ELSE coalesce(line.expected_total, 0)
        END,
        billed := CASE figured.figure
            WHEN 'gross' THEN line.billed_gross WHEN 'discount' THEN line.billed_discount
            WHEN 'credit' THEN line.billed_credit WHEN 'tax' THEN line.billed_tax ELSE coalesce(line.billed_total, 0)
        END,
        exact := CASE figured.figure
            WHEN 'gross' THEN staged.own_raw WHEN 'discount' THEN staged.discount_raw ELSE staged.tax_raw
        END,
        rounding := run.rounding, expected_quantity := line.expected_quantity, billed_quantity := line.billed_quantity,
        unit_price := CASE
            WHEN extend(line.expected_quantity, line.expected_price) = line.gross_raw THEN line.expected_price
        END,
        duplicates := line.duplicate_quantity > 0
        AND line.billed_quantity - line.expected_quantity = line.duplicate_quantity,
        plan := line.expected_plan, plan_version := line.expected_version, billed_plan := line.billed_plan,
        billed_version := line.billed_version, other_version := staged.other_version, free_units := staged.free_units,
        is_unfree := staged.is_unfree, is_whole := staged.is_whole, shared_by := staged.shared_by, deduction := CASE
            WHEN line.expected_credit <> 0 THEN 'credit' ELSE 'discount'
        END, tax_region := line.tax_region, expected_rate := line.expected_rate, used_rate := staged.used_rate,
        own_total := staged.t7, follows := coded.follows,
        share_days := json_extract_string(line.working, '$.steps.rating.proration.days'),
        share_of := json_extract_string(line.working, '$.steps.rating.proration.of'),
        expired_on := CASE WHEN CAST(agreed.until AS DATE) <= judged.on_day THEN agreed.until END,
        begins_on := CASE WHEN CAST(agreed.since AS DATE) > judged.on_day THEN agreed.since END
    )) AS facts
FROM differing_lines AS line
JOIN line_codes AS coded ON coded.item = line.item
JOIN figured ON figured.item = line.item
LEFT JOIN line_stages AS staged ON staged.item = line.item
CROSS JOIN run_params AS run
CROSS JOIN
    LATERAL (
        SELECT
            CASE WHEN line.expected_line_id IS NULL THEN line.period_end ELSE line.period_start END AS on_day,
            CASE
                WHEN line.expected_line_id IS NULL AND line.kind IN ('discount', 'credit') THEN line.meter
                WHEN line.expected_discount = 0 AND figured.figure = 'discount' THEN chr(31)
            END AS term
    ) AS judged
LEFT JOIN agreed ON agreed.subscription_id = line.sub AND agreed.id = judged.term
ANTI JOIN whole_faults AS fault ON fault.item = line.item
WHERE coalesce(line.expected_currency = line.billed_currency, true)
UNION ALL BY NAME
SELECT
    'expected_billed' AS pair, 'line' AS level, coded.code, 'invoice_lines' AS layer, line.invoice_id, line.line_id,
    line.customer_id, nullif(line.sub, '') AS subscription_id, line.meter, side.currency, line.cohort, line.variant,
    side.expected, side.billed, coalesce(side.billed, -side.expected) AS delta,
    figured.identity || '|' || side.currency AS identity, false AS compared, figured.sources, figured.evidence,
    'line_currency' AS sentence,
    to_json(struct_pack(
        invoice_id := line.invoice_id, line_ids := line.line_id, expected := line.expected_total,
        billed := line.billed_total, expected_currency := line.expected_currency,
        billed_currency := line.billed_currency
    )) AS facts
FROM differing_lines AS line
JOIN line_codes AS coded ON coded.item = line.item
JOIN figured ON figured.item = line.item
CROSS JOIN
    LATERAL (
        SELECT line.expected_currency AS currency, line.expected_total AS expected, CAST(NULL AS amount) AS billed
        UNION ALL
        SELECT line.billed_currency AS currency, CAST(NULL AS amount) AS expected, line.billed_total AS billed
    ) AS side
ANTI JOIN whole_faults AS fault ON fault.item = line.item
WHERE line.expected_currency <> line.billed_currency
UNION ALL BY NAME
SELECT
    'expected_billed' AS pair, 'invoice' AS level, code, 'invoice_lines' AS layer, invoice_id, customer_id,
    nullif(sub, '') AS subscription_id, currency, cohort, variant, expected, billed, delta,
    currency || '|' || variant AS identity, code = 'INVOICE_PERIOD' AS compared,
    CASE WHEN code = 'INVOICE_PERIOD' THEN 'invoice_period' ELSE 'invoice_lines_twice' END AS sentence,
    to_json(struct_pack(
        invoice_id := invoice_id, subscription_id := sub, period_start := period_start, period_end := period_end,
        billed_start := billed_start, billed_end := billed_end, lines := lines, delta := delta
    )) AS facts,
    json_object(
        'period', CAST(billed_start AS VARCHAR) || ' to ' || CAST(billed_end AS VARCHAR), 'lines', lines
    ) AS evidence
FROM whole
WHERE code <> 'CURRENCY_FX'
UNION ALL BY NAME
SELECT
    'expected_billed' AS pair, 'invoice' AS level, whole.code, 'invoice_lines' AS layer, whole.invoice_id,
    whole.customer_id, nullif(whole.sub, '') AS subscription_id, side.currency, whole.cohort, whole.variant,
    side.expected, side.billed, coalesce(side.billed, -side.expected) AS delta,
    side.currency || '|' || whole.variant AS identity, false AS compared, 'invoice_currency' AS sentence,
    to_json(struct_pack(
        invoice_id := whole.invoice_id, lines := whole.lines, expected := whole.expected, billed := whole.billed,
        expected_currency := whole.expected_currency, billed_currency := whole.currency
    )) AS facts,
    json_object('lines', whole.lines) AS evidence
FROM whole
CROSS JOIN
    LATERAL (
        SELECT whole.expected_currency AS currency, whole.expected AS expected, CAST(NULL AS amount) AS billed
        UNION ALL
        SELECT whole.currency AS currency, CAST(NULL AS amount) AS expected, whole.billed AS billed
    ) AS side
WHERE whole.code = 'CURRENCY_FX'
UNION ALL BY NAME
SELECT
    'expected_billed' AS pair, 'invoice' AS level, code, 'invoice_lines' AS layer, invoice_id, customer_id,
    nullif(sub, '') AS subscription_id, currency, cohort, variant, total AS billed, total AS delta,
    currency || '|' || variant AS identity, false AS compared, 'stray_invoice' AS sentence,
    to_json(struct_pack(
        code := code, invoice_id := invoice_id, subscription_id := nullif(sub, ''), period_start := first_day,
        period_end := last_day, original := repeats, lines := lines, billed := total
    )) AS facts,
    json_object(
        'period', CAST(first_day AS VARCHAR) || ' to ' || CAST(last_day AS VARCHAR), 'original', repeats
    ) AS evidence
FROM stray_bills
WHERE charges AND NOT withheld AND NOT corrects
UNION ALL BY NAME
SELECT
    'expected_billed' AS pair, 'invoice' AS level,
    CASE
        WHEN quarantined_file IS NOT NULL THEN 'RECORD_QUARANTINED' WHEN only_late THEN 'USAGE_LATE'
        ELSE 'INVOICE_MISSING'
    END AS code,
    'invoice_lines' AS layer, customer_id, sub AS subscription_id, currency, 'all' AS cohort, 'control' AS variant,
    total AS expected, -total AS delta,
    CAST(first_day AS VARCHAR) || '|' || CAST(last_day AS VARCHAR) || '|' || currency
    || CASE WHEN only_corrects THEN '|' || CAST(due_on AS VARCHAR) ELSE '' END AS identity, false AS compared,
    'unbilled_period' AS sentence,
    to_json(struct_pack(
        subscription_id := sub, period_start := first_day, period_end := last_day, due_on := due_on, lines := lines,
        expected := total, only_late := only_late, only_change := only_change AND NOT only_corrects,
        only_corrects := only_corrects, file := quarantined_file, place := quarantined_row
    )) AS facts,
    CASE WHEN quarantined_file IS NOT NULL THEN [
                struct_pack("table" := 'invoice_lines', file := quarantined_file, "row" := quarantined_row)
            ]
    END AS sources,
    json_object(
        'period', CAST(first_day AS VARCHAR) || ' to ' || CAST(last_day AS VARCHAR),
        'due_on', CAST(due_on AS VARCHAR), 'expected_lines', lines
    ) AS evidence
FROM unbilled_periods
WHERE missing AND total <> 0
UNION ALL BY NAME
SELECT
    'expected_billed' AS pair, 'invoice' AS level, 'SUBSCRIPTION_STATE' AS code, 'invoice_lines' AS layer, invoice_id,
    holder AS customer_id, sub AS subscription_id, currency, cohort, variant, total AS billed, 0 AS delta,
    'customer|' || customer_id || '|' || currency || '|' || variant AS identity, false AS compared,
    'wrong_customer' AS sentence,
    to_json(struct_pack(
        invoice_id := invoice_id, subscription_id := sub, customer_id := customer_id, holder := holder, billed := total
    )) AS facts,
    json_object('billed_to', customer_id, 'contract_of', holder) AS evidence
FROM wrong_customers
UNION ALL BY NAME
SELECT * FROM no_finding()
