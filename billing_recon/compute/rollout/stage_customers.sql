-- Customers whom rollouts name, by group, and one row of '*' for everybody else: `cohort` is exposed on the day,
-- `control` was exposed by no rollout since the time before the launch. Others (switched back, or exposed by another
-- rollout) have none; `elsewhere`: only another rollout exposed them, so what the new engine bills them is not this
-- one's.
-- inputs: rollout_members, rollouts_watched, stage_members, stage_params
WITH ever AS (
    SELECT DISTINCT member.customer_id
    FROM rollout_members AS member
    CROSS JOIN stage_params AS params
    JOIN rollouts_watched AS watch
        ON watch.rollout = member.rollout AND (watch.until_day IS NULL OR watch.until_day > params.before_first)
    WHERE member.variant = 'candidate' AND (member.until_day IS NULL OR member.until_day >= params.before_first)
),
everybody AS (
    SELECT
        (SELECT since FROM stage_members WHERE customer_id = '*') AS since,
        coalesce((SELECT exposed FROM stage_members WHERE customer_id = '*'), false) AS exposed,
        (SELECT count(*) > 0 FROM ever WHERE customer_id = '*') AS ever
),
named AS (
    SELECT customer_id FROM stage_members
    UNION
    SELECT customer_id FROM ever
    UNION
    SELECT '*' AS customer_id
)
SELECT
    named.customer_id, CASE WHEN member.customer_id IS NULL THEN everybody.since ELSE member.since END AS since,
    CASE
        WHEN coalesce(member.exposed, everybody.exposed) THEN 'cohort'
        WHEN ever.customer_id IS NULL AND NOT everybody.ever THEN 'control'
    END AS arm,
    member.customer_id IS NULL AND everybody.since IS NULL AND (ever.customer_id IS NOT NULL OR everybody.ever)
        AS elsewhere
FROM named
CROSS JOIN everybody
LEFT JOIN stage_members AS member ON member.customer_id = named.customer_id
LEFT JOIN ever ON ever.customer_id = named.customer_id
