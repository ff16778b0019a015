-- Each event on its subscription's own clock. `is_late`: it was received or arrived after its own day, as in the roll-
-- up; of the opening load only if it was received so. On a day within which terms change (`is_cut`) it belongs to the
-- run that holds its instant, if any does.
-- inputs: single_events, event_zones, cut_days, run_pieces, contract_versions, run_params
-- rows from: single_events
WITH zoned AS (
    SELECT
        event.* EXCLUDE (subscription_id), coalesce(version.version_id, event.subscription_id) AS subscription_id,
        params.company_timezone, params.first_day,
        timezone(coalesce(zone.timezone, params.company_timezone), event.event_time) AS local_time,
        CAST(timezone(params.company_timezone, event.event_time) AS DATE) AS company_day
    FROM single_events AS event
    CROSS JOIN run_params AS params
    LEFT JOIN contract_versions AS version ON version.subscription_id = event.subscription_id
    LEFT JOIN event_zones AS zone ON zone.subscription_id = event.subscription_id AND event.observed_on >= zone.since
        AND event.observed_on < zone.until
)
SELECT
    event.source, event.event_id, event.subscription_id, event.meter, event.quantity,
    timezone('UTC', event.event_time) AS utc_time, event.received_at, event.corrects, event.dimensions,
    event.observed_on, event.local_time, CAST(event.local_time AS DATE) AS usage_day,
    coalesce(
        event.received_at >= midnight(event.company_day + 1, event.company_timezone)
        OR (event.observed_on > event.company_day AND event.observed_on > event.first_day), false
    ) AS is_late,
    cut.cut_day IS NOT NULL AS is_cut, held.period_start, held.period_end, held.run_no
FROM zoned AS event
LEFT JOIN cut_days AS cut
    ON cut.subscription_id = event.subscription_id AND cut.cut_day = CAST(event.local_time AS DATE)
LEFT JOIN run_pieces AS held ON held.subscription_id = cut.subscription_id AND held.from_at <= event.event_time
    AND event.event_time < held.to_at
