-- What the customers that each stage adds were billed in the lookback, by currency.
-- inputs: cohort_members, cohort_rules, customer_revenue
WITH billed AS (
    SELECT place, currency, sum(billed) AS billed FROM cohort_members WHERE NOT is_mixed GROUP BY place, currency
    UNION ALL
    SELECT member.place, revenue.currency, sum(revenue.billed) AS billed
    FROM customer_revenue AS revenue
    JOIN (SELECT customer_id, place FROM cohort_members WHERE is_mixed AND place IS NOT NULL) AS member
        ON member.customer_id = revenue.customer_id
    GROUP BY member.place, revenue.currency
)
SELECT rule.place, rule.stage, billed.currency, CAST(sum(billed.billed) AS amount) AS billed
FROM billed
JOIN cohort_rules AS rule ON rule.place = billed.place
WHERE billed.currency IS NOT NULL
GROUP BY rule.place, rule.stage, billed.currency
