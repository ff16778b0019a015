-- When each stage's customers, those of earlier stages included, next cross each boundary of billing, as far as their
-- contracts and the lookback tell: `due_on`, or nothing if none of them ever does. What no contract tells (plan_change,
-- retry_cycle, reissue) is due on the day itself if any of them had it in the lookback.
-- inputs: cohort_members, cohort_rules, customer_contracts, contract_kinds, term_taxes, cohort_choice
WITH held AS (
    SELECT DISTINCT
        member.place, contract.kind, contract.billing_anchor, contract.billing_interval, contract.expires
    FROM customer_contracts AS contract
    JOIN cohort_members AS member ON member.customer_id = contract.customer_id
    WHERE contract.active AND member.place IS NOT NULL
),
examples AS (
    SELECT
        place, bool_or(scenarios & 2048 <> 0) AS prorated, bool_or(scenarios & 8192 <> 0) AS refund,
        bool_or(NOT pays) AS fails
    FROM cohort_members WHERE place IS NOT NULL GROUP BY place
),
rhythms AS (
    SELECT DISTINCT place, billing_anchor, billing_interval
    FROM held WHERE billing_interval <> 'once' AND billing_anchor IS NOT NULL
),
turns AS (
    SELECT
        rhythm.place,
        period_of(
            rhythm.billing_anchor, rhythm.billing_interval, NULL, NULL, greatest(rhythm.billing_anchor, choice.day)
        ).ends AS turns_on
    FROM rhythms AS rhythm
    CROSS JOIN cohort_choice AS choice
),
months AS (
    SELECT CAST(date_trunc('month', choice.day) AS DATE) + to_months(CAST(n AS INTEGER)) AS first_day
    FROM cohort_choice AS choice
    CROSS JOIN range(1, 14) AS month (n)
),
month_days AS (
    SELECT CAST(first_day AS DATE) AS day FROM months
    UNION ALL
    SELECT CAST(first_day AS DATE) - 1 AS day FROM months
),
found AS (
    SELECT place, 'renewal' AS boundary, turns_on AS due_on FROM turns
    UNION ALL
    SELECT rhythm.place, 'month_end' AS boundary, month.day AS due_on
    FROM rhythms AS rhythm
    CROSS JOIN cohort_choice AS choice
    JOIN month_days AS month ON month.day > choice.day AND month.day > rhythm.billing_anchor
    WHERE period_of(rhythm.billing_anchor, rhythm.billing_interval, NULL, NULL, month.day - 1).ends = month.day
    UNION ALL
    SELECT expiry.place, 'coupon_expiry' AS boundary, expiry.ends_on AS due_on
    FROM (SELECT place, unnest(expires) AS ends_on FROM held WHERE len(expires) > 0) AS expiry
    JOIN cohort_choice AS choice ON expiry.ends_on > choice.day
    UNION ALL
    SELECT region.place, 'tax_change' AS boundary, rate.effective_from AS due_on
    FROM (
        SELECT DISTINCT held.place, kind.tax_region
        FROM held JOIN contract_kinds AS kind ON kind.kind = held.kind
    ) AS region
    JOIN term_taxes AS rate ON rate.tax_region = region.tax_region
    JOIN cohort_choice AS choice ON rate.effective_from > choice.day
    UNION ALL
    SELECT example.place, 'plan_change' AS boundary, choice.day AS due_on
    FROM examples AS example CROSS JOIN cohort_choice AS choice WHERE example.prorated
    UNION ALL
    SELECT example.place, 'reissue' AS boundary, choice.day AS due_on
    FROM examples AS example CROSS JOIN cohort_choice AS choice WHERE example.refund
    UNION ALL
    SELECT example.place, 'retry_cycle' AS boundary, choice.day AS due_on
    FROM examples AS example CROSS JOIN cohort_choice AS choice WHERE example.fails
),
firsts AS (SELECT place, boundary, min(due_on) AS due_on FROM found GROUP BY place, boundary),
boundaries AS (
    SELECT unnest([
        'month_end', 'renewal', 'retry_cycle', 'coupon_expiry', 'tax_change', 'reissue', 'plan_change'
    ]) AS boundary
)
SELECT rule.place, rule.stage, one.boundary, min(first.due_on) AS due_on
FROM cohort_rules AS rule
CROSS JOIN boundaries AS one
LEFT JOIN firsts AS first ON first.boundary = one.boundary AND first.place <= rule.place
GROUP BY rule.place, rule.stage, one.boundary
