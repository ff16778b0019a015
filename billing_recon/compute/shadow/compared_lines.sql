-- The rows with their invoice and code. `invoice_id` of a line that neither engine billed is that of its siblings due
-- on the same day. An unmeant difference that somebody agreed to has the state accepted. The code is that of the new
-- engine's own fault, else of the meant change, else of the old engine's fault. A view, since the rows are many and
-- wide, and what is joined to them is small. Without the lines of contracts that are carried over.
-- inputs: shadow_rows, bill_siblings, agreed_lines
-- kept: no
SELECT
    line.customer_id, line.subscription_id, coalesce(line.invoice_id, invoice.invoice_id, '') AS invoice_id,
    coalesce(line.line_id, '') AS line_id, line.currency, line.due_on, line.kind, line.meter, line.charge_id,
    line.period_start, line.period_end, line.old_plan, line.old_version, line.new_plan, line.new_version, line.segment,
    line.tax_region, line.in_old, line.in_new, line.known, line.old_total, line.new_total, line.expected_old,
    line.expected_new, line.delta, line.meant, line.new_fault, line.old_fault, line.new_fault_gross, line.old_split,
    line.new_split, line.meant_code, line.old_code, line.new_code, line.meant_stages, line.old_stages, line.new_stages,
    line.old_quantity, line.new_quantity, line.expected_old_quantity, line.expected_new_quantity, line.old_unit_price,
    line.new_unit_price, line.expected_old_unit_price, line.expected_new_unit_price, line.expected_old_gross_raw,
    line.expected_new_gross_raw, line.old_gross, line.new_gross, line.expected_old_gross, line.expected_new_gross,
    line.old_discount, line.new_discount, line.expected_old_discount, line.expected_new_discount, line.old_credit,
    line.new_credit, line.expected_old_credit, line.expected_new_credit, line.old_taxable, line.new_taxable,
    line.expected_old_taxable, line.expected_new_taxable, line.old_tax_rate, line.new_tax_rate,
    line.expected_old_tax_rate, line.expected_new_tax_rate, line.expected_old_tax_raw, line.expected_new_tax_raw,
    line.old_tax, line.new_tax, line.expected_old_tax, line.expected_new_tax, line.new_working, line.expected_old_line,
    line.expected_new_line, line.old_key, line.new_key,
    CASE WHEN agreed.id IS NOT NULL THEN 'accepted' ELSE line.state END AS state,
    agreed.id AS accepted_as,
    CASE
        WHEN line.state IN ('equal', 'split') THEN NULL
        WHEN line.state = 'unknown' THEN 'UNEXPLAINED'
        WHEN line.state = 'unmeant' THEN line.new_code
        ELSE coalesce(line.meant_code, line.old_code, line.new_code)
    END AS code
FROM shadow_rows AS line
LEFT JOIN bill_siblings AS invoice
    ON line.invoice_id IS NULL AND invoice.subscription_id = line.subscription_id AND invoice.due_on = line.due_on
LEFT JOIN agreed_lines AS agreed
    ON line.state = 'unmeant' AND agreed.currency = line.currency
        AND agreed.expected_old_line IS NOT DISTINCT FROM line.expected_old_line
        AND agreed.expected_new_line IS NOT DISTINCT FROM line.expected_new_line
        AND agreed.old_key IS NOT DISTINCT FROM line.old_key
        AND agreed.new_key IS NOT DISTINCT FROM line.new_key
