-- The fate of each landed event, exactly one of: duplicate, superseded (a correction outranks it), adjusted (billed
-- with a later period), no_contract, before_first_day or no_period (late and part of no bill), counted. For a session
-- whose roll-up was built from all events as arrivals.
-- inputs: new_events, rollup_repeated, rollup_touched, rollup_zones, rollup_quarters, late_arrivals, run_params
WITH placed AS (
    SELECT event.source, event.event_id, event.subscription_id, event.meter, event.observed_on, quarter.usage_day
    FROM new_events AS event
    CROSS JOIN run_params AS params
    LEFT JOIN rollup_zones AS zone
        ON zone.subscription_id = event.subscription_id
            AND event.observed_on >= zone.since AND event.observed_on < zone.until
    JOIN rollup_quarters AS quarter
        ON quarter.quarter = epoch_us(event.event_time) - epoch_us(event.event_time) % 900000000
            AND quarter.timezone = coalesce(zone.timezone, params.company_timezone)
)
SELECT
    event.source, event.event_id, event.observed_on, event.usage_day,
    CASE
        WHEN repeated.event_id IS NOT NULL THEN 'duplicate'
        WHEN NOT touched.counts THEN 'superseded'
        WHEN late.fate <> 'in_time' THEN late.fate
        ELSE 'counted'
    END AS fate
FROM placed AS event
LEFT JOIN rollup_repeated AS repeated ON repeated.source = event.source AND repeated.event_id = event.event_id
LEFT JOIN rollup_touched AS touched ON touched.source = event.source AND touched.event_id = event.event_id
LEFT JOIN late_arrivals AS late ON late.subscription_id = event.subscription_id AND late.meter = event.meter
    AND late.usage_day = event.usage_day AND late.arrived = event.observed_on
