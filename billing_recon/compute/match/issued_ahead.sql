-- Issued lines of charges that are billed in advance. A bill does not mark them, so they are found by their meter, and
-- by their plan if the line names one of the subscription's. A line of a plan that the subscription never had counts
-- as if it named the right one.
-- inputs: issued_lines, subscriptions, term_charges
-- rows from: term_charges WHERE kind = 'subscription' AND due = 'in_advance'
WITH plans AS (
    SELECT DISTINCT subscription_id AS sub, plan_id FROM subscriptions
),
ahead AS (
    SELECT DISTINCT subscription.subscription_id AS sub, charge.plan_id, coalesce(charge.meter, '') AS meter_key
    FROM subscriptions AS subscription
    JOIN term_charges AS charge USING (plan_id, plan_version, currency)
    WHERE charge.kind = 'subscription' AND charge.due = 'in_advance'
)
SELECT DISTINCT line.line_key
FROM issued_lines AS line
JOIN ahead USING (sub, meter_key)
LEFT JOIN plans AS own ON own.sub = line.sub AND own.plan_id = line.plan_id
WHERE line.kind IN ('subscription', 'proration')
    AND (ahead.plan_id = coalesce(line.plan_id, ahead.plan_id) OR own.plan_id IS NULL)
