-- Each difference in money that was found, with its month, the plan of its subscription on that day, and what became of
-- it: `recovered`, another document corrects it, or it was decided about and is no longer found; `accepted`, it is
-- meant or within tolerance; else `open`. A decision holds for the figure that it was made about.
-- inputs: breaks, break_answers, subscriptions
WITH found AS (
    SELECT
        break_id, json_extract_string(evidence, '$.former_id') AS former_id, day, pair, code, subscription_id, currency,
        delta, disposition
    FROM breaks WHERE currency IS NOT NULL
),
standing AS (
    SELECT
        found.day, found.pair, found.code, found.subscription_id, found.currency, found.delta,
        CASE WHEN coalesce(own.corrected, former.corrected, false) THEN 'recovered'
            WHEN found.disposition IN ('EXPECTED_CHANGE', 'ACCEPTED_TOLERANCE') THEN 'accepted'
            ELSE 'open'
        END AS state
    FROM found
    LEFT JOIN break_answers AS own
        ON own.break_id = found.break_id AND own.currency = found.currency AND own.delta = found.delta
    LEFT JOIN break_answers AS former
        ON former.break_id = found.former_id AND former.currency = found.currency AND former.delta = found.delta
    UNION ALL
    SELECT day, pair, code, subscription_id, currency, delta, 'recovered' AS state
    FROM break_answers AS answer
    ANTI JOIN found AS same ON same.break_id = answer.break_id
    ANTI JOIN found AS renamed ON renamed.former_id = answer.break_id
    WHERE answer.currency IS NOT NULL
),
plans AS (
    SELECT subscription_id, CAST(valid_from AS DATE) AS since, arg_max(plan_id, day) AS plan_id
    FROM subscriptions GROUP BY subscription_id, CAST(valid_from AS DATE)
)
SELECT
    strftime(standing.day, '%Y-%m') AS month, standing.pair, standing.code, coalesce(plan.plan_id, '') AS plan_id,
    standing.currency, standing.delta, standing.state
FROM standing
ASOF LEFT JOIN plans AS plan ON plan.subscription_id = standing.subscription_id AND standing.day >= plan.since
