-- The field checklist. Per layer (table_name), business field and the column that holds it: rows of the day without
-- repeats, those with the field filled, those quarantined with a fault in it (released since or not), and both as
-- shares of the rows; a layer without rows has no shares. A column with a default (discount, credit) is filled where
-- the file left it out; a JSON null or an empty list is not. The inputs are one day's partitions. To add a field: one
-- entry (business field, column or column.key, rows that have it) in its layer.
-- inputs: usage_events, subscriptions, invoice_lines, rendered_invoices, rendered_lines, ledger_entries, payments,
-- metered_usage, quarantine
WITH layers AS (
    SELECT
        1 AS layer, 'usage_events' AS table_name, count(*) AS rows, [
            row('customer', 'customer_id', count(customer_id)),
            row('period', 'event_time', count(event_time)),
            row('quantity', 'quantity', count(quantity))
        ] AS fields
    FROM usage_events
    UNION ALL
    SELECT
        2 AS layer, 'subscriptions' AS table_name, count(*) AS rows, [
            row('customer', 'customer_id', count(customer_id)), row('plan', 'plan_id', count(plan_id)),
            row('plan', 'plan_version', count(plan_version)), row('period', 'valid_from', count(valid_from)),
            row('currency', 'currency', count(currency)), row('tax region', 'tax_region', count(tax_region)),
            row('quantity', 'quantity', count(quantity)),
            row(
                'discounts', 'contract.discount',
                count(nullif(nullif(json_extract_string(contract, '$.discount'), '[]'), ''))
            ),
            row(
                'discounts', 'contract.coupons',
                count(nullif(nullif(json_extract_string(contract, '$.coupons'), '[]'), ''))
            ),
            row(
                'credits', 'contract.credits',
                count(nullif(nullif(json_extract_string(contract, '$.credits'), '[]'), ''))
            ),
            row('renewal', 'billing_anchor', count(billing_anchor)),
            row('renewal', 'billing_interval', count(billing_interval))
        ] AS fields
    FROM subscriptions
    UNION ALL
    SELECT
        3 AS layer, 'invoice_lines' AS table_name, count(*) AS rows, [
            row('customer', 'customer_id', count(customer_id)), row('plan', 'plan_id', count(plan_id)),
            row('plan', 'plan_version', count(plan_version)), row('period', 'period_start', count(period_start)),
            row('period', 'period_end', count(period_end)), row('invoice date', 'issued_on', count(issued_on)),
            row('currency', 'currency', count(currency)), row('tax region', 'tax_rate', count(tax_rate)),
            row('quantity', 'quantity', count(quantity)), row('unit price', 'unit_price', count(unit_price)),
            row('discounts', 'discount', count(discount)),
            row('credits', 'credit', count(credit))
        ] AS fields
    FROM invoice_lines
    UNION ALL
    SELECT
        4 AS layer, 'rendered_invoices' AS table_name, count(*) AS rows, [
            row('customer', 'customer_id', count(customer_id)),
            row('invoice date', 'issued_on', count(issued_on)),
            row('currency', 'currency', count(currency)),
            row('discounts', 'discount', count(discount))
        ] AS fields
    FROM rendered_invoices
    UNION ALL
    SELECT
        5 AS layer, 'rendered_lines' AS table_name, count(*) AS rows, [
            row('tax region', 'tax_rate', count(tax_rate)),
            row('quantity', 'quantity', count(quantity)),
            row('unit price', 'unit_price', count(unit_price))
        ] AS fields
    FROM rendered_lines
    UNION ALL
    SELECT
        6 AS layer, 'ledger_entries' AS table_name, count(*) AS rows, [
            row('customer', 'customer_id', count(customer_id)),
            row('invoice date', 'posted_on', count(posted_on)),
            row('currency', 'currency', count(currency))
        ] AS fields
    FROM ledger_entries
    UNION ALL
    SELECT
        7 AS layer, 'payments' AS table_name, count(*) AS rows, [
            row('customer', 'customer_id', count(customer_id)),
            row('currency', 'currency', count(currency)),
            row('payment status', 'status', count(status))
        ] AS fields
    FROM payments
    UNION ALL
    SELECT
        8 AS layer, 'metered_usage' AS table_name, count(*) AS rows, [
            row('period', 'usage_day', count(usage_day)),
            row('quantity', 'quantity', count(quantity))
        ] AS fields
    FROM metered_usage
),
entries AS (
    SELECT layer, table_name, rows, unnest(fields) AS entry, generate_subscripts(fields, 1) AS place FROM layers
),
landed AS (
    SELECT
        row_number() OVER (ORDER BY layer, place) - 1 AS position, table_name, rows, entry[1] AS field,
        entry[2] AS label, entry[3] AS filled, split_part(entry[2], '.', 1) AS column_name,
        nullif(split_part(entry[2], '.', 2), '') AS key
    FROM entries
),
faults AS (
    SELECT
        table_name, reading, coalesce(decision, '') <> 'released' AS held,
        CAST(json_extract_string(faults, '$[*].field') AS VARCHAR[]) AS fields
    FROM quarantine
),
-- A canonical column `day` is named usage_day once it is landed; a quarantined row still has its own name.
quarantined AS (
    SELECT
        landed.position, landed.key, faults.held,
        list_contains(faults.fields, CASE landed.column_name WHEN 'usage_day' THEN 'day' ELSE landed.column_name END)
            AS faulty,
        nullif(json_extract_string(
            faults.reading, '$.' || CASE landed.column_name WHEN 'usage_day' THEN 'day' ELSE landed.column_name END
        ), '') AS value
    FROM landed
    JOIN faults ON faults.table_name = landed.table_name
),
counted AS (
    SELECT
        position, count(*) FILTER (WHERE held) AS rows,
        count(*) FILTER (
            WHERE held AND CASE WHEN key IS NULL THEN value IS NOT NULL
                WHEN json_valid(value) THEN json_extract_string(value, '$.' || key) NOT IN ('[]', '') ELSE false
            END
        ) AS filled, count(*) FILTER (WHERE faulty) AS faulty
    FROM quarantined
    GROUP BY position
),
summed AS (
    SELECT
        landed.position, landed.table_name, landed.field, landed.label,
        landed.rows + coalesce(counted.rows, 0) AS rows, landed.filled + coalesce(counted.filled, 0) AS filled,
        coalesce(counted.faulty, 0) AS faulty
    FROM landed
    LEFT JOIN counted ON counted.position = landed.position
)
SELECT
    position, table_name, field, label AS column_name, rows, filled, faulty,
    CAST(ratio(filled, rows) AS rate) AS filled_share, CAST(ratio(faulty, rows) AS rate) AS fault_share
FROM summed ORDER BY position
