-- One row per run, charge metered or priced by event, and state of knowledge. `side`: period (what counts for the bill
-- or the open period), or before and after (without and with the late usage, per adjusting period). `known_by` is the
-- last day whose arrivals count; begins and ends are the run's, in UTC, `seconds` the whole period's.
-- inputs: contract_runs, contract_intervals, term_charges, late_arrivals, run_params
-- rows from: term_charges WHERE by_event
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
        run.*, 'period' AS side, CAST(NULL AS DATE) AS adjusted_start,
        CAST(least(
            greatest(CAST(run.period_end + params.late_window_days AS DATE), params.first_day),
            CASE WHEN run.wanted THEN CAST(params.day + params.late_window_days AS DATE)
                ELSE params.day
            END
        ) AS DATE) AS known_by
    FROM contract_runs AS run
    CROSS JOIN run_params AS params
    WHERE run.rateable AND NOT run.by_seat AND (run.wanted OR run.is_open)
    UNION ALL
    SELECT
        run.*, compared.side, late.adjusted_start,
        CASE compared.side WHEN 'before' THEN CAST(late.first_arrived - 1 AS DATE)
            ELSE late.last_arrived
        END AS known_by
    FROM late
    JOIN
        contract_runs
            AS run
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
    run.subscription_id, run.period_start, run.period_end, run.run_start, run.run_end, run.side, run.adjusted_start,
    run.known_by,
    run.plan_id, run.plan_version, run.currency, charge.charge_id, charge.meter, charge.model, charge.aggregation,
    charge.unique_dimension, charge.bucket, charge.dimensions, charge.prorated, charge.priced_by_event,
    own_price_in(run.contract, charge.charge_id) AS own_price,
    timezone('UTC', midnight(
        run.run_start, term.timezone)) AS begins, timezone('UTC', midnight(
        run.run_end,
        term.timezone
    )) AS ends,
    datediff(
        'second', timezone('UTC', midnight(run.period_start, term.timezone)),
        timezone('UTC', midnight(run.period_end, term.timezone))
    ) AS seconds
FROM sides AS run
JOIN
    term_charges
        AS charge
    ON charge.plan_id = run.plan_id AND charge.plan_version = run.plan_version
        AND charge.currency = run.currency AND charge.kind = 'usage' AND charge.by_event
JOIN contract_intervals AS term ON term.subscription_id = run.subscription_id AND term.start_day <= run.run_start
    AND run.run_start < term.end_day
