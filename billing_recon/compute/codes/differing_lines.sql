-- Lines of today that differ, with the figures of both sides (one side is empty if a line is alone). `is_charge`: of a
-- kind that the catalog prices. `scaled`: the amounts are in another unit of the currency: a power of ten apart, or
-- with more decimals than the currency has. `moved`: the same charge for as many days and units, on other dates.
-- `on_base`: for a line that is the tax of its invoice, the amount taxed. `by_units`: units and gross differ in the
-- same direction at the same price. Billed units are metered ones, also where the bill states converted ones.
-- inputs: line_items, expected_lines, billed_lines, currencies, term_charges
-- rows from: line_items WHERE fresh AND differs
SELECT
    item.variant || chr(31) || coalesce(item.expected_line_id, '') || chr(31) || coalesce(item.line_key, '') AS item,
    item.variant, item.cohort, item.expected_line_id, item.line_key, item.pass, item.invoice_id, item.sub,
    item.due_on, billed.line_id, coalesce(expected.customer_id, billed.customer_id) AS customer_id,
    billed.currency AS billed_currency, expected.currency AS expected_currency,
    CAST(coalesce(expected.decimals, currency.decimals) AS INTEGER) AS decimals,
    coalesce(expected.kind, billed.kind) AS kind, billed.kind AS billed_kind,
    coalesce(expected.meter, billed.meter) AS meter,
    coalesce(expected.period_start, billed.period_start) AS period_start,
    coalesce(expected.period_end, billed.period_end) AS period_end, billed.period_start AS billed_start,
    billed.period_end AS billed_end, expected.charge_id, expected.plan_id AS expected_plan,
    billed.plan_id AS billed_plan, expected.plan_version AS expected_version, billed.plan_version AS billed_version,
    expected.quantity AS expected_quantity, units.stated AS billed_quantity, expected.unit_price AS expected_price,
    billed.unit_price AS billed_price, expected.gross_raw, expected.gross AS expected_gross,
    billed.gross AS billed_gross, expected.discount_rate, expected.discount AS expected_discount,
    billed.discount AS billed_discount, expected.credit AS expected_credit, billed.credit AS billed_credit,
    expected.taxable AS expected_taxable, billed.taxable AS billed_taxable, expected.tax_region,
    expected.tax_rate AS expected_rate, billed.tax_rate AS billed_rate, expected.tax_raw,
    expected.tax AS expected_tax, billed.tax AS billed_tax, expected.total AS expected_total,
    billed.total AS billed_total, expected.late_quantity, expected.duplicate_quantity, expected.superseded_quantity,
    expected.working, billed.source_file, billed.source_row, billed.parts, billed.line_ids,
    CAST(CASE
        WHEN expected.kind = 'adjustment' AND expected.meter = 'tax'
            THEN coalesce(TRY_CAST(json_extract_string(expected.working, '$.steps.tax.base') AS amount), 0)
        ELSE 0
    END AS amount) AS on_base,
    coalesce(expected.kind, billed.kind) IN ('usage', 'subscription', 'proration') AS is_charge,
    coalesce(
        item.pass = 3 AND expected.kind = billed.kind
        AND expected.period_end - expected.period_start = billed.period_end - billed.period_start
        AND coalesce(expected.quantity = units.stated, true), false
    ) AS moved,
    coalesce(
        units.stated <> expected.quantity AND billed.gross <> expected.gross
        AND (units.stated > expected.quantity) = (billed.gross > expected.gross)
        AND coalesce(billed.plan_version = expected.plan_version, true)
        AND billed.unit_price IS NOT DISTINCT FROM expected.unit_price, false
    ) AS by_units,
    coalesce(
        expected.currency = billed.currency AND billed.total <> expected.total
        AND coalesce(units.stated = expected.quantity, true) AND (
            times_ten(expected.total, expected.gross, billed.total, billed.gross, minor_unit(expected.decimals))
            OR times_ten(billed.total, billed.gross, expected.total, expected.gross, minor_unit(expected.decimals)) OR (
                abs(billed.total - expected.total) < minor_unit(expected.decimals) AND (
                    billed.gross % minor_unit(expected.decimals) <> 0
                    OR billed.tax % minor_unit(expected.decimals) <> 0
                    OR billed.total % minor_unit(expected.decimals) <> 0
                )
            )
        ), false
    ) AS scaled
FROM line_items AS item
LEFT JOIN expected_lines AS expected ON expected.expected_line_id = item.expected_line_id
LEFT JOIN billed_lines AS billed ON billed.line_key = item.line_key
LEFT JOIN term_charges AS charge
    ON charge.plan_id = expected.plan_id
        AND charge.plan_version = expected.plan_version AND charge.currency = expected.currency
        AND charge.charge_id = expected.charge_id
LEFT JOIN LATERAL (
    SELECT metered_units(
        billed.quantity, expected.quantity, charge.divide_by, charge.multiply_by, charge.convert_rounding,
        charge.convert_decimals
    ) AS stated
) AS units ON true
LEFT JOIN currencies AS currency ON currency.currency = item.currency
WHERE item.fresh AND item.differs
