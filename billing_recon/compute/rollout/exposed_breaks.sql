-- Breaks of customers on days on which they were exposed, as far as they count against the gate, by rollout and
-- currency. While a rollout exposes everybody ('*'), those of every customer.
-- inputs: breaks, rollout_members
WITH counting AS (
    SELECT break_id, day, customer_id, currency, delta
    FROM breaks
    WHERE disposition IN ('OPEN', 'DEFECT', 'DATA_ERROR') AND customer_id IS NOT NULL
),
exposed AS (
    SELECT member.rollout, found.break_id, found.currency, found.delta
    FROM counting AS found
    JOIN rollout_members AS member
        ON member.customer_id = found.customer_id AND found.day >= member.since_day
            AND (member.until_day IS NULL OR found.day < member.until_day)
    UNION
    SELECT member.rollout, found.break_id, found.currency, found.delta
    FROM counting AS found
    JOIN rollout_members AS member
        ON member.customer_id = '*' AND found.day >= member.since_day
            AND (member.until_day IS NULL OR found.day < member.until_day)
)
SELECT
    rollout, currency, count(DISTINCT break_id) AS breaks, CAST(sum(abs(delta)) AS amount) AS gross
FROM exposed
GROUP BY rollout, currency
