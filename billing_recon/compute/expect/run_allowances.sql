-- Units included per run and meter (docs/rating.md, rule 24): the allowance, or of a run shorter than its period its
-- share; and in the run that begins the period, what the one before left of its own allowance, of usage observed by
-- that period's cutoff.
-- inputs: contract_runs, contract_intervals, term_charges, usage_changes, run_params
-- rows from: contract_runs WHERE contract LIKE '%"allowances"%'
WITH runs AS (
    SELECT
        subscription_id, period_start, period_end, run_no, run_start, part, whole, plan_id, plan_version, currency,
        unnest(json_extract(contract, '$.allowances[*]')) AS one
    FROM contract_runs
    WHERE rateable AND NOT by_seat AND json_array_length(contract, '$.allowances') > 0
),
agreed AS (
    SELECT
        run.subscription_id, run.period_start, run.period_end, run.run_no, run.run_start, run.part, run.whole,
        charge.meter, charge.aggregation, CAST(json_extract_string(run.one, '$.units') AS quantity) AS units,
        coalesce(json_extract_string(run.one, '$.rollover') = 'next_period', false)
        AND run.run_start = run.period_start AS rolls,
        CAST(json_extract_string(run.one, '$.since') AS DATE) AS since
    FROM runs AS run
    JOIN term_charges AS charge ON charge.plan_id = run.plan_id AND charge.plan_version = run.plan_version
        AND charge.currency = run.currency AND charge.kind = 'usage' AND charge.meter = json_extract_string(
            run.one, '$.meter'
        )
),
before AS (
    SELECT
        agreed.*, period_of(
            term.billing_anchor, term.billing_interval, term.once_start, term.once_end,
            CAST(agreed.period_start - 1 AS DATE)
        ) AS previous
    FROM agreed
    JOIN contract_intervals AS term
        ON term.subscription_id = agreed.subscription_id
            AND term.start_day <= agreed.run_start
            AND agreed.run_start < term.end_day
    WHERE agreed.rolls AND term.billing_interval <> 'once'
),
left_over AS (
    SELECT
        before.subscription_id, before.period_start, before.run_no, before.meter,
        greatest(before.units - greatest(coalesce(sum(
            CASE before.aggregation WHEN 'count' THEN change.events ELSE change.quantity END
        ), 0), 0), 0) AS rolled
    FROM before
    CROSS JOIN run_params AS params
    LEFT JOIN usage_changes AS change
        ON change.subscription_id = before.subscription_id AND change.meter = before.meter
            AND change.usage_day >= before.previous.starts AND change.usage_day < before.previous.ends
            AND change.day
            <= greatest(CAST(before.previous.ends + params.late_window_days AS DATE), params.first_day)
    WHERE before.previous.starts >= before.since
    GROUP BY before.subscription_id, before.period_start, before.run_no, before.meter, before.units
)
SELECT
    agreed.subscription_id, agreed.period_start, agreed.period_end, agreed.run_no, agreed.meter,
    CAST(rounded_units(share(CAST(agreed.units AS raw), agreed.part, agreed.whole), 'half_up', 10) AS quantity) AS own,
    CAST(coalesce(left_over.rolled, 0) AS quantity) AS rolled
FROM agreed
LEFT JOIN left_over ON left_over.subscription_id = agreed.subscription_id
    AND left_over.period_start = agreed.period_start
    AND left_over.run_no = agreed.run_no AND left_over.meter = agreed.meter
