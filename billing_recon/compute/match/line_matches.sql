-- Pairs of lines, strictest pass first, each line used once. Pass 1: subscription, kind, meter, period and plan; of
-- several lines under one key the one most like the expected line, then the earliest; adjustments by their totals.
-- Pass 2: without the plan, adjustments without the total; then, of what is left of a bill for one period, lines under
-- another meter's name or none, each the other's most similar. Pass 3: overlapping periods of the same charge within
-- one billing period, each the other's best overlap, lines first of which every figure stated is equal.
-- inputs: match_expected, billed_lines, bills
WITH open_lines AS (
    SELECT
        billed.line_key, billed.variant, billed.sub, billed.kind, billed.meter_key,
        CASE WHEN billed.kind = 'adjustment' THEN bill.due_on ELSE billed.period_start END AS period_start,
        CASE WHEN billed.kind = 'adjustment' THEN bill.due_on ELSE billed.period_end END AS period_end,
        coalesce(billed.plan_id, '') AS plan_id, billed.total, billed.gross, billed.quantity, billed.unit_price,
        billed.back, billed.calculated_at, bill.due_on
    FROM billed_lines AS billed
    JOIN bills AS bill USING (variant, sub, invoice_id)
    WHERE bill.repeats IS NULL AND bill.due_on IS NOT NULL
),
same_key AS (
    SELECT expected.expected_line_id, expected.variant, billed.line_key
    FROM match_expected AS expected
    JOIN open_lines AS billed USING (variant, sub, kind, meter_key, period_start, period_end, plan_id, back)
    WHERE expected.kind <> 'adjustment'
),
counted AS (
    SELECT expected_line_id, variant, count(*) AS lines, min(line_key) AS line_key
    FROM same_key
    GROUP BY expected_line_id, variant
),
crowded AS (
    SELECT
        same_key.expected_line_id, same_key.variant,
        arg_min(same_key.line_key, struct_pack(
            unlike := apart(expected.total, billed.total, 8) + apart(expected.gross, billed.gross, 4)
            + apart(expected.quantity, billed.quantity, 2) + apart(expected.unit_price, billed.unit_price, 1),
            seen := billed.calculated_at, line := same_key.line_key
        )) AS line_key
    FROM same_key
    SEMI JOIN
        (SELECT expected_line_id, variant FROM counted WHERE lines > 1) AS several
        USING (expected_line_id, variant)
    JOIN match_expected AS expected USING (expected_line_id, variant)
    JOIN open_lines AS billed ON billed.line_key = same_key.line_key
    GROUP BY same_key.expected_line_id, same_key.variant
),
expected_adjustments AS (
    SELECT
        expected_line_id, variant, sub, meter_key, due_on, total,
        row_number() OVER (PARTITION BY variant, sub, meter_key, due_on, total ORDER BY expected_line_id) AS place
    FROM match_expected
    WHERE kind = 'adjustment'
),
billed_adjustments AS (
    SELECT
        line_key, variant, sub, meter_key, due_on, total,
        row_number()
            OVER (PARTITION BY variant, sub, meter_key, due_on, total ORDER BY calculated_at, line_key)
            AS place
    FROM open_lines
    WHERE kind = 'adjustment'
),
first_pass AS (
    SELECT expected_line_id, variant, line_key FROM counted WHERE lines = 1
    UNION ALL
    SELECT expected_line_id, variant, line_key FROM crowded
    UNION ALL
    SELECT expected.expected_line_id, expected.variant, billed.line_key
    FROM expected_adjustments AS expected
    JOIN billed_adjustments AS billed USING (variant, sub, meter_key, due_on, total, place)
),
expected_left AS (
    SELECT
        expected_line_id, variant, sub, kind, meter_key, period_start, period_end, due_on, total, gross, quantity,
        unit_price, back,
        row_number() OVER (
            PARTITION BY variant, sub, kind, meter_key, period_start, period_end, back ORDER BY expected_line_id
        ) AS place
    FROM match_expected
    ANTI JOIN first_pass USING (expected_line_id, variant)
),
billed_left AS (
    SELECT
        line_key, variant, sub, kind, meter_key, period_start, period_end, due_on, total, gross, quantity, unit_price,
        back,
        row_number() OVER (
            PARTITION BY variant, sub, kind, meter_key, period_start, period_end, back ORDER BY calculated_at, line_key
        ) AS place
    FROM open_lines
    ANTI JOIN first_pass USING (line_key)
),
same_charge AS (
    SELECT expected.expected_line_id, expected.variant, billed.line_key
    FROM expected_left AS expected
    JOIN billed_left AS billed USING (variant, sub, kind, meter_key, period_start, period_end, back, place)
),
other_meters AS (
    SELECT
        expected.expected_line_id, expected.variant, billed.line_key,
        apart(expected.total, billed.total, 8) + apart(expected.gross, billed.gross, 4)
        + apart(expected.quantity, billed.quantity, 2) + apart(expected.unit_price, billed.unit_price, 1) AS unlike
    FROM expected_left AS expected
    JOIN billed_left AS billed USING (variant, sub, due_on, kind, period_start, period_end, back)
    ANTI JOIN same_charge AS taken
        ON taken.expected_line_id = expected.expected_line_id AND taken.variant = expected.variant
    ANTI JOIN same_charge AS used ON used.line_key = billed.line_key
    WHERE billed.meter_key <> expected.meter_key AND expected.total <> 0
        AND (expected.kind IN ('usage', 'subscription', 'proration') OR expected.total = billed.total)
),
renamed AS (
    SELECT
        expected_line_id, variant, line_key,
        row_number() OVER (PARTITION BY expected_line_id, variant ORDER BY unlike, line_key) AS for_expected,
        row_number() OVER (PARTITION BY line_key ORDER BY unlike, expected_line_id) AS for_billed
    FROM other_meters
),
second_pass AS (
    SELECT expected_line_id, variant, line_key FROM same_charge
    UNION ALL
    SELECT expected_line_id, variant, line_key FROM renamed WHERE for_expected = 1 AND for_billed = 1
),
expected_rest AS (
    SELECT
        expected_line_id, variant, sub, kind, meter_key, period_start, period_end, due_on, total, gross, quantity,
        unit_price
    FROM expected_left
    ANTI JOIN second_pass USING (expected_line_id, variant)
),
billed_rest AS (
    SELECT
        line_key, variant, sub, kind, meter_key, period_start, period_end, due_on, total, gross, quantity, unit_price
    FROM billed_left
    ANTI JOIN second_pass USING (line_key)
),
shared_days AS (
    SELECT
        expected.expected_line_id, expected.variant, billed.line_key,
        least(expected.period_end, billed.period_end) - greatest(expected.period_start, billed.period_start) AS days,
        apart(expected.meter_key, billed.meter_key, 2) + apart(expected.kind, billed.kind, 1) AS other_name,
        apart(expected.total, billed.total, 8) + apart(expected.gross, billed.gross, 4)
        + apart(expected.quantity, coalesce(billed.quantity, expected.quantity), 2)
        + apart(expected.unit_price, coalesce(billed.unit_price, expected.unit_price), 1) AS unlike
    FROM expected_rest AS expected
    JOIN billed_rest AS billed
        ON billed.variant = expected.variant AND billed.sub = expected.sub AND billed.due_on = expected.due_on
            AND charge_family(billed.kind) = charge_family(expected.kind)
            AND billed.period_start < expected.period_end AND expected.period_start < billed.period_end
    WHERE billed.meter_key = expected.meter_key
        OR (expected.kind IN ('usage', 'subscription', 'proration') AND expected.total <> 0)
),
ranked AS (
    SELECT
        expected_line_id, variant, line_key,
        row_number() OVER (
            PARTITION BY expected_line_id, variant ORDER BY unlike > 0, other_name, days DESC, unlike, line_key
        ) AS for_expected,
        row_number() OVER (
            PARTITION BY line_key ORDER BY unlike > 0, other_name, days DESC, unlike, expected_line_id
        ) AS for_billed
    FROM shared_days
)
SELECT expected_line_id, variant, line_key, 1 AS pass FROM first_pass
UNION ALL
SELECT expected_line_id, variant, line_key, 2 AS pass FROM second_pass
UNION ALL
SELECT expected_line_id, variant, line_key, 3 AS pass FROM ranked WHERE for_expected = 1 AND for_billed = 1
