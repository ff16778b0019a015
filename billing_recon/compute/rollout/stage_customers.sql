-- Every customer of the bills, contracts and breaks under our name, by group: `cohort` is exposed on the day, `control`
-- was exposed by no rollout since the time before the launch. Others (switched back, or exposed by another rollout)
-- have none; `elsewhere`: only another rollout exposed them, so what the new engine bills them is not this one's.
-- inputs: engine_lines, mapped_keys, subscriptions, breaks, rollout_members, rollouts_watched, stage_members,
-- stage_params
WITH named AS (
    SELECT coalesce(key.our_key, line.customer_id) AS customer_id
    FROM engine_lines AS line
    LEFT JOIN mapped_keys AS key ON key.layer = 'invoice_lines' AND key.their_key = line.customer_id
    UNION ALL
    SELECT customer_id FROM subscriptions
    UNION ALL
    SELECT customer_id FROM breaks
),
known AS (SELECT DISTINCT customer_id FROM named WHERE customer_id IS NOT NULL),
everybody AS (SELECT since, exposed FROM stage_members WHERE customer_id = '*'),
ever AS (
    SELECT DISTINCT member.customer_id
    FROM rollout_members AS member
    CROSS JOIN stage_params AS params
    JOIN rollouts_watched AS watch
        ON watch.rollout = member.rollout AND (watch.until_day IS NULL OR watch.until_day > params.before_first)
    WHERE member.variant = 'candidate' AND (member.until_day IS NULL OR member.until_day >= params.before_first)
)
SELECT
    known.customer_id,
    coalesce(member.since, CASE WHEN member.customer_id IS NULL THEN everybody.since END) AS since,
    CASE
        WHEN coalesce(member.exposed, everybody.exposed, false) THEN 'cohort'
        WHEN ever.customer_id IS NULL AND NOT EXISTS (SELECT 1 FROM ever WHERE customer_id = '*') THEN 'control'
    END AS arm,
    member.customer_id IS NULL AND everybody.since IS NULL
    AND (ever.customer_id IS NOT NULL OR EXISTS (SELECT 1 FROM ever WHERE customer_id = '*')) AS elsewhere
FROM known
LEFT JOIN stage_members AS member ON member.customer_id = known.customer_id
LEFT JOIN everybody ON true
LEFT JOIN ever ON ever.customer_id = known.customer_id
