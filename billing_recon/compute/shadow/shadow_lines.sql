-- The rows with their invoice and code. `invoice_id` of a line that neither engine billed is that of its siblings due
-- on the same day. An unmeant difference that somebody agreed to has the state accepted. The code is that of the new
-- engine's own fault, else of the meant change, else of the old engine's fault.
-- inputs: shadow_rows, accepted_differences
WITH invoices AS (
    SELECT subscription_id, due_on, min(invoice_id) AS invoice_id
    FROM shadow_rows
    WHERE invoice_id IS NOT NULL
    GROUP BY subscription_id, due_on
),
judged AS (
    SELECT
        line.* REPLACE (
            coalesce(line.invoice_id, invoice.invoice_id, '') AS invoice_id, coalesce(line.line_id, '') AS line_id
        )
    FROM shadow_rows AS line
    LEFT JOIN invoices AS invoice USING (subscription_id, due_on)
),
fitting AS (
    SELECT
        line.currency, line.expected_old_line, line.expected_new_line, line.old_key, line.new_key,
        min(accepted.id) AS id, line.new_fault_gross AS size
    FROM shadow_rows AS line
    JOIN accepted_differences AS accepted
        ON accepted.currency = line.currency AND line.new_fault_gross <= accepted.max_per_line
            AND list_contains(accepted.codes, line.new_code)
            AND len(list_filter(
                coalesce(line.new_stages, []),
                LAMBDA stage: stage.amount <> 0 AND NOT list_contains(accepted.codes, stage.code)
            )) = 0
    WHERE line.state = 'unmeant'
    GROUP BY
        line.currency, line.expected_old_line, line.expected_new_line, line.old_key, line.new_key,
        line.new_fault_gross
),
totals AS (
    SELECT id, sum(size) AS gross FROM fitting GROUP BY id
),
agreed AS (
    SELECT
        fitting.currency, fitting.expected_old_line, fitting.expected_new_line, fitting.old_key, fitting.new_key,
        fitting.id
    FROM fitting
    JOIN totals USING (id)
    JOIN accepted_differences AS accepted USING (id)
    WHERE coalesce(totals.gross <= accepted.max_total, true)
)
SELECT
    judged.customer_id, judged.subscription_id, judged.invoice_id, judged.line_id, judged.currency, judged.due_on,
    judged.kind, judged.meter, judged.charge_id, judged.period_start, judged.period_end, judged.old_plan,
    judged.old_version, judged.new_plan, judged.new_version, judged.segment, judged.tax_region, judged.in_old,
    judged.in_new, judged.known, judged.old_total, judged.new_total, judged.expected_old, judged.expected_new,
    judged.delta, judged.meant, judged.new_fault, judged.old_fault, judged.new_fault_gross, judged.old_split,
    judged.new_split, judged.meant_code, judged.old_code,
    judged.new_code, judged.meant_stages, judged.old_stages, judged.new_stages, judged.old_quantity,
    judged.new_quantity, judged.expected_old_quantity, judged.expected_new_quantity, judged.old_unit_price,
    judged.new_unit_price, judged.expected_old_unit_price, judged.expected_new_unit_price,
    judged.expected_old_gross_raw, judged.expected_new_gross_raw, judged.old_gross, judged.new_gross,
    judged.expected_old_gross, judged.expected_new_gross, judged.old_discount, judged.new_discount,
    judged.expected_old_discount, judged.expected_new_discount, judged.old_credit, judged.new_credit,
    judged.expected_old_credit, judged.expected_new_credit, judged.old_taxable, judged.new_taxable,
    judged.expected_old_taxable, judged.expected_new_taxable, judged.old_tax_rate, judged.new_tax_rate,
    judged.expected_old_tax_rate, judged.expected_new_tax_rate, judged.expected_old_tax_raw,
    judged.expected_new_tax_raw, judged.old_tax, judged.new_tax, judged.expected_old_tax, judged.expected_new_tax,
    judged.new_working, judged.expected_old_line, judged.expected_new_line, judged.old_key, judged.new_key,
    CASE WHEN agreed.id IS NOT NULL THEN 'accepted' ELSE judged.state END AS state,
    agreed.id AS accepted_as,
    CASE
        WHEN judged.state IN ('equal', 'split') THEN NULL
        WHEN judged.state = 'unknown' THEN 'UNEXPLAINED'
        WHEN judged.state = 'unmeant' THEN judged.new_code
        ELSE coalesce(judged.meant_code, judged.old_code, judged.new_code)
    END AS code
FROM judged
LEFT JOIN agreed
    ON judged.state = 'unmeant' AND agreed.currency = judged.currency
        AND agreed.expected_old_line IS NOT DISTINCT FROM judged.expected_old_line
        AND agreed.expected_new_line IS NOT DISTINCT FROM judged.expected_new_line
        AND agreed.old_key IS NOT DISTINCT FROM judged.old_key
        AND agreed.new_key IS NOT DISTINCT FROM judged.new_key
