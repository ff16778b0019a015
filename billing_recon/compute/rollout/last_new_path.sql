-- The last day and instant at which a rollout's new path billed, and how many of its invoices are from after all were
-- switched back.
-- inputs: exposed_lines, rollout_members
WITH ended AS (
    SELECT rollout, CASE WHEN count(*) = count(until_day) THEN max(until_day) END AS until_day
    FROM rollout_members
    GROUP BY rollout
)
SELECT
    line.rollout, max(line.issued_on) AS last_day, max(line.calculated_at) AS last_at,
    count(DISTINCT line.invoice_id) FILTER (WHERE line.issued_on >= ended.until_day) AS invoices_after
FROM exposed_lines AS line
JOIN ended ON ended.rollout = line.rollout
GROUP BY line.rollout
