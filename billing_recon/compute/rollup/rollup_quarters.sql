-- The local day of each quarter of an hour that has events, in each time zone in use, with the company's day and the
-- instant at which that day ends. Local days begin on quarters of an hour everywhere, so calendars are consulted for
-- some thousand quarters and not for every event. `quarter`: its begin in microseconds since 1970 (900,000,000 are
-- one).
-- inputs: rollup_changes, rollup_zones, run_params
WITH quarters AS (SELECT DISTINCT epoch_us(event_time) - epoch_us(event_time) % 900000000 AS quarter FROM rollup_changes
),
zones AS (
    SELECT timezone FROM rollup_zones
    UNION
    SELECT company_timezone AS timezone FROM run_params
),
instants AS (
    SELECT quarter, TIMESTAMPTZ '1970-01-01 00:00:00+00' + to_microseconds(quarter) AS begins FROM quarters
),
dated AS (
    SELECT
        instants.quarter, zones.timezone, CAST(timezone(zones.timezone, instants.begins) AS DATE) AS usage_day,
        CAST(timezone(params.company_timezone, instants.begins) AS DATE) AS company_day, params.company_timezone
    FROM instants
    CROSS JOIN zones
    CROSS JOIN run_params AS params
)
SELECT
    quarter, timezone, usage_day, company_day,
    timezone(company_timezone, CAST(company_day + 1 AS TIMESTAMP)) AS company_day_ends
FROM dated
