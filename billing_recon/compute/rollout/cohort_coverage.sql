-- How many customers of each stage, those of earlier stages included, are examples of each scenario of the company.
-- inputs: cohort_members, cohort_rules, customer_scenarios
WITH found AS (
    SELECT member.place, example.scenario, count(*) AS customers
    FROM customer_scenarios AS example
    LEFT JOIN cohort_members AS member ON member.customer_id = example.customer_id
    GROUP BY member.place, example.scenario
)
SELECT
    rule.place, rule.stage, found.scenario,
    CAST(coalesce(sum(found.customers) FILTER (WHERE found.place <= rule.place), 0) AS BIGINT) AS customers,
    CAST(sum(found.customers) AS BIGINT) AS of_all
FROM cohort_rules AS rule
CROSS JOIN found
GROUP BY rule.place, rule.stage, found.scenario
