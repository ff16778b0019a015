-- How many customers each stage adds, and how many of them are largest accounts or have complex contracts.
-- inputs: cohort_rules, cohort_members, customer_profiles
SELECT
    rule.place, rule.stage, count(member.customer_id) AS customers,
    count(*) FILTER (WHERE profile.is_largest) AS largest, count(*) FILTER (WHERE profile.is_complex) AS complex
FROM cohort_rules AS rule
LEFT JOIN cohort_members AS member ON member.place = rule.place
LEFT JOIN customer_profiles AS profile ON profile.customer_id = member.customer_id
GROUP BY rule.place, rule.stage
