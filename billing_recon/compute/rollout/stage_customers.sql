-- Every customer of the bills, contracts and breaks, by group: `cohort` is exposed on the day, `control` never was by
-- any rollout. Others (switched back, or exposed by another rollout) have none.
-- inputs: engine_lines, subscriptions, breaks, rollout_members, stage_members
WITH known AS (
    SELECT DISTINCT customer_id FROM engine_lines
    UNION
    SELECT DISTINCT customer_id FROM subscriptions
    UNION
    SELECT DISTINCT customer_id FROM breaks WHERE customer_id IS NOT NULL
),
everybody AS (SELECT since, exposed FROM stage_members WHERE customer_id = '*'),
ever AS (SELECT DISTINCT customer_id FROM rollout_members WHERE variant = 'candidate')
SELECT
    known.customer_id,
    coalesce(member.since, CASE WHEN member.customer_id IS NULL THEN everybody.since END) AS since,
    CASE
        WHEN coalesce(member.exposed, everybody.exposed, false) THEN 'cohort'
        WHEN ever.customer_id IS NULL AND NOT EXISTS (SELECT 1 FROM ever WHERE customer_id = '*') THEN 'control'
    END AS arm
FROM known
LEFT JOIN stage_members AS member ON member.customer_id = known.customer_id
LEFT JOIN everybody ON true
LEFT JOIN ever ON ever.customer_id = known.customer_id
