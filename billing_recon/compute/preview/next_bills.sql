-- The next bill of each subscription: of the period that tomorrow lies in or that ends today, else of one that is over
-- and not due yet. An earlier version of a contract counts as its subscription.
-- inputs: contract_periods, contract_versions, run_params
WITH ahead AS (
    SELECT
        coalesce(version.subscription_id, period.subscription_id) AS subscription_id, period.period_start,
        period.period_end, period.due_on
    FROM contract_periods AS period
    CROSS JOIN run_params AS params
    LEFT JOIN contract_versions AS version ON version.version_id = period.subscription_id
    WHERE period.due_on >= params.since AND period.period_start < params.since
)
SELECT subscription_id, max(period_start) AS period_start, max(period_end) AS period_end, max(due_on) AS due_on
FROM ahead GROUP BY subscription_id
