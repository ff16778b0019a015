-- What the customers that each stage adds were billed in the lookback, by currency.
-- inputs: cohort_members, cohort_rules, customer_revenue
SELECT
    rule.place, rule.stage, revenue.currency, CAST(sum(revenue.billed) AS amount) AS billed
FROM cohort_members AS member
JOIN cohort_rules AS rule ON rule.place = member.place
JOIN customer_revenue AS revenue ON revenue.customer_id = member.customer_id
GROUP BY rule.place, rule.stage, revenue.currency
