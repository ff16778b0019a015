-- Subscriptions with events of more than one customer today.
-- inputs: rollup_parts
SELECT subscription_id FROM rollup_parts GROUP BY subscription_id HAVING min(customer_id) <> max(customer_id)
