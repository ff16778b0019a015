-- One row per run, charge metered or priced by event, and state of knowledge; and for other charges of runs that begin
-- or end within a day, or have a gap within one: their events of those days (`by_event` is false). `side`: period (what
-- counts for the bill or the open period), or before and after (without and with the late usage, per adjusting period).
-- `known_by` is the last day whose arrivals count; begins and ends are the run's, in UTC, `seconds` the whole period's.
-- inputs: contract_runs, term_charges, late_arrivals, run_params
-- rows from: term_charges WHERE by_event; contract_runs WHERE cut_days IS NOT NULL
WITH late AS (
    SELECT
        subscription_id, own_start, own_end, adjusted_start, min(arrived) AS first_arrived,
        max(arrived) AS last_arrived
    FROM late_arrivals
    WHERE wanted OR is_open
    GROUP BY subscription_id, own_start, own_end, adjusted_start
),
sides AS (
    SELECT
        run.* EXCLUDE (known_by), 'period' AS side, CAST(NULL AS DATE) AS adjusted_start,
        CAST(least(
            greatest(CAST(run.period_end + params.late_window_days AS DATE), params.first_day),
            CASE WHEN run.wanted OR run.corrected THEN CAST(params.day + params.late_window_days AS DATE)
                ELSE params.day
            END
        ) AS DATE) AS known_by
    FROM contract_runs AS run
    CROSS JOIN run_params AS params
    WHERE run.rateable AND NOT run.by_seat AND (run.wanted OR run.corrected OR run.is_open)
    UNION ALL
    SELECT
        run.* EXCLUDE (known_by), compared.side, late.adjusted_start,
        CASE compared.side WHEN 'before' THEN CAST(late.first_arrived - 1 AS DATE)
            ELSE late.last_arrived
        END AS known_by
    FROM late
    JOIN contract_runs AS run
        ON run.subscription_id = late.subscription_id AND run.period_start = late.own_start
            AND run.period_end = late.own_end AND run.rateable AND NOT run.by_seat
    CROSS JOIN (SELECT unnest(['before', 'after']) AS side) AS compared
)
SELECT
    run.side || lpad(CAST(row_number() OVER (
        ORDER BY
            run.subscription_id, run.period_start, run.period_end, run.run_start, charge.position, run.side,
            run.adjusted_start
    ) AS VARCHAR), 9, '0') AS ask,
    run.subscription_id, run.period_start, run.period_end, run.run_no, run.run_start,
    CASE WHEN run.part = 0 THEN run.run_start ELSE run.run_end END AS run_end, run.side, run.adjusted_start,
    run.known_by, charge.by_event,
    run.plan_id, run.plan_version, run.currency, charge.charge_id, charge.meter, charge.model, charge.aggregation,
    charge.unique_dimension, charge.bucket, charge.dimensions, charge.prorated, charge.priced_by_event,
    own_price_in(run.contract, charge.charge_id) AS own_price,
    timezone('UTC', coalesce(run.usage_from, midnight(run.run_start, run.zone))) AS begins,
    timezone('UTC', coalesce(run.usage_to, midnight(run.run_end, run.zone))) AS ends,
    datediff(
        'second', timezone('UTC', midnight(run.period_start, run.zone)),
        timezone('UTC', midnight(run.period_end, run.zone))
    ) AS seconds
FROM sides AS run
JOIN term_charges AS charge
    ON charge.plan_id = run.plan_id AND charge.plan_version = run.plan_version
        AND charge.currency = run.currency AND charge.kind = 'usage'
        AND (charge.by_event OR is_cut(run.cut_days, run.run_start, run.run_end))
