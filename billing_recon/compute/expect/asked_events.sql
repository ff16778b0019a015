-- The events of each ask in their order. `counts`: nothing corrects it by the date; `worth`: what it adds to the
-- charge's units (1 of a count, 1 of the first of each distinct value); `prorated`: its share from then to the run's
-- end, of the period, as the profile counts it. `at_time` is in UTC, or on the clock by which buckets begin.
-- inputs: event_asks, placed_events, outdone_events, run_params
-- rows from: single_events
WITH asked AS (
    SELECT
        ask.ask, ask.side, ask.by_event, ask.aggregation, ask.bucket AS bucketed, ask.prorated AS is_prorated,
        ask.priced_by_event, ask.run_end, ask.period_start, ask.period_end, ask.begins, ask.ends, ask.seconds,
        event.source, event.event_id, event.quantity, event.utc_time, event.usage_day, event.observed_on,
        event.received_at, event.corrects, event.is_late, outdone.event_id IS NULL AS counts,
        CASE ask.bucket WHEN 'day' THEN event.local_time
            WHEN 'hour' THEN event.utc_time - (event.local_time - date_trunc('hour', event.local_time))
            ELSE event.utc_time
        END AS at_time,
        CASE WHEN ask.unique_dimension IS NOT NULL
                THEN json_extract_string(event.dimensions, '$."' || ask.unique_dimension || '"')
        END AS counted,
        CASE WHEN ask.dimensions IS NOT NULL THEN array_to_string(list_transform(
                    CAST(json_extract_string(ask.dimensions, '$[*]') AS VARCHAR[]),
                    LAMBDA one: coalesce(json_extract_string(event.dimensions, '$."' || one || '"'), '')
                ), '|')
        END AS cell
    FROM event_asks AS ask
    CROSS JOIN run_params AS params
    JOIN placed_events AS event
        ON event.subscription_id = ask.subscription_id AND event.meter = ask.meter
            AND CASE
                WHEN event.is_cut
                    THEN event.run_no = ask.run_no AND event.period_start = ask.period_start
                        AND event.period_end = ask.period_end
                ELSE ask.by_event AND event.usage_day >= ask.run_start AND event.usage_day < ask.run_end
            END
            AND event.observed_on <= ask.known_by
            AND (event.observed_on <= params.day OR event.usage_day <= params.day)
    LEFT JOIN outdone_events AS outdone ON outdone.known_by = ask.known_by AND outdone.source = event.source
        AND outdone.event_id = event.event_id
),
parted AS (
    SELECT
        *, CASE bucketed WHEN 'day' THEN CAST(date_trunc('day', at_time) AS TIMESTAMP)
            WHEN 'hour' THEN date_trunc('hour', at_time)
        END AS bucket
    FROM asked
),
numbered AS (
    SELECT
        *, row_number() OVER (PARTITION BY ask ORDER BY utc_time, received_at, source, event_id) AS event_no,
        row_number() OVER (
            PARTITION BY ask, counts, bucket, cell, counted ORDER BY utc_time, received_at, source, event_id
        ) AS seen
    FROM parted
),
valued AS (
    SELECT
        *, CAST(CASE aggregation WHEN 'count' THEN 1
            WHEN 'unique_count' THEN CASE WHEN counted IS NOT NULL AND seen = 1 THEN 1 ELSE 0 END
            ELSE quantity
        END AS quantity) AS worth
    FROM numbered
)
SELECT
    event.ask, event.side, event.aggregation, event.by_event, event.priced_by_event, event.quantity, event.corrects,
    event.is_late, event.counts, event.observed_on,
    event.at_time, event.counted, event.cell, event.bucket, event.event_no, event.worth,
    CAST(CASE
        WHEN event.is_prorated AND params.proration = 'by_second'
            THEN share(
                    event.worth, datediff('second', greatest(event.utc_time, event.begins), event.ends),
                    event.seconds
                )
        WHEN event.is_prorated AND params.proration = 'by_day'
            THEN share(event.worth, greatest(event.run_end - event.usage_day, 0), event.period_end - event.period_start)
        ELSE event.worth
    END AS quantity) AS prorated
FROM valued AS event
CROSS JOIN run_params AS params
