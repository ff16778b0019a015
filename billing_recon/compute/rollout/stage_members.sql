-- Customers of the rollout that is judged: since when they are exposed in one go (`since`), and whether they still are
-- on the day. The row of '*' is every customer without a row of their own.
-- inputs: rollout_members, stage_params
SELECT
    member.customer_id, min(member.since_day) FILTER (WHERE coalesce(member.until_day > params.day, true)) AS since,
    bool_or(member.since_day <= params.day AND coalesce(member.until_day > params.day, true)) AS exposed
FROM rollout_members AS member
JOIN stage_params AS params ON params.rollout = member.rollout
WHERE member.variant = 'candidate'
GROUP BY member.customer_id
