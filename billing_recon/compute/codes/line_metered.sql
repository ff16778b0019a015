-- The engine's own metering on the days of each usage line whose quantity differs, in its latest version. `is_right`:
-- it metered all that it should have: the line's units, or the usage where units are no sum. What was used on the day
-- of an end or change counts too if that makes it right, since metering does not say at what time. If the metering is
-- off by exactly what the line is off by, the days with a difference rule out causes: `no_correction` and `no_late`, as
-- no correction and nothing late arrived on any of them.
-- inputs: differing_lines, metered_usage, usage_rollup, term_charges, run_params
-- rows from: differing_lines WHERE kind = 'usage' AND billed_quantity <> expected_quantity
WITH asked AS (
    SELECT item, sub, meter, period_start, period_end, expected_quantity, billed_quantity - expected_quantity AS off
    FROM differing_lines
    WHERE kind = 'usage' AND billed_quantity <> expected_quantity
),
metered AS (
    SELECT
        asked.item, metered.usage_day, metered.usage_day = asked.period_end AS is_last,
        arg_max(metered.quantity, struct_pack(
            seen := metered.observed_on, file := metered.source_file, place := metered.source_row
        )) AS metered
    FROM asked
    JOIN metered_usage AS metered
        ON metered.subscription_id = asked.sub AND metered.meter = asked.meter
            AND metered.usage_day >= asked.period_start AND metered.usage_day <= asked.period_end
    GROUP BY asked.item, metered.usage_day, metered.usage_day = asked.period_end
),
used AS (
    SELECT
        asked.item, usage.usage_day, sum(usage.quantity) AS used,
        bool_or(usage.superseded_quantity <> 0 OR usage.corrected_quantity <> 0) AS corrected,
        bool_or(usage.late_quantity <> 0) AS late
    FROM asked
    CROSS JOIN run_params AS run
    JOIN usage_rollup AS usage
        ON usage.subscription_id = asked.sub AND usage.meter = asked.meter
            AND usage.usage_day >= asked.period_start
            AND usage.usage_day < asked.period_end
            AND usage.day <= CAST(asked.period_end + run.late_window_days AS DATE)
    GROUP BY asked.item, usage.usage_day
),
since AS (
    SELECT min(usage_day) AS first_day FROM metered_usage
),
days AS (
    SELECT
        coalesce(metered.item, used.item) AS item, metered.metered, coalesce(used.used, 0) AS used,
        coalesce(metered.is_last, false) AS is_last,
        CASE
            WHEN coalesce(metered.usage_day, used.usage_day) < since.first_day OR metered.is_last THEN 0
            ELSE coalesce(metered.metered, 0) - coalesce(used.used, 0)
        END AS off,
        coalesce(used.corrected, false) AS corrected, coalesce(used.late, false) AS late
    FROM metered
    FULL JOIN used ON used.item = metered.item AND used.usage_day = metered.usage_day
    CROSS JOIN since
),
summed AS (
    SELECT line.item
    FROM differing_lines AS line
    ANTI JOIN term_charges AS charge
        ON charge.plan_id = line.expected_plan AND charge.plan_version = line.expected_version
            AND charge.currency = line.expected_currency AND charge.charge_id = line.charge_id
            AND charge.aggregation NOT IN ('sum', 'count')
    WHERE line.kind = 'usage' AND line.billed_quantity <> line.expected_quantity
)
SELECT
    day.item,
    coalesce(
        CAST(sum(day.metered) FILTER (WHERE NOT day.is_last) AS quantity)
        = CASE WHEN bool_or(summed.item IS NULL) THEN sum(day.used) ELSE max(asked.expected_quantity) END
        OR CAST(sum(day.metered) AS quantity) = max(asked.expected_quantity),
        false
    ) AS is_right,
    sum(day.off) = max(asked.off) AND NOT bool_or(day.corrected) FILTER (WHERE day.off <> 0) AS no_correction,
    sum(day.off) = max(asked.off) AND NOT bool_or(day.late) FILTER (WHERE day.off <> 0) AS no_late
FROM days AS day
JOIN asked ON asked.item = day.item
LEFT JOIN summed ON summed.item = day.item
GROUP BY day.item
HAVING bool_or(day.metered IS NOT NULL AND NOT day.is_last)
