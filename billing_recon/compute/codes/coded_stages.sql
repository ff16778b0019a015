-- Each stage's code and delta: one row per stage that moves the total, or (step 0) that alone explains the line: a
-- line alone, another currency or unit, another period. A quantity or rate that differs without moving money has a
-- delta of 0.
-- inputs: differing_lines, line_stages, line_closed, line_metered, line_orders, line_items, billed_lines,
--   expected_lines, set_aside, run_params
-- rows from: differing_lines
WITH invoices AS (
    SELECT variant, sub, invoice_id, count(*) AS lines
    FROM billed_lines
    WHERE total <> 0
    GROUP BY variant, sub, invoice_id
),
again AS (
    SELECT
        line.line_key, line.variant, line.sub, line.invoice_id,
        bool_or(
            billed.gross = line.billed_gross AND billed.discount = line.billed_discount
            AND billed.total = line.billed_total AND billed.invoice_id = line.invoice_id
        ) AS is_same,
        max(invoice.lines) AS lines
    FROM differing_lines AS line
    JOIN billed_lines AS billed
        ON billed.variant = line.variant AND billed.sub = line.sub AND billed.kind = line.kind
            AND billed.meter_key = coalesce(line.meter, '') AND billed.period_start = line.period_start
            AND billed.period_end = line.period_end AND billed.line_key <> line.line_key
    JOIN invoices AS invoice
        ON invoice.variant = line.variant AND invoice.sub = line.sub AND invoice.invoice_id = line.invoice_id
    WHERE line.expected_line_id IS NULL
    GROUP BY line.line_key, line.variant, line.sub, line.invoice_id
),
repeats AS (
    SELECT
        line_key, is_same,
        is_same AND count(*) FILTER (WHERE is_same) OVER invoice
        + count(*) FILTER (WHERE is_same) OVER invoice = lines AS is_whole
    FROM again
    WINDOW invoice AS (PARTITION BY variant, sub, invoice_id)
),
by_line AS (
    SELECT
        line.item,
        CAST(sum(settle(apply_rate(expected.taxable, line.expected_rate), line.decimals, run.rounding)) AS amount)
            AS tax
    FROM differing_lines AS line
    CROSS JOIN run_params AS run
    JOIN line_items AS item ON item.variant = line.variant AND item.sub = line.sub AND item.due_on = line.due_on
    JOIN expected_lines AS expected
        ON expected.expected_line_id = item.expected_line_id AND expected.currency = line.expected_currency
    WHERE line.on_base <> 0
    GROUP BY line.item
),
quarantined AS (
    SELECT DISTINCT line.item
    FROM differing_lines AS line
    JOIN set_aside AS refused
        ON refused.table_name = 'invoice_lines' AND refused.named = line.sub
            AND coalesce(refused.kind = line.kind, true)
            AND coalesce(refused.period_start = line.period_start, true)
            AND coalesce(refused.period_end = line.period_end, true)
            AND (refused.kind IS NULL OR refused.meter IS NOT DISTINCT FROM line.meter)
    WHERE line.line_key IS NULL
),
whole AS (
    SELECT
        line.item, 0 AS step,
        CASE
            WHEN line.line_key IS NULL AND quarantined.item IS NOT NULL THEN 'RECORD_QUARANTINED'
            WHEN line.line_key IS NULL
                THEN CASE line.kind
                        WHEN 'minimum' THEN 'MINIMUM' WHEN 'discount' THEN deduction_code(line.meter)
                        WHEN 'credit' THEN 'CREDIT_VALUE' WHEN 'usage' THEN 'USAGE_MISSING' WHEN
                            'proration'
                            THEN 'PRORATION'
                        WHEN 'adjustment'
                            THEN CASE
                                    WHEN line.charge_id IS NULL AND line.meter = 'tax' THEN 'TAX_RATE_JURISDICTION'
                                    ELSE 'USAGE_LATE'
                                END
                        ELSE 'SUBSCRIPTION_STATE'
                    END
            WHEN line.expected_line_id IS NOT NULL
                THEN CASE
                        WHEN line.expected_currency <> line.billed_currency THEN 'CURRENCY_FX'
                        WHEN line.scaled THEN 'MINOR_UNIT'
                        WHEN line.billed_kind <> line.kind THEN 'PRORATION'
                        ELSE 'INVOICE_PERIOD'
                    END
            WHEN line.kind = 'minimum' THEN 'MINIMUM'
            WHEN line.kind = 'adjustment' AND line.meter = 'tax' AND run.tax_point = 'invoice'
                THEN CASE
                        WHEN repeated.is_same AND repeated.is_whole THEN 'INVOICE_DUPLICATE'
                        ELSE 'TAX_RATE_JURISDICTION'
                    END
            WHEN line.kind = 'adjustment' THEN 'MANUAL_ADJUSTMENT'
            WHEN repeated.is_same AND (line.kind NOT IN ('usage', 'discount', 'credit') OR repeated.is_whole)
                THEN 'INVOICE_DUPLICATE'
            WHEN line.kind = 'discount' THEN deduction_code(line.meter)
            WHEN line.kind = 'credit' THEN 'CREDIT_VALUE'
            WHEN line.kind = 'usage' AND repeated.is_whole THEN 'INVOICE_DUPLICATE'
            WHEN line.kind = 'usage' AND repeated.line_key IS NOT NULL THEN 'USAGE_DUPLICATE'
            WHEN line.kind = 'proration' THEN 'PRORATION'
            ELSE 'SUBSCRIPTION_STATE'
        END AS code,
        CAST(CASE
            WHEN line.moved THEN 0 ELSE coalesce(line.billed_total, 0) - coalesce(line.expected_total, 0)
        END AS amount) AS delta
    FROM differing_lines AS line
    CROSS JOIN run_params AS run
    LEFT JOIN repeats AS repeated ON repeated.line_key = line.line_key
    LEFT JOIN quarantined ON quarantined.item = line.item
    WHERE line.pass NOT BETWEEN 1 AND 2 OR line.scaled OR line.expected_currency <> line.billed_currency
),
compared AS (
    SELECT
        staged.item, unnest([1, 2, 3, 4, 5, 6, 7, 8]) AS step,
        unnest([
            CASE
                WHEN line.kind <> 'usage' THEN 'SUBSCRIPTION_STATE'
                WHEN NOT coalesce(closed.is_whole, false) AND line.duplicate_quantity > 0
                    AND line.billed_quantity = line.expected_quantity + line.duplicate_quantity
                    AND line.superseded_quantity <> line.duplicate_quantity THEN 'USAGE_DUPLICATE'
                WHEN NOT coalesce(metered.is_right OR metered.no_correction, false) AND (
                        closed.is_uncorrected OR (
                            line.superseded_quantity <> 0
                            AND line.billed_quantity = line.expected_quantity + line.superseded_quantity
                        )
                    ) THEN 'USAGE_CORRECTED'
                WHEN NOT coalesce(metered.no_late, false) AND (
                        closed.closed_before IS NOT NULL OR (
                            line.late_quantity <> 0
                            AND line.billed_quantity = line.expected_quantity - line.late_quantity
                        )
                    ) THEN 'USAGE_LATE'
                WHEN line.duplicate_quantity > 0
                    AND line.billed_quantity = line.expected_quantity + line.duplicate_quantity
                    THEN 'USAGE_DUPLICATE'
                WHEN metered.is_right THEN 'USAGE_AGGREGATION'
                WHEN line.billed_quantity < line.expected_quantity THEN 'USAGE_MISSING'
                ELSE 'USAGE_DUPLICATE'
            END,
            CASE
                WHEN ordered.code IS NOT NULL THEN ordered.code
                WHEN staged.unbound = line.billed_gross AND staged.unbound < staged.own_gross THEN 'MINIMUM'
                WHEN staged.unbound = line.billed_gross AND staged.unbound > staged.own_gross THEN 'CAP'
                WHEN line.is_charge AND line.billed_plan <> line.expected_plan THEN 'SUBSCRIPTION_STATE'
                WHEN staged.is_listed AND coalesce(line.billed_version = line.expected_version, true)
                    THEN 'CONTRACT_OVERRIDE'
                WHEN line.is_charge AND (
                        line.billed_version <> line.expected_version
                        OR (line.billed_price <> line.expected_price AND staged.other_version IS NOT NULL)
                    ) THEN 'PRICE_VERSION'
                WHEN line.kind = 'proration' AND staged.shared_by IS NOT NULL THEN 'PRORATION'
                ELSE settling_code(staged.own_raw, line.billed_gross, line.decimals, CASE
                        WHEN line.is_charge AND (
                                staged.other_allowance OR (
                                    staged.free_units > 0
                                    AND line.billed_price = line.expected_price
                                    AND line.billed_price > 0
                                    AND line.billed_gross % CAST(line.billed_price AS amount) = 0
                                    AND abs(line.billed_gross - line.expected_gross)
                                    >= CAST(line.billed_price AS amount) + minor_unit(line.decimals)
                                )
                            ) THEN 'ALLOWANCE_ROLLOVER'
                        WHEN line.kind = 'proration' AND staged.is_whole THEN 'PRORATION'
                        WHEN line.is_charge
                            AND (line.billed_price <> line.expected_price OR staged.other_version IS NOT NULL)
                            THEN 'PRICE_VERSION'
                        WHEN line.kind = 'proration' THEN 'PRORATION'
                        WHEN line.kind = 'minimum' THEN 'MINIMUM'
                        WHEN line.kind = 'discount' THEN deduction_code(line.meter)
                        WHEN line.kind = 'credit' THEN 'CREDIT_VALUE'
                        WHEN line.kind = 'adjustment' THEN 'USAGE_LATE'
                        ELSE 'TIER_RATE'
                    END)
            END,
            settling_code(staged.discount_raw, line.billed_discount, line.decimals, deduction_code(line.meter)),
            'CREDIT_VALUE', coalesce(ordered.code, 'TAX_BASE'), coalesce(ordered.code, 'TAX_RATE_JURISDICTION'),
            coalesce(ordered.code, CASE
                WHEN line.billed_tax = by_line.tax THEN 'ROUNDING'
                ELSE settling_code(staged.tax_raw, line.billed_tax, line.decimals, 'TAX_BASE')
            END),
            coalesce(ordered.code, 'UNEXPLAINED')
        ]) AS code,
        unnest([
            staged.t1 - staged.t0, staged.t2 - staged.t1, staged.t3 - staged.t2, staged.t4 - staged.t3,
            staged.t5 - staged.t4, staged.t6 - staged.t5, staged.t7 - staged.t6, staged.t8 - staged.t7
        ]) AS delta,
        unnest([
            line.is_charge AND coalesce(line.billed_quantity <> line.expected_quantity, false),
            line.billed_gross <> staged.own_gross, line.billed_discount <> staged.own_discount,
            line.billed_credit <> line.expected_credit, false,
            (coalesce(line.billed_rate <> line.expected_rate, false) AND line.expected_taxable <> 0)
            OR (staged.tax_included AND staged.implied),
            staged.tax_off, false
        ]) AS parts
    FROM line_stages AS staged
    JOIN differing_lines AS line ON line.item = staged.item
    LEFT JOIN line_closed AS closed ON closed.item = staged.item
    LEFT JOIN line_orders AS ordered ON ordered.item = staged.item
    LEFT JOIN by_line ON by_line.item = staged.item
    LEFT JOIN line_metered AS metered ON metered.item = staged.item
)
SELECT item, step, code, delta FROM whole
UNION ALL
SELECT item, step, code, CAST(delta AS amount) AS delta FROM compared WHERE delta <> 0 OR parts
