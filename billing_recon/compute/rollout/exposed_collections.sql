-- What each rollout's new path collected, by currency: money, and of it that of attempts after the first.
-- inputs: exposed_attempts
SELECT
    rollout, currency, CAST(coalesce(sum(amount) FILTER (WHERE status = 'succeeded'), 0) AS amount) AS collected,
    CAST(coalesce(sum(amount) FILTER (WHERE status = 'succeeded' AND attempt > 1), 0) AS amount) AS retried,
    count(*) AS attempts, count(*) FILTER (WHERE attempt > 1) AS retries, max(day) AS last_day
FROM exposed_attempts
GROUP BY rollout, currency
