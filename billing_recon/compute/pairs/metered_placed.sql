-- Used and metered units of the one usage day whose late window ends today. Empty if the billing engine metered nothing
-- at all on it: then it says nothing about that day. Empty too if the day lies before the company's history. A
-- subscription that is billed without a contract is reported with its bill (KEY_UNMAPPED); its units, counted in days
-- of no known time zone, are left out if they differ.
-- inputs: metered_usage, usage_rollup, subscriptions, engine_lines, run_params
WITH used AS (
    SELECT
        usage.subscription_id, usage.meter, max(usage.customer_id) AS customer_id, sum(usage.quantity) AS quantity,
        sum(usage.late_quantity) AS late, sum(usage.duplicate_quantity) AS duplicate,
        sum(usage.superseded_quantity) AS superseded, sum(usage.corrected_quantity) AS corrected
    FROM usage_rollup AS usage
    JOIN run_params AS params
        ON usage.usage_day = CAST(params.day - params.late_window_days AS DATE) AND usage.day <= params.day
    GROUP BY usage.subscription_id, usage.meter
),
metered AS (
    SELECT
        usage.subscription_id, usage.meter,
        arg_max(
            struct_pack(quantity := usage.quantity, file := usage.source_file, place := usage.source_row),
            struct_pack(seen := usage.observed_on, file := usage.source_file, place := usage.source_row)
        ) AS latest
    FROM metered_usage AS usage
    JOIN run_params AS params ON usage.usage_day = CAST(params.day - params.late_window_days AS DATE)
    GROUP BY usage.subscription_id, usage.meter
),
compared AS (
    SELECT
        coalesce(used.subscription_id, metered.subscription_id) AS subscription_id,
        coalesce(used.meter, metered.meter) AS meter,
        used.customer_id, CAST(params.day - params.late_window_days AS DATE) AS usage_day,
        CAST(coalesce(used.quantity, 0) AS quantity) AS used,
        CAST(coalesce(metered.latest.quantity, 0) AS quantity) AS metered,
        CAST(coalesce(metered.latest.quantity, 0) - coalesce(used.quantity, 0) AS quantity) AS off,
        CAST(coalesce(used.late, 0) AS quantity) AS late, CAST(coalesce(used.duplicate, 0) AS quantity) AS duplicate,
        CAST(coalesce(used.superseded, 0) AS quantity) AS superseded,
        CAST(coalesce(used.corrected, 0) AS quantity) AS corrected, used.meter IS NOT NULL AS has_used,
        metered.meter IS NOT NULL AS has_metered, metered.latest.file AS source_file, metered.latest.place AS source_row
    FROM used
    FULL JOIN metered ON metered.subscription_id = used.subscription_id AND metered.meter = used.meter
    CROSS JOIN run_params AS params
    WHERE EXISTS (SELECT 1 FROM metered)
        AND CAST(params.day - params.late_window_days AS DATE) >= params.history_from
),
strangers AS (
    SELECT DISTINCT line.subscription_id
    FROM engine_lines AS line
    SEMI JOIN (SELECT subscription_id FROM compared WHERE off <> 0) AS differing USING (subscription_id)
    ANTI JOIN subscriptions AS contract USING (subscription_id)
)
SELECT
    subscription_id, meter, customer_id, usage_day, used, metered, off, late, duplicate, superseded, corrected,
    has_used, has_metered, source_file, source_row
FROM compared ANTI JOIN strangers USING (subscription_id)
