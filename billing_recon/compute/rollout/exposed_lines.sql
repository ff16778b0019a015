-- Issued lines of the candidate since the first exposure of a rollout, of every customer who was ever exposed by it.
-- inputs: engine_lines, mapped_keys, rollout_members, rollouts_watched
SELECT
    watch.rollout, line.invoice_id, line.currency, line.total, line.issued_on, line.calculated_at,
    coalesce(key.our_key, line.customer_id) AS customer_id
FROM engine_lines AS line
LEFT JOIN mapped_keys AS key ON key.layer = 'invoice_lines' AND key.their_key = line.customer_id
JOIN rollouts_watched AS watch ON line.issued_on >= watch.since_day
SEMI JOIN rollout_members AS member
    ON member.rollout = watch.rollout
        AND (member.customer_id = coalesce(key.our_key, line.customer_id) OR member.customer_id = '*')
WHERE line.status = 'issued' AND line.variant = 'candidate'
