-- One row per charge and threshold of its included units (free units, a free first tier, the contract's allowance) that
-- is reached by what arrived on the day; none on any other day, so that each is reported once per run.
-- inputs: charge_items, usage_rollup, asked_events, run_params
-- rows from: charge_items WHERE is_open AND included > 0
WITH cut AS (
    SELECT event.ask, sum(event.worth) AS today
    FROM asked_events AS event
    JOIN run_params AS params ON params.day = event.observed_on
    WHERE event.counts AND NOT event.by_event
    GROUP BY event.ask
),
used AS (
    SELECT
        item.subscription_id, item.customer_id, item.charge_id, item.meter, item.period_start, item.period_end,
        item.included, item.quantity AS used,
        coalesce(sum(CASE item.aggregation WHEN 'count' THEN change.events ELSE change.quantity END), 0)
        + coalesce(max(cut.today), 0) AS today
    FROM charge_items AS item
    CROSS JOIN run_params AS params
    LEFT JOIN usage_rollup AS change
        ON change.subscription_id = item.subscription_id AND change.meter = item.meter
            AND change.day = params.day AND change.usage_day >= item.run_start AND change.usage_day < item.run_end
            AND NOT is_cut(item.cut_days, change.usage_day, change.usage_day)
    LEFT JOIN cut ON cut.ask = item.ask
    WHERE item.is_open AND item.included > 0
    GROUP BY
        item.subscription_id, item.customer_id, item.charge_id, item.meter, item.period_start, item.period_end,
        item.included, item.quantity
),
thresholds AS (
    SELECT
        *, used - today AS before, unnest([
            struct_pack(percent := 50, rate := 0.5), struct_pack(percent := 90, rate := 0.9),
            struct_pack(percent := 100, rate := 1.0)
        ]) AS reached
    FROM used
)
SELECT
    subscription_id, customer_id, charge_id, meter, period_start, period_end,
    CAST(reached.percent AS BIGINT) AS percent,
    CAST(included AS quantity) AS included, CAST(used AS quantity) AS used
FROM thresholds
WHERE used >= apply_rate(included, reached.rate) AND before < apply_rate(included, reached.rate)
