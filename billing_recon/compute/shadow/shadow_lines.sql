-- Every line of the review: those of contracts that are carried over, and those that were compared. Of a contract that
-- is carried over both engines bill the same, both terms rate the same, and the bill is right: the old corner stands
-- for the new one. A view, since the rows are many and wide.
-- inputs: carried_contracts, all_corner_old, all_billed_old, all_expected_old, bill_siblings, compared_lines
-- kept: no
SELECT
    coalesce(rated.customer_id, billed.customer_id) AS customer_id,
    coalesce(rated.subscription_id, billed.subscription_id, '') AS subscription_id,
    coalesce(billed.invoice_id, invoice.invoice_id, '') AS invoice_id, coalesce(billed.line_id, '') AS line_id,
    coalesce(billed.currency, rated.currency) AS currency, line.due_on, coalesce(billed.kind, rated.kind) AS kind,
    coalesce(billed.meter, rated.meter) AS meter, rated.charge_id,
    coalesce(billed.period_start, rated.period_start) AS period_start,
    coalesce(billed.period_end, rated.period_end) AS period_end, coalesce(rated.plan_id, billed.plan_id) AS old_plan,
    coalesce(rated.plan_version, billed.plan_version) AS old_version,
    coalesce(rated.plan_id, billed.plan_id) AS new_plan,
    coalesce(rated.plan_version, billed.plan_version) AS new_version, rated.segment, rated.tax_region,
    billed.line_key IS NOT NULL AS in_old, billed.line_key IS NOT NULL AS in_new, true AS known,
    coalesce(billed.total, 0) AS old_total, coalesce(billed.total, 0) AS new_total,
    coalesce(rated.total, 0) AS expected_old, coalesce(rated.total, 0) AS expected_new, CAST(0 AS amount) AS delta,
    CAST(0 AS amount) AS meant, coalesce(billed.total, 0) - coalesce(rated.total, 0) AS new_fault,
    coalesce(billed.total, 0) - coalesce(rated.total, 0) AS old_fault, CAST(0 AS amount) AS new_fault_gross,
    false AS old_split, false AS new_split, NULL AS meant_code,
    NULL AS old_code, NULL AS new_code, NULL AS meant_stages, NULL AS old_stages, NULL AS new_stages,
    billed.quantity AS old_quantity, billed.quantity AS new_quantity,
    rated.quantity AS expected_old_quantity, rated.quantity AS expected_new_quantity,
    billed.unit_price AS old_unit_price, billed.unit_price AS new_unit_price,
    rated.unit_price AS expected_old_unit_price, rated.unit_price AS expected_new_unit_price,
    rated.gross_raw AS expected_old_gross_raw, rated.gross_raw AS expected_new_gross_raw, billed.gross AS old_gross,
    billed.gross AS new_gross, rated.gross AS expected_old_gross, rated.gross AS expected_new_gross,
    billed.discount AS old_discount, billed.discount AS new_discount, rated.discount AS expected_old_discount,
    rated.discount AS expected_new_discount, billed.credit AS old_credit, billed.credit AS new_credit,
    rated.credit AS expected_old_credit, rated.credit AS expected_new_credit, billed.taxable AS old_taxable,
    billed.taxable AS new_taxable, rated.taxable AS expected_old_taxable, rated.taxable AS expected_new_taxable,
    billed.tax_rate AS old_tax_rate, billed.tax_rate AS new_tax_rate, rated.tax_rate AS expected_old_tax_rate,
    rated.tax_rate AS expected_new_tax_rate, rated.tax_raw AS expected_old_tax_raw,
    rated.tax_raw AS expected_new_tax_raw, billed.tax AS old_tax, billed.tax AS new_tax, rated.tax AS expected_old_tax,
    rated.tax AS expected_new_tax,
    CASE WHEN (billed.total = rated.total AND billed.currency = rated.currency) IS NOT TRUE THEN rated.working END
        AS new_working, line.expected_line_id AS expected_old_line, line.expected_line_id AS expected_new_line,
    line.line_key AS old_key, line.line_key AS new_key, 'equal' AS state,
    NULL AS accepted_as, NULL AS code
FROM all_corner_old AS line
SEMI JOIN carried_contracts AS carried ON carried.sub = line.sub
LEFT JOIN (SELECT * FROM all_billed_old SEMI JOIN carried_contracts USING (sub)) AS billed
    ON billed.line_key = line.line_key
LEFT JOIN (
    SELECT * FROM all_expected_old
    SEMI JOIN carried_contracts AS kept ON kept.sub = all_expected_old.subscription_id
) AS rated ON rated.expected_line_id = line.expected_line_id
LEFT JOIN bill_siblings AS invoice
    ON line.line_key IS NULL AND invoice.subscription_id = line.sub AND invoice.due_on = line.due_on
UNION ALL BY NAME
SELECT * FROM compared_lines
