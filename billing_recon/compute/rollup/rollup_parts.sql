-- Changes per usage day (local to the subscription; to the company where the subscription is unknown) and customer.
-- An event is late if it was received or arrived after its own day; one of the opening load only if it was received
-- late. `reopened`: what late arrivals add, less what is taken out of what was counted before. The customer is part
-- of the key and not an aggregate: DuckDB cannot spill the texts that aggregates hold, and a hundred million events
-- have more groups than fit in memory.
-- inputs: rollup_changes, rollup_quarters, rollup_zones, run_params
WITH placed AS (
    SELECT
        quarter.usage_day, change.subscription_id, change.customer_id, change.meter, change.quantity, change.events,
        change.duplicates, change.superseded, change.known, change.correcting,
        CASE change.events WHEN 1 THEN change.quantity WHEN -1 THEN -change.quantity ELSE 0 END AS net,
        coalesce(
            change.received_at >= quarter.company_day_ends
            OR (change.observed_on > quarter.company_day AND change.observed_on > params.first_day), false
        ) AS late
    FROM rollup_changes AS change
    CROSS JOIN run_params AS params
    LEFT JOIN rollup_zones AS zone
        ON zone.subscription_id = change.subscription_id
            AND coalesce(change.observed_on, params.day) >= zone.since
            AND coalesce(change.observed_on, params.day) < zone.until
    JOIN rollup_quarters AS quarter
        ON quarter.quarter = epoch_us(change.event_time) - epoch_us(change.event_time) % 900000000
            AND quarter.timezone = coalesce(zone.timezone, params.company_timezone)
)
SELECT
    usage_day, subscription_id, customer_id, meter, sum(net) AS quantity,
    count(*) FILTER (WHERE events = 1) - count(*) FILTER (WHERE events = -1) AS events,
    sum(quantity) FILTER (WHERE duplicates = 1) AS duplicate_quantity,
    count(*) FILTER (WHERE duplicates = 1) AS duplicate_events,
    sum(net) FILTER (WHERE late) AS late_quantity,
    count(*) FILTER (WHERE late AND events = 1) - count(*) FILTER (WHERE late AND events = -1) AS late_events,
    sum(quantity) FILTER (WHERE superseded = 1) AS superseded_quantity,
    count(*) FILTER (WHERE superseded = 1) AS superseded_events,
    sum(net) FILTER (WHERE correcting) AS corrected_quantity,
    sum(net) FILTER (WHERE late OR known) AS reopened_quantity,
    count(*) FILTER (WHERE late AND NOT known AND events = 1) AS reopened_by, count(*) FILTER (WHERE known) AS taken_out
FROM placed
GROUP BY usage_day, subscription_id, customer_id, meter
