-- What is billed ahead of each run (see ahead_spans), with everything needed to price it. `group_start` and
-- `group_end`: the period whose invoice it is on, which ends at the moment.
-- inputs: judged_runs, contract_periods, contract_versions, version_bills
-- rows from: judged_runs WHERE is_ahead
WITH hosts AS (
    SELECT subscription_id, period_end, max(period_start) AS period_start
    FROM contract_periods WHERE wanted GROUP BY subscription_id, period_end
)
SELECT
    run.subscription_id, run.period_start, run.period_end, run.due_on, run.by_seat, run.run_no, run.plan_id,
    run.plan_version, run.currency, run.tax_region, run.run_start, run.run_end, run.part, run.whole, run.seats,
    run.customer_id, run.segment, run.contract, run.discount_rate, run.decimals, run.tax_rate, run.unknown,
    run.reason, run.rateable, run.ahead_asked, run.given_back, run.moment, run.own_run, run.corrected,
    least(run.due_on, bill.ahead_on) AS known_by,
    in_version(version.known_from, version.known_until, least(run.due_on, bill.ahead_on)) AS is_of_version,
    coalesce(hosts.period_start, CAST(run.moment - 1 AS DATE)) AS group_start, run.moment AS group_end
FROM judged_runs AS run
LEFT JOIN hosts ON hosts.subscription_id = run.subscription_id AND hosts.period_end = run.moment
LEFT JOIN contract_versions AS version ON version.version_id = run.subscription_id
LEFT JOIN version_bills AS bill ON bill.version_id = run.subscription_id AND bill.period_start = run.run_start
WHERE run.is_ahead
