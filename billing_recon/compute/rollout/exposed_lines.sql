-- Issued lines of the candidate since the first exposure of a rollout, of every customer who was ever exposed by it.
-- inputs: engine_lines, mapped_keys, rollout_members, rollouts_watched
WITH members AS (SELECT DISTINCT rollout, customer_id FROM rollout_members),
lines AS (
    SELECT
        watch.rollout, line.invoice_id, line.currency, line.total, line.issued_on, line.calculated_at,
        coalesce(key.our_key, line.customer_id) AS customer_id
    FROM engine_lines AS line
    LEFT JOIN mapped_keys AS key ON key.layer = 'invoice_lines' AND key.their_key = line.customer_id
    JOIN rollouts_watched AS watch ON line.issued_on >= watch.since_day
    WHERE line.status = 'issued' AND line.variant = 'candidate'
)
SELECT
    line.rollout, line.invoice_id, line.currency, line.total, line.issued_on, line.calculated_at, line.customer_id
FROM lines AS line
LEFT JOIN members AS own ON own.rollout = line.rollout AND own.customer_id = line.customer_id
LEFT JOIN members AS everybody ON everybody.rollout = line.rollout AND everybody.customer_id = '*'
WHERE own.customer_id IS NOT NULL OR everybody.customer_id IS NOT NULL
