-- Lines that are one charge together: several of one bill (a line per tier, week or workspace) within one expected
-- line. None is that line by itself, and together they have its total or its quantity, or they are of several keys
-- mapped to one. `lead` stands for all of them; `quantity` is empty if only the money adds up. A line that repeats
-- another is no part: the right one is matched and the other is left over.
-- inputs: issued_lines, bills, expected_lines
-- rows from: (SELECT 1 FROM issued_lines WHERE kind <> 'adjustment' GROUP BY variant, sub, kind, meter_key,
--   period_start, period_end HAVING count(*) > 1) AS crowded; issued_lines AS line ANTI JOIN expected_lines AS
--   expected ON expected.subscription_id = line.sub AND expected.period_start = line.period_start AND
--   expected.period_end = line.period_end WHERE line.fresh
WITH parts AS (
    SELECT
        line.variant, line.currency, line.line_key, line.their_sub, line.total, line.quantity,
        expected.expected_line_id, expected.total AS expected, expected.quantity AS expected_quantity, expected.kind,
        line.period_start >= expected.period_start AND line.period_end <= expected.period_end AS is_within,
        line.period_start AS billed_start, line.period_end AS billed_end, expected.period_start, expected.period_end
    FROM issued_lines AS line
    JOIN bills AS bill USING (variant, sub, invoice_id)
    JOIN expected_lines AS expected
        ON expected.subscription_id = line.sub AND expected.due_on = bill.due_on
            AND coalesce(expected.meter, '') = line.meter_key
            AND charge_family(expected.kind) = charge_family(line.kind)
            AND (expected.kind <> 'proration' OR (expected.gross < 0) = (line.gross < 0))
    WHERE line.kind <> 'adjustment' AND bill.repeats IS NULL AND bill.due_on IS NOT NULL
),
placed AS (
    SELECT
        variant, currency, line_key, their_sub, total, quantity, expected_line_id, expected, expected_quantity, kind,
        CASE WHEN is_within THEN period_start ELSE billed_start END AS period_start,
        CASE WHEN is_within THEN period_end ELSE billed_end END AS period_end
    FROM parts
    WHERE is_within OR (
            billed_end - billed_start = period_end - period_start
            AND abs(billed_start - period_start) + abs(billed_start - period_start) < billed_end - billed_start
        )
),
charges AS (
    SELECT
        variant, currency, expected_line_id,
        CASE WHEN sum(total) <> expected OR sum(quantity) = expected_quantity THEN sum(quantity) END AS quantity
    FROM placed
    GROUP BY variant, currency, expected_line_id, expected, expected_quantity
    HAVING
        count(*) > 1 AND NOT bool_or(total = expected) AND (
            sum(total) = expected OR min(their_sub) <> max(their_sub) OR (
                sum(quantity) = expected_quantity AND NOT coalesce(bool_or(quantity = expected_quantity), false)
            )
        )
),
chosen AS (
    SELECT
        part.variant, part.line_key, min(part.expected_line_id) AS expected_line_id, max(charge.quantity) AS quantity
    FROM placed AS part
    JOIN charges AS charge USING (variant, currency, expected_line_id)
    GROUP BY part.variant, part.line_key
)
SELECT
    chosen.line_key, min(chosen.line_key) OVER whole AS lead, part.kind, part.period_start, part.period_end,
    chosen.quantity
FROM chosen
JOIN placed AS part USING (variant, line_key, expected_line_id)
WINDOW whole AS (PARTITION BY chosen.variant, chosen.expected_line_id)
