-- Attempts to collect money while a rollout exposed their customer, if it switches only how payments are collected: a
-- payment names no path, so the flag alone tells which one made it. Each attempt once, by name or as everybody's.
-- inputs: latest_payments, rollout_members, rollouts_watched
WITH attempts AS (
    SELECT payment_id, invoice_id, customer_id, currency, amount, status, attempt, processed_at, known_on AS day
    FROM latest_payments
    WHERE kind = 'payment'
),
members AS (
    SELECT member.rollout, member.customer_id, member.since_day, member.since_at, member.until_day, member.until_at
    FROM rollout_members AS member
    JOIN rollouts_watched AS watch ON watch.rollout = member.rollout AND NOT watch.by_line
),
placed AS (
    SELECT member.*, attempt.* EXCLUDE (customer_id)
    FROM attempts AS attempt
    JOIN members AS member ON member.customer_id = attempt.customer_id
    UNION ALL
    SELECT member.*, attempt.* EXCLUDE (customer_id)
    FROM attempts AS attempt
    JOIN members AS member ON member.customer_id = '*'
)
SELECT DISTINCT
    rollout, payment_id, invoice_id, currency, amount, status, coalesce(attempt, 1) AS attempt, day
FROM placed
WHERE (day > since_day OR (day = since_day AND coalesce(processed_at >= since_at, true)))
    AND (until_day IS NULL OR day < until_day OR (day = until_day AND coalesce(processed_at < until_at, false)))
