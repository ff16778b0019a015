-- On which day the first row was observed that lets something begin or end on a local day.
-- inputs: subscriptions, term_charges
-- rows from: term_charges WHERE kind = 'subscription' AND due = 'in_advance'
WITH changes AS (
    SELECT
        subscription.subscription_id, subscription.plan_id, subscription.observed_on,
        unnest([
            CAST(timezone(subscription.timezone, subscription.valid_from) AS DATE),
            CAST(timezone(subscription.timezone, subscription.valid_to) AS DATE)
        ]) AS changed_on
    FROM subscriptions AS subscription
),
holders AS (
    SELECT DISTINCT changes.subscription_id
    FROM changes
    SEMI JOIN (SELECT plan_id FROM term_charges WHERE kind = 'subscription' AND due = 'in_advance') AS ahead
        ON ahead.plan_id = changes.plan_id
)
SELECT changes.subscription_id, changes.changed_on, min(changes.observed_on) AS known_on
FROM changes
SEMI JOIN holders ON holders.subscription_id = changes.subscription_id
WHERE changes.changed_on IS NOT NULL
GROUP BY changes.subscription_id, changes.changed_on
