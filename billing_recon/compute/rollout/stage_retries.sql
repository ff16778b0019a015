-- Attempts to collect by their number: how many, how many succeeded, and the money, per group, time and currency.
-- inputs: stage_payments
SELECT
    arm, phase, currency, attempt, count(*) AS attempts, count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
    CAST(sum(amount) AS amount) AS asked,
    CAST(coalesce(sum(amount) FILTER (WHERE status = 'succeeded'), 0) AS amount) AS collected
FROM stage_payments
WHERE kind = 'payment' AND arm IS NOT NULL AND phase IS NOT NULL
GROUP BY arm, phase, currency, attempt
