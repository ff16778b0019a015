-- How many customers of each stage, those of earlier stages included, are examples of each scenario of the company
-- (core.candidate.SCENARIOS). The names are those of the bits of `scenarios`, the lowest first.
-- inputs: cohort_members, cohort_rules
WITH counted AS (
    SELECT place, scenarios, count(*) AS customers
    FROM cohort_members
    WHERE scenarios IS NOT NULL
    GROUP BY place, scenarios
),
names AS (
    SELECT
        unnest([
            'annual', 'quarterly', 'weekly', 'paused', 'discount', 'coupon', 'credit', 'minimum', 'cap', 'renewal',
            'usage', 'prorated', 'late_usage', 'refund', 'tax_exempt'
        ]) AS scenario, unnest(range(15)) AS bit
),
found AS (
    SELECT counted.place, name.scenario, sum(counted.customers) AS customers
    FROM counted
    JOIN names AS name ON (counted.scenarios >> name.bit) & 1 = 1
    GROUP BY counted.place, name.scenario
)
SELECT
    rule.place, rule.stage, found.scenario,
    CAST(coalesce(sum(found.customers) FILTER (WHERE found.place <= rule.place), 0) AS BIGINT) AS customers,
    CAST(sum(found.customers) AS BIGINT) AS of_all
FROM cohort_rules AS rule
CROSS JOIN found
GROUP BY rule.place, rule.stage, found.scenario
