-- Breaks of customers on days on which they were exposed, as far as they count against the gate, by rollout and
-- currency.
-- inputs: breaks, rollout_members
SELECT
    member.rollout, found.currency, count(DISTINCT found.break_id) AS breaks,
    CAST(sum(abs(found.delta)) AS amount) AS gross
FROM breaks AS found
JOIN (
    SELECT DISTINCT rollout, customer_id, since_day, until_day FROM rollout_members
) AS member
    ON member.customer_id = found.customer_id AND found.day >= member.since_day
        AND (member.until_day IS NULL OR found.day < member.until_day)
WHERE found.disposition IN ('OPEN', 'DEFECT', 'DATA_ERROR')
GROUP BY member.rollout, found.currency
