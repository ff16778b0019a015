-- Each event on its subscription's own clock. `is_late`: it was received or arrived after its own day, as in the roll-
-- up; of the opening load only if it was received so.
-- inputs: single_events, event_zones, run_params
-- rows from: single_events
WITH zoned AS (
    SELECT
        event.*, params.company_timezone, params.first_day,
        timezone(coalesce(zone.timezone, params.company_timezone), event.event_time) AS local_time,
        CAST(timezone(params.company_timezone, event.event_time) AS DATE) AS company_day
    FROM single_events AS event
    CROSS JOIN run_params AS params
    LEFT JOIN event_zones AS zone ON zone.subscription_id = event.subscription_id AND event.observed_on >= zone.since
        AND event.observed_on < zone.until
)
SELECT
    source, event_id, subscription_id, meter, quantity, timezone('UTC', event_time) AS utc_time, received_at, corrects,
    dimensions,
    observed_on, local_time, CAST(local_time AS DATE) AS usage_day,
    coalesce(
        received_at >= midnight(company_day + 1, company_timezone)
        OR (observed_on > company_day AND observed_on > first_day), false
    ) AS is_late
FROM zoned
