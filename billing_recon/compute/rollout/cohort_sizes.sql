-- How many customers each stage adds, and how many of them are largest accounts or have complex contracts.
-- inputs: cohort_rules, cohort_members
WITH counted AS (
    SELECT
        place, count(*) AS customers, count(*) FILTER (WHERE is_largest) AS largest,
        count(*) FILTER (WHERE is_complex) AS complex
    FROM cohort_members GROUP BY place
)
SELECT
    rule.place, rule.stage, coalesce(member.customers, 0) AS customers, coalesce(member.largest, 0) AS largest,
    coalesce(member.complex, 0) AS complex
FROM cohort_rules AS rule
LEFT JOIN counted AS member ON member.place = rule.place
